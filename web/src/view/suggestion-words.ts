// Words for changes: what a suggestion would do, value by value, and what an agent's run was about. Used by the views of
// both. What it does not know it names as the document does.

import { fields, text, type Fields } from '../room/event';
import { EventFailure } from '../room/event-line';
import type { Room } from '../room/room';
import type { Difference, Suggestion } from '../room/suggestions';
import { clock, dayAndMonth, isDay, longDay, spokenClock } from '../trip/days';
import { BOOKING_WORDS, KIND_WORDS, moneyText, titleOf, type Booking, type Kind } from '../trip/item';
import { itemOf, tripDays } from '../trip/plan';
import { plainWords } from '../trip/plain-words';
import { itemIn } from '../trip/pointer';
import { failureWords } from './agent-words';

/** What the document calls itself, and people do not. */
const UNSAID = ['rank', 'id', 'by', 'created_at', 'updated_at'];

const FIELD_WORDS: Record<string, string> = {
  title: 'Title',
  kind: 'Kind',
  day: 'Day',
  start: 'Starts',
  end: 'Ends',
  place: 'Place',
  price: 'Price',
  currency: 'Currency',
  booking_status: 'Booking',
  booking_reference: 'Booking reference',
  url: 'Link',
  notes: 'Notes',
  start_date: 'First day',
  end_date: 'Last day',
  planned: 'Planned',
  spent: 'Spent',
  total: 'Total',
};

const ORDER = Object.keys(FIELD_WORDS);

const THINGS: Record<string, string> = {
  notes: 'the notes',
  budget: 'the budget',
  comments: 'the comments',
  destinations: 'the destinations',
  trip: 'the trip’s details',
};

/** Whose fields, of what is no item. */
const WHOSE: Record<string, string> = { budget: 'Budget', comments: 'Comment', destinations: 'Destination', trip: 'Trip' };
const LISTS = ['comments', 'destinations'];

/** A value before and after, as people read it. */
export interface WouldBe {
  key: string;
  name: string;
  /** Empty: there is nothing. */
  before: string;
  after: string;
}

/** "Add “Fado” to Day 2": what it would do, in one line. */
export function headlineOf(room: Room, suggestion: Suggestion): string {
  const all = suggestion.operations.map((operation) => operationWords(room, suggestion, operation));
  const [first = 'Change something', ...others] = [...new Set(all)];
  if (others.length === 0) return first;
  return others.length === 1 ? `${first}; ${lowerFirst(others[0]!)}` : `${first}; and ${others.length} more changes`;
}

function operationWords(room: Room, suggestion: Suggestion, operation: Fields): string {
  const id = text(operation['id']);
  const named = id && `“${titleIn(room, suggestion, id)}”`;
  const item = fields(operation['item']);
  switch (operation['op']) {
    case 'item.add':
      return `Add “${text(item['title']) || 'Untitled'}” ${item['day'] === undefined || item['day'] === null ? 'to Unplanned' : `to ${dayWords(room, item['day'])}`}`;
    case 'item.move':
      return operation['day'] === undefined ? `Move ${named}` : `Move ${named} to ${dayWords(room, operation['day'])}`;
    case 'item.update':
      return `Change ${named}`;
    case 'item.remove':
      return `Remove ${named}`;
    case 'note.append':
      return 'Write into the notes';
    case 'comment.add':
      return 'Add a comment';
    case 'budget.set':
      return 'Set the budget';
    case 'trip.update':
      return 'Change the trip’s details';
    default: {
      const pointer = text(operation['path']);
      const about = itemIn(pointer);
      return `Change ${about === null ? thingWords(room, pointer) : `“${titleIn(room, suggestion, about)}”`}`;
    }
  }
}

/** Of an item that is there, or that the suggestion itself tells of. */
function titleIn(room: Room, { changes }: Suggestion, id: string): string {
  const item = itemOf(room, id);
  if (item) return titleOf(item);
  const told = changes.find(({ pointer }) => itemIn(pointer) === id);
  return text(fields(parsed(told?.after ?? told?.before ?? null))['title']) || 'an item';
}

/** What would be otherwise, without what people never see. */
export function differencesOf(room: Room, suggestion: Suggestion): WouldBe[] {
  const appended = suggestion.operations.filter(({ op }) => op === 'note.append').map((operation) => text(operation['text']));
  // Where the headline does not say it, each line says which item it is about.
  const nameItems = suggestion.operations.length > 1 || suggestion.items.length > 1;
  const all = [...suggestion.changes].sort(byFields).flatMap((change) => {
    // The end of long notes is not among what is told of them; the operation has it.
    if (change.pointer === '/notes' && appended.length > 0) return [{ key: change.pointer, name: 'Notes', before: '', after: appended.join('\n') }];
    return oneDifference(room, suggestion, change, nameItems);
  });
  return all.filter(({ before, after }) => before !== after);
}

/** Fields of one thing as they are shown elsewhere; the server tells them by the alphabet. */
function byFields(a: Difference, b: Difference): number {
  const place = ({ pointer }: Difference) => ORDER.indexOf(pointer.split('/').at(-1)!) + 1 || ORDER.length + 1;
  return itemIn(a.pointer) === itemIn(b.pointer) ? place(a) - place(b) : 0;
}

function oneDifference(room: Room, suggestion: Suggestion, { pointer, before, after }: Difference, nameItem: boolean): WouldBe[] {
  const [, root = '', id = '', ...path] = pointer.split('/');
  const was = parsed(before);
  const is = parsed(after);
  const item = itemIn(pointer);
  if (root === 'items' && item !== null && path.length === 0) {
    // An item that is new or gone: each of its fields by itself would say less than all together.
    const name = nameItem ? titleIn(room, suggestion, item) : before === null ? 'New' : 'Now';
    return [{ key: pointer, name, before: before === null ? '' : factsOf(room, was), after: after === null ? 'removed' : factsOf(room, is) }];
  }
  const field = path[0] ?? (root === 'items' ? '' : id || root);
  if (UNSAID.includes(field)) return [];
  const known = FIELD_WORDS[field] ?? field.replace(/_/g, ' ');
  const whose = item === null ? WHOSE[root] : nameItem ? titleIn(room, suggestion, item) : undefined;
  // What a list holds goes by an id that says nothing.
  const name = LISTS.includes(root) && path.length === 0 ? whose! : whose ? `${whose}, ${lowerFirst(known)}` : known;
  const about = item === null ? undefined : itemOf(room, item);
  const currency = (about && text(about.get('currency'))) || tripCurrency(room);
  const words = [valueWords(room, field, was, currency), valueWords(room, field, is, currency)] as const;
  const [old, next] = field === 'notes' ? whatDiffers(...words) : words;
  // Only where the date is another one it is worth a word.
  const sameDate = MOMENT.test(text(is)) && (was === undefined || text(was).slice(0, 10) === text(is).slice(0, 10));
  return [{ key: pointer, name, before: sameDate ? spokenClock(clock(was)) : old, after: sameDate ? spokenClock(clock(is)) : next }];
}

/** A whole item in a line. */
function factsOf(room: Room, value: unknown): string {
  if (typeof value === 'string') return value;
  const item = fields(value);
  const currency = text(item['currency']) || tripCurrency(room);
  const facts = ['kind', 'day', 'start', 'end', 'place', 'price', 'url', 'notes'].map((field) =>
    MOMENT.test(text(item[field])) ? spokenClock(clock(item[field])) : valueWords(room, field, item[field], currency),
  );
  return facts.filter(Boolean).join(', ');
}

function valueWords(room: Room, field: string, value: unknown, currency: string): string {
  if (field === 'day') return value === undefined ? '' : dayWords(room, value);
  if (value === null || value === undefined) return '';
  if (field === 'kind') return KIND_WORDS[value as Kind] ?? String(value);
  if (field === 'booking_status') return BOOKING_WORDS[value as Booking] ?? String(value);
  if (MONEY.includes(field) && typeof value !== 'object') return moneyText(String(value), currency);
  if (typeof value === 'string') return isDay(value) ? dayAndMonth(value) : MOMENT.test(value) ? plainWords(value) : value;
  if (typeof value !== 'object') return String(value);
  return text(fields(value)['name']) || text(fields(value)['text']) || JSON.stringify(value);
}

const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;
const MONEY = ['price', 'planned', 'spent', 'total'];

const tripCurrency = (room: Room): string => text(room.trip.get('currency'));

/** "Day 3", or the date when the trip has no such day. */
function dayWords(room: Room, day: unknown): string {
  if (!isDay(day)) return 'Unplanned';
  const number = tripDays(room).indexOf(day) + 1;
  return number > 0 ? `Day ${number}` : longDay(day);
}

/** Of two long texts, what is not in both. */
export function whatDiffers(before: string, after: string): [string, string] {
  const least = Math.min(before.length, after.length);
  let start = 0;
  while (start < least && before[start] === after[start]) start++;
  let end = 0;
  while (end < least - start && before.at(-1 - end) === after.at(-1 - end)) end++;
  // Whole words, so that it can be read.
  while (start > 0 && /\S/.test(before[start - 1]!) && /\S/.test(after[start] ?? before[start] ?? ' ')) start--;
  while (end > 0 && /\S/.test(before.at(-end)!)) end--;
  const cut = (words: string) => words.slice(start, words.length - end).trim();
  return [cut(before), cut(after)];
}

/** The beginning of a long value is no JSON: then it is shown as it is. */
function parsed(json: string | null): unknown {
  if (json === null) return undefined;
  try {
    return JSON.parse(json);
  } catch {
    return json.replace(/^"/, '').replace(/\\n/g, '\n').replace(/\\"/g, '"');
  }
}

/** What a pointer to a thing points at; null when it is not there any more. */
export function thingWords(room: Room, pointer: string): string | null {
  const id = itemIn(pointer);
  if (id === null) return THINGS[pointer.split('/')[1] ?? ''] ?? 'the trip';
  const item = itemOf(room, id);
  return item ? `“${titleOf(item)}”` : null;
}

const lowerFirst = (words: string): string => words.charAt(0).toLowerCase() + words.slice(1);

/** "3 things" */
export const countWords = (count: number, more: boolean): string => (more ? `more than ${count} things` : count === 1 ? '1 thing' : `${count} things`);

const WHY_KEPT: Record<string, string> = {
  changed: 'was changed since',
  removed: 'was removed since',
  taken: 'has something else in its place',
  place_lost: 'has no place any more for what was taken out',
  too_large: 'was too large to be kept',
  too_much: 'would be too much at once',
};

/** "“Tram 28” was changed since" */
export function keptWords(room: Room, { thing, why }: { thing: string; why: string }): string {
  const what = thingWords(room, thing) ?? 'Something that is gone';
  return `${what.charAt(0).toUpperCase()}${what.slice(1)} ${WHY_KEPT[why] ?? 'could not be set back'}`;
}

/** Why a suggestion could not be decided on, or a run not be taken back. */
export function decisionFailure(failure: unknown): string {
  if (failure instanceof EventFailure) {
    if (failure.code === 'already_decided') return 'Somebody has decided on this already.';
    if (failure.code === 'not_found' || failure.code === 'test_failed') return 'This does not fit the plan any more: what it is about has changed or is gone.';
  }
  return failureWords(failure);
}

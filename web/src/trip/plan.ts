// The itinerary as days and what may be done to it. Reads order from the document and writes moves into it.
// Used by the board, the cards and dragging. A move sets fields; it never takes an item out and puts it back.

import * as Y from 'yjs';
import type { Room } from '../room/room';
import { addDays, clock, daysBetween, isDay, moment, onDay, today } from './days';
import { dayOf, text, titleOf, type Item, type Kind } from './item';
import { freshRanks, rankBetween } from './rank';

/** Ids in order, a day; the key '' holds what has no day yet. */
export type Plan = Map<string, string[]>;

export interface Spot {
  day: string | null;
  /** Place among the day's other items, the moved one not counted. */
  index: number;
}

export const UNPLANNED = '';

export const itemOf = (room: Room, id: string): Item | undefined => {
  const item = room.items.get(id);
  return item instanceof Y.Map ? item : undefined;
};

export function readPlan(room: Room): Plan {
  const days = new Map<string, { id: string; rank: string }[]>([[UNPLANNED, []]]);
  for (const day of tripDays(room)) days.set(day, []);
  room.items.forEach((value, id) => {
    if (!(value instanceof Y.Map)) return;
    const day = dayOf(value) ?? UNPLANNED;
    const list = days.get(day) ?? [];
    list.push({ id, rank: text(value, 'rank') });
    days.set(day, list);
  });
  const plan: Plan = new Map();
  for (const day of [...days.keys()].sort()) {
    plan.set(day, days.get(day)!.sort(byRank).map((entry) => entry.id));
  }
  return plan;
}

export function tripDays(room: Room): string[] {
  const start = room.trip.get('start_date');
  const end = room.trip.get('end_date');
  if (!isDay(start)) return isDay(end) ? [end] : [];
  return isDay(end) ? daysBetween(start, end) : [start];
}

export interface NewItem {
  title: string;
  kind: Kind;
  start?: string;
}

/** Adds at the day's end and returns the new id. */
export function addItem(room: Room, day: string | null, what: NewItem): string {
  const id = crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint32Array(4)), (n) => n.toString(36)).join('');
  room.edit(`adding “${what.title}”`, () => {
    const rank = rankAt(room, { day, index: Infinity }, id);
    const item = new Y.Map<unknown>(
      Object.entries({ ...what, day, rank, booking_status: 'planned', by: room.me }),
    );
    item.set('notes', new Y.Text());
    room.items.set(id, item);
  });
  return id;
}

export function moveItem(room: Room, id: string, spot: Spot): void {
  const item = itemOf(room, id);
  if (!item) return;
  const from = dayOf(item);
  room.edit(`moving “${titleOf(item)}”`, () => {
    item.set('rank', rankAt(room, spot, id));
    if (from === spot.day) return;
    item.set('day', spot.day);
    if (spot.day === null) return;
    for (const field of ['start', 'end']) {
      const value = item.get(field);
      const moved = onDay(value, from ?? startDay(item), spot.day);
      if (moved !== value) item.set(field, moved);
    }
  });
}

/** Returns how to bring the item back: by undo while that is my last step, else as a copy, so that nothing newer is undone. */
export function removeItem(room: Room, id: string): () => void {
  const item = itemOf(room, id);
  if (!item) return () => {};
  const title = titleOf(item);
  const copy = item.clone();
  room.edit(`deleting “${title}”`, () => room.items.delete(id));
  const deletion = room.undo.undoStack.at(-1);
  return () => {
    if (room.undo.undoStack.at(-1) === deletion) room.undo.undo();
    else if (!room.items.has(id)) room.edit(`bringing back “${title}”`, () => room.items.set(id, copy));
  };
}

/** One field of one item; null takes it away. */
export function setField(room: Room, item: Item, field: string, value: unknown): void {
  const gone = item._item?.deleted ?? false;
  if (gone || (item.get(field) ?? null) === value) return;
  room.edit(`editing “${titleOf(item)}”`, () => {
    if (value === null) item.delete(field);
    else item.set(field, value);
  });
}

/** Clock times, on the item's day; an end that is not after the start is on the next day. */
export function setTimes(room: Room, item: Item, times: { start?: string; end?: string }): void {
  const before = { start: item.get('start'), end: item.get('end') };
  const { start, end } = { start: clock(before.start), end: clock(before.end), ...times };
  if (start === clock(before.start) && end === clock(before.end)) return;
  const day = dayOf(item) ?? startDay(item) ?? tripDays(room)[0] ?? today();
  const next = {
    start: start ? moment(day, start, before.start ?? before.end) : null,
    end: end ? moment(start && end <= start ? addDays(day, 1) : day, end, before.end ?? before.start) : null,
  };
  room.edit(`editing “${titleOf(item)}”`, () => {
    for (const [field, value] of Object.entries(next)) {
      if (value === null) item.delete(field);
      else if (item.get(field) !== value) item.set(field, value);
    }
  });
}

export function setTrip(room: Room, fields: Record<string, string>): void {
  const changed = Object.entries(fields).filter(([field, value]) => (room.trip.get(field) ?? '') !== value);
  if (changed.length === 0) return;
  room.edit('editing the trip', () => {
    for (const [field, value] of changed) {
      if (value) room.trip.set(field, value);
      else room.trip.delete(field);
    }
  });
}

export function addTripDay(room: Room): void {
  const last = tripDays(room).at(-1);
  if (last) setTrip(room, { end_date: addDays(last, 1) });
}

/** Must run inside an edit: it may have to rank the day anew when no string fits between two others. */
function rankAt(room: Room, spot: Spot, moving: string): string {
  const others = (readPlan(room).get(spot.day ?? UNPLANNED) ?? []).filter((id) => id !== moving);
  const index = Math.max(0, Math.min(spot.index, others.length));
  const rankOf = (id: string | undefined) => (id === undefined ? null : text(itemOf(room, id)!, 'rank'));
  const rank = rankBetween(rankOf(others[index - 1]), rankOf(others[index]));
  if (rank !== null) return rank;
  const fresh = freshRanks(others.length + 1);
  const [mine] = fresh.splice(index, 1);
  others.forEach((id, i) => itemOf(room, id)!.set('rank', fresh[i]!));
  return mine!;
}

const startDay = (item: Item): string | null => {
  const day = text(item, 'start').slice(0, 10);
  return isDay(day) ? day : null;
};

const byRank = (a: { id: string; rank: string }, b: { id: string; rank: string }): number =>
  a.rank < b.rank ? -1 : a.rank > b.rank ? 1 : a.id < b.id ? -1 : 1;

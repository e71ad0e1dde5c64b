// Tells screen readers who came, who left, what others changed and said, and how agents get on: politely, a few seconds'
// worth at a time.
// Attached once by the trip page. Own changes are announced where they are made.

import type * as Y from 'yjs';
import type { Room } from '../room/room';
import { longDay } from '../trip/days';
import { dayOf, text, titleOf } from '../trip/item';
import { itemOf } from '../trip/plan';
import { itemPointer } from '../trip/pointer';
import { announce } from './notice';
import { headlineOf } from './suggestion-words';

const EVERY_MS = 3000;
const MOST_AT_ONCE = 3;
/** Of a long message so much is said; the rest is there to be read. */
const SAID_MAX = 160;

export function attachAnnouncer(room: Room): () => void {
  /** Sentences by what they are about; put together when they are said, for who did something is known a moment later. */
  const waiting = new Map<string, () => string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const others = () => new Set(room.people.all.filter((person) => !person.me).map((person) => person.name));
  let here = others();

  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      const all = [...comings(), ...[...waiting.values()].map((sentence) => sentence())];
      waiting.clear();
      if (all.length > 0) announce(all.length > MOST_AT_ONCE ? `${all.length} changes by others` : all.join('. '));
    }, EVERY_MS);
  };
  const say = (about: string, sentence: () => string) => {
    waiting.set(about, sentence);
    soon();
  };

  /** Who came and who left since this was last asked: somebody who blinked did neither, and while I am cut off nobody did. */
  const comings = (): string[] => {
    if (!room.people.known) {
      soon();
      return [];
    }
    const before = here;
    here = others();
    const came = [...here].filter((name) => !before.has(name)).map((name) => `${name} is here`);
    return [...came, ...[...before].filter((name) => !here.has(name)).map((name) => `${name} left`)];
  };

  const stopPeople = room.people.subscribe('', soon);

  const onItems = (events: Y.YEvent<Y.AbstractType<unknown>>[], transaction: Y.Transaction) => {
    // What arrives on joining is not news.
    if (transaction.local || room.light.light === 'connecting') return;
    for (const event of events) {
      if (event.target === room.items) event.changes.keys.forEach((change, id) => say(id, describe(room, id, change.action)));
      else if (typeof event.path[0] === 'string') say(event.path[0], describeEdit(room, event.path[0], event));
    }
  };
  room.items.observeDeep(onItems);
  const stopEvents = hearEvents(room, say);
  return () => {
    clearTimeout(timer);
    stopPeople();
    stopEvents();
    room.items.unobserveDeep(onItems);
  };
}

/** What is said, and what an agent's work has come to; never every step of it. */
function hearEvents(room: Room, say: (about: string, sentence: () => string) => void): () => void {
  let first = true;
  const ends = [
    room.events.on('room.welcome', () => (first = false)),
    room.events.on('chat.message', ({ from, id, data }) => {
      const words = typeof data['text'] === 'string' ? data['text'] : '';
      if (from && !first && !room.talk.isMine({ from })) say(`said ${id}`, () => `${from.name}: ${shorten(words)}`);
    }),
    room.events.on('suggestion.made', ({ from, id }) => {
      const made = room.suggestions.get(String(id));
      if (from && made && !first && !room.talk.isMine({ from })) say(`suggested ${id}`, () => `${from.name} suggests: ${headlineOf(room, made)}`);
    }),
    room.events.on('agent.status', ({ from, data }) => {
      const outcome = OUTCOMES[String(data['state'])];
      const state = from && room.agents.get(from.id)?.state;
      if (from && outcome && state === data['state']) say(`agent ${from.id}`, () => `${from.name} ${outcome}`);
    }),
  ];
  return () => ends.forEach((end) => end());
}

const OUTCOMES: Record<string, string> = { completed: 'is done', error: 'has a problem', paused: 'is paused' };

const shorten = (words: string): string => (words.length > SAID_MAX ? `${words.slice(0, SAID_MAX)}…` : words);

function describe(room: Room, id: string, action: 'add' | 'update' | 'delete'): () => string {
  const item = itemOf(room, id);
  if (action === 'delete' || !item) return () => 'An item was deleted';
  const [by, title] = [text(item, 'by'), titleOf(item)];
  return () => `${changer(room, id) ?? (by || 'Somebody')} added ${title}`;
}

function describeEdit(room: Room, id: string, event: Y.YEvent<Y.AbstractType<unknown>>): () => string {
  const item = itemOf(room, id);
  if (!item) return () => 'An item was deleted';
  const watcher = room.people.at(`/items/${id}`)[0]?.name;
  const moved = event.path.length === 1 && (event.changes.keys.has('day') || event.changes.keys.has('rank'));
  const day = dayOf(item);
  const title = titleOf(item);
  return () => {
    const who = changer(room, id) ?? watcher ?? 'Somebody';
    return moved ? `${who} moved ${title} to ${day ? longDay(day) : 'Unplanned'}` : `${who} edited ${title}`;
  };
}

const changer = (room: Room, id: string): string | undefined => room.agents.at(itemPointer(id))?.name;

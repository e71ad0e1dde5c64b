// Tells screen readers who came, who left and what others changed: politely, a few seconds' worth at a time.
// Attached once by the trip page. Own changes are announced where they are made.

import type * as Y from 'yjs';
import type { Room } from '../room/room';
import { longDay } from '../trip/days';
import { dayOf, text, titleOf } from '../trip/item';
import { itemOf } from '../trip/plan';
import { announce } from './notice';

const EVERY_MS = 3000;
const MOST_AT_ONCE = 3;

export function attachAnnouncer(room: Room): () => void {
  const waiting = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const others = () => new Set(room.people.all.filter((person) => !person.me).map((person) => person.name));
  let here = others();

  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      const all = [...comings(), ...waiting.values()];
      waiting.clear();
      if (all.length > 0) announce(all.length > MOST_AT_ONCE ? `${all.length} changes by others` : all.join('. '));
    }, EVERY_MS);
  };
  const say = (about: string, sentence: string) => {
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
  return () => {
    clearTimeout(timer);
    stopPeople();
    room.items.unobserveDeep(onItems);
  };
}

function describe(room: Room, id: string, action: 'add' | 'update' | 'delete'): string {
  const item = itemOf(room, id);
  if (action === 'delete' || !item) return 'An item was deleted';
  return `${text(item, 'by') || 'Somebody'} added ${titleOf(item)}`;
}

function describeEdit(room: Room, id: string, event: Y.YEvent<Y.AbstractType<unknown>>): string {
  const item = itemOf(room, id);
  if (!item) return 'An item was deleted';
  const who = room.people.at(`/items/${id}`)[0]?.name ?? 'Somebody';
  const moved = event.path.length === 1 && (event.changes.keys.has('day') || event.changes.keys.has('rank'));
  const day = dayOf(item);
  return moved ? `${who} moved ${titleOf(item)} to ${day ? longDay(day) : 'Unplanned'}` : `${who} edited ${titleOf(item)}`;
}

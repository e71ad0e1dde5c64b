// Changes that somebody put forward and nobody has made: those that wait, by item too, and what became of the others. Owned
// by the room, which lets it hear the event line; what was before comes from the event log. It never changes the document:
// whoever accepts asks the server to.

import { itemIn } from '../trip/pointer';
import { ApiFailure, eventsBefore } from './api';
import { fields, idFrom, list, text, type Fields, type Party, type RoomEvent } from './event';
import type { EventLine } from './event-line';
import type { Pass } from './pass';
import { Topics } from './topics';

/** A value that would be another one. */
export interface Difference {
  pointer: string;
  /** As JSON, the beginning of it if it is long; null when it would be new. */
  before: string | null;
  /** Null when it would be removed. */
  after: string | null;
}

export interface Suggestion {
  id: string;
  /** In ms since 1970. */
  at: number;
  from: Party;
  operations: Fields[];
  /** What would have been otherwise when it was made. */
  changes: Difference[];
  /** How many more there are. */
  leftOut: number;
  /** The items that it is about. */
  items: string[];
}

const TYPES = ['suggestion.made', 'suggestion.accepted', 'suggestion.rejected'] as const;
const PAGE = 50;
/** What is before so many pages is no longer looked for. */
const PAGES_MAX = 10;

export class Suggestions {
  readonly #made = new Map<number, Suggestion>();
  readonly #decided = new Set<number>();
  #waiting: Suggestion[] = [];
  #byItem = new Map<string, Suggestion[]>();
  #read = false;
  readonly #topics = new Topics();

  constructor(
    readonly line: EventLine,
    readonly pass: Pass,
  ) {
    for (const type of TYPES) {
      line.on(type, (event) => {
        this.#take(event);
        this.#changed();
      });
    }
    line.on('room.welcome', ({ data }) => void this.#readBefore(idFrom(data['cursor'])));
    // What is not kept any more cannot be decided on; everything that is kept follows.
    line.on('room.gap', () => {
      this.#made.clear();
      this.#decided.clear();
      this.#changed();
    });
  }

  /** Those that nobody has decided on, the oldest first; the same list as long as nothing changes. */
  get waiting(): Suggestion[] {
    return this.#waiting;
  }

  at(item: string): Suggestion[] {
    return this.#byItem.get(item) ?? NONE;
  }

  /** Also one that was decided on. */
  get(id: string): Suggestion | undefined {
    return this.#made.get(Number(id));
  }

  /** Tells when those about this item are others; '' stands for all. */
  subscribe(item: string, listener: () => void): () => void {
    return this.#topics.subscribe(item, listener);
  }

  /** Settles when it is durable. */
  async decide({ id }: Suggestion, how: 'accept' | 'reject'): Promise<void> {
    await this.line.ask(`suggestion.${how}`, { id });
  }

  /** Once: what comes later is heard on the line. */
  async #readBefore(newest: number | null): Promise<void> {
    if (this.#read || newest === null) return;
    this.#read = true;
    try {
      let before = newest + 1;
      for (let page = 0; page < PAGES_MAX; page++) {
        const { events, oldest, more } = await eventsBefore(this.pass.room, this.pass.token, before, TYPES, PAGE);
        events.forEach((event) => this.#take(event));
        this.#changed();
        if (!more) return;
        before = oldest;
      }
    } catch (failure) {
      if (!(failure instanceof ApiFailure)) throw failure;
      this.#read = false; // Tried again with the next welcome.
    }
  }

  #take({ type, id, at, from, data }: RoomEvent): void {
    if (type !== 'suggestion.made') {
      const which = idFrom(data['id']);
      if (which !== null) this.#decided.add(which);
    } else if (id !== null && from && !this.#made.has(id)) {
      const changes = list(data['changes']).map(differenceFrom);
      const leftOut = typeof data['left_out'] === 'number' ? data['left_out'] : 0;
      const items = new Set(changes.filter(({ pointer }) => !pointer.endsWith('/rank')).map(({ pointer }) => itemIn(pointer)).filter((item) => item !== null));
      this.#made.set(id, { id: String(id), at, from, operations: list(data['operations']).map(fields), changes, leftOut, items: [...items] });
    }
  }

  #changed(): void {
    const before = this.#byItem;
    const waiting = [...this.#made].filter(([id]) => !this.#decided.has(id));
    this.#waiting = waiting.sort(([a], [b]) => a - b).map(([, suggestion]) => suggestion);
    this.#byItem = new Map();
    for (const suggestion of this.#waiting) {
      for (const item of suggestion.items) this.#byItem.set(item, [...this.at(item), suggestion]);
    }
    this.#topics.tell('');
    for (const item of new Set([...before.keys(), ...this.#byItem.keys()])) this.#topics.tell(item);
  }
}

const NONE: Suggestion[] = [];

function differenceFrom(value: unknown): Difference {
  const { pointer, before, after } = fields(value);
  const json = (side: unknown) => (typeof side === 'string' ? side : null);
  return { pointer: text(pointer), before: json(before), after: json(after) };
}

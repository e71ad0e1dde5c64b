// What is odd about the trip: the server's latest set, and an index by item. Owned by the room, which lets it hear the
// event line. It never judges the trip itself.

import { itemIn } from '../trip/pointer';
import { fields, list, text } from './event';
import type { EventLine } from './event-line';
import { Topics } from './topics';

export interface TripWarning {
  /** Which one it is among all. */
  key: string;
  code: string;
  /** From 0 to 1. */
  severity: number;
  pointers: string[];
  /** The items that it is about. */
  items: string[];
  text: string;
  suggestion: string;
}

export class TripWarnings {
  #all: TripWarning[] = [];
  #byItem = new Map<string, TripWarning[]>();
  readonly #topics = new Topics();
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(line: EventLine) {
    line.on('trip.warning', ({ data }) => this.#take(list(data['warnings']).map(warningFrom)));
    // A room in which nothing is odd says nothing: what was odd before the line was cut is not any more.
    line.on('room.welcome', () => {
      clearTimeout(this.#silence);
      this.#silence = setTimeout(() => this.#take([]), SILENCE_MS);
    });
  }

  /** The most severe first. */
  get all(): TripWarning[] {
    return this.#all;
  }

  at(item: string): TripWarning[] {
    return this.#byItem.get(item) ?? NONE;
  }

  /** Tells when what is odd about this item is something else; '' stands for the whole trip. */
  subscribe(item: string, listener: () => void): () => void {
    return this.#topics.subscribe(item, listener);
  }

  close(): void {
    clearTimeout(this.#silence);
  }

  #take(all: TripWarning[]): void {
    clearTimeout(this.#silence);
    const before = this.#byItem;
    this.#all = all;
    this.#byItem = new Map();
    for (const warning of all) {
      for (const item of warning.items) this.#byItem.set(item, [...this.at(item), warning]);
    }
    this.#topics.tell('');
    for (const item of new Set([...before.keys(), ...this.#byItem.keys()])) this.#topics.tell(item);
  }
}

/** So long after its welcome a server that says nothing of warnings has none. */
const SILENCE_MS = 5000;

const NONE: TripWarning[] = [];

function warningFrom(value: unknown): TripWarning {
  const said = fields(value);
  const pointers = list(said['pointers']).map(text);
  const items = new Set(pointers.map(itemIn).filter((id) => id !== null));
  return {
    key: `${text(said['code'])} ${pointers.join(' ')}`,
    code: text(said['code']),
    severity: typeof said['severity'] === 'number' ? said['severity'] : 0,
    pointers,
    items: [...items],
    text: text(said['text']),
    suggestion: text(said['suggestion']),
  };
}

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

  constructor(line: EventLine) {
    line.on('trip.warning', ({ data }) => this.#take(list(data['warnings']).map(warningFrom)));
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

  #take(all: TripWarning[]): void {
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

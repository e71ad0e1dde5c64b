// What agents changed, gathered into runs as they can be taken back, and what of it was. Owned by the talk, which gives it
// events in any order and shows its entries. A run that is taken back is closed: what its agent does afterwards is a new one.

import { wholeThing } from '../trip/pointer';
import { fields, list, text, type Party, type RoomEvent } from './event';

/** What an agent did in one run, and nobody took back meanwhile. */
export interface Run {
  is: 'run';
  key: string;
  /** When it changed something last. */
  at: number;
  from: Party;
  /** The agent's name for it; null: what it did outside of any. */
  run: string | null;
  /** Pointers to the things that it changed. */
  things: string[];
  /** It changed more than it could name. */
  more: boolean;
  undoable: boolean;
  undone: boolean;
}

/** Something that is not taken back. */
export interface Kept {
  thing: string;
  why: string;
}

/** Somebody took back what an agent did. */
export interface Undone {
  is: 'undone';
  key: string;
  at: number;
  from: Party;
  /** The agent's id. */
  agent: string;
  /** How many things were set back. */
  count: number;
  kept: Kept[];
  /** There is more of either. */
  more: boolean;
}

export interface PlacedRun {
  id: number;
  entry: Run;
}

interface Edit {
  id: number;
  at: number;
  from: Party;
  pointers: string[];
  more: boolean;
  undoable: boolean;
}

interface Gathered {
  run: string | null;
  edits: Map<number, Edit>;
  /** The events that took back what was before them. */
  undone: Set<number>;
}

export class Runs {
  readonly #gathered = new Map<string, Gathered>();
  readonly #placed = new Map<string, PlacedRun[]>();

  /** Each run at its newest edit. */
  get placed(): PlacedRun[] {
    return [...this.#placed.values()].flat();
  }

  clear(): void {
    this.#gathered.clear();
    this.#placed.clear();
  }

  edited({ id, at, from, data }: RoomEvent): void {
    if (id === null || !from) return;
    this.#with(from.id, data['run'], ({ edits }) =>
      edits.set(id, { id, at, from, pointers: list(data['pointers']).map(text), more: data['more'] === true, undoable: data['undoable'] === true }),
    );
  }

  undone({ id, data }: RoomEvent): void {
    if (id !== null && data['edits'] !== 0) this.#with(text(data['agent']), data['run'], ({ undone }) => undone.add(id));
  }

  #with(agent: string, said: unknown, change: (gathered: Gathered) => void): void {
    const run = typeof said === 'string' ? said : null;
    const key = JSON.stringify(['run', agent, run]);
    const gathered = this.#gathered.get(key) ?? { run, edits: new Map(), undone: new Set() };
    this.#gathered.set(key, gathered);
    change(gathered);
    this.#placed.set(key, runsOf(key, gathered));
  }
}

function runsOf(key: string, { run, edits, undone }: Gathered): PlacedRun[] {
  const bounds = [...undone].sort((a, b) => a - b);
  const parts = new Map<number, Edit[]>();
  for (const edit of [...edits.values()].sort((a, b) => a.id - b.id)) {
    const part = bounds.filter((bound) => bound < edit.id).length;
    parts.set(part, [...(parts.get(part) ?? []), edit]);
  }
  return [...parts].map(([part, its]) => {
    const { id, at, from } = its.at(-1)!;
    const things = [...new Set(its.flatMap(({ pointers }) => pointers.map(wholeThing)))];
    const more = its.some((edit) => edit.more);
    const undoable = its.some((edit) => edit.undoable);
    const entry: Run = { is: 'run', key: `${key} ${bounds[part - 1] ?? 0}`, at, from, run, things, more, undoable, undone: part < bounds.length };
    return { id, entry };
  });
}

/** Reads a `doc.undone`, as an event or as the answer to whoever asked for it. */
export function undoneFrom({ data, at }: Pick<RoomEvent, 'data' | 'at'>, key: string, from: Party): Undone {
  const kept = new Map<string, Kept>();
  for (const one of list(data['kept'])) {
    const { pointer, why } = fields(one);
    const thing = wholeThing(text(pointer));
    if (!kept.has(thing)) kept.set(thing, { thing, why: text(why) });
  }
  const count = new Set(list(data['undone']).map((pointer) => wholeThing(text(pointer)))).size;
  return { is: 'undone', key, at, from, agent: text(data['agent']), count, kept: [...kept.values()], more: data['more'] === true };
}

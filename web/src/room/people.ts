// Who is here and what they look at. Owns this tab's presence and an index of everybody else's.
// Views ask `peopleAt('/items/x')`; only those whose answer changed are told.
// Never trusts a colour from the wire: colours come from the name.

import * as Y from 'yjs';
import { Awareness } from 'y-protocols/awareness';
import { colorOf } from '../trip/palette';

export interface Person {
  key: string;
  name: string;
  /** Which member they say they are; nothing may be decided by it. */
  id?: string;
  color: string;
  agent: boolean;
  me: boolean;
}

/** At most this often does presence leave this tab. */
const SEND_EVERY_MS = 100;
/** Who comes back within this time, on a new socket, was never gone to those who look. */
const LINGER_MS = 1000;
/** The same for everybody while my own line is cut. */
const CUT_LINGER_MS = 3000;

type State = Record<string, unknown>;

/** Awareness that sends its first change at once and gathers the ones that follow. */
class CalmAwareness extends Awareness {
  declare private gathered: Record<string, unknown> | undefined;
  declare private resting: ReturnType<typeof setTimeout> | undefined;

  override getLocalState(): Record<string, unknown> | null {
    return this.gathered ?? super.getLocalState();
  }

  override setLocalState(state: Record<string, unknown> | null): void {
    if (state !== null && this.resting !== undefined) {
      this.gathered = state;
      return;
    }
    this.gathered = undefined;
    clearTimeout(this.resting);
    super.setLocalState(state);
    this.resting = setTimeout(() => {
      this.resting = undefined;
      if (this.gathered) this.setLocalState(this.gathered);
    }, SEND_EVERY_MS);
  }

  override setLocalStateField(field: string, value: unknown): void {
    const state = this.getLocalState();
    if (state !== null) this.setLocalState({ ...state, [field]: value });
  }
}

export class People {
  readonly awareness: Awareness;
  #all: Person[] = [];
  #byFocus = new Map<string, Person[]>();
  readonly #listeners = new Map<string, Set<() => void>>();
  /** Everybody's last state, also of those who have just gone. */
  readonly #seen = new Map<number, State>();
  #cut = false;

  /** `onRightsChanged`: another page says that what people may do here has changed. Only a hint: anybody can say it. */
  constructor(doc: Y.Doc, onRightsChanged: () => void) {
    this.awareness = new CalmAwareness(doc);
    this.awareness.on('change', ({ added, updated, removed }: Record<'added' | 'updated' | 'removed', number[]>) => {
      const states = this.awareness.getStates();
      const rightsChanged = updated.some((client) => this.#saysNewRights(client, states.get(client)!));
      for (const client of [...added, ...updated]) this.#seen.set(client, states.get(client)!);
      for (const client of removed) setTimeout(() => this.#forget(client), this.#cut ? CUT_LINGER_MS : LINGER_MS);
      this.#index();
      if (rightsChanged) onRightsChanged();
    });
  }

  /** Is it known who is here? Not while my own line is cut: then nobody can be said to have left. */
  get known(): boolean {
    return !this.#cut;
  }

  get all(): Person[] {
    return this.#all;
  }

  at(pointer: string): Person[] {
    return this.#byFocus.get(pointer) ?? NOBODY;
  }

  /** Tells when the people at this pointer change; '' stands for the whole room. */
  subscribe(pointer: string, listener: () => void): () => void {
    const set = this.#listeners.get(pointer) ?? new Set();
    this.#listeners.set(pointer, set.add(listener));
    return () => set.delete(listener);
  }

  nameMe(name: string, id: string | null): void {
    const color = colorOf(name);
    const before = this.awareness.getLocalState()?.['user'] as { name?: string; id?: string } | undefined;
    if (before?.name === name && (before.id ?? null) === id) return;
    this.awareness.setLocalStateField('user', { name, color, colorLight: `${color}40`, ...(id && { id }) });
  }

  lineCut(): void {
    this.#cut = true;
  }

  /** Everybody who is here has been heard on the new line. */
  lineBack(): void {
    this.#cut = false;
  }

  /**
   * On a new socket: a newer clock, or those who saw this tab leave would take it for old news. Their clocks are
   * forgotten, too: who stayed while I was away is heard with the clock that they had.
   */
  renew(): void {
    const { meta, states } = this.awareness;
    for (const client of meta.keys()) if (!states.has(client)) meta.delete(client);
    this.awareness.setLocalState(this.awareness.getLocalState());
  }

  /** Tells the other pages that I have changed what people may do here. */
  tellRightsChanged(): void {
    this.awareness.setLocalStateField('rights', Date.now());
  }

  focus(pointer: string | null): void {
    const state = this.awareness.getLocalState();
    if (state && state['focus'] !== pointer) this.awareness.setLocalStateField('focus', pointer);
  }

  /** What somebody said before I came is no news. */
  #saysNewRights(client: number, state: State): boolean {
    const before = this.#seen.get(client);
    return client !== this.awareness.clientID && before !== undefined && before['rights'] !== state['rights'];
  }

  #forget(client: number): void {
    if (this.awareness.getStates().has(client)) return;
    this.#seen.delete(client);
    this.#index();
  }

  #index(): void {
    const all = new Map<string, Person>();
    const byFocus = new Map<string, Person[]>();
    for (const [client, state] of this.#seen) {
      const user: unknown = state['user'];
      const name = (user as { name?: unknown } | undefined)?.name;
      if (typeof name !== 'string' || name === '') continue;
      const me = client === this.awareness.clientID;
      const agent = (user as { kind?: unknown }).kind === 'agent';
      const id: unknown = (user as { id?: unknown }).id;
      const person: Person = { key: name, name, color: colorOf(name), agent, me, ...(typeof id === 'string' && { id }) };
      // One face a name: somebody with a phone and a laptop is still one person.
      if (me || !all.has(name)) all.set(name, person);
      const focus: unknown = state['focus'];
      if (typeof focus === 'string' && !me) {
        const there = byFocus.get(focus) ?? [];
        if (!there.some((other) => other.key === name)) byFocus.set(focus, [...there, person]);
      }
    }
    const before = { all: this.#all, byFocus: this.#byFocus };
    this.#all = [...all.values()].sort((a, b) => rank(a) - rank(b) || a.name.localeCompare(b.name));
    this.#byFocus = byFocus;
    if (keys(before.all) !== keys(this.#all)) this.#tell('');
    for (const pointer of new Set([...before.byFocus.keys(), ...byFocus.keys()])) {
      if (keys(before.byFocus.get(pointer)) !== keys(byFocus.get(pointer))) this.#tell(pointer);
    }
  }

  #tell(pointer: string): void {
    for (const listener of this.#listeners.get(pointer) ?? []) listener();
  }
}

const NOBODY: Person[] = [];

const rank = (person: Person): number => (person.me ? 0 : person.agent ? 2 : 1);

const keys = (people: Person[] = NOBODY): string => people.map((person) => person.key).join('\n');

// The agents of the room, how each is, and what it changed a moment ago. Owned by the room, which lets it hear the event
// line. Views ask for all of them, or for who changed what a pointer names; the colour comes from the name.

import { colorOf } from '../trip/palette';
import { wholeThing } from '../trip/pointer';
import { bareName, fields, isAgent, list, partyFrom, share, text, type Fields, type Party, type RoomEvent } from './event';
import type { EventLine } from './event-line';
import type { Person } from './people';
import { Topics } from './topics';

export const STATES = ['idle', 'initializing', 'active', 'thinking', 'executing', 'waiting', 'paused', 'error', 'completed', 'offline'] as const;
export type AgentState = (typeof STATES)[number];

export interface Agent extends Person {
  id: string;
  state: AgentState;
  /** From 0 to 1; null when it did not say. */
  progress: number | null;
  message: string;
  task: string;
  step: string;
  steps: number | null;
  /** In ms since 1970, if it said when it will be done. */
  eta: number | null;
  /** Somebody on this page asked it to stop, and it has not answered yet. */
  stopping: boolean;
}

/** Somebody who left is still shown for so long. */
const FADE_MS = 30_000;
/** What was changed just now stays marked for so long. */
const MARK_MS = 8000;
/** An agent that does not answer to being stopped for so long may be asked again. */
const STOPPING_MS = 10_000;

const WORKING: AgentState[] = ['initializing', 'active', 'thinking', 'executing', 'waiting'];
export const isWorking = ({ state }: Agent): boolean => WORKING.includes(state);

interface Mark {
  by: string;
  timer: ReturnType<typeof setTimeout>;
}

export class Agents {
  #all: Agent[] = [];
  readonly #topics = new Topics();
  readonly #fading = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #marks = new Map<string, Mark>();

  constructor(readonly line: EventLine) {
    for (const type of ['room.welcome', 'room.resync']) line.on(type, ({ data }) => this.#takeAll(list(data['agents'])));
    line.on('agent.status', (event) => this.#takeStatus(event));
    line.on('doc.changed', ({ data }) => this.#takeChange(list(data['pointers']).map(text), list(data['by']).map(text)));
  }

  /** Everybody who is here, then those who have just left; by name. */
  get all(): Agent[] {
    return this.#all;
  }

  get(id: string): Agent | undefined {
    return this.#all.find((agent) => agent.id === id);
  }

  /** Who has just changed what is at this pointer: `/items/x`, `/notes`. */
  at(pointer: string): Person | null {
    const mark = this.#marks.get(pointer);
    return mark ? (this.get(mark.by) ?? faceOf({ id: mark.by, name: bareName(mark.by), agent: true })) : null;
  }

  /** What this agent has changed a moment ago, the latest last. */
  editedBy(id: string): string[] {
    return [...this.#marks].filter(([, mark]) => mark.by === id).map(([pointer]) => pointer);
  }

  /** Tells when what is at this pointer was marked, or is no longer; '' stands for the agents themselves. */
  subscribe(pointer: string, listener: () => void): () => void {
    return this.#topics.subscribe(pointer, listener);
  }

  /** Asks an agent to stop what it does; null: all of them. Settles when that is kept. */
  async stop(agent: Agent | null): Promise<void> {
    const asked = this.#all.filter((one) => (agent ? one.id === agent.id : isWorking(one)));
    for (const one of asked) this.#put({ ...one, stopping: true });
    try {
      await this.line.ask('agent.command', { ...(agent && { agent: agent.id }), action: 'cancel' });
    } catch (why) {
      for (const { id } of asked) this.#notStopping(id);
      throw why;
    }
    setTimeout(() => asked.forEach(({ id }) => this.#notStopping(id)), STOPPING_MS);
  }

  close(): void {
    for (const timer of this.#fading.values()) clearTimeout(timer);
    for (const { timer } of this.#marks.values()) clearTimeout(timer);
  }

  #notStopping(id: string): void {
    const agent = this.get(id);
    if (agent?.stopping) this.#put({ ...agent, stopping: false });
  }

  #takeAll(said: unknown[]): void {
    const here = said.map((one) => {
      const { agent, status } = fields(one);
      const party = partyFrom(agent);
      return party && this.#take(party, fields(status));
    });
    for (const agent of this.#all) {
      if (!here.includes(agent.id)) this.#put({ ...agent, state: 'offline', progress: null, stopping: false });
    }
  }

  #takeStatus({ from, data }: RoomEvent): void {
    if (from) this.#take(from, data);
  }

  #take(party: Party, status: Fields): string {
    const said = text(status['state']) as AgentState;
    const state = STATES.includes(said) ? said : 'active';
    const before = this.get(party.id);
    // The server says nothing but that somebody left: what they did last is still worth knowing.
    const left = state === 'offline' && before ? { message: before.message, name: before.name } : null;
    const steps = status['steps'];
    const eta = Date.parse(text(status['eta']));
    const agent: Agent = {
      ...faceOf(left ? { ...party, name: left.name } : party),
      id: party.id,
      state,
      progress: state === 'offline' ? null : share(status['progress']),
      message: left?.message ?? text(status['message']),
      task: text(status['task']),
      step: text(status['step']),
      steps: typeof steps === 'number' && steps > 0 ? steps : null,
      eta: Number.isNaN(eta) ? null : eta,
      stopping: false,
    };
    agent.stopping = before?.stopping === true && isWorking(agent);
    this.#put(agent);
    return party.id;
  }

  #put(agent: Agent): void {
    const others = this.#all.filter((one) => one.id !== agent.id);
    this.#all = [...others, agent].sort((a, b) => Number(isGone(a)) - Number(isGone(b)) || a.name.localeCompare(b.name) || (a.id < b.id ? -1 : 1));
    if (!isGone(agent)) {
      clearTimeout(this.#fading.get(agent.id));
      this.#fading.delete(agent.id);
    } else if (!this.#fading.has(agent.id)) {
      this.#fading.set(agent.id, setTimeout(() => this.#forget(agent.id), FADE_MS));
    }
    this.#topics.tell('');
  }

  #forget(id: string): void {
    this.#fading.delete(id);
    this.#all = this.#all.filter((agent) => agent.id !== id);
    this.#topics.tell('');
  }

  /** What several changed within one breath cannot be told apart: then nobody is named. */
  #takeChange(pointers: string[], by: string[]): void {
    if (by.length !== 1 || !isAgent(by[0]!)) return;
    for (const pointer of new Set(pointers.map(wholeThing))) {
      clearTimeout(this.#marks.get(pointer)?.timer);
      this.#marks.delete(pointer);
      this.#marks.set(pointer, { by: by[0]!, timer: setTimeout(() => this.#unmark(pointer), MARK_MS) });
      this.#topics.tell(pointer);
    }
    this.#topics.tell('');
  }

  #unmark(pointer: string): void {
    this.#marks.delete(pointer);
    this.#topics.tell(pointer);
    this.#topics.tell('');
  }
}

export const isGone = (agent: Agent): boolean => agent.state === 'offline';

const faceOf = ({ id, name }: Party): Person => ({ key: id, id, name, color: colorOf(name), agent: true, me: false });

// What is said in the room and what its agents do, in order: chat, tasks, text on its way, who asked whom for what, what
// agents changed and what of it was taken back.
// Owned by the room, which lets it hear the event line; what was before comes page by page from the event log.
// It is a log: nothing in it is ever changed here, and what the server has not taken is kept apart.

import { ApiFailure, eventsBefore } from './api';
import { fields, idFrom, list, share, text, type Party, type RoomEvent } from './event';
import { EventFailure, type EventLine } from './event-line';
import { recallRead, rememberRead } from './device';
import type { Pass } from './pass';
import { Runs, undoneFrom, type Run, type Undone } from './runs';
import { Topics } from './topics';

export interface Attachment {
  name: string;
  url: string;
}

export interface Message {
  is: 'message';
  key: string;
  at: number;
  from: Party;
  text: string;
  attachments: Attachment[];
}

export const TASK_STATES = ['pending', 'running', 'completed', 'failed', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

export interface Task {
  is: 'task';
  key: string;
  at: number;
  from: Party;
  tool: boolean;
  title: string;
  state: TaskState;
  progress: number | null;
  result: string;
  error: string;
}

/** Somebody asked an agent for something, or one agent handed over to another. */
export interface Deed {
  is: 'command' | 'handoff';
  key: string;
  at: number;
  from: Party;
  /** The id of the agent that it is about; null: all of them. */
  agent: string | null;
  action: string;
  reason: string;
}

/** Somebody has decided on a suggestion. */
export interface Decided {
  is: 'decided';
  key: string;
  at: number;
  from: Party;
  /** The suggestion's id, and who made it. */
  suggestion: string;
  by: string;
  accepted: boolean;
}

export type Entry = Message | Task | Deed | Run | Undone | Decided;

/** Text that an agent is still writing. */
export interface Writing {
  message: string;
  from: Party;
  text: string;
  at: number;
}

/** What I said and the server has not taken yet. */
export interface Unsent {
  id: string;
  text: string;
  /** Why it was not taken; empty while it is on its way. */
  failure: string;
}

interface Placed {
  id: number;
  /** The newest event that it is of: a task's older ones may be read later. */
  newest: number;
  entry: Entry;
}

/** What there is to read; the log holds other things, too. */
const TYPES = [
  'chat.message',
  'agent.task',
  'agent.command',
  'agent.handoff',
  'doc.edited',
  'doc.undone',
  'suggestion.accepted',
  'suggestion.rejected',
] as const;
const PAGE = 50;
/** A run of an agent may be hundreds of events and is one row: what was said before it should be seen, too. */
const ROWS_AT_LEAST = 10;
const PAGES_AT_ONCE = 8;

export class Talk {
  /** What I have typed and not said, kept while the panel is closed. */
  draft = '';
  /** Is there more before the first entry? */
  more = false;
  loading = false;

  readonly #placed = new Map<string, Placed>();
  readonly #runs = new Runs();
  readonly #writing = new Map<string, Writing>();
  #unsent: Unsent[] = [];
  #entries: Entry[] | null = null;
  readonly #topics = new Topics();
  /** The newest event that I heard of. */
  #newest = 0;
  /** What is before this event was not read yet; null until I was greeted. */
  #oldest: number | null = null;
  #me = '';
  #read: number | null;

  constructor(
    readonly line: EventLine,
    readonly pass: Pass,
  ) {
    this.#read = recallRead(pass.room);
    line.on('room.welcome', ({ data }) => this.#welcome(text(fields(data['me'])['id']), idFrom(data['cursor'])));
    line.on('room.gap', () => this.#restart());
    line.on('line.cut', () => this.#changed());
    line.on('agent.output', (event) => this.#takeOutput(event));
    line.on('agent.status', ({ from, data }) => from && data['state'] === 'offline' && this.#stopWriting(from.id));
    line.on('*', (event) => {
      if (this.#take(event)) this.#changed();
    });
  }

  /** In order; the same list as long as nothing changes. */
  get entries(): Entry[] {
    return (this.#entries ??= [...this.#placed.values(), ...this.#runs.placed].sort((a, b) => a.id - b.id).map(({ entry }) => entry));
  }

  /** The task of an agent, by the id that the agent gave it. */
  task(agent: string, id: string): Task | null {
    const entry = id ? this.#placed.get(taskKey(agent, id))?.entry : undefined;
    return entry?.is === 'task' ? entry : null;
  }

  get writing(): Writing[] {
    return [...this.#writing.values()];
  }

  get unsent(): Unsent[] {
    return this.#unsent;
  }

  isMine(entry: { from: Party }): boolean {
    return entry.from.id === this.#me;
  }

  /** How many messages of others came after what I have read. */
  get unread(): number {
    let count = 0;
    for (const { id, entry } of this.#placed.values()) {
      if (entry.is === 'message' && id > (this.#read ?? Infinity) && !this.isMine(entry)) count++;
    }
    return count;
  }

  /** I see the newest of it. */
  seen(): void {
    if (this.#oldest === null || this.#newest === this.#read) return;
    this.#read = this.#newest;
    rememberRead(this.pass.room, this.#newest);
    this.#topics.tell('');
  }

  subscribe(listener: () => void): () => void {
    return this.#topics.subscribe('', listener);
  }

  /** Takes back what an agent did in a run. Settles when that is durable, with what became of it. */
  async undo({ from, run, key }: Run): Promise<Undone> {
    const data = await this.line.ask('doc.undo', { agent: from.id, ...(run !== null && { run }) });
    return undoneFrom({ data, at: Date.now() }, key, from);
  }

  say(words: string): void {
    const unsent = { id: crypto.randomUUID?.() ?? `${Date.now()}.${Math.random()}`, text: words, failure: '' };
    this.#unsent = [...this.#unsent, unsent];
    this.#changed();
    void this.#send(unsent);
  }

  /** Says once more what was not taken; the server knows it again by its id. */
  sayAgain(id: string): void {
    const unsent = this.#setFailure(id, '');
    if (unsent) void this.#send(unsent);
  }

  letGo(id: string): void {
    this.#unsent = this.#unsent.filter((one) => one.id !== id);
    this.#changed();
  }

  /** Reads what was before the first entry. */
  async earlier(): Promise<void> {
    if (this.loading || this.#oldest === null) return;
    this.loading = true;
    this.#changed();
    try {
      const rows = this.entries.length;
      for (let page = 0; page < PAGES_AT_ONCE; page++) {
        const { events, oldest, more } = await eventsBefore(this.pass.room, this.pass.token, this.#oldest, TYPES, PAGE);
        for (const event of events) this.#take(event);
        this.#oldest = oldest;
        this.more = more;
        this.#entries = null;
        if (!more || this.entries.length - rows >= ROWS_AT_LEAST) break;
      }
    } catch (failure) {
      if (!(failure instanceof ApiFailure)) throw failure;
      this.more = true; // The button stays, to try again.
    } finally {
      this.loading = false;
      this.#changed();
    }
  }

  #welcome(me: string, cursor: number | null): void {
    this.#me = me;
    if (cursor !== null) {
      this.#newest = Math.max(this.#newest, cursor);
      // A room that was made anew counts anew.
      if (this.#read !== null) this.#read = Math.min(this.#read, cursor);
      if (this.#oldest === null) this.#readFrom(cursor);
    }
    this.#writing.clear();
    for (const unsent of this.#unsent) if (unsent.failure === '') void this.#send(unsent);
    this.#changed();
  }

  #readFrom(newest: number): void {
    this.#oldest = newest + 1;
    // On a first visit nothing that was before is news.
    if (this.#read === null) this.seen();
    if (newest > 0) void this.earlier();
  }

  /** Some of what I missed is not kept any more: what I have has a hole, so it is read anew. */
  #restart(): void {
    this.#placed.clear();
    this.#runs.clear();
    this.#readFrom(this.#newest);
  }

  async #send(unsent: Unsent): Promise<void> {
    if (!this.line.open) return; // It goes out with the next welcome.
    try {
      await this.line.ask('chat.message', { text: unsent.text, client_id: unsent.id });
    } catch (why) {
      if (!(why instanceof EventFailure)) throw why;
      // A line that was cut is dialled again, and then this goes out by itself.
      if (this.line.open) this.#setFailure(unsent.id, WORDS[why.code] ?? (why.message || 'It was not taken.'));
    }
  }

  #setFailure(id: string, failure: string): Unsent | undefined {
    this.#unsent = this.#unsent.map((one) => (one.id === id ? { ...one, failure } : one));
    this.#changed();
    return this.#unsent.find((one) => one.id === id);
  }

  /** Is it something to be read here? */
  #take(event: RoomEvent): boolean {
    const { id, from, type } = event;
    if (id === null || !from) return false;
    this.#newest = Math.max(this.#newest, id);
    if (!TYPES.some((known) => known === type)) return false;
    if (type === 'agent.task') return this.#takeTask(event, id, from);
    if (type === 'doc.edited') this.#runs.edited(event);
    if (type === 'doc.undone') this.#runs.undone(event);
    const key = String(id);
    if (this.#placed.has(key)) return false;
    const entry = this.#entry(event, key, from);
    if (entry) this.#placed.set(key, { id, newest: id, entry });
    return true;
  }

  /** What is a row by itself. */
  #entry(event: RoomEvent, key: string, from: Party): Entry | null {
    const { type, data, at } = event;
    if (type === 'chat.message') return this.#message(event, key, from);
    if (type === 'doc.edited') return null;
    if (type === 'doc.undone') return undoneFrom(event, key, from);
    if (type === 'suggestion.accepted' || type === 'suggestion.rejected') {
      return { is: 'decided', key, at, from, suggestion: text(data['id']), by: text(data['suggested_by']), accepted: type === 'suggestion.accepted' };
    }
    return deedFrom(event, key, from);
  }

  #message({ data, at }: RoomEvent, key: string, from: Party): Message {
    const client = text(data['client_id']);
    if (client) {
      this.#writing.delete(client);
      this.#unsent = this.#unsent.filter((one) => one.id !== client);
    }
    return { is: 'message', key, at, from, text: text(data['text']), attachments: list(data['attachments']).map(attachmentFrom).filter((one) => one !== null) };
  }

  /** One row a task: where it began, with what was heard of it last. */
  #takeTask(event: RoomEvent, id: number, from: Party): boolean {
    const key = taskKey(from.id, text(event.data['task']));
    const before = this.#placed.get(key);
    const entry = taskFrom(event, key, from);
    if (before?.entry.is !== 'task') {
      this.#placed.set(key, { id, newest: id, entry });
    } else if (id > before.newest) {
      const { at, title } = before.entry;
      this.#placed.set(key, { id: before.id, newest: id, entry: { ...entry, at, title: entry.title || title } });
    } else if (id < before.id) {
      const title = before.entry.title || entry.title;
      this.#placed.set(key, { id, newest: before.newest, entry: { ...before.entry, at: event.at, title } });
    } else {
      return false;
    }
    return true;
  }

  /** A chunk comes behind so many UTF-16 code units of what came before; whoever comes late is told all from 0. */
  #takeOutput({ from, data, at }: RoomEvent): void {
    const message = text(data['message']);
    if (!from || !message) return;
    const before = this.#writing.get(message);
    const offset = typeof data['offset'] === 'number' ? data['offset'] : Infinity;
    const words = (before?.text ?? '').slice(0, offset) + text(data['chunk']);
    this.#writing.set(message, { message, from, text: words, at: before?.at ?? at });
    this.#topics.tell('');
  }

  /** Whoever left in the middle of a sentence does not end it. */
  #stopWriting(agent: string): void {
    for (const { message, from } of this.#writing.values()) if (from.id === agent) this.#writing.delete(message);
    this.#changed();
  }

  #changed(): void {
    this.#entries = null;
    this.#topics.tell('');
  }
}

const WORDS: Record<string, string> = {
  permission_denied: 'You may read here, not write.',
  rate_limited: 'That was too much at once. Try again in a moment.',
  message_too_large: 'That is too long for one message.',
  unknown_type: 'This server has no chat.',
  unreachable: 'The server does not answer.',
  read_only: 'Nothing can be kept just now. Try again later.',
};

const taskKey = (agent: string, id: string): string => `${agent} ${id}`;

const ACTIONS = ['start', 'pause', 'resume', 'cancel', 'retry'];

function deedFrom({ type, data, at }: RoomEvent, key: string, from: Party): Deed {
  const action = text(data['action']);
  const command = type === 'agent.command';
  const agent = text(data[command ? 'agent' : 'to']);
  return {
    is: command ? 'command' : 'handoff',
    key,
    at,
    from,
    agent: agent || null,
    action: ACTIONS.includes(action) ? action : '',
    reason: text(data['reason']),
  };
}

function taskFrom({ data, at }: RoomEvent, key: string, from: Party): Task {
  const state = text(data['state']) as TaskState;
  return {
    is: 'task',
    key,
    at,
    from,
    tool: data['kind'] === 'tool',
    title: text(data['title']),
    state: TASK_STATES.includes(state) ? state : 'running',
    progress: share(data['progress']),
    result: readable(data['result']),
    error: text(data['error']),
  };
}

/** A result may be anything; people read words. */
function readable(result: unknown): string {
  if (result === undefined || result === null || result === true) return '';
  return typeof result === 'string' ? result : JSON.stringify(result, null, 1);
}

/** Only addresses that a browser may open safely. */
function attachmentFrom(value: unknown): Attachment | null {
  const { name, url } = fields(value);
  return /^https?:\/\/\S+$/i.test(text(url)) ? { name: text(name) || text(url), url: text(url) } : null;
}

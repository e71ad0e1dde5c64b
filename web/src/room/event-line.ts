// The JSON socket beside the document's: what agents do, what is said, what is odd about the trip. Owned by the room.
// It comes back by itself and goes on behind the newest kept event that it heard, so that none is missed or heard twice.
// It never says anything about the document, and a page without it is still a whole planner: it fails in silence.

import { eventsAddress } from './address';
import { eventFrom, fields, idFrom, text, type Fields, type RoomEvent } from './event';
import type { Line, Pass } from './pass';
import { atLeast } from './role';

/** What was asked cannot be done. */
export class EventFailure extends Error {
  constructor(
    /** The server's word for it; `unreachable` when the line is cut. */
    readonly code: string,
    message: string,
    /** Whether the same may succeed later, and when at the earliest. */
    readonly retryable: boolean,
    readonly retryAfterMs: number,
  ) {
    super(message);
  }
}

type Hear = (event: RoomEvent) => void;
interface Waiting {
  resolve: (data: Fields) => void;
  reject: (why: EventFailure) => void;
}

/** Waits before the line is dialled again: from, to. */
const BACK_MS = [500, 30_000] as const;
/** A line on which nothing was heard for so many heartbeats is dead. */
const DEAD_BEATS = 2.5;
const HEARTBEAT_MS = 15_000;
/** Closed because of who I am: only a fresh ticket may help. */
const CODES_OF_ACCESS = [4401, 4403, 4404];
/** A line that answers nothing must not keep a question open. */
const PATIENCE_MS = 10_000;

export class EventLine {
  /** Is the line open, and was I greeted on it? */
  open = false;

  readonly #hear = new Map<string, Set<Hear>>();
  readonly #waiting = new Map<string, Waiting>();
  #socket: WebSocket | null = null;
  #line: Line | null = null;
  #usedTicket: string | null = null;
  #cursor: number | null = null;
  #asked = 0;
  #tries = 0;
  #dialling = false;
  #started = false;
  #closed = false;
  #again: ReturnType<typeof setTimeout> | undefined;
  #watch: ReturnType<typeof setTimeout> | undefined;
  #heartbeat = HEARTBEAT_MS;
  readonly #ends: (() => void)[] = [];

  constructor(
    readonly room: string,
    readonly me: string,
    readonly pass: Pass,
  ) {}

  /** Dials for the first time. */
  start(): void {
    if (this.#started || this.#closed) return;
    this.#started = true;
    const onNet = () => this.#hangUp();
    const comeBack = () => {
      if (document.visibilityState === 'visible' && !this.#socket) this.#redial(0);
    };
    addEventListener('offline', onNet);
    addEventListener('online', comeBack);
    document.addEventListener('visibilitychange', comeBack);
    this.#ends.push(
      () => removeEventListener('offline', onNet),
      () => removeEventListener('online', comeBack),
      () => document.removeEventListener('visibilitychange', comeBack),
      this.pass.subscribe(() => this.#mayDoMore()),
    );
    void this.#dial();
  }

  /** Hears every event of this type; `*` is of every type. */
  on(type: string, hear: Hear): () => void {
    const set = this.#hear.get(type) ?? new Set();
    this.#hear.set(type, set.add(hear));
    return () => set.delete(hear);
  }

  /** Says something that is answered; the answer's data. */
  ask(type: string, data: Fields): Promise<Fields> {
    return new Promise((resolve, reject) => {
      if (!this.open || !this.#socket) return reject(unreachable());
      const ref = String(++this.#asked);
      const patience = setTimeout(() => this.#settle(ref, (asked) => asked.reject(unreachable())), PATIENCE_MS);
      const done = () => clearTimeout(patience);
      this.#waiting.set(ref, {
        resolve: (answer) => (done(), resolve(answer)),
        reject: (why) => (done(), reject(why)),
      });
      this.#socket.send(JSON.stringify({ type, ref, data }));
    });
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#ends) end();
    this.#hangUp();
    clearTimeout(this.#again);
  }

  async #dial(): Promise<void> {
    if (this.#closed || this.#socket || this.#dialling) return;
    this.#dialling = true;
    clearTimeout(this.#again);
    this.#again = undefined;
    const line = await this.pass.line(this.#usedTicket);
    this.#dialling = false;
    if (this.#closed || !line) return;
    this.#line = line;
    const address = new URL(eventsAddress(this.room, line.events));
    address.searchParams.set('name', this.me);
    if (line.ticket) address.searchParams.set('token', line.ticket);
    if (this.#cursor !== null) address.searchParams.set('cursor', String(this.#cursor));
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.onmessage = ({ data }) => {
      if (this.#socket === socket) this.#read(data);
    };
    socket.onclose = ({ code }) => {
      if (this.#socket === socket) this.#cut(code);
    };
    this.#watchBeats();
  }

  #read(frame: unknown): void {
    this.#watchBeats();
    let said: unknown;
    try {
      said = JSON.parse(String(frame));
    } catch {
      return;
    }
    const event = eventFrom(said);
    if (!event) return;
    const ref = text(fields(said)['ref']);
    if (ref) return this.#answered(ref, event);
    if (event.type === 'room.welcome') this.#greeted(event);
    this.#remember(event.id);
    this.#tell(event);
  }

  #greeted({ data }: RoomEvent): void {
    this.#tries = 0;
    this.#usedTicket = null;
    const beat = data['heartbeat_ms'];
    if (typeof beat === 'number' && beat > 0) this.#heartbeat = beat;
    // On coming back what I missed follows; only at first is everything before it old.
    if (this.#cursor === null) this.#cursor = idFrom(data['cursor']);
    this.open = true;
  }

  #remember(id: number | null): void {
    if (id !== null && (this.#cursor === null || id > this.#cursor)) this.#cursor = id;
  }

  #answered(ref: string, { type, data }: RoomEvent): void {
    const failed = type === 'error' || type === 'doc.rejected';
    this.#settle(ref, (asked) => (failed ? asked.reject(failureFrom(data)) : asked.resolve(data)));
  }

  #settle(ref: string, how: (asked: Waiting) => void): void {
    const asked = this.#waiting.get(ref);
    this.#waiting.delete(ref);
    if (asked) how(asked);
  }

  #tell(event: RoomEvent): void {
    for (const type of [event.type, '*']) for (const hear of [...(this.#hear.get(type) ?? [])]) hear(event);
  }

  #cut(code: number): void {
    this.#socket = null;
    this.open = false;
    clearTimeout(this.#watch);
    for (const ref of [...this.#waiting.keys()]) this.#settle(ref, (asked) => asked.reject(unreachable()));
    this.#tell({ type: 'line.cut', id: null, at: Date.now(), from: null, data: {} });
    if (CODES_OF_ACCESS.includes(code)) this.#usedTicket = this.#line?.ticket ?? null;
    const [least, most] = BACK_MS;
    const noUse = code >= 4400 && code < 4500 && !CODES_OF_ACCESS.includes(code);
    this.#redial(noUse ? most : Math.min(most, least * 2 ** this.#tries++) * (0.75 + Math.random() / 2));
  }

  #redial(wait: number): void {
    if (this.#closed || !this.#started) return;
    clearTimeout(this.#again);
    this.#again = setTimeout(() => void this.#dial(), wait);
  }

  #hangUp(): void {
    const socket = this.#socket;
    if (!socket) return;
    socket.close();
    this.#cut(1000);
  }

  #watchBeats(): void {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#hangUp(), this.#heartbeat * DEAD_BEATS);
  }

  /** A ticket holds no more than the role it was made for. */
  #mayDoMore(): void {
    const { ticketRole } = this.pass;
    const held = this.#line?.role;
    if (!this.#socket || !ticketRole || !held || atLeast(held, ticketRole)) return;
    this.#usedTicket = this.#line!.ticket;
    this.#hangUp();
    this.#redial(0);
  }
}

const unreachable = () => new EventFailure('unreachable', 'The server does not answer.', true, 0);

const failureFrom = (data: Fields): EventFailure => {
  const wait = data['retry_after_ms'];
  return new EventFailure(text(data['code']) || 'unknown', text(data['message']), data['retryable'] === true, typeof wait === 'number' ? wait : 0);
};

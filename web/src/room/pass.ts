// This tab's right to be in one trip: from a token to a role and to tickets for the socket. Opened and closed by the
// trip page; the room dials with it, views show by it what one may do. It follows every change that it hears of:
// nobody polls, but whoever hears that something may have changed calls `recheck`.
// The token itself goes to the REST alone, never into the address of a socket.

import { ApiFailure, bootstrap, changeRole, removeMember, renewTicket, roomWantsToken, shareTicket, type Ticket } from './api';
import { atLeast, isGuest, type Member, type Role, type Standing } from './role';
import { recallInTab, rememberInTab } from './tab';
import { tokenFor } from './tokens';

/** Why one is not let in. */
export type Barred = 'no-token' | 'run-out' | 'bad-token' | 'not-yours' | 'lost' | 'left';

export interface Bar {
  why: Barred;
  /** The server's sentence, where it gave one. */
  reason: string;
}

/** A way to the room's sockets: where they are when the server says so, and the ticket for them when one is needed. */
export interface Line {
  socket: string | null;
  events: string | null;
  ticket: string | null;
  role: Role | null;
}

/** After so long without an answer the page shows what it has. */
const SLOW_MS = 2500;
/** Hints that something changed are gathered for as long. */
const RECHECK_MS = 1000;
/** Waits between questions to a server that does not answer: from, to. */
const REST_MS = [1000, 30_000] as const;
/** A ticket is renewed when this much of its life is over. */
const RENEW_AT = 0.75;
/** A ticket that holds hardly longer than the one before says that there is an end. */
const NO_GAIN_MS = 1500;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export class Pass {
  /** Null: this tab has none, or the server asks for none. */
  token: string | null;
  /** What I may do; kept from earlier in this tab until the server answers. Null: nobody said, all may do all. */
  standing: Standing | null;
  bar: Bar | null = null;
  /** The server could not be asked, or takes its time. */
  away = false;
  /** When I have to leave, once it is known that there is no new ticket for me. */
  ends: number | null = null;
  /** Told when I have changed somebody's role or taken them off. */
  onMembersChanged: () => void = () => {};

  readonly #listeners = new Set<() => void>();
  #ticket: Ticket | null = null;
  #socket: string | null = null;
  #events: string | null = null;
  #asking: Promise<Ticket | null> | null = null;
  #asked = 0;
  #resting: Promise<void> | null = null;
  #wakeUp: () => void = () => {};
  #restAtLeast = 0;
  #recheck: ReturnType<typeof setTimeout> | undefined;
  #renewal: ReturnType<typeof setTimeout> | undefined;
  #closed = false;

  constructor(readonly room: string) {
    this.token = tokenFor(room);
    this.standing = this.token === null ? null : keptStanding(room, this.token);
    addEventListener('online', this.wake);
    document.addEventListener('visibilitychange', this.wake);
  }

  /** Is it still open under which name I come in? */
  get asking(): boolean {
    return this.token !== null && !this.standing && !this.bar && !this.away;
  }

  /** The name that my sign-in carries; guests choose their own. */
  get name(): string | null {
    return this.standing && !isGuest(this.standing.me) ? this.standing.me.name : null;
  }

  /** As which member others may know me. */
  get memberId(): string | null {
    return this.standing && !isGuest(this.standing.me) ? this.standing.me.id : null;
  }

  get mayEdit(): boolean {
    return this.#may('editor');
  }

  get mayComment(): boolean {
    return this.#may('commenter');
  }

  get mayLookAfter(): boolean {
    return this.#may('admin');
  }

  /** What the newest ticket is good for. */
  get ticketRole(): Role | null {
    return this.#ticket?.role ?? null;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Asks for the first time, or again after being turned away. */
  start(): void {
    this.bar = null;
    if (this.token === null) void this.#askWhetherOpen();
    else void this.#answer();
    this.#tell();
  }

  /** Asks once what I may do now, and for a ticket. There is one question under way at most. */
  ask(): Promise<Ticket | null> {
    return (this.#asking ??= this.#askOnce().finally(() => (this.#asking = null)));
  }

  /** My rights may have changed: asks soon, once for many hints. */
  recheck(): void {
    if (this.token === null) return;
    const wait = Math.max(0, this.#asked + RECHECK_MS - Date.now());
    this.#recheck ??= setTimeout(() => {
      this.#recheck = undefined;
      void this.#answer();
    }, wait);
  }

  /** A way to the socket with another ticket than the one that is used up. Waits for a server that does not answer; null when barred. */
  async line(used: string | null): Promise<Line | null> {
    const held = this.#ticket;
    const usable = held && held.ticket !== used && held.expires > Date.now();
    const ticket = usable ? held : await this.#answer();
    if (ticket) return { socket: this.#socket, events: this.#events, ticket: ticket.ticket, role: ticket.role };
    return this.token !== null || this.bar ? null : { socket: null, events: null, ticket: null, role: null };
  }

  /** Stops waiting for a server that did not answer: perhaps it does now. */
  readonly wake = (): void => {
    if (document.visibilityState === 'visible') this.#wakeUp();
  };

  /** I am not let in, or not any more. Who left is not told that they were taken off. */
  barred(why: Barred, reason: string): void {
    if (this.bar?.why === 'left') return;
    this.bar = { why, reason };
    this.#tell();
  }

  share(role: Role): Promise<Ticket> {
    return this.#asMember((token) => shareTicket(this.room, token, role));
  }

  async changeRole(member: Member, role: Role): Promise<void> {
    await this.#asMember((token) => changeRole(this.room, token, member.principal, role));
    this.#setMembers((members) => members.map((one) => (one.principal === member.principal ? { ...one, role } : one)));
  }

  async remove(member: Member): Promise<void> {
    await this.#asMember((token) => removeMember(this.room, token, member.principal));
    this.#setMembers((members) => members.filter((one) => one.principal !== member.principal));
  }

  async leave(): Promise<void> {
    const me = this.standing!.me.id;
    await this.#asMember((token) => removeMember(this.room, token, me));
    this.barred('left', '');
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#recheck);
    clearTimeout(this.#renewal);
    this.#wakeUp();
    removeEventListener('online', this.wake);
    document.removeEventListener('visibilitychange', this.wake);
  }

  async #askWhetherOpen(): Promise<void> {
    if ((await roomWantsToken(this.room)) && !this.#closed) this.barred('no-token', '');
  }

  /** Asks until there is an answer; null when it is no. */
  async #answer(): Promise<Ticket | null> {
    let ticket: Ticket | null = null;
    for (let tries = 0; !ticket && this.token !== null && !this.#closed && !this.bar; tries++) {
      if (tries > 0) await this.#rest(tries);
      ticket = await this.ask();
    }
    return ticket;
  }

  async #askOnce(): Promise<Ticket | null> {
    const slow = setTimeout(() => this.#setAway(true), SLOW_MS);
    this.#asked = Date.now();
    try {
      const entrance = await bootstrap(this.room, this.token!);
      if (!entrance.standing) return this.#openToAll();
      const ticket = entrance.ticket ?? (await renewTicket(this.room, this.token!));
      if (this.#closed) return null;
      this.bar = null;
      this.away = false;
      this.#restAtLeast = 0;
      this.#socket = entrance.socket;
      this.#events = entrance.events;
      this.#hold(ticket);
      this.#take(entrance.standing);
      return ticket;
    } catch (failure) {
      if (!(failure instanceof ApiFailure)) throw failure;
      // A trip that nobody has written to yet is not there, also where everybody may write.
      if (failure.status === 404 && (await roomWantsToken(this.room)) === false) return this.#openToAll();
      if (this.#closed) return null;
      this.#restAtLeast = failure.retryAfterMs ?? 0;
      if (failure.passing) this.#setAway(true);
      else this.barred(whyNot(failure, this.standing), failure.detail);
      return null;
    } finally {
      clearTimeout(slow);
    }
  }

  /** The server asks nobody who they are: a token is not wanted. */
  #openToAll(): null {
    this.token = this.standing = null;
    this.away = false;
    this.#tell();
    return null;
  }

  /** Does something in the server; a no may mean that my rights are not what I think. */
  async #asMember<T>(call: (token: string) => Promise<T>): Promise<T> {
    try {
      return await call(this.token!);
    } catch (failure) {
      if (failure instanceof ApiFailure && !failure.passing) this.recheck();
      throw failure;
    }
  }

  #hold(ticket: Ticket): void {
    this.#ticket = ticket;
    this.ends = null;
    this.#renewAfter((ticket.expires - Date.now()) * RENEW_AT);
  }

  #renewAfter(wait: number): void {
    clearTimeout(this.#renewal);
    this.#renewal = setTimeout(() => void this.#renew(), Math.min(Math.max(wait, REST_MS[0]), LONGEST_TIMER_MS));
  }

  async #renew(): Promise<void> {
    const before = this.#ticket!;
    try {
      const ticket = await renewTicket(this.room, this.token!);
      if (this.#closed) return;
      if (ticket.expires - before.expires > NO_GAIN_MS) this.#hold(ticket);
      else this.ends = before.expires;
      this.#tell();
      if (ticket.role !== this.standing?.role) this.recheck();
    } catch (failure) {
      if (this.#closed || before.expires <= Date.now()) return;
      if (!(failure instanceof ApiFailure)) throw failure;
      if (failure.passing) this.#renewAfter((before.expires - Date.now()) / 2);
      else this.ends = before.expires;
      this.#tell();
    }
  }

  #rest(tries: number): Promise<void> {
    const [least, most] = REST_MS;
    const wait = Math.min(most, least * 2 ** (tries - 1)) * (0.75 + Math.random() / 2);
    return (this.#resting ??= new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#resting = null;
        this.#wakeUp = () => {};
        resolve();
      };
      const timer = setTimeout(done, Math.max(wait, this.#restAtLeast));
      this.#wakeUp = done;
    }));
  }

  #may(least: Role): boolean {
    return !this.standing || atLeast(this.standing.role, least);
  }

  #setMembers(change: (members: Member[]) => Member[]): void {
    if (this.standing) this.#take({ ...this.standing, members: change(this.standing.members) });
    this.onMembersChanged();
  }

  #take(standing: Standing): void {
    this.standing = standing;
    rememberInTab(standingKey(this.room), JSON.stringify({ standing, for: fingerprint(this.token!) }));
    this.#tell();
  }

  #setAway(away: boolean): void {
    this.away = away;
    this.#tell();
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

const standingKey = (room: string) => `standing.${encodeURIComponent(room)}`;
/** Tells one token from another. */
const fingerprint = (token: string) => token.slice(-12);

function keptStanding(room: string, token: string): Standing | null {
  try {
    const kept = JSON.parse(recallInTab(standingKey(room)) ?? '{}') as { standing?: Standing; for?: string };
    return kept.for === fingerprint(token) ? (kept.standing ?? null) : null;
  } catch {
    return null;
  }
}

function whyNot({ status, code }: ApiFailure, before: Standing | null): Barred {
  if (status === 401) return code === 'token_expired' ? 'run-out' : 'bad-token';
  return before ? 'lost' : 'not-yours';
}

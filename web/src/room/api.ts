// The server's REST as this page uses it: typed answers, one kind of failure. Called by the pass and the start page.
// A token goes into the Authorization header and nowhere else. Nothing is kept here, and nothing tried twice.

import { eventFrom, idFrom, type RoomEvent } from './event';
import { roleFrom, type Member, type Principal, type Role, type Standing } from './role';

/** A way in for a short while, or for a guest. */
export interface Ticket {
  ticket: string;
  role: Role;
  /** By this device's clock, in ms since 1970. */
  expires: number;
}

/** What one learns on coming in; the trip itself comes over the socket. */
export interface Entrance {
  /** Null where nobody is asked who they are: everybody may do everything. */
  standing: Standing | null;
  ticket: Ticket | null;
  /** Where the document's socket is, and that of events, as the server calls itself. */
  socket: string | null;
  events: string | null;
}

/** The server said no, or nothing. */
export class ApiFailure extends Error {
  constructor(
    /** The HTTP status; 0 when there was no answer. */
    readonly status: number,
    /** The server's stable name for what is wrong. */
    readonly code: string,
    /** Its sentence about it. */
    readonly detail: string,
    readonly retryAfterMs: number | null = null,
  ) {
    super(`${status} ${code}`);
  }

  /** Nothing was decided: ask again later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** A line that answers nothing must not hold the page for longer. */
const PATIENCE_MS = 8000;

/** A link should outlast the evening on which it is sent; the server says how long it really works. */
const LINK_S = 90 * 24 * 3600;

const roomPath = (room: string) => `/v1/rooms/${encodeURIComponent(room)}`;

/** Does the server want a token? Null when it cannot be asked. */
export async function wantsToken(path = '/v1/rooms?limit=1'): Promise<boolean | null> {
  try {
    const answer = await fetch(path, { signal: AbortSignal.timeout(PATIENCE_MS) });
    void answer.body?.cancel();
    if (answer.status === 401) return true;
    return answer.status === 429 || answer.status >= 500 ? null : false;
  } catch {
    return null;
  }
}

export const roomWantsToken = (room: string): Promise<boolean | null> => wantsToken(roomPath(room));

export async function bootstrap(room: string, token: string): Promise<Entrance> {
  const { body, clockAhead } = await call('GET', roomPath(room), token);
  if (body['settings'] === null) return { standing: null, ticket: null, socket: null, events: null };
  const first = memberPageFrom(body['members']);
  return {
    standing: {
      role: roleFrom(body['role']),
      me: principalFrom(fields(body['me'])),
      members: [...first.members, ...(await membersAfter(room, token, first.next))],
      editorsMayInvite: fields(body['settings'])['editors_may_invite'] === true,
    },
    ticket: body['ticket'] ? ticketFrom(fields(body['ticket']), clockAhead) : null,
    socket: text(fields(body['sockets'])['yjs']),
    events: text(fields(body['sockets'])['events']),
  };
}

/** What does not fit into the bootstrap. */
async function membersAfter(room: string, token: string, cursor: string | null): Promise<Member[]> {
  const members: Member[] = [];
  for (let next = cursor; next !== null; ) {
    const { body } = await call('GET', `${roomPath(room)}/members?limit=200&cursor=${encodeURIComponent(next)}`, token);
    const page = memberPageFrom(body);
    members.push(...page.members);
    next = page.next;
  }
  return members;
}

/** Makes a trip of which the caller is the owner. */
export async function createRoom(token: string, room: string, trip: Record<string, string>): Promise<void> {
  const filled = Object.entries(trip).filter(([, value]) => value !== '');
  await call('POST', '/v1/rooms', token, { id: room, ...Object.fromEntries(filled) }, { 'idempotency-key': room });
}

/** A ticket for myself with the role that I have. */
export const renewTicket = (room: string, token: string): Promise<Ticket> => issueTicket(room, token, {});

/** A ticket for whoever gets the link, for as long as the server allows. */
export const shareTicket = (room: string, token: string, role: Role): Promise<Ticket> =>
  issueTicket(room, token, { role, share: true, ttl_s: LINK_S });

async function issueTicket(room: string, token: string, request: object): Promise<Ticket> {
  const { body, clockAhead } = await call('POST', `${roomPath(room)}/tickets`, token, request);
  return ticketFrom(body, clockAhead);
}

export async function changeRole(room: string, token: string, principal: string, role: Role): Promise<void> {
  await call('PATCH', `${roomPath(room)}/members/${encodeURIComponent(principal)}`, token, { role });
}

export async function removeMember(room: string, token: string, principal: string): Promise<void> {
  await call('DELETE', `${roomPath(room)}/members/${encodeURIComponent(principal)}`, token);
}

/** Part of a room's log. */
export interface EventPage {
  events: RoomEvent[];
  /** What is before this one, if anything, is not in it. */
  oldest: number;
  more: boolean;
}

/** The newest events of these types before this one, at most so many. */
export async function eventsBefore(room: string, token: string | null, before: number, types: readonly string[], limit: number): Promise<EventPage> {
  const { body } = await call('GET', `${roomPath(room)}/events?before=${before}&type=${types.join(',')}&limit=${limit}`, token);
  const events = (Array.isArray(body['events']) ? body['events'] : []).map(eventFrom).filter((event) => event !== null);
  const oldest = idFrom(body['cursor']) ?? before;
  return { events, oldest, more: oldest < before && oldest > (idFrom(body['first']) ?? oldest) };
}

interface Answer {
  body: Record<string, unknown>;
  /** How far the server's clock is ahead of this device's, in ms. */
  clockAhead: number;
}

async function call(method: string, path: string, token: string | null, body?: object, headers?: Record<string, string>): Promise<Answer> {
  let answer: Response;
  let content: Record<string, unknown>;
  try {
    answer = await fetch(path, {
      method,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...(body && { 'content-type': 'application/json' }), ...headers },
      signal: AbortSignal.timeout(PATIENCE_MS),
      ...(body && { body: JSON.stringify(body) }),
    });
    const written = await answer.text();
    content = /\bjson\b/.test(answer.headers.get('content-type') ?? '') ? fields(JSON.parse(written)) : {};
  } catch {
    throw new ApiFailure(0, 'unreachable', 'The server does not answer.');
  }
  if (!answer.ok) throw failureFrom(answer, content);
  return { body: content, clockAhead: clockAheadOf(answer) };
}

/** The header tells whole seconds: a difference that could be its rounding is none. */
function clockAheadOf(answer: Response): number {
  const ahead = Date.parse(answer.headers.get('date') ?? '') + 500 - Date.now();
  return Math.abs(ahead) < 2000 || Number.isNaN(ahead) ? 0 : ahead;
}

function failureFrom(answer: Response, problem: Record<string, unknown>): ApiFailure {
  const seconds = Number(answer.headers.get('retry-after') ?? NaN);
  const wait = Number.isNaN(seconds) ? null : seconds * 1000;
  return new ApiFailure(answer.status, text(problem['code']) ?? 'unknown', text(problem['detail']) ?? '', wait);
}

function ticketFrom(body: Record<string, unknown>, clockAhead: number): Ticket {
  const expires = Date.parse(text(body['expires_at']) ?? '');
  if (typeof body['ticket'] !== 'string' || Number.isNaN(expires)) throw new ApiFailure(0, 'unreadable', 'The server sent no ticket.');
  return { ticket: body['ticket'], role: roleFrom(body['role']), expires: expires - clockAhead };
}

const fields = (value: unknown): Record<string, unknown> => (typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {});
const text = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);
const kindFrom = (value: unknown): 'user' | 'agent' => (value === 'agent' ? 'agent' : 'user');

const principalFrom = (body: Record<string, unknown>): Principal => ({
  id: text(body['id']) ?? '',
  kind: kindFrom(body['kind']),
  name: text(body['name']),
});

/** Part of the list of members; empty for those who may not see it. */
function memberPageFrom(page: unknown): { members: Member[]; next: string | null } {
  const { items, next } = fields(page);
  const list = Array.isArray(items) ? items.map(fields) : [];
  const members = list.map((body) => ({
    principal: text(body['principal']) ?? '',
    kind: kindFrom(body['kind']),
    name: text(body['name']),
    role: roleFrom(body['role']),
  }));
  return { members, next: text(next) };
}

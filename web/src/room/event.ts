// One event as the server says it, on the JSON socket and in the log: read leniently into what this page works with.
// Used by the event line and everything that listens to it. What is missing is empty; nothing is believed to be there.

export type Fields = Record<string, unknown>;

/** A person or an agent. */
export interface Party {
  id: string;
  name: string;
  agent: boolean;
}

export interface RoomEvent {
  type: string;
  /** Its place in the room's log, rising by one; null: it is not kept. */
  id: number | null;
  /** When, in ms since 1970 by the server's clock. */
  at: number;
  /** Null: the server. */
  from: Party | null;
  data: Fields;
}

/** Null when this is none. */
export function eventFrom(value: unknown): RoomEvent | null {
  const { type, id, at, from, data } = fields(value);
  if (typeof type !== 'string') return null;
  const when = Date.parse(text(at));
  return { type, id: idFrom(id), at: Number.isNaN(when) ? Date.now() : when, from: partyFrom(from), data: fields(data) };
}

export function partyFrom(value: unknown): Party | null {
  const { id, kind, name } = fields(value);
  if (typeof id !== 'string' || id === '') return null;
  return { id, name: text(name) || bareName(id), agent: kind === 'agent' || isAgent(id) };
}

export const isAgent = (id: string): boolean => id.startsWith('agent:');

/** What an id says when nobody gave a name. */
export const bareName = (id: string): string => id.replace(/^(agent|guest):/, '');

/** The number of an event, which is written as text; null when it is none. */
export const idFrom = (value: unknown): number | null => {
  const id = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof id === 'number' && Number.isSafeInteger(id) ? id : null;
};

export const fields = (value: unknown): Fields => (typeof value === 'object' && value !== null ? (value as Fields) : {});
export const list = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);
export const text = (value: unknown): string => (typeof value === 'string' ? value : '');
/** A share from 0 to 1, or null. */
export const share = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) ? Math.min(1, Math.max(0, value)) : null;

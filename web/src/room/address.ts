// Room ids and the links that carry them. Used by the pages and the room itself.
// Any string is a valid id; it is percent-encoded wherever it stands in an address.

const PREFIX = '/trip/';
const BASE32 = 'abcdefghijkmnpqrstuvwxyz23456789';

/** The room that this path names, or null for the start page. */
export function roomFromPath(path: string): string | null {
  if (!path.startsWith(PREFIX) || path.length === PREFIX.length) return null;
  const raw = path.slice(PREFIX.length);
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw; // A malformed escape is part of the name, as the server reads it too.
  }
}

export function pathOfRoom(room: string): string {
  return PREFIX + encodeURIComponent(room);
}

/**
 * Where a room's socket is: as the server says, else beside this page. A page that came over TLS never dials without,
 * whatever a server behind a proxy believes it is called.
 */
export function yjsAddress(room: string, told: string | null): { server: string; path: string } {
  const at = told?.indexOf('/yjs/') ?? -1;
  if (!told || at === -1) return { server: `${location.origin.replace(/^http/, 'ws')}/yjs`, path: encodeURIComponent(room) };
  const server = told.slice(0, at + 4);
  return { server: location.protocol === 'https:' ? server.replace(/^ws:/, 'wss:') : server, path: told.slice(at + 5) };
}

/** Where a room's JSON socket is: as the server says, else beside this page; over TLS as above. */
export function eventsAddress(room: string, told: string | null): string {
  const here = `${location.origin.replace(/^http/, 'ws')}/v1/rooms/${encodeURIComponent(room)}/socket`;
  if (!told || !/^wss?:/.test(told)) return here;
  return location.protocol === 'https:' ? told.replace(/^ws:/, 'wss:') : told;
}

/** Readable, then unguessable: the title's words and 60 random bits. */
export function newRoomId(title: string): string {
  const words = title
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 32)
    .replace(/-+$/, '');
  const random = Array.from(crypto.getRandomValues(new Uint8Array(12)), (byte) => BASE32[byte & 31]);
  return `${words || 'trip'}-${random.join('')}`;
}

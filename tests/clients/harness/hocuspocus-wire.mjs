// Frames of the Hocuspocus protocol: a document's address, a type and a body. Read for the tests that look at
// what is said, and built by hand for what no client would say.

import * as decoding from 'lib0/decoding';
import { pack } from './wire.mjs';

export const Type = {
  Sync: 0, Awareness: 1, Auth: 2, QueryAwareness: 3, SyncReply: 4, Stateless: 5, BroadcastStateless: 6, Close: 7, SyncStatus: 8, Ping: 9, Pong: 10,
};

/** What each generation of the client can read; anything else it throws on, or complains of. */
export const readable = {
  2: [Type.Sync, Type.Awareness, Type.Auth, Type.QueryAwareness, Type.Stateless, Type.SyncStatus],
  3: [Type.Sync, Type.Awareness, Type.Auth, Type.QueryAwareness, Type.Stateless, Type.SyncStatus, Type.Close],
  4: [Type.Sync, Type.Awareness, Type.Auth, Type.QueryAwareness, Type.Stateless, Type.SyncStatus, Type.Close, Type.Ping],
};

const sized = (body) => pack(body.length, body);

/** Numbers, strings and bytes behind a document's address. */
export const framed = (name, ...parts) => pack(name, ...parts);

export const auth = (name, token) => framed(name, Type.Auth, 0, token);
/** As version 4 sends it. */
export const auth4 = (name, token) => framed(name, Type.Auth, 0, token, '4.8.0');
export const step1 = (name, vector = pack(0)) => framed(name, Type.Sync, 0, sized(vector));
export const step2 = (name, update) => framed(name, Type.Sync, 1, sized(update));
export const update = (name, body) => framed(name, Type.Sync, 2, sized(body));
export const stateless = (name, text) => framed(name, Type.Stateless, text);
export const close = (name) => framed(name, Type.Close);
export const PING = pack(Type.Ping);
export const PONG = pack(Type.Pong);

/** Presence of `[client, clock, json]` entries. */
export const awareness = (name, entries) => framed(name, Type.Awareness, sized(pack(entries.length, ...entries.flat())));

/**
 * Reads a frame: `{ name, type, … }` with `sub` and `body` of a Sync, `entries` of an Awareness, `sub` and
 * `text` of an Auth, `text` of a Stateless or Close, `status` of a SyncStatus.
 */
export function read(data) {
  const frame = new Uint8Array(data);
  if (frame.length === 1) return { name: null, type: frame[0] };
  const decoder = decoding.createDecoder(frame);
  const name = decoding.readVarString(decoder);
  const type = decoding.readVarUint(decoder);
  const text = () => (decoding.hasContent(decoder) ? decoding.readVarString(decoder) : null);
  switch (type) {
    case Type.Sync:
    case Type.SyncReply: return { name, type, sub: decoding.readVarUint(decoder), body: decoding.readVarUint8Array(decoder) };
    case Type.Awareness: return { name, type, body: decoding.readVarUint8Array(decoder) };
    case Type.Auth: return { name, type, sub: decoding.readVarUint(decoder), text: text(), version: text() };
    case Type.Stateless:
    case Type.Close: return { name, type, text: text() };
    case Type.SyncStatus: return { name, type, status: decoding.readVarInt(decoder) };
    default: return { name, type };
  }
}

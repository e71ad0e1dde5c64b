// Frames of the y-websocket protocol, built by hand: right ones for probes, and the pieces from which the
// hostile tests make wrong ones.

import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';

/** Bytes written by `write`, which gets an encoder. */
export function bytes(write) {
  const encoder = encoding.createEncoder();
  write(encoder);
  return encoding.toUint8Array(encoder);
}

/** Numbers become varints, strings varStrings, byte arrays are copied as they are. */
export const pack = (...parts) => bytes((encoder) => {
  for (const part of parts) {
    if (typeof part === 'number') encoding.writeVarUint(encoder, part);
    else if (typeof part === 'string') encoding.writeVarString(encoder, part);
    else encoding.writeUint8Array(encoder, part);
  }
});

const sized = (body) => pack(body.length, body);

export const step1 = (vector) => pack(0, 0, sized(vector));
export const step2 = (update) => pack(0, 1, sized(update));
export const update = (body) => pack(0, 2, sized(body));
export const EMPTY_STEP1 = step1(pack(0));
export const QUERY_AWARENESS = pack(3);

/** A presence message of `[client, clock, json]` entries. */
export const awareness = (entries) => presence(pack(entries.length, ...entries.flat()));
/** A presence message with any body. */
export const presence = (body) => pack(1, sized(body));

/** y-sweet's question whether everything up to `version` is durable. */
export const probe = (version) => pack(102, sized(pack(version)));

/** Reads a frame of the server: `{ type, sub, body }`, where `sub` and `body` are those of its kind. */
export function read(frame) {
  const decoder = decoding.createDecoder(frame);
  const type = decoding.readVarUint(decoder);
  if (type === 0) return { type, sub: decoding.readVarUint(decoder), body: decoding.readVarUint8Array(decoder) };
  if (type === 1 || type === 102) return { type, body: decoding.readVarUint8Array(decoder) };
  return { type, body: frame.subarray(decoder.pos) };
}

/** The entries of a presence message's body. */
export function entries(body) {
  const decoder = decoding.createDecoder(body);
  return Array.from({ length: decoding.readVarUint(decoder) }, () => ({
    client: decoding.readVarUint(decoder),
    clock: decoding.readVarUint(decoder),
    state: JSON.parse(decoding.readVarString(decoder)),
  }));
}

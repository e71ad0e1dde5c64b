// Updates that a broken or hostile client could send: each is made to break a reader of Yjs updates, and
// none of them comes from a real client. Byte layouts are those of the v1 encoding.

import * as encoding from 'lib0/encoding';
import { bytes, pack } from './wire.mjs';

const GC = 0;
const STRING = 4;
const TYPE = 7;
const ANY = 8;
const DOC = 9;
const NO_DELETES = pack(0);
const MAP_KEY = 0x20;
const IN_ROOT = 1;

/** An update of one client: `structs` raw structs from `clock` on. */
const single = (structs, { client = 77, clock = 0, count = 1 } = {}) => pack(1, count, client, clock, structs, NO_DELETES);

/** A struct of `kind` at the start of the root `list`. */
const inRoot = (kind, content) => pack(bytes((e) => encoding.writeUint8(e, kind)), IN_ROOT, 'list', content);

const ARRAY_OF_ONE = Uint8Array.of(117, 1);
const repeat = (part, times) => Buffer.concat(Array(times).fill(part));

/** One value: arrays in arrays, `depth` deep. */
const nestedValue = (depth) => single(inRoot(ANY, pack(1, repeat(ARRAY_OF_ONE, depth), Uint8Array.of(126))));

/** Shared arrays in arrays, `depth` deep, each the child of the struct before it. */
function nestedTypes(depth, client) {
  const child = (clock) => pack(Uint8Array.of(TYPE), 0, client, clock, 0);
  const structs = [inRoot(TYPE, pack(0))];
  for (let clock = 0; clock < depth - 1; clock += 1) structs.push(child(clock));
  return pack(1, depth, client, 0, Buffer.concat(structs), NO_DELETES);
}

/** Clients that have nothing to say. */
const emptyClients = (count) => pack(count, Buffer.concat(Array.from({ length: count }, (_, n) => pack(0, n + 1, 0))), NO_DELETES);

/** Many clients that all set one key of one map: valid, and dear to apply. */
const manyAuthors = (count) => pack(count, Buffer.concat(Array.from({ length: count }, (_, n) => pack(
  1, n + 1, 0, Uint8Array.of(ANY | MAP_KEY), IN_ROOT, 'map', 'key', 1, Uint8Array.of(126),
))), NO_DELETES);

const HUGE = pack(2 ** 27);

/** Name and body of updates that must be refused: the one who sends them is sent away for good. */
export const refused = [
  ['values nested 6,500 deep', nestedValue(6_500)],
  ['values nested 200 deep', nestedValue(200)],
  ['shared types nested 3,000 deep', nestedTypes(3_000, 5)],
  ['shared types nested 8,000 deep', nestedTypes(8_000, 6)],
  ['a count of 2^27 clients', HUGE],
  ['a count of 2^27 structs', pack(1, HUGE)],
  ['a count of 2^27 values', single(inRoot(ANY, HUGE))],
  ['a count of 2^27 deletes', pack(0, HUGE)],
  ['a count of 2^27 deletes of one client', pack(0, 1, 7, HUGE)],
  ['a string of 2^27 bytes that are not there', single(inRoot(STRING, HUGE))],
  ['23,000 clients with nothing to say', emptyClients(23_000)],
  ['32,000 clients setting one key', manyAuthors(32_000)],
  ['one client twice', pack(2, repeat(pack(1, 9, 0, inRoot(STRING, pack('x'))), 2), NO_DELETES)],
  ['a clock of 2^32 - 2', single(inRoot(STRING, pack('abcdef')), { clock: 2 ** 32 - 2 })],
  ['a clock of 2^32 + 7', single(inRoot(STRING, pack('x')), { clock: 2 ** 32 + 7 })],
  ['a collected run up to 2^32', single(pack(Uint8Array.of(GC), 2 ** 32 - 1))],
  ['a run of length zero', single(pack(Uint8Array.of(GC), 0))],
  ['a client id of 2^53', single(inRoot(STRING, pack('x')), { client: 2 ** 53 - 1 + 1 })],
  ['a deleted range beyond 2^32', pack(0, 1, 7, 1, 2 ** 32 - 3, 9)],
  ['a neighbour at clock 2^32 - 1', single(pack(Uint8Array.of(STRING | 0x80), 7, 2 ** 32 - 1, 'x'))],
  ['a left neighbour that is its own successor', single(pack(Uint8Array.of(STRING | 0x80), 77, 9, 'x'))],
  ['a right neighbour that is its own successor', single(pack(Uint8Array.of(STRING | 0x40), 77, 9, 'x'))],
  ['a left neighbour that is itself', single(pack(Uint8Array.of(STRING | 0x80), 77, 0, 'x'))],
  ['a parent that is its own successor', single(pack(Uint8Array.of(STRING), 0, 77, 9, 'x'))],
  ['text that is not UTF-8', single(inRoot(STRING, Uint8Array.of(2, 0xc3, 0x28)))],
  ['an unknown kind of content', single(Uint8Array.of(15, 1, 1, 97, 0))],
  ['a kind of content with a bit that has no meaning', single(inRoot(STRING | 0x10, pack('x')))],
  ['an unknown kind of shared type', single(inRoot(TYPE, pack(11)))],
  ['an unknown kind of value', single(inRoot(ANY, Uint8Array.of(1, 3)))],
  ['a subdocument with values nested 6,500 deep', single(inRoot(DOC, pack('guid', repeat(ARRAY_OF_ONE, 6_500), Uint8Array.of(126))))],
  ['a varint without an end', Buffer.alloc(40, 0xff)],
  ['an update cut short', single(inRoot(STRING, pack('cut short'))).subarray(0, 12)],
  ['nothing at all', new Uint8Array(0)],
];

/**
 * `count` blocks of one client in the root `t`, each right behind the one before: pieces of text, or values of a list.
 */
export function oneByOne(kind, count, client = 4_001) {
  const [reference, length, content] = kind === 'text' ? [4, 16, pack('abcdefghijklmnop')] : [8, 1, pack(1, Uint8Array.of(126))];
  const structs = Array.from({ length: count }, (_, n) => (n === 0
    ? pack(Uint8Array.of(reference), 1, 't', content)
    : pack(Uint8Array.of(0x80 | reference), client, n * length - 1, content)));
  return pack(1, count, client, 0, Buffer.concat(structs), NO_DELETES);
}

/**
 * Shared types nested `depth` deep in pieces of `step`, each piece harmless by itself: `[update, …]`.
 */
export function nestedInPieces(depth, step, client = 4_000) {
  const pieces = [];
  for (let from = 0; from < depth; from += step) {
    const structs = Array.from({ length: step }, (_, n) => (from + n === 0
      ? inRoot(TYPE, pack(0))
      : pack(Uint8Array.of(TYPE), 0, client, from + n - 1, 0)));
    pieces.push(pack(1, step, client, from, Buffer.concat(structs), NO_DELETES));
  }
  return pieces;
}

// A thousand mutations of real frames, from a seed. Whatever becomes of the stranger who sends them, the
// honest pair in the room goes on and the server lives.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { Bystanders } from './harness/bystanders.mjs';
import { edits13, scribble } from './harness/edits.mjs';
import { isRefusal, RawClient } from './harness/raw.mjs';
import { randomFor } from './harness/random.mjs';
import { serveSuite } from './harness/server.mjs';
import { EMPTY_STEP1, pack, presence, probe, step1, step2, update } from './harness/wire.mjs';

const MUTATIONS = 1_000;

describe('fuzz', () => {
  const server = serveSuite();

  test(`${MUTATIONS} mutated frames`, async (t) => {
    const random = randomFor(t);
    const frames = realFrames(random);
    const honest = await Bystanders.in(t, server, 'fuzz');
    const codes = {};
    let stranger = await RawClient.open(t, server, 'fuzz');
    for (let n = 0; n < MUTATIONS; n += 1) {
      stranger.send(mutant(random, random.pick(frames)));
      if (!await stranger.settled()) {
        codes[stranger.code] = (codes[stranger.code] ?? 0) + 1;
        stranger = await RawClient.open(t, server, 'fuzz');
      }
      if (n % 50 === 0) await honest.goOn();
    }
    await honest.goOn();
    t.diagnostic(`closes: ${JSON.stringify(codes)}`);
    assert.ok(Object.keys(codes).every((code) => isRefusal(Number(code))), `closed with ${Object.keys(codes)}`);
    assert.ok(server.alive);
  });
});

/** What a real client says in a session: its updates, its whole document, presence, questions. */
function realFrames(random) {
  const doc = new Y.Doc();
  const frames = [];
  const wrapped = (wrap, body) => frames.push({ wrap, body });
  doc.on('update', (made) => wrapped(update, made));
  for (let n = 0; n < 60; n += 1) scribble(random, edits13, doc);
  edits13.nest(doc, 'nested');
  edits13.deepen(doc, 'nested', 'deep');
  wrapped(step2, Y.encodeStateAsUpdate(doc));
  wrapped(step1, Y.encodeStateVector(doc));
  for (let clock = 1; clock < 9; clock += 1) {
    wrapped(presence, pack(1, doc.clientID, clock, JSON.stringify({ user: { name: 'F' }, clock })));
  }
  for (const frame of [EMPTY_STEP1, pack(3), probe(7)]) wrapped((body) => body, frame);
  return frames;
}

/** A frame mutated inside, so that its outer lengths are right, or as a whole, so that they may not be. */
function mutant(random, { wrap, body }) {
  return random.oneIn(4) ? mutate(random, wrap(body)) : wrap(mutate(random, body));
}

/** `body` with one or two places changed: a bit, a byte, something cut out or put in, or its end cut off. */
function mutate(random, body) {
  let bytes = Buffer.from(body);
  for (let changes = random.between(1, 2); changes > 0; changes -= 1) {
    const at = random.between(0, Math.max(0, bytes.length - 1));
    const [before, after] = [bytes.subarray(0, at), bytes.subarray(at)];
    switch (random.between(0, 9)) {
      case 0: bytes = before; break;
      case 1: bytes = Buffer.concat([before, random.bytes(random.between(1, 5)), after]); break;
      case 2: bytes = Buffer.concat([before, after.subarray(random.between(1, 4))]); break;
      case 3: bytes = Buffer.concat([before, Buffer.alloc(random.between(1, 6), 0xff), after]); break;
      case 4: bytes = Buffer.concat([bytes, after]); break;
      case 5: case 6: bytes = Buffer.concat([before, random.bytes(1), after.subarray(1)]); break;
      default: if (bytes.length > 0) bytes[at] ^= 1 << random.between(0, 7);
    }
  }
  return bytes;
}

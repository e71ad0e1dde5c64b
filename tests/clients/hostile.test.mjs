// Raw frames that no client would send. The one who sends them is closed with the right kind of code; the
// honest pair in the same room notices nothing; the server lives.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { Bystanders } from './harness/bystanders.mjs';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { nestedInPieces, oneByOne, refused } from './harness/hostile.mjs';
import { isRefusal, RawClient } from './harness/raw.mjs';
import { serve, serveSuite } from './harness/server.mjs';
import { awareness, EMPTY_STEP1, entries, pack, presence, probe, step1, step2, update } from './harness/wire.mjs';

const MEBIBYTE = 1024 * 1024;

describe('hostile', () => {
  const server = serveSuite({ args: ['--max-message', '1MiB'] });
  let number = 0;

  /** A room with its honest pair and a stranger. */
  async function scene(t) {
    number += 1;
    const room = `scene ${number}`;
    const honest = await Bystanders.in(t, server, room);
    const stranger = await RawClient.open(t, server, room);
    return { room, honest, stranger };
  }

  /** The stranger sends `frame`, is sent away with a code that `fits`, and nobody else minds. */
  function sentAway(what, frame, fits, kind) {
    test(`${what}: ${kind}`, async (t) => {
      const { honest, stranger } = await scene(t);
      stranger.send(frame);
      stranger.send(probe(1));
      const code = await stranger.closed({ within: 10_000 });
      assert.ok(fits(code), `closed with ${code}`);
      assert.ok(!stranger.frames.some(({ type }) => type === 102), 'what was refused was called saved');
      await honest.goOn();
      assert.ok(server.alive);
    });
  }

  const refusedFor = (what, frame) => sentAway(what, frame, isRefusal, 'refused for good');

  describe('frames', () => {
    sentAway('a text frame', 'hello', (code) => code === 1003, 'unsupported data');
    sentAway('a frame over the limit', Buffer.alloc(MEBIBYTE + 1), (code) => code === 1009, 'too big');
    refusedFor('an empty frame', Buffer.alloc(0));
    refusedFor('an unknown kind of sync message', pack(0, 3));
    refusedFor('an update without a body', pack(0, 2));
    refusedFor('an update shorter than it says', pack(0, 2, 100, 1, 2, 3));
    refusedFor('an update of 2^27 bytes that are not there', pack(0, 2, 2 ** 27));
    refusedFor('presence without a body', pack(1));
    refusedFor('a probe without a body', pack(102));
    refusedFor('a type without an end', Buffer.alloc(20, 0xff));
    refusedFor('noise', Buffer.from('0099fe12aa00d3', 'hex'));

    test('a frame of just the allowed size is taken', async (t) => {
      const { honest, stranger } = await scene(t);
      const doc = new Y.Doc();
      doc.getText('big').insert(0, 'x'.repeat(MEBIBYTE - 100));
      const frame = update(Y.encodeStateAsUpdate(doc));
      assert.ok(frame.length > MEBIBYTE - 100 && frame.length <= MEBIBYTE, `${frame.length} bytes`);
      stranger.send(frame);
      assert.ok(await stranger.settled());
      await honest.goOn();
    });

    for (const [what, frame] of [
      ['an unknown type of message', pack(77, 1, 2, 3)],
      ['a Step1 cut short', pack(0, 0)],
      ['a query with zeros behind it', Buffer.from([3, 0, 0, 0])],
      ['a Step1 with zeros behind it', Buffer.concat([EMPTY_STEP1, Buffer.alloc(8)])],
      ['an authentication message', pack(2, 0, 'token')],
      ['an update that changes nothing', update(pack(0, 0))],
      ['a Step1 that knows clients nobody else knows', step1(pack(3, 1, 9, 2, 9, 3, 2 ** 31 - 1))],
    ]) {
      test(`${what}: borne`, async (t) => {
        const { honest, stranger } = await scene(t);
        stranger.send(frame);
        stranger.send(EMPTY_STEP1);
        await stranger.frame('the document', ({ type, sub }) => type === 0 && sub === 1);
        assert.ok(await stranger.settled());
        await honest.goOn();
      });
    }

    test('a state vector that claims 2^27 clients: refused or answered as none', async (t) => {
      const { honest, stranger } = await scene(t);
      stranger.send(step1(pack(2 ** 27)));
      await until('an answer', () => stranger.isClosed || stranger.frames.some(({ type, sub }) => type === 0 && sub === 1));
      if (stranger.isClosed) assert.ok(isRefusal(stranger.code), `closed with ${stranger.code}`);
      await honest.goOn();
    });

    test('ten thousand questions in one breath are borne', async (t) => {
      const { honest, stranger } = await scene(t);
      for (let n = 0; n < 5_000; n += 1) {
        stranger.send(probe(n));
        stranger.send(pack(3));
      }
      await honest.goOn();
      assert.ok(await stranger.settled());
      await honest.goOn();
    });

    test('the server never sends text, an empty frame or two messages in one', async (t) => {
      const { room, honest } = await scene(t);
      const { ws } = honest.ada.provider;
      const odd = [];
      ws.on('message', (data, isBinary) => {
        const [type] = new Uint8Array(data);
        if (!isBinary || data.byteLength === 0 || ![0, 1, 2, 102].includes(type)) odd.push(data);
      });
      const late = await joined(t, current, server, room, { name: 'Late' });
      late.edits.type(late.doc, 0, 'hello');
      await until('the late edit', () => honest.ada.edits.text(honest.ada.doc) === 'hello');
      assert.deepEqual(odd, []);
    });
  });

  describe('updates', () => {
    for (const [what, body] of refused) {
      refusedFor(what, update(body));
      refusedFor(`${what}, as an answer`, step2(body));
    }

    test('shared types nested ever deeper in pieces: refused at some depth', async (t) => {
      const { room, honest, stranger } = await scene(t);
      for (const piece of nestedInPieces(20_000, 40)) {
        if (stranger.isClosed) break;
        stranger.send(update(piece));
      }
      assert.ok(isRefusal(await stranger.closed()));
      await honest.goOn();
      const late = await joined(t, current, server, room);
      await until('the late joiner to have the honest edits', () => late.edits.keys(late.doc).length >= 2);
      assert.ok(server.alive);
    });

    test('an update whose predecessors are missing waits, and counts once they come', async (t) => {
      const { room, honest, stranger } = await scene(t);
      const author = new Y.Doc();
      const made = [];
      author.on('update', (part) => made.push(part));
      for (const word of ['one', 'two', 'three']) author.getMap('late').set(word, true);
      stranger.send(update(made[2]));
      stranger.send(update(made[1]));
      assert.ok(await stranger.settled());
      await honest.goOn();
      stranger.send(update(made[0]));
      const late = await joined(t, current, server, room);
      for (const doc of [honest.ada.doc, late.doc]) {
        await until('all three', () => doc.getMap('late').size === 3);
      }
    });
  });

  for (const kind of ['text', 'values']) {
    test(`thousands of blocks one behind another take no memory to speak of: ${kind}`, { skip: process.platform !== 'linux' && 'the memory of a process is read from /proc' }, async (t) => {
      const own = await serve(t, { args: ['--max-message', '1MiB'] });
      const stranger = await RawClient.open(t, own, 'run');
      const count = kind === 'text' ? 25_000 : 80_000;
      stranger.send(update(oneByOne(kind, count)));
      assert.ok(await stranger.settled());
      const late = await joined(t, current, own, 'run');
      await until('all of it', () => (kind === 'text' ? late.doc.getText('t').length === 16 * count : late.doc.getArray('t').length === count));
      const [, kilobytes] = readFileSync(`/proc/${own.pid}/status`, 'utf8').match(/VmHWM:\s*(\d+) kB/);
      assert.ok(Number(kilobytes) < 400_000, `${kilobytes} kB at the peak`);
    });
  }

  describe('presence', () => {
    const state = JSON.stringify({ user: { name: 'Stranger' } });

    for (const [what, frame] of [
      ['a state that is not JSON', awareness([[11, 1, '{"user":']])],
      ['a state nested 100,000 deep', awareness([[11, 1, '['.repeat(100_000)]])],
      ['a state over the limit', awareness([[11, 1, JSON.stringify('x'.repeat(64 * 1024 + 1))]])],
      ['10,000 clients of one socket', awareness(Array.from({ length: 10_000 }, (_, n) => [n + 1000, 1, state]))],
      ['a count of 2^27 clients', presence(pack(2 ** 27))],
      ['fewer clients than it says', presence(pack(3, 11, 1, state))],
      ['a client id of 2^53', awareness([[2 ** 53, 1, state]])],
      ['a state that is not UTF-8', presence(pack(1, 11, 1, Uint8Array.of(2, 0xc3, 0x28)))],
    ]) refusedFor(what, frame);

    for (const [what, forged] of [
      ['another client’s id', (id, clock) => awareness([[id, clock, state]])],
      ['another client’s id at a clock beyond 2^31', (id, clock) => awareness([[id, 2 ** 31 + clock, state]])],
      ['another client’s id at a clock beyond 2^32', (id, clock) => awareness([[id, 2 ** 32 + clock, state]])],
      ['that another client left', (id, clock) => awareness([[id, clock, 'null']])],
    ]) {
      test(`${what} is not believed`, async (t) => {
        const { room, honest, stranger } = await scene(t);
        let deceived = false;
        honest.bo.awareness.on('change', () => {
          const seen = honest.bo.sees(honest.ada);
          deceived ||= seen?.user?.name !== 'Ada';
          tick();
        });
        for (let clock = 1; clock < 200; clock += 20) stranger.send(forged(honest.ada.id, clock));
        const watcher = await RawClient.open(t, server, room);
        watcher.send(EMPTY_STEP1);
        await watcher.frame('who is here', ({ type, body }) => type === 1 && entries(body).some(({ client, state: seen }) => client === honest.ada.id && seen?.user.name === 'Ada'));
        await stranger.settled();
        await honest.goOn();
        assert.ok(!deceived, 'somebody else spoke for Ada and was believed');
      });
    }

    test('when a forger leaves, the one it spoke for stays', async (t) => {
      const { honest, stranger } = await scene(t);
      stranger.send(awareness([[honest.ada.id, 50, state]]));
      await stranger.settled();
      stranger.socket.terminate();
      await stranger.closed();
      await honest.goOn();
    });
  });
});

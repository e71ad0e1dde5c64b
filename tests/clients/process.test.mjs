// The process as an operator meets it: what it prints, what it refuses, how it ends, and how it answers when
// it is full.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { Ledger } from './harness/ledger.mjs';
import { RawClient } from './harness/raw.mjs';
import { serve, Server, serveSuite } from './harness/server.mjs';
import { WireTap } from './harness/wire-tap.mjs';
import { awareness, EMPTY_STEP1 } from './harness/wire.mjs';

describe('process', () => {
  describe('a running server', () => {
    const server = serveSuite();

    for (const [path, status, says] of [
      ['/healthz', 200, /./],
      ['/readyz', 200, /./],
      ['/metrics', 200, /^# TYPE triproom_/m],
      ['/', 200, /<html/],
      ['/yjs/room', 426, /WebSocket/],
      ['/no/such/page', 404, /./],
    ]) {
      test(`${path} answers ${status}`, async () => {
        const answer = await server.get(path);
        assert.equal(answer.status, status);
        assert.match(answer.text, says);
      });
    }

    test('its ready line is one line, and the only one', async (t) => {
      const client = await RawClient.open(t, server, 'noise');
      client.send(EMPTY_STEP1);
      client.send(Buffer.from([0, 3]));
      await client.closed();
      assert.match(server.out, /^[^\n]*http:\/\/127\.0\.0\.1:\d+[^\n]*\n$/);
    });

    test('a second server on the same data is refused, the first goes on', async (t) => {
      const second = new Server({ data: server.data });
      await assert.rejects(second.start(), /ended by itself \(code [1-9]/);
      await joined(t, current, server, 'still here');
    });
  });

  test('it does not listen beyond loopback unless told that this is meant', async () => {
    const server = new Server({ host: '0.0.0.0' });
    await assert.rejects(server.start(), /ended by itself \(code [1-9]/);
    await assert.rejects(server.dispose());
  });

  test('asked to end, it does not wait for the deaf longer than its drain', async (t) => {
    const server = await serve(t, { args: ['--drain', '2s'] });
    const tap = await WireTap.before(t, server);
    const deaf = await Promise.all([1, 2, 3].map(() => joined(t, current, tap, 'deaf')));
    const well = await joined(t, current, server, 'deaf');
    tap.fallSilent();
    well.edits.set(well.doc, 'last', 'word');
    const start = performance.now();
    assert.equal(await server.stop(), 0, 'exit code');
    assert.ok(performance.now() - start < 6_000, `it took ${performance.now() - start} ms`);
    await until('the one that hears to be told', () => well.closes.length > 0);
    assert.equal(well.closes[0], 1012);
    for (const client of deaf) client.leave();
    await server.start();
    const fresh = await joined(t, current, server, 'deaf');
    await until('the last word', () => fresh.edits.get(fresh.doc, 'last') === 'word');
  });

  test('a hundred clients of all generations come back after it was killed', async (t) => {
    const server = await serve(t);
    const clients = Array.from({ length: 100 }, (_, n) => join(t, flavours[n % flavours.length], server, `storm ${n % 5}`));
    await until('all to be here', () => clients.every(({ provider }) => provider.synced));
    await server.kill();
    for (const client of clients) client.edits.set(client.doc, `offline ${client.id}`, true);
    await server.start();
    await until('all to be back', () => clients.every(({ provider }) => provider.synced));
    for (let room = 0; room < 5; room += 1) await converge(...clients.filter((_, n) => n % 5 === room));
  });

  test('a connection too many is turned away to come back, and finds its place when there is one', async (t) => {
    const server = await serve(t, { args: ['--max-connections', '3'] });
    const first = await Promise.all([1, 2, 3].map(() => joined(t, current, server, 'full')));
    const waiting = join(t, current, server, 'full');
    await until('it to be turned away', () => waiting.closes.length > 0 || waiting.provider.wsUnsuccessfulReconnects > 1);
    assert.ok(waiting.closes.every((code) => [1013, 1006].includes(code)), `closed with ${waiting.closes}`);
    assert.ok(!waiting.provider.synced);
    first[0].leave();
    await waiting.synced();
    assert.deepEqual(first.slice(1).flatMap(({ closes }) => closes), []);
  });

  test('a room too many is turned away to come back', async (t) => {
    const server = await serve(t, { args: ['--max-rooms', '2', '--room-idle', '100ms'] });
    const first = await joined(t, current, server, 'one');
    await joined(t, current, server, 'two');
    const waiting = join(t, current, server, 'three');
    await until('it to be turned away', () => waiting.closes.length > 0);
    assert.ok(waiting.closes.every((code) => [1013, 1006].includes(code)), `closed with ${waiting.closes}`);
    await joined(t, current, server, 'two');
    first.leave();
    await waiting.synced();
  });

  test('a document grows up to its limit, and the one who would pass it is refused for good', async (t) => {
    const server = await serve(t, { args: ['--max-document', '64KiB'] });
    const author = await joined(t, current, server, 'limit');
    const reader = await joined(t, current, server, 'limit');
    author.edits.set(author.doc, 'small', 'x'.repeat(30_000));
    await until('what fits to arrive', () => reader.edits.get(reader.doc, 'small'));
    const ledger = new Ledger(author);
    author.edits.set(author.doc, 'large', 'x'.repeat(50_000));
    ledger.ask();
    await until('the refusal', () => author.closes.length > 0);
    assert.equal(ledger.safe, 0, 'what was refused was called saved');
    assert.ok(author.closes[0] >= 4400 && author.closes[0] < 4500, `closed with ${author.closes[0]}`);
    reader.edits.set(reader.doc, 'still', 'fine');
    const fresh = await joined(t, current, server, 'limit');
    await until('the rest to go on', () => fresh.edits.get(fresh.doc, 'still') === 'fine');
    assert.equal(fresh.edits.get(fresh.doc, 'large'), undefined);
    assert.deepEqual(reader.closes, []);
  });

  test('one socket announces no more clients than it may', async (t) => {
    const server = await serve(t, { args: ['--max-presence-clients', '2'] });
    const socket = await RawClient.open(t, server, 'many');
    socket.send(awareness([[1, 1, '{}'], [2, 1, '{}']]));
    assert.ok(await socket.settled());
    socket.send(awareness([[3, 1, '{}']]));
    const code = await socket.closed();
    assert.ok(code >= 4400 && code < 4500, `closed with ${code}`);
  });
});

// Silence. These tests wait for what happens when nobody says anything, so they are slow and run side by
// side: the keep-alive, the clients' watchdog after 30 s, and the presence of somebody who was cut off.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { flavours } from './harness/flavours.mjs';
import { RawClient } from './harness/raw.mjs';
import { serveSuite } from './harness/server.mjs';
import { WireTap } from './harness/wire-tap.mjs';
import { EMPTY_STEP1, entries } from './harness/wire.mjs';

/** Beyond the watchdog's 30 s and its look every 3 s. */
const WATCHDOG = 38_000;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe('idle', { concurrency: true }, () => {
  const server = serveSuite();

  test('a lone silent client hears something within 20 s, again and again', async (t) => {
    const client = await RawClient.open(t, server, 'lone');
    client.send(EMPTY_STEP1);
    await client.frame('the document', ({ type, sub }) => type === 0 && sub === 1);
    const greeted = client.frames.length;
    const start = performance.now();
    await until('two messages', () => client.frames.length >= greeted + 2, { within: 41_000 });
    const times = [start, ...client.times.slice(greeted)];
    for (let n = 1; n < times.length; n += 1) {
      assert.ok(times[n] - times[n - 1] <= 20_000, `silent for ${times[n] - times[n - 1]} ms`);
    }
    for (const { type } of client.frames.slice(greeted)) assert.ok([0, 1].includes(type), `a message of type ${type}`);
  });

  for (const flavour of flavours) {
    test(`${flavour.name}: a client that says nothing stays connected beyond its watchdog`, async (t) => {
      const client = join(t, flavour, server, `silent ${flavour.name}`);
      client.awareness.setLocalState(null);
      await client.synced();
      let closes = 0;
      client.provider.on('connection-close', () => { closes += 1; });
      await pause(WATCHDOG);
      assert.equal(closes, 0);
      assert.ok(client.provider.synced);
    });

    test(`${flavour.name}: the presence of a client that was cut off is gone after about 30 s`, async (t) => {
      const room = `cut off ${flavour.name}`;
      const tap = await WireTap.before(t, server);
      const lost = await joined(t, flavour, tap, room, { name: 'Lost' });
      const watcher = await RawClient.open(t, server, room);
      watcher.send(EMPTY_STEP1);
      const told = (fits) => watcher.frames.some(({ type, body }) => type === 1 && entries(body).some(({ client, state }) => client === lost.id && fits(state)));
      await until('the client to be seen', () => told((state) => state?.user?.name === 'Lost'));
      tap.fallSilent();
      const start = performance.now();
      await until('the client to be gone', () => told((state) => state === null), { within: 50_000 });
      const after = performance.now() - start;
      assert.ok(after > 14_000, `already gone after ${after} ms, though its last renewal may be 15 s old`);
    });
  }
});

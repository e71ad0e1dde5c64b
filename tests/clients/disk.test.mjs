// The honest light: while the disk takes nothing, people go on working together and nobody is told "saved";
// when it takes again, everything is written and told, and survives a kill.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { contains, converge } from './harness/agreement.mjs';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { FullDisk } from './harness/full-disk.mjs';
import { Ledger } from './harness/ledger.mjs';
import { randomFor } from './harness/random.mjs';
import { serve } from './harness/server.mjs';
import { read } from './harness/wire.mjs';

/** Counts the updates in which a client hears its own words. */
function listen(client) {
  const ear = { heard: 0 };
  client.provider.ws.on('message', (data) => {
    const { type, sub, body } = read(new Uint8Array(data));
    if (type !== 0 || sub !== 2) return;
    if (Y.decodeUpdate(body).structs.some(({ id }) => id.client === client.id)) ear.heard += 1;
    tick();
  });
  return ear;
}

describe('disk', () => {
  test('a full disk: work goes on, nothing is called saved; room again: all is saved and told', async (t) => {
    const random = randomFor(t);
    const disk = await FullDisk.of(t, '24m');
    const server = await serve(t, { data: disk.data, wrap: disk.wrap });
    const ada = await joined(t, current, server, 'light', { name: 'Ada' });
    const bo = await joined(t, current, server, 'light', { name: 'Bo' });
    const ledgers = [new Ledger(ada), new Ledger(bo)];
    const ears = [listen(ada), listen(bo)];
    const allSafe = () => ledgers.every((ledger) => ledger.safe === ledger.made.length);

    ada.edits.set(ada.doc, 'before', true);
    ledgers[0].ask();
    await until('the light before', allSafe);
    assert.equal((await server.get('/readyz')).status, 200);

    await until('the echo before', () => ears[0].heard === 1);

    disk.fill();
    // More than what the store may have in reserve, and nothing that could be compressed.
    ada.edits.set(ada.doc, 'large', Buffer.from(random.bytes(1_500_000)).toString('base64'));
    ledgers[0].ask();
    await server.answers('/readyz', 503);
    assert.equal((await server.get('/healthz')).status, 200, 'it lives');
    for (let n = 0; n < 40; n += 1) {
      ada.edits.type(ada.doc, 0, `a${n} `);
      bo.edits.type(bo.doc, 0, `b${n} `);
      bo.edits.set(bo.doc, `b${n}`, n);
      for (const ledger of ledgers) ledger.ask();
    }
    await converge(ada, bo);
    const late = await joined(t, current, server, 'light');
    await converge(ada, bo, late);
    assert.deepEqual(ledgers.map(({ safe }) => safe), [1, 0], 'something was called saved while the disk was full');
    assert.deepEqual(ears.map(({ heard }) => heard), [1, 0], 'somebody heard their own words while the disk was full');
    assert.equal((await server.get('/readyz')).status, 503);

    disk.free();
    await until('everything to be called saved', allSafe);
    await until('the authors to hear their own words', () => ears[0].heard > 1 && ears[1].heard > 0);
    await server.answers('/readyz', 200);
    for (const client of [ada, bo, late]) {
      assert.deepEqual(client.closes, [], 'nobody was sent away');
      client.offline();
    }
    await server.kill();
    await server.start();
    const fresh = await joined(t, current, server, 'light');
    for (const { made } of ledgers) for (const part of made) assert.ok(contains(fresh.doc, part), 'a saved update is gone');
    ada.online();
    bo.online();
    await converge(fresh, ada, bo);
  });

  test('beyond the budget of unsaved bytes the room takes no changes, and asks for them later', async (t) => {
    const random = randomFor(t);
    const noise = (length) => Buffer.from(random.bytes(length)).toString('base64');
    const disk = await FullDisk.of(t, '24m');
    const server = await serve(t, { data: disk.data, wrap: disk.wrap, args: ['--unsaved-budget', '2MiB'] });
    const ada = await joined(t, current, server, 'budget', { name: 'Ada' });
    const bo = await joined(t, current, server, 'budget', { name: 'Bo' });
    const ledgers = [new Ledger(ada), new Ledger(bo)];
    const warnings = [];
    t.mock.method(console, 'warn', (text) => { warnings.push(text); tick(); });

    disk.fill();
    for (let n = 0; n < 8; n += 1) ada.edits.set(ada.doc, `page ${n}`, noise(400_000));
    await server.answers('/readyz', 503);
    await until('a word that changes cannot be saved', () => warnings.some((text) => text.includes('Permission denied')));
    bo.edits.set(bo.doc, 'meanwhile', true);
    for (const ledger of ledgers) ledger.ask();
    bo.awareness.setLocalStateField('cursor', 7);
    await until('presence to work all the same', () => ada.sees(bo).cursor === 7);
    assert.deepEqual(ledgers.map(({ safe }) => safe), [0, 0]);
    assert.equal(bo.edits.get(bo.doc, 'page 7'), undefined, 'a refused change was handed on');

    disk.free();
    await server.answers('/readyz', 200);
    await converge(ada, bo);
    assert.ok(bo.edits.get(bo.doc, 'page 7'));
    assert.equal(ada.edits.get(ada.doc, 'meanwhile'), true);
    for (const ledger of ledgers) ledger.ask();
    await until('everything to be called saved', () => ledgers.every(({ safe, made }) => safe === made.length));
    for (const client of [ada, bo]) {
      assert.deepEqual(client.closes, []);
      client.offline();
    }
    await server.kill();
    await server.start();
    const fresh = await joined(t, current, server, 'budget');
    for (const { made } of ledgers) for (const part of made) assert.ok(contains(fresh.doc, part), 'a saved update is gone');
  });
});

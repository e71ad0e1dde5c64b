// The counter of unsynced changes is true to its name: every change is counted off exactly once, when it is on
// disk and not before. Version 2 has no floor below its counter, so one status too many would show for ever.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { contains, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { turn, until } from './harness/events.mjs';
import { FullDisk } from './harness/full-disk.mjs';
import { hocuspocus, Line } from './harness/hocuspocus.mjs';
import { Type } from './harness/hocuspocus-wire.mjs';
import { randomFor } from './harness/random.mjs';
import { Receipts } from './harness/receipts.mjs';
import { onlyHere, serve, serveSuite } from './harness/server.mjs';

/**
 * The counter goes to zero and stays there: an edit after all others counts up and down once more, and whatever
 * status may still have been on its way came before its own.
 */
async function evens(client) {
  await client.saved();
  client.edits.set(client.doc, 'the last edit', client.counts.length);
  assert.equal(client.unsynced, 1);
  await client.saved();
  assert.ok(Math.min(...client.counts) >= 0, `the counter went ${client.counts.slice(-30)}`);
}

describe('hocuspocus: saved', () => {
  const server = serveSuite();

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `saved ${flavour.major}`;

      test('a client that joins with nothing to say counts to one and back to zero', async (t) => {
        const client = await joined(t, flavour, server, `${prefix} nothing`);
        await client.saved();
        assert.deepEqual(client.counts, [1, 0]);
        await evens(client);
      });

      test('bursts of edits, from all sides at once', async (t) => {
        const random = randomFor(t);
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, server, `${prefix} bursts`)));
        for (const client of clients) await evens(client);
        for (let burst = 0; burst < 8; burst += 1) {
          for (let n = random.between(1, 60); n > 0; n -= 1) {
            const { edits, doc } = random.pick(clients);
            scribble(random, edits, doc);
          }
          await turn();
          if (random.oneIn(3)) await Promise.all(clients.map(evens));
        }
        await Promise.all(clients.map(evens));
        await converge(...clients);
      });

      test('an edit that says nothing new is counted off like any other', async (t) => {
        const client = await joined(t, flavour, server, `${prefix} twice`);
        await client.saved();
        client.edits.set(client.doc, 'key', 1);
        await client.saved();
        const whole = Y.encodeStateAsUpdate(client.doc);
        for (let n = 0; n < 5; n += 1) client.provider.documentUpdateHandler(whole, 'again');
        assert.equal(client.unsynced, 5);
        await evens(client);
      });

      test('forceSync, again and again', async (t) => {
        const client = await joined(t, flavour, server, `${prefix} force`);
        for (let n = 0; n < 10; n += 1) {
          await evens(client);
          client.provider.forceSync();
          assert.equal(client.unsynced, 1);
        }
        await evens(client);
      });

      // The counter starts at one with each Step1, whatever was still to be counted off. What was on its way back just
      // then is one too many, whatever the server does, and version 2 goes below zero for that.
      if (flavour.major > 2) test('forceSync among edits, and before the last one was answered', onlyHere, async (t) => {
        const random = randomFor(t);
        const client = await joined(t, flavour, server, `${prefix} among`);
        const observer = await joined(t, flavour, server, `${prefix} among`);
        for (let n = 0; n < 60; n += 1) {
          scribble(random, client.edits, client.doc);
          if (random.oneIn(2)) client.provider.forceSync();
          if (random.oneIn(3)) scribble(random, observer.edits, observer.doc);
          if (random.oneIn(4)) await turn();
          if (random.oneIn(20)) await evens(client);
        }
        await evens(client);
        await converge(client, observer);
      });

      // The clock may strike just when a status is on its way, and then version 2 goes below zero, too: it has to be
      // synced and call nothing unsynced, and no more is asked of it.
      test('forceSync by the clock, among edits', onlyHere, async (t) => {
        const client = await joined(t, flavour, server, `${prefix} clock`, { forceSyncInterval: 20 });
        const observer = await joined(t, flavour, server, `${prefix} clock`);
        const forced = () => client.said.filter(({ type, sub }) => type === Type.Sync && sub === 0).length;
        for (let n = 0; forced() < 12; n += 1) {
          client.edits.set(client.doc, 'n', n);
          const before = forced();
          await until('the clock', () => forced() > before);
        }
        clearInterval(client.provider.intervals.forceSync);
        if (flavour.major > 2) await evens(client);
        await converge(client, observer);
        await until('it to be called saved', () => client.provider.synced && !client.provider.hasUnsyncedChanges);
      });

      test('edits made on every new connection, again and again', async (t) => {
        const client = await joined(t, flavour, server, `${prefix} reconnects`);
        const observer = await joined(t, flavour, server, `${prefix} reconnects`);
        for (let n = 0; n < 6; n += 1) {
          await client.saved();
          client.cut();
          await until('the cut to be noticed', () => client.closes.length === n + 1 && !client.provider.synced);
          await client.synced();
          client.edits.set(client.doc, `n ${n}`, true);
          await evens(client);
        }
        await converge(client, observer);
      });

      // What waited for a connection goes behind the Step1 that starts the counter anew, and is in the answer
      // to the server's Step1 as well: with the reference version 2 ends below zero.
      test('edits made offline', async (t) => {
        const client = await joined(t, flavour, server, `${prefix} offline`);
        const observer = await joined(t, flavour, server, `${prefix} offline`);
        for (let round = 0; round < (flavour.major > 2 ? 3 : 1); round += 1) {
          await client.saved();
          client.offline();
          await until('it to be offline', () => !client.line.isConnected && !client.provider.synced);
          for (let n = 0; n < 5; n += 1) client.edits.set(client.doc, `n ${round} ${n}`, true);
          client.online();
          await converge(client, observer);
          await until('it to be called saved', () => client.provider.synced && !client.provider.hasUnsyncedChanges);
          if (flavour.major > 2) await evens(client);
        }
      });

      test('several documents on one socket, each by itself', async (t) => {
        const random = randomFor(t);
        const line = Line.open(t, flavour, server);
        const clients = await Promise.all([1, 2, 3, 4].map((n) => joined(t, flavour, server, `${prefix} several ${n}`, { line })));
        for (const client of clients) await client.saved();
        for (let n = 0; n < 100; n += 1) {
          const { edits, doc } = random.pick(clients);
          scribble(random, edits, doc);
          if (random.oneIn(10)) await turn();
        }
        await Promise.all(clients.map(evens));
      });

      test('what was counted off is there after a kill', onlyHere, async (t) => {
        const random = randomFor(t);
        const own = await serve(t, { args: ['--compact-rows', '30'] });
        for (let round = 0; round < 3; round += 1) {
          const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, own, 'killed')));
          for (const client of clients) await client.saved();
          const receipts = clients.map((client) => new Receipts(client));
          const enough = random.between(20, 80);
          let killed = null;
          while (killed === null || own.alive) {
            const { edits, doc } = random.pick(clients);
            scribble(random, edits, doc);
            if (random.oneIn(5)) await turn();
            if (killed === null && receipts.reduce((sum, { safe }) => sum + safe.length, 0) >= enough) killed = own.kill();
          }
          await killed;
          const safe = receipts.flatMap((receipt) => receipt.safe);
          for (const client of clients) client.leave();
          await own.start();
          const fresh = await joined(t, flavour, own, 'killed');
          for (const update of safe) assert.ok(contains(fresh.doc, update), 'an acknowledged update is gone');
          fresh.leave();
        }
      });

      test('zero unsynced changes, and then a kill: nothing is lost', onlyHere, async (t) => {
        const own = await serve(t);
        for (let round = 0; round < 4; round += 1) {
          const client = await joined(t, flavour, own, 'zero');
          await client.saved();
          client.edits.type(client.doc, 0, `round ${round} `);
          client.edits.set(client.doc, `round ${round}`, true);
          await client.saved();
          const made = client.edits.text(client.doc);
          await own.kill();
          client.leave();
          await own.start();
          const fresh = await joined(t, flavour, own, 'zero');
          assert.equal(fresh.edits.text(fresh.doc), made);
          assert.equal(fresh.edits.keys(fresh.doc).length, round + 1);
          fresh.leave();
        }
      });

      test('a full disk: nothing is counted off until there is room again, then everything', onlyHere, async (t) => {
        const random = randomFor(t);
        const disk = await FullDisk.of(t, '24m');
        const own = await serve(t, { data: disk.data, wrap: disk.wrap });
        const ada = await joined(t, flavour, own, 'light', { name: 'Ada' });
        const bo = await joined(t, flavour, own, 'light', { name: 'Bo' });
        ada.edits.set(ada.doc, 'before', true);
        await evens(ada);
        await evens(bo);

        disk.fill();
        // More than what the store may have in reserve, and nothing that could be compressed.
        ada.edits.set(ada.doc, 'large', Buffer.from(random.bytes(1_500_000)).toString('base64'));
        await own.answers('/readyz', 503);
        for (let n = 0; n < 20; n += 1) {
          ada.edits.type(ada.doc, 0, `a${n} `);
          bo.edits.type(bo.doc, 0, `b${n} `);
        }
        await converge(ada, bo);
        assert.equal(ada.unsynced, 21);
        assert.equal(bo.unsynced, 20);
        // Whoever joins now has what the others have, and is not told that it is saved.
        const late = await joined(t, flavour, own, 'light');
        await converge(ada, bo, late);

        disk.free();
        for (const client of [ada, bo, late]) await evens(client);
        for (const client of [ada, bo, late]) assert.deepEqual(client.closes, [], 'nobody was sent away');
        await own.kill();
        await own.start();
        const fresh = await joined(t, flavour, own, 'light');
        await converge(ada, fresh);
      });

      test('beyond the budget of unsaved bytes changes are refused, and asked for when there is room', onlyHere, async (t) => {
        const random = randomFor(t);
        const noise = (length) => Buffer.from(random.bytes(length)).toString('base64');
        const disk = await FullDisk.of(t, '24m');
        const own = await serve(t, { data: disk.data, wrap: disk.wrap, args: ['--unsaved-budget', '2MiB'] });
        const ada = await joined(t, flavour, own, 'budget', { name: 'Ada' });
        const bo = await joined(t, flavour, own, 'budget', { name: 'Bo' });
        await evens(ada);
        await evens(bo);
        disk.fill();
        for (let n = 0; n < 8; n += 1) ada.edits.set(ada.doc, `page ${n}`, noise(400_000));
        await own.answers('/readyz', 503);
        bo.edits.set(bo.doc, 'meanwhile', true);
        bo.awareness.setLocalStateField('cursor', 7);
        await until('presence to work all the same', () => ada.sees(bo).cursor === 7);
        assert.ok(ada.unsynced > 0 && bo.unsynced > 0);
        assert.equal(bo.edits.get(bo.doc, 'page 7'), undefined, 'a refused change was handed on');
        disk.free();
        await own.answers('/readyz', 200);
        await converge(ada, bo);
        await ada.saved();
        await bo.saved();
        assert.ok(bo.edits.get(bo.doc, 'page 7') && ada.edits.get(ada.doc, 'meanwhile'));
        assert.deepEqual([...ada.closes, ...bo.closes, ...ada.denials, ...bo.denials], []);
        await own.kill();
        await own.start();
        const fresh = await joined(t, flavour, own, 'budget');
        await converge(ada, bo, fresh);
      });
    });
  }

  test('the light of the very first edit, made before the socket is open', async (t) => {
    for (const flavour of hocuspocus) {
      const client = join(t, flavour, server, `saved early ${flavour.major}`);
      client.edits.set(client.doc, 'early', true);
      const observer = await joined(t, flavour, server, `saved early ${flavour.major}`);
      await converge(client, observer);
      await until('it to be called saved', () => client.provider.synced && !client.provider.hasUnsyncedChanges);
    }
  });
});

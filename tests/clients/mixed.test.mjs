// Both protocols in one room: whoever speaks y-websocket and whoever speaks Hocuspocus, of every generation, have
// one document, see each other, and are told the truth about what is saved.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agree, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { turn, until } from './harness/events.mjs';
import { everyone } from './harness/everyone.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { hocuspocus, hocuspocus4, Line } from './harness/hocuspocus.mjs';
import { FullDisk } from './harness/full-disk.mjs';
import { Ledger } from './harness/ledger.mjs';
import { randomFor } from './harness/random.mjs';
import { serve, serveSuite } from './harness/server.mjs';

/** Names that people type, as both clients send them: y-websocket puts them into an address, Hocuspocus does not. */
const names = ['trips/2026/lisbon', 'two words', 'Zürich', '日本', '🏝️ beach 🚆', 'a+b', 'a&b=c;d,e:f@g', '100%', 'a%zz', '%ff', "quotes'\"<>`{}|^", 'trailing/'];

describe('mixed', () => {
  const server = serveSuite();

  test('all generations of both protocols edit one document', async (t) => {
    const random = randomFor(t);
    const clients = await Promise.all(everyone.map((flavour) => joined(t, flavour, server, 'everybody')));
    for (let n = 0; n < 500; n += 1) {
      const { edits, doc } = random.pick(clients);
      scribble(random, edits, doc);
      if (random.oneIn(4)) await turn();
    }
    await converge(...clients);
    for (const client of clients) if (client.saved) await client.saved();
    for (const flavour of [current, hocuspocus4]) {
      const late = await joined(t, flavour, server, 'everybody');
      await converge(late, clients[0]);
    }
  });

  test('all see each other, and each one leave', async (t) => {
    const clients = await Promise.all(everyone.map((flavour) => joined(t, flavour, server, 'presence', { name: flavour.name })));
    for (const client of clients) {
      for (const other of clients) await until('everybody to be seen', () => client.sees(other)?.user?.name === other.flavour.name);
    }
    for (const [n, client] of clients.entries()) client.awareness.setLocalStateField('cursor', { at: n });
    for (const client of clients) {
      for (const [n, other] of clients.entries()) await until('every cursor', () => client.sees(other).cursor?.at === n);
    }
    while (clients.length > 1) {
      const gone = clients.pop();
      gone.leave();
      for (const client of clients) await until('the one to be gone', () => !client.sees(gone), { within: 8_000 });
    }
  });

  for (const flavour of hocuspocus) {
    for (const other of flavours) {
      test(`${flavour.name} and ${other.name}: gone and back, on either side`, async (t) => {
        const room = `back ${flavour.name} ${other.name}`;
        const ada = await joined(t, flavour, server, room, { name: 'Ada' });
        const bo = await joined(t, other, server, room, { name: 'Bo' });
        for (const [one, two] of [[ada, bo], [bo, ada]]) {
          await until('it to be seen', () => two.sees(one)?.user);
          one.offline();
          await until('it to be gone', () => !two.sees(one), { within: 8_000 });
          one.edits.set(one.doc, `away ${one.id}`, true);
          two.edits.set(two.doc, `here ${one.id}`, true);
          one.online();
          await converge(one, two);
          await until('both to be seen again', () => two.sees(one)?.user && one.sees(two)?.user, { within: 8_000 });
        }
        // Version 1 of y-websocket tells of its own closes as well, which have no code.
        assert.deepEqual([...ada.closes, ...bo.closes].filter((code) => code !== 1005), []);
      });
    }
  }

  test('odd names are the same room in both protocols', async (t) => {
    const line = Line.open(t, hocuspocus4, server);
    for (const name of names) {
      const there = await joined(t, hocuspocus4, server, `odd ${name}`, { line });
      const here = await joined(t, current, server, `odd ${name}`);
      here.edits.set(here.doc, 'here', name);
      there.edits.set(there.doc, 'there', name);
      await converge(here, there);
      assert.deepEqual(here.edits.keys(here.doc).sort(), ['here', 'there'], name);
    }
  });

  test('a name that y-websocket decodes is the decoded one', async (t) => {
    const here = await joined(t, current, server, 'decoded%20twice%2520');
    const there = await joined(t, hocuspocus4, server, 'decoded twice%20');
    here.edits.set(here.doc, 'key', 'value');
    await until('the edit', () => there.edits.get(there.doc, 'key'));
  });

  test('killed in the middle of writing, the server has all that it called saved in either protocol', async (t) => {
    const random = randomFor(t);
    const own = await serve(t, { args: ['--compact-rows', '30'] });
    for (let round = 0; round < 3; round += 1) {
      const here = await joined(t, current, own, 'killed');
      const there = await Promise.all(hocuspocus.map((flavour) => joined(t, flavour, own, 'killed')));
      const ledger = new Ledger(here);
      for (let n = random.between(30, 90); n > 0; n -= 1) {
        const { edits, doc } = random.pick([here, ...there]);
        scribble(random, edits, doc);
        if (random.oneIn(6)) await turn();
      }
      await converge(here, ...there);
      await ledger.settle();
      await Promise.all(there.map((client) => client.saved()));
      await own.kill();
      for (const client of [here, ...there]) client.offline();
      await own.start();
      const fresh = await joined(t, current, own, 'killed');
      assert.ok(agree([fresh, here]), 'something that was called saved is gone');
      for (const client of [here, ...there, fresh]) client.leave();
    }
  });

  test('a full disk: nobody is told that anything is saved, in either protocol', async (t) => {
    const random = randomFor(t);
    const disk = await FullDisk.of(t, '24m');
    const own = await serve(t, { data: disk.data, wrap: disk.wrap });
    const here = await joined(t, current, own, 'light');
    const there = await joined(t, hocuspocus4, own, 'light');
    await there.saved();
    const ledger = new Ledger(here);
    disk.fill();
    here.edits.set(here.doc, 'large', Buffer.from(random.bytes(1_500_000)).toString('base64'));
    await own.answers('/readyz', 503);
    there.edits.set(there.doc, 'unsaved', true);
    ledger.ask();
    await converge(here, there);
    assert.equal(there.unsynced, 1);
    assert.equal(ledger.safe, 0);
    disk.free();
    await there.saved();
    await until('the probe', () => ledger.safe === ledger.made.length);
  });

  test('a hundred clients of all generations come back after the server was killed', async (t) => {
    const own = await serve(t);
    const clients = Array.from({ length: 100 }, (_, n) => join(t, everyone[n % everyone.length], own, `storm ${n % 5}`));
    await until('all to be here', () => clients.every(({ provider }) => provider.synced));
    await own.kill();
    for (const client of clients) client.edits.set(client.doc, `offline ${client.id}`, true);
    await own.start();
    await until('all to be back', () => clients.every(({ provider }) => provider.synced));
    for (let room = 0; room < 5; room += 1) await converge(...clients.filter((_, n) => n % 5 === room));
  });
});

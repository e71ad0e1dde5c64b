// Rooms that empty: they leave memory, and whoever comes back, even at that very moment, finds everything.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agree, contains } from './harness/agreement.mjs';
import { joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { until } from './harness/events.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { Ledger } from './harness/ledger.mjs';
import { randomFor } from './harness/random.mjs';
import { serve } from './harness/server.mjs';

const ROUNDS = 60;

describe('leaving', () => {
  test('an empty room leaves memory and comes back whole, without its ghosts', async (t) => {
    const random = randomFor(t);
    const server = await serve(t, { args: ['--room-idle', '200ms'] });
    for (const flavour of flavours) {
      const author = await joined(t, flavour, server, flavour.name, { name: 'Ada' });
      for (let n = 0; n < 40; n += 1) scribble(random, author.edits, author.doc);
      const ledger = new Ledger(author);
      ledger.ask();
      await until('it to be saved', () => ledger.safe === ledger.made.length);
      author.leave();
    }
    const rooms = async () => Number(/^triproom_rooms (\d+)$/m.exec((await server.get('/metrics')).text)[1]);
    for (let tries = 0; await rooms() > 0; tries += 1) {
      assert.ok(tries < 100, 'the rooms are still in memory');
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    for (const flavour of flavours) {
      const back = await joined(t, flavour, server, flavour.name);
      assert.ok(back.edits.keys(back.doc).length + back.edits.length(back.doc) > 0);
      assert.equal(back.awareness.getStates().size, 1, 'nobody else is here');
    }
  });

  test('coming back at the moment of leaving loses nothing', async (t) => {
    const random = randomFor(t);
    const server = await serve(t, { args: ['--room-idle', '10ms', '--compact-rows', '10'] });
    const made = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const client = await joined(t, current, server, 'revolving door');
      for (const update of made) assert.ok(contains(client.doc, update), `lost in round ${round}`);
      client.doc.on('update', (update, origin) => { if (origin !== client.provider) made.push(update); });
      const ledger = new Ledger(client);
      for (let n = random.between(1, 4); n > 0; n -= 1) scribble(random, client.edits, client.doc);
      ledger.ask();
      if (random.oneIn(2)) await until('an answer', () => ledger.answers > 0);
      const watcher = random.oneIn(3) ? await joined(t, current, server, 'revolving door') : null;
      if (watcher) await until('the other to have it', () => agree([client, watcher]));
      await until('all to be saved', () => ledger.answers > 0);
      client.leave();
      watcher?.leave();
      await new Promise((resolve) => setTimeout(resolve, random.between(0, 20)));
    }
  });
});

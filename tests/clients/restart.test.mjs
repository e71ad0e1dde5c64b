// The server goes and comes back: asked to end it loses nothing and says "restart"; killed in the middle of
// writing it still has everything that it ever called durable.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agree, contains, converge } from './harness/agreement.mjs';
import { joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { turn, until } from './harness/events.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { Ledger } from './harness/ledger.mjs';
import { randomFor } from './harness/random.mjs';
import { serve } from './harness/server.mjs';

describe('restart', () => {
  for (const flavour of flavours) {
    describe(flavour.name, () => {
      test('asked to end, the server says so, keeps everything, and its clients return by themselves', async (t) => {
        const random = randomFor(t);
        const server = await serve(t);
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, server, 'clean')));
        for (let n = 0; n < 60; n += 1) scribble(random, flavour.edits, random.pick(clients).doc);
        await converge(...clients);
        assert.equal(await server.stop(), 0, 'exit code');
        await until('all to be told', () => clients.every((client) => client.closes.length > 0));
        assert.deepEqual([...new Set(clients.map((client) => client.closes[0]))], [1012]);
        for (const client of clients) scribble(random, flavour.edits, client.doc);
        await server.start();
        await converge(...clients);
        const fresh = await joined(t, flavour, server, 'clean');
        assert.ok(agree([fresh, clients[0]]));
      });

      test('what was made just before the server was asked to end is there afterwards', async (t) => {
        const server = await serve(t);
        const author = await joined(t, flavour, server, 'last words');
        const reader = await joined(t, flavour, server, 'last words');
        author.edits.type(author.doc, 0, 'last words');
        await until('the reader to have it', () => reader.edits.text(reader.doc) === 'last words');
        author.leave();
        reader.leave();
        assert.equal(await server.stop(), 0, 'exit code');
        await server.start();
        const fresh = await joined(t, flavour, server, 'last words');
        assert.equal(fresh.edits.text(fresh.doc), 'last words');
      });

      test('killed in the middle of writing and compacting, it has everything that it called durable', async (t) => {
        const random = randomFor(t);
        const server = await serve(t, { args: ['--compact-rows', '30'] });
        const writers = await Promise.all(Array.from({ length: 4 }, () => joined(t, flavour, server, 'killed')));
        const ledgers = writers.map((client) => new Ledger(client));
        let lost = 0;

        for (let round = 0; round < 4; round += 1) {
          await writeUntilKilled(random, server, ledgers);
          for (const client of writers) client.offline();
          await server.start();

          const fresh = await joined(t, current, server, 'killed');
          for (const ledger of ledgers) {
            for (const update of ledger.acknowledged) assert.ok(contains(fresh.doc, update), 'an acknowledged update is gone');
            lost += ledger.made.filter((update) => !contains(fresh.doc, update)).length;
          }
          for (const client of writers) client.online();
          await converge(fresh, ...writers);
          for (const ledger of ledgers) assert.equal(ledger.strange, 0, 'answers to questions that nobody asked');
          fresh.leave();
        }
        t.diagnostic(`${ledgers.reduce((n, { made }) => n + made.length, 0)} updates, ${lost} times one was unacknowledged and had to be sent again`);
      });
    });
  }
});

/** Edits and questions from all sides; the server is killed after a random number of answers. */
async function writeUntilKilled(random, server, ledgers) {
  const safe = () => ledgers.reduce((sum, ledger) => sum + ledger.safe, 0);
  const enough = safe() + random.between(20, 120);
  let killed = null;
  while (killed === null || server.alive) {
    const ledger = random.pick(ledgers);
    scribble(random, ledger.client.edits, ledger.client.doc);
    if (random.oneIn(3)) ledger.ask();
    if (random.oneIn(5)) await turn();
    if (killed === null && safe() >= enough) killed = server.kill();
  }
  await killed;
}

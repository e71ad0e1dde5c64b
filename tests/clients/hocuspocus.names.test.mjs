// Documents by name, as they are typed, and sessions: several providers of one document on one socket.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { hocuspocus, hocuspocus4, Line } from './harness/hocuspocus.mjs';
import { randomFor } from './harness/random.mjs';
import { onlyHere, serve, serveSuite } from './harness/server.mjs';

const LIMIT = 200;

const names = [
  'trips/2026/lisbon', '/leading', 'trailing/', 'a//b', 'two words', ' spaces around ', 'Zürich', '日本', '🏝️ beach 🚆', 'a+b',
  'a&b=c;d,e:f@g?h#i', '100%', 'a%zz', '%', '%25', '%2F', '%ff', '%00', "quotes'\"<>`{}|^", '../up', '.', '..', 'new\nline\ttab', '__proto__',
  'constructor', 'hocuspocus', '0', '-'.repeat(LIMIT),
];

/** Names that look alike and are not the same. */
const different = [['x+y', 'x y'], ['slash/', 'slash'], ['a/b', 'a%2Fb'], ['c%20d', 'c d'], ['Case', 'case'], ['café', 'cafe\u0301'], ['end', 'end ']];

describe('hocuspocus: names', () => {
  const server = serveSuite({ args: ['--max-room-name', String(LIMIT)] });

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `${flavour.major}:`;

      test('odd names work, each is a document of its own', async (t) => {
        // The reference keeps its documents in an object, which has a few already.
        const line = Line.open(t, flavour, server);
        const here = await Promise.all(names.map((name) => joined(t, flavour, server, (prefix + name).slice(0, LIMIT), { line })));
        const there = await Promise.all(names.map((name) => joined(t, flavour, server, (prefix + name).slice(0, LIMIT))));
        for (const [n, { edits, doc }] of here.entries()) edits.set(doc, 'name', names[n]);
        for (const [n, name] of names.entries()) {
          await until(`an edit in ${JSON.stringify(name.slice(0, 20))}`, () => there[n].edits.get(there[n].doc, 'name'));
          assert.equal(there[n].edits.get(there[n].doc, 'name'), name);
          assert.deepEqual(there[n].edits.keys(there[n].doc), ['name']);
        }
      });

      for (const [one, other] of different) {
        test(`${JSON.stringify(one)} is not ${JSON.stringify(other)}`, async (t) => {
          const a = await joined(t, flavour, server, prefix + one);
          const b = await joined(t, flavour, server, prefix + other);
          a.edits.set(a.doc, 'a', true);
          b.edits.set(b.doc, 'b', true);
          await a.saved();
          await b.saved();
          const [a2, b2] = [await joined(t, flavour, server, prefix + one), await joined(t, flavour, server, prefix + other)];
          assert.deepEqual([a2.edits.keys(a2.doc), b2.edits.keys(b2.doc)], [['a'], ['b']]);
        });
      }

      for (const [why, name] of [['too long', 'n'.repeat(LIMIT + 1)], ['too long in bytes, not in characters', 'é'.repeat(LIMIT / 2 + 1)], ['very long', 'n'.repeat(100_000)], ['empty', '']]) {
        test(`a name that is ${why} is refused by a word, and the socket’s other document goes on`, onlyHere, async (t) => {
          const line = Line.open(t, flavour, server);
          const honest = await joined(t, flavour, server, `${prefix} beside`, { line });
          const friend = await joined(t, flavour, server, `${prefix} beside`);
          const refused = join(t, flavour, server, name, { line });
          refused.edits.set(refused.doc, 'key', 'value');
          await until('the refusal', () => refused.denials.length > 0);
          assert.ok(!refused.provider.synced);
          assert.match(refused.denials[0], /name/);
          honest.edits.set(honest.doc, 'still', 'here');
          await converge(honest, friend);
          assert.deepEqual(line.closes, []);
        });
      }
    });
  }

  describe('sessions', () => {
    test('two providers of one document on one socket, each with its own document and presence', async (t) => {
      const random = randomFor(t);
      const line = Line.open(t, hocuspocus4, server);
      const [one, two] = await Promise.all(['One', 'Two'].map((name) => joined(t, hocuspocus4, server, 'sessions', { line, name, sessionAwareness: true })));
      const outside = await joined(t, hocuspocus4, server, 'sessions', { name: 'Outside' });
      assert.notEqual(one.address, two.address);
      const everybody = [one, two, outside];
      for (let n = 0; n < 90; n += 1) {
        const { edits, doc } = random.pick(everybody);
        scribble(random, edits, doc);
      }
      await converge(...everybody);
      for (const client of everybody) {
        await client.saved();
        for (const other of everybody) await until('everybody to be seen', () => client.sees(other)?.user);
        assert.equal(client.awareness.getStates().size, 3);
      }
      // Nothing is said under the bare name, nor under the other's.
      assert.deepEqual([...new Set(line.heard.map(({ name }) => name))].sort(), [one.address, two.address].sort());
    });

    test('one of two is closed, the other goes on and sees it leave', async (t) => {
      const line = Line.open(t, hocuspocus4, server);
      const [one, two] = await Promise.all([1, 2].map(() => joined(t, hocuspocus4, server, 'sessions closed', { line, name: 'Ada', sessionAwareness: true })));
      const outside = await joined(t, hocuspocus4, server, 'sessions closed');
      await until('both to be seen', () => outside.sees(one) && outside.sees(two) && two.sees(one));
      one.leave();
      await until('the one to be gone', () => !outside.sees(one) && !two.sees(one));
      two.edits.set(two.doc, 'still', 'here');
      await converge(two, outside);
      await two.saved();
      assert.ok(outside.sees(two));
    });

    test('a session is no part of the room’s name, in either protocol', onlyHere, async (t) => {
      const session = await joined(t, hocuspocus4, server, 'sessions room', { name: 'Ada', sessionAwareness: true });
      const plain = await joined(t, current, server, 'sessions room', { name: 'Bo' });
      session.edits.set(session.doc, 'by', 'session');
      await until('the edit', () => plain.edits.get(plain.doc, 'by') === 'session');
      await until('both to be seen', () => plain.sees(session)?.user && session.sees(plain)?.user);
      const metrics = (await server.get('/metrics')).text;
      assert.doesNotMatch(metrics, /\0/);
    });

    test('fifty sessions of one document make one room', onlyHere, async (t) => {
      const own = await serve(t);
      const line = Line.open(t, hocuspocus4, own);
      const clients = await Promise.all(Array.from({ length: 50 }, () => joined(t, hocuspocus4, own, 'crowd', { line, sessionAwareness: true })));
      for (const client of clients) client.edits.set(client.doc, `by ${client.id}`, true);
      await converge(...clients);
      await Promise.all(clients.map((client) => client.saved()));
      assert.equal(Number(/^triproom_rooms (\d+)$/m.exec((await own.get('/metrics')).text)[1]), 1);
    });

    test('sessions come back when the socket was cut', async (t) => {
      const line = Line.open(t, hocuspocus4, server);
      const clients = await Promise.all([1, 2].map(() => joined(t, hocuspocus4, server, 'sessions cut', { line, sessionAwareness: true })));
      line.cut();
      await until('the cut to be noticed', () => line.closes.length === 1);
      for (const client of clients) client.edits.set(client.doc, `by ${client.id}`, true);
      await converge(...clients);
    });
  });
});

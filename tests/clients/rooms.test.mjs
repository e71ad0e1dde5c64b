// Rooms by name: everything after `/yjs/` is the name, decoded once. The clients encode nothing themselves,
// so names with slashes, spaces, unicode and stray percent signs arrive as people typed them.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { flavours } from './harness/flavours.mjs';
import { RawClient } from './harness/raw.mjs';
import { serveSuite } from './harness/server.mjs';

const LIMIT = 200;

const names = [
  'trips/2026/lisbon', '/leading', 'trailing/', 'a//b', 'two words', 'Zürich', '日本', '🏝️ beach 🚆', 'a+b', 'a&b=c;d,e:f@g',
  '100%', 'a%zz', '%', '%%25', '%ff', 'a%2', "quotes'\"<>`{}|^", 'yjs/yjs/yjs', '-'.repeat(LIMIT),
];

/** Two ways to write one name. */
const same = [['slash/literal', 'slash%2Fliteral'], ['per 100%', 'per 100%25'], ['b%zz', 'b%25zz'], ['three little words', 'three%20little%20words'], ['Genève', 'Gen%C3%A8ve']];

/** Names that look alike and are not the same. */
const different = [['x+y', 'x y'], ['slash/', 'slash'], ['c%2520', 'c%20'], ['Case', 'case'], ['café', 'cafe\u0301']];

describe('rooms', () => {
  const server = serveSuite({ args: ['--max-room-name', String(LIMIT)] });

  for (const flavour of flavours) {
    describe(flavour.name, () => {
      const prefix = `${flavour.name.replace(/\W+/g, '-')}/`;

      /** Two clients on two names, each with its own name written down. */
      async function write(t, here, there) {
        const a = await joined(t, flavour, server, here);
        const b = await joined(t, flavour, server, there);
        a.edits.set(a.doc, 'a', here);
        b.edits.set(b.doc, 'b', there);
        return [a, b];
      }

      for (const name of names) {
        test(`the room ${JSON.stringify(name.slice(0, 24))} works`, async (t) => {
          const full = (prefix + name).slice(0, LIMIT);
          const [a, b] = await write(t, full, full);
          await until('a to see b', () => a.edits.get(a.doc, 'b') === full);
          await until('b to see a', () => b.edits.get(b.doc, 'a') === full);
        });
      }

      for (const [one, other] of same) {
        test(`${one} is ${other}`, async (t) => {
          const [a, b] = await write(t, prefix + one, prefix + other);
          await until('a to see b', () => a.edits.get(a.doc, 'b'));
          await until('b to see a', () => b.edits.get(b.doc, 'a'));
        });
      }

      for (const [one, other] of different) {
        test(`${one} is not ${other}`, async (t) => {
          const [a, b] = await write(t, prefix + one, prefix + other);
          const [a2, b2] = [await joined(t, flavour, server, prefix + one), await joined(t, flavour, server, prefix + other)];
          await until('both notes to be there', () => a2.edits.get(a2.doc, 'a') && b2.edits.get(b2.doc, 'b'));
          assert.equal(a2.edits.get(a2.doc, 'b') ?? a.edits.get(a.doc, 'b'), undefined);
          assert.equal(b2.edits.get(b2.doc, 'a') ?? b.edits.get(b.doc, 'a'), undefined);
        });
      }

      test('a name over the limit is refused, for good where the client knows that word', async (t) => {
        const client = join(t, flavour, server, 'n'.repeat(LIMIT + 1));
        let stopped = false;
        client.provider.on('closed', () => { stopped = true; });
        await until('the refusal', () => client.closes.length > 0 && (stopped || !flavour.stopsOnTerminal));
        assert.ok(client.closes[0] >= 4400 && client.closes[0] < 4500, `closed with ${client.closes[0]}`);
        assert.ok(!client.provider.synced);
      });
    });
  }

  for (const [why, path] of [['an empty name', '/'], ['a NUL', '/a%00b'], ['a name that is too long in bytes, not in characters', `/${'é'.repeat(LIMIT / 2 + 1)}`]]) {
    test(`${why} is refused`, async (t) => {
      const client = new RawClient(t, server.socketUrl + path);
      const code = await client.closed();
      assert.ok(code >= 4400 && code < 4500, `closed with ${code}`);
    });
  }
});

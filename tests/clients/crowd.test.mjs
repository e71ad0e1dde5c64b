// Many and large: two hundred people in one room, and a big document that ten of them open at once.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agree, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { turn, until } from './harness/events.mjs';
import { flavours } from './harness/flavours.mjs';
import { randomFor } from './harness/random.mjs';
import { serveSuite } from './harness/server.mjs';

const CROWD = 200;
const EDITORS = 20;
const EDITS = 10;
const MEGABYTE = 1_000_000;

describe('crowd', () => {
  const server = serveSuite();

  for (const flavour of flavours) {
    describe(flavour.name, () => {
      test(`${CROWD} clients in one room see the edits of ${EDITORS}`, async (t) => {
        const clients = Array.from({ length: CROWD }, () => join(t, flavour, server, `crowd ${flavour.name}`));
        await until('everybody to be synced', () => clients.every(({ provider }) => provider.synced));
        const editors = clients.slice(0, EDITORS);
        for (let n = 0; n < EDITS; n += 1) {
          for (const { edits, doc } of editors) {
            edits.set(doc, `${doc.clientID} ${n}`, n);
            edits.type(doc, edits.length(doc), 'x');
          }
          await turn();
        }
        await until('everybody to have everything', () => clients.every(({ edits, doc }) => edits.length(doc) === EDITORS * EDITS));
        await converge(...clients);
        assert.equal(clients.at(-1).edits.keys(clients.at(-1).doc).length, EDITORS * EDITS);
        assert.deepEqual(clients.flatMap(({ closes }) => closes), []);
        for (const client of clients) client.leave();
      });

      test('ten clients open a document of 5 MB at once', async (t) => {
        const random = randomFor(t);
        const room = `large ${flavour.name}`;
        const author = await joined(t, flavour, server, room);
        for (let part = 0; part < 10; part += 1) {
          author.doc.transact(() => {
            for (let n = 0; n < 400; n += 1) author.edits.set(author.doc, `${part}/${n}`, `${random.u32()} `.repeat(125));
            author.edits.type(author.doc, 0, `${part} `.repeat(2000));
          });
          await turn();
        }
        const whole = flavour.Y.encodeStateAsUpdate(author.doc).length;
        assert.ok(whole > 4.5 * MEGABYTE && whole < 8 * MEGABYTE, `${whole} bytes`);
        const readers = await Promise.all(Array.from({ length: 10 }, () => joined(t, flavour, server, room)));
        await until('all of it', () => readers.every(({ edits, doc }) => edits.length(doc) === edits.length(author.doc) && edits.keys(doc).length === 4000));
        assert.ok(agree([author, ...readers]));
        readers[0].edits.set(readers[0].doc, 'after', 'all');
        await converge(author, ...readers);
        for (const client of [author, ...readers]) assert.deepEqual(client.closes, []);
      });
    });
  }
});

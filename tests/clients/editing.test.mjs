// Documents: whatever several clients do at once, before, after or while offline, all end up the same, for
// every generation of the client and for all of them together.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge, agree } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { tick, turn, until } from './harness/events.mjs';
import { flavours } from './harness/flavours.mjs';
import { randomFor } from './harness/random.mjs';
import { serveSuite } from './harness/server.mjs';
import { QUERY_AWARENESS } from './harness/wire.mjs';

describe('editing', () => {
  const server = serveSuite();

  for (const flavour of flavours) {
    describe(flavour.name, () => {
      test('concurrent edits of every type converge', async (t) => {
        const a = await joined(t, flavour, server, `types ${flavour.name}`);
        const b = await joined(t, flavour, server, `types ${flavour.name}`);
        a.edits.nest(a.doc, 'nested');
        await until('b to see the nested types', () => b.edits.get(b.doc, 'nested'));
        for (const [client, word] of [[a, 'ant'], [b, 'bee']]) {
          client.edits.set(client.doc, word, { deep: [word, { n: 1.5 }] });
          client.edits.set(client.doc, 'both', word);
          client.edits.insert(client.doc, 0, word, null, true);
          client.edits.type(client.doc, 0, word);
          client.edits.mark(client.doc, 0, 2, { bold: true });
          client.edits.paragraph(client.doc, word);
          client.edits.deepen(client.doc, 'nested', word);
        }
        assert.ok(!agree([a, b]), 'neither has heard of the other yet');
        await converge(a, b);
        assert.equal(a.edits.size(a.doc), 6);
        for (const word of ['ant', 'bee']) {
          assert.deepEqual(a.edits.get(a.doc, word), { deep: [word, { n: 1.5 }] });
          assert.match(a.edits.xml(a.doc), new RegExp(word));
        }
        assert.equal(a.edits.length(a.doc), 6);
      });

      test('a random session of three converges', async (t) => {
        const random = randomFor(t);
        const room = `random ${flavour.name}`;
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, server, room)));
        for (let n = 0; n < 240; n += 1) {
          const { edits, doc } = random.pick(clients);
          scribble(random, edits, doc);
          if (random.oneIn(4)) await turn();
        }
        await converge(...clients);
      });

      test('a late joiner gets everything', async (t) => {
        const random = randomFor(t);
        const first = await joined(t, flavour, server, `late ${flavour.name}`);
        for (let n = 0; n < 60; n += 1) scribble(random, first.edits, first.doc);
        const late = await joined(t, flavour, server, `late ${flavour.name}`);
        await converge(first, late);
      });

      test('at the moment of `synced` the document is whole, also in a room that is alive', async (t) => {
        const room = `whole ${flavour.name}`;
        const author = await joined(t, flavour, server, room);
        for (let n = 1; n <= 20; n += 1) {
          author.edits.type(author.doc, 0, 'x');
          const witness = await joined(t, flavour, server, room);
          await converge(author, witness);
          // An application that fills an empty document looks at it here, and must not be deceived.
          const late = join(t, flavour, server, room, { connect: false });
          let found = null;
          late.provider.on('sync', () => { found ??= late.edits.text(late.doc); });
          late.online();
          await late.synced();
          assert.equal(found, 'x'.repeat(n));
          witness.leave();
          late.leave();
        }
      });

      test('edits made on both sides of a gap meet', async (t) => {
        const room = `gap ${flavour.name}`;
        const here = await joined(t, flavour, server, room);
        const away = await joined(t, flavour, server, room);
        here.edits.type(here.doc, 0, 'shared ');
        await converge(here, away);
        away.offline();
        away.edits.type(away.doc, 0, 'away ');
        away.edits.set(away.doc, 'away', 1);
        here.edits.type(here.doc, 0, 'here ');
        here.edits.set(here.doc, 'here', 1);
        away.online();
        await converge(here, away);
        assert.equal(here.edits.length(here.doc), 'shared away here '.length);
        assert.deepEqual(here.edits.keys(here.doc).sort(), ['away', 'here']);
      });

      test('a document that was only ever edited offline arrives', async (t) => {
        const author = join(t, flavour, server, `offline ${flavour.name}`, { connect: false });
        author.edits.type(author.doc, 0, 'written in a tunnel');
        author.online();
        const reader = await joined(t, flavour, server, `offline ${flavour.name}`);
        await until('the text to arrive', () => reader.edits.text(reader.doc) === 'written in a tunnel');
      });

      test('resyncInterval repairs a lost message', async (t) => {
        const room = `resync ${flavour.name}`;
        const author = await joined(t, flavour, server, room);
        const deaf = await joined(t, flavour, server, room, { resyncInterval: 300 });
        const hear = deaf.provider.messageHandlers[0];
        let missed = false;
        deaf.provider.messageHandlers[0] = (encoder, decoder) => {
          missed ||= decoder.arr[1] === 2;
          tick();
        };
        author.edits.set(author.doc, 'said', 'once');
        await until('the update to be missed', () => missed);
        deaf.provider.messageHandlers[0] = hear;
        await converge(author, deaf);
        assert.equal(deaf.edits.get(deaf.doc, 'said'), 'once');
        assert.deepEqual(deaf.closes, []);
      });

      test('QueryAwareness is answered with everybody’s presence', async (t) => {
        const room = `query ${flavour.name}`;
        const asked = await joined(t, flavour, server, room, { name: 'Ada' });
        const asks = await joined(t, flavour, server, room, { name: 'Bo' });
        await until('Ada to be seen', () => asks.sees(asked));
        let answered = false;
        const hear = asks.provider.messageHandlers[1];
        asks.provider.messageHandlers[1] = (...message) => {
          answered ||= Buffer.from(message[1].arr).includes('Ada');
          hear(...message);
          tick();
        };
        asks.provider.ws.send(QUERY_AWARENESS);
        await until('the answer', () => answered);
      });
    });
  }

  test('all generations of the client share one room', async (t) => {
    const random = randomFor(t);
    const clients = await Promise.all(flavours.map((flavour) => joined(t, flavour, server, 'everybody')));
    for (let n = 0; n < 400; n += 1) {
      const { edits, doc } = random.pick(clients);
      scribble(random, edits, doc);
      if (random.oneIn(4)) await turn();
    }
    await converge(...clients);
  });
});

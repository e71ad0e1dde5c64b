// Documents of Hocuspocus clients, of each generation: whatever they do at once, before, after or while
// offline, all end up the same.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { agree, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { turn, until } from './harness/events.mjs';
import { hocuspocus } from './harness/hocuspocus.mjs';
import { Type } from './harness/hocuspocus-wire.mjs';
import { randomFor } from './harness/random.mjs';
import { onlyHere, serve, serveSuite } from './harness/server.mjs';

describe('hocuspocus: documents', () => {
  const server = serveSuite();

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `sync ${flavour.major}`;

      test('edits of every type go both ways', async (t) => {
        const a = await joined(t, flavour, server, `${prefix} types`);
        const b = await joined(t, flavour, server, `${prefix} types`);
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
        assert.equal(a.edits.length(a.doc), 6);
        for (const word of ['ant', 'bee']) assert.match(a.edits.xml(a.doc), new RegExp(word));
      });

      test('a random session of three converges, and all of it is saved', async (t) => {
        const random = randomFor(t);
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, server, `${prefix} random`)));
        for (let n = 0; n < 240; n += 1) {
          const { edits, doc } = random.pick(clients);
          scribble(random, edits, doc);
          if (random.oneIn(4)) await turn();
        }
        await converge(...clients);
        await Promise.all(clients.map((client) => client.saved()));
      });

      test('a late joiner gets everything', async (t) => {
        const random = randomFor(t);
        const first = await joined(t, flavour, server, `${prefix} late`);
        for (let n = 0; n < 60; n += 1) scribble(random, first.edits, first.doc);
        const late = await joined(t, flavour, server, `${prefix} late`);
        await converge(first, late);
      });

      test('at the moment of `synced` the document is whole', async (t) => {
        const author = await joined(t, flavour, server, `${prefix} whole`);
        for (let n = 1; n <= 20; n += 1) {
          author.edits.type(author.doc, 0, 'x');
          await author.saved();
          const late = join(t, flavour, server, `${prefix} whole`, { connect: false });
          let found = null;
          late.provider.on('synced', () => { found ??= late.edits.text(late.doc); });
          late.online();
          await late.synced();
          assert.equal(found, 'x'.repeat(n));
          late.leave();
        }
      });

      test('edits made on both sides of a gap meet', async (t) => {
        const here = await joined(t, flavour, server, `${prefix} gap`);
        const away = await joined(t, flavour, server, `${prefix} gap`);
        here.edits.type(here.doc, 0, 'shared ');
        await converge(here, away);
        away.offline();
        away.edits.type(away.doc, 0, 'away ');
        here.edits.type(here.doc, 0, 'here ');
        away.online();
        await converge(here, away);
        assert.equal(here.edits.length(here.doc), 'shared away here '.length);
        assert.deepEqual([...here.closes, ...away.closes], []);
      });

      test('a document that was only ever edited offline arrives', async (t) => {
        const author = join(t, flavour, server, `${prefix} offline`, { connect: false });
        author.edits.type(author.doc, 0, 'written in a tunnel');
        author.online();
        const reader = await joined(t, flavour, server, `${prefix} offline`);
        await until('the text to arrive', () => reader.edits.text(reader.doc) === 'written in a tunnel');
      });

      test('the answers of the handshake come in the order that the reference gives them', async (t) => {
        const ada = await joined(t, flavour, server, `${prefix} order`, { name: 'Ada', token: 'any' });
        ada.edits.set(ada.doc, 'key', 'value');
        await ada.saved();
        const bo = await joined(t, flavour, server, `${prefix} order`, { name: 'Bo', token: 'any' });
        await bo.saved();
        const words = bo.heard.map(({ type, sub }) => (type === Type.Sync ? `Sync ${sub}` : Object.keys(Type).find((name) => Type[name] === type)));
        assert.deepEqual([...new Set(words)].slice(0, 2), ['Auth', 'Awareness']);
        // Presence may be said more than once, and what is new may come as updates; the rest has its order.
        const rest = words.filter((word) => !['Awareness', 'Sync 2'].includes(word));
        assert.deepEqual(rest, ['Auth', 'Sync 0', 'Sync 1', 'SyncStatus']);
      });

      test('forceSync repairs what was missed', async (t) => {
        const author = await joined(t, flavour, server, `${prefix} repair`);
        const deaf = await joined(t, flavour, server, `${prefix} repair`);
        await deaf.saved();
        const hear = deaf.provider.onMessage;
        deaf.provider.onMessage = () => {};
        author.edits.set(author.doc, 'said', 'once');
        await until('the update to be missed', () => deaf.heard.some(({ type, sub }) => type === Type.Sync && sub === 2));
        deaf.provider.onMessage = hear;
        deaf.provider.forceSync();
        await converge(author, deaf);
        await deaf.saved();
        assert.deepEqual(deaf.closes, []);
      });

      test('the socket that a provider opens by itself works', async (t) => {
        const room = `${prefix} url`;
        const provider = new flavour.Provider({ url: server.hocuspocusUrl, name: room, token: 'any' });
        t.after(() => {
          provider.destroy();
          provider.configuration.websocketProvider.destroy();
        });
        provider.document.getText('text').insert(0, 'by URL');
        const reader = await joined(t, flavour, server, room);
        await until('the text to arrive', () => reader.edits.text(reader.doc) === 'by URL');
      });

      test('any path below the endpoint is the endpoint', async (t) => {
        const room = `${prefix} path`;
        const line = { ...server, hocuspocusUrl: `${server.hocuspocusUrl}/collab/v1/` };
        const below = await joined(t, flavour, line, room);
        const at = await joined(t, flavour, server, room);
        below.edits.set(below.doc, 'from', 'below');
        await until('the edit', () => at.edits.get(at.doc, 'from') === 'below');
      });

      test('all come back by themselves after the server was killed', async (t) => {
        const random = randomFor(t);
        const own = await serve(t);
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, own, 'back')));
        for (let n = 0; n < 30; n += 1) scribble(random, flavour.edits, random.pick(clients).doc);
        await converge(...clients);
        await own.kill();
        await until('all to notice', () => clients.every(({ closes }) => closes.length > 0));
        for (const client of clients) scribble(random, flavour.edits, client.doc);
        await own.start();
        await converge(...clients);
      });

      test('asked to end, the server says so, keeps everything, and its clients return', onlyHere, async (t) => {
        const own = await serve(t);
        const clients = await Promise.all([1, 2, 3].map(() => joined(t, flavour, own, 'clean')));
        clients[0].edits.type(clients[0].doc, 0, 'last words');
        await converge(...clients);
        assert.equal(await own.stop(), 0, 'exit code');
        await until('all to be told', () => clients.every(({ closes }) => closes.length > 0));
        assert.deepEqual([...new Set(clients.map(({ closes }) => closes[0]))], [1012]);
        await own.start();
        for (const client of clients) await until('it to be back', () => client.provider.synced);
        const fresh = await joined(t, flavour, own, 'clean');
        assert.equal(fresh.edits.text(fresh.doc), 'last words');
      });
    });
  }

  test('all generations share one room', async (t) => {
    const random = randomFor(t);
    const clients = await Promise.all(hocuspocus.map((flavour) => joined(t, flavour, server, 'everybody', { token: 'any' })));
    for (let n = 0; n < 300; n += 1) {
      const { edits, doc } = random.pick(clients);
      scribble(random, edits, doc);
      if (random.oneIn(4)) await turn();
    }
    await converge(...clients);
    await Promise.all(clients.map((client) => client.saved()));
  });
});

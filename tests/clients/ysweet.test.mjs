// The y-sweet client and what its SDK asks for: documents made, tokens given out, updates read and written over
// HTTP, on the same rooms as everybody else's.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { scribble } from './harness/edits.mjs';
import { until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { hocuspocus4 } from './harness/hocuspocus.mjs';
import { randomFor } from './harness/random.mjs';
import { Caller } from './harness/rest.mjs';
import { serve, serveSuite } from './harness/server.mjs';
import { SECRET, token } from './harness/token.mjs';
import { ysweet } from './harness/ysweet.mjs';

const path = (id) => encodeURIComponent(id);

describe('y-sweet', () => {
  const server = serveSuite();
  const backend = new Caller(server);

  test('a document is made, a token given out, and two clients edit it', async (t) => {
    const random = randomFor(t);
    const { docId } = await backend.must('POST', '/doc/new', {});
    assert.match(docId, /^.{8,}$/);
    const ada = await joined(t, ysweet, server, docId, { name: 'Ada' });
    const bo = await joined(t, ysweet, server, docId, { name: 'Bo' });
    for (let n = 0; n < 60; n += 1) scribble(random, ysweet.edits, random.pick([ada, bo]).doc);
    await converge(ada, bo);
    await until('both to be seen', () => ada.sees(bo)?.user && bo.sees(ada)?.user);
    await Promise.all([ada.saved(), bo.saved()]);
    bo.leave();
    await until('the one to be gone', () => !ada.sees(bo));
  });

  test('a token says where to go and what may be done', async () => {
    const { docId } = await backend.must('POST', '/doc/new', { docId: 'named' });
    assert.equal(docId, 'named');
    assert.equal((await backend.must('POST', '/doc/new', { docId: 'named' })).docId, 'named', 'made twice');
    const client = await backend.must('POST', '/doc/named/auth', {});
    assert.equal(client.docId, 'named');
    assert.equal(client.authorization, 'full');
    assert.match(client.url, /^ws:\/\//);
    assert.match(client.baseUrl, /^http:\/\//);
    assert.equal(new URL(client.url).pathname, '/d/named/ws');
    assert.equal(new URL(client.baseUrl).pathname, '/d/named');
  });

  test('the address of tokens itself may be the client’s endpoint', async (t) => {
    await backend.must('POST', '/doc/new', { docId: 'endpoint' });
    const client = await joined(t, ysweet, server, 'endpoint', { endpoint: `${server.url}/doc/endpoint/auth` });
    client.edits.set(client.doc, 'key', 'value');
    await client.saved();
  });

  test('all three protocols share the room', async (t) => {
    await backend.must('POST', '/doc/new', { docId: 'shared' });
    const clients = await Promise.all([ysweet, current, hocuspocus4].map((flavour) => joined(t, flavour, server, 'shared', { name: flavour.name })));
    for (const client of clients) client.edits.set(client.doc, client.flavour.name, true);
    await converge(...clients);
    for (const client of clients) {
      for (const other of clients) await until('everybody to be seen', () => client.sees(other)?.user);
    }
  });

  test('the document is read and written over HTTP, live and durable', async (t) => {
    const own = await serve(t);
    const caller = new Caller(own);
    await caller.must('POST', '/doc/new', { docId: 'http' });
    const client = await joined(t, ysweet, own, 'http');
    client.edits.set(client.doc, 'by', 'socket');
    await client.saved();
    const doc = new Y.Doc();
    Y.applyUpdate(doc, await caller.must('GET', '/d/http/as-update'));
    assert.equal(doc.getMap('map').get('by'), 'socket');
    doc.getMap('map').set('also', 'by HTTP');
    await caller.must('POST', '/d/http/update', Y.encodeStateAsUpdate(doc));
    await own.kill();
    await own.start();
    const fresh = await joined(t, ysweet, own, 'http');
    assert.equal(fresh.edits.get(fresh.doc, 'also'), 'by HTTP');
    const after = new Y.Doc();
    Y.applyUpdate(after, await caller.must('GET', '/d/http/as-update'));
    assert.deepEqual(after.getMap('map').toJSON(), { by: 'socket', also: 'by HTTP' });
  });

  test('an update over HTTP reaches those who are there at once', async (t) => {
    await backend.must('POST', '/doc/new', { docId: 'live' });
    const client = await joined(t, ysweet, server, 'live');
    const doc = new Y.Doc();
    doc.getText('text').insert(0, 'by HTTP');
    await backend.must('POST', '/d/live/update', Y.encodeStateAsUpdate(doc));
    await until('the text', () => client.edits.text(client.doc) === 'by HTTP');
  });

  test('what is no update is refused', async () => {
    await backend.must('POST', '/doc/new', { docId: 'rubbish' });
    for (const body of [Buffer.alloc(0), Buffer.alloc(40, 0xff), Buffer.from('hello')]) {
      const answer = await backend.ask('POST', '/d/rubbish/update', body);
      assert.equal(answer.status, 400, answer.text);
      assert.equal(answer.body.code, 'malformed_update');
    }
  });

  for (const id of ['with/slash', 'two words', 'Zürich 🏝️', '100%', 'a+b&c=d;e?f#g']) {
    test(`the document ${JSON.stringify(id)} works in all its ways`, async (t) => {
      await backend.must('POST', '/doc/new', { docId: id });
      const client = await joined(t, ysweet, server, id);
      const other = await joined(t, hocuspocus4, server, id);
      other.edits.set(other.doc, 'key', id);
      await until('the edit', () => client.edits.get(client.doc, 'key') === id);
      const doc = new Y.Doc();
      Y.applyUpdate(doc, await backend.must('GET', `/d/${path(id)}/as-update`));
      assert.equal(doc.getMap('map').get('key'), id);
    });
  }

  test('a client that was cut off, or whose server was killed, comes back and saves what it made', async (t) => {
    const own = await serve(t);
    await new Caller(own).must('POST', '/doc/new', { docId: 'back' });
    const client = await joined(t, ysweet, own, 'back', { name: 'Ada' });
    const observer = await joined(t, current, own, 'back');
    await until('it to be seen', () => observer.sees(client)?.user);
    client.cut();
    await until('the cut to be noticed', () => client.closes.length === 1);
    client.edits.set(client.doc, 'cut', 'off');
    await client.saved();
    await until('it to be seen again', () => observer.sees(client)?.user);
    await own.kill();
    client.edits.set(client.doc, 'server', 'killed');
    await own.start();
    await client.saved();
    await converge(client, observer);
  });

  describe('with access', () => {
    const guarded = serveSuite({ args: ['--jwt-secret', SECRET, '--jwt-leeway', '0s'] });
    const ada = token('ada');
    const owner = new Caller(guarded, ada);

    test('a backend makes a document and gives out tokens, a stranger learns nothing', async (t) => {
      await owner.must('POST', '/doc/new', { docId: 'mine' });
      const client = await joined(t, ysweet, guarded, 'mine', { token: ada });
      client.edits.set(client.doc, 'key', 'value');
      await client.saved();
      assert.ok(client.tokens[0].token);
      const eve = new Caller(guarded, token('eve'));
      for (const [method, of, body] of [['POST', (id) => `/doc/${id}/auth`, {}], ['GET', (id) => `/d/${id}/as-update`], ['POST', (id) => `/d/${id}/update`, Buffer.from([0, 0])]]) {
        const [there, notThere] = [await eve.ask(method, of('mine'), body), await eve.ask(method, of('nope'), body)];
        assert.equal(there.status, 404);
        assert.equal(there.text.replaceAll('mine', 'nope'), notThere.text);
        assert.equal((await new Caller(guarded).ask(method, of('mine'), body)).status, 401);
      }
      assert.equal((await new Caller(guarded).ask('POST', '/doc/new', {})).status, 401);
    });

    test('a reader’s edits reach nobody and are never called saved', async (t) => {
      await owner.must('POST', '/doc/new', { docId: 'read' });
      const writer = await joined(t, ysweet, guarded, 'read', { token: ada });
      const reader = await joined(t, ysweet, guarded, 'read', { token: ada, wish: { authorization: 'read-only' } });
      assert.equal(reader.tokens[0].authorization, 'read-only');
      t.mock.method(console, 'warn', () => {});
      reader.edits.set(reader.doc, 'smuggled', true);
      writer.edits.set(writer.doc, 'honest', true);
      await until('the honest edit', () => reader.edits.get(reader.doc, 'honest'));
      await writer.saved();
      assert.ok(reader.provider.hasLocalChanges);
      const fresh = await joined(t, ysweet, guarded, 'read', { token: ada });
      assert.deepEqual(fresh.edits.keys(fresh.doc), ['honest']);
      assert.equal((await new Caller(guarded, reader.tokens[0].token).ask('POST', '/d/read/update', Buffer.from([0, 0]))).status, 403);
    });

    test('a client whose token ended gets a newer one and goes on', async (t) => {
      await owner.must('POST', '/doc/new', { docId: 'short' });
      const observer = await joined(t, ysweet, guarded, 'short', { token: ada });
      const client = await joined(t, ysweet, guarded, 'short', { token: ada, wish: { validForSeconds: 1 } });
      await until('its token to end', () => client.closes.length > 0);
      assert.equal(client.closes[0], 4401);
      client.edits.set(client.doc, 'made', 'in between');
      await until('a newer token', () => client.tokens.length > 1);
      await until('the edit', () => observer.edits.get(observer.doc, 'made'));
    });

    test('a token opens its own document and no other', async (t) => {
      await owner.must('POST', '/doc/new', { docId: 'one' });
      await owner.must('POST', '/doc/new', { docId: 'other' });
      const stolen = await owner.must('POST', '/doc/one/auth', {});
      const client = join(t, ysweet, guarded, 'other', { connect: false, endpoint: async () => ({ ...stolen, docId: 'other', url: stolen.url.replace('/one/', '/other/') }) });
      client.provider.connect();
      await until('the refusal', () => client.closes.length > 0);
      assert.equal(client.closes[0], 4404);
      assert.notEqual(client.provider.status, 'connected');
    });
  });
});

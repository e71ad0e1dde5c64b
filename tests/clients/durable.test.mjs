// "Saved" is true to its name: message 102 comes back unchanged, and a sole author's own words come back to
// it, only when they are on disk. The y-sweet client's light and the pre-release clients' one rest on this.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import WebSocket from 'ws';
import * as Y from 'yjs';
import { createYjsProvider } from '@y-sweet/client';
import { contains } from './harness/agreement.mjs';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { RawClient } from './harness/raw.mjs';
import { serve, serveSuite } from './harness/server.mjs';
import { EMPTY_STEP1, pack, update } from './harness/wire.mjs';

/** One update of a new client: `text` typed into an empty text. */
function words(text) {
  const doc = new Y.Doc();
  doc.getText('text').insert(0, text);
  return Y.encodeStateAsUpdate(doc);
}

/** Whether a frame carries all of `made` as an update. */
const carries = (made) => ({ type, sub, body }) => {
  if (type !== 0 || sub !== 2) return false;
  const doc = new Y.Doc();
  Y.applyUpdate(doc, body);
  return contains(doc, made);
};

describe('durable', () => {
  const server = serveSuite();

  test('message 102 is echoed byte for byte', async (t) => {
    const client = await RawClient.open(t, server, 'echo');
    client.send(EMPTY_STEP1);
    for (const version of [0, 1, 127, 128, 300, 2 ** 32]) {
      const body = pack(version);
      client.send(pack(102, body.length, body));
      const { body: echoed } = await client.frame('the echo', (frame) => frame.type === 102 && Buffer.compare(frame.body, body) === 0);
      assert.deepEqual([...echoed], [...body]);
    }
    assert.equal(client.frames.filter(({ type }) => type === 102).length, 6, 'one answer a question');
  });

  test('questions asked in one breath are answered in order, the last one for all of them', async (t) => {
    const client = await RawClient.open(t, server, 'order');
    for (let n = 0; n < 50; n += 1) {
      client.send(update(words(`edit ${n}`)));
      client.send(pack(102, 1, n));
    }
    const answers = () => client.frames.filter(({ type }) => type === 102).map(({ body }) => body[0]);
    await until('the last answer', () => answers().includes(49));
    assert.deepEqual(answers(), [...new Set(answers())].sort((a, b) => a - b));
  });

  test('message 102 goes to nobody else', async (t) => {
    const client = await RawClient.open(t, server, 'private');
    const other = await RawClient.open(t, server, 'private');
    await client.settled();
    await other.settled();
    assert.equal(other.frames.filter(({ type }) => type === 102).length, 1);
  });

  test('a sole author hears its own update once it is on disk', async (t) => {
    const own = await serve(t);
    const author = await RawClient.open(t, own, 'sole');
    author.send(EMPTY_STEP1);
    const made = words('only mine');
    author.send(update(made));
    await author.frame('the author’s own words', carries(made));
    await own.kill();
    await own.start();
    const fresh = await joined(t, current, own, 'sole');
    assert.ok(contains(fresh.doc, made));
  });

  test('what was echoed is there after a kill, edit by edit', async (t) => {
    const own = await serve(t);
    for (let round = 0; round < 5; round += 1) {
      const author = await RawClient.open(t, own, 'rounds');
      const made = words(`round ${round}`);
      author.send(update(made));
      assert.ok(await author.settled());
      await own.kill();
      await own.start();
      const fresh = await joined(t, current, own, 'rounds');
      assert.ok(contains(fresh.doc, made));
      assert.match(fresh.edits.text(fresh.doc), new RegExp(`round ${round}`));
      fresh.leave();
    }
  });

  test('the y-sweet client’s light goes green, through edits and a restart', async (t) => {
    const own = await serve(t);
    const doc = new Y.Doc();
    const provider = createYjsProvider(doc, 'sweet', async () => ({ url: own.socketUrl, baseUrl: own.url, docId: 'sweet' }), {
      WebSocketPolyfill: WebSocket, showDebuggerLink: false,
    });
    t.after(() => silence(provider, doc));
    for (const event of ['connection-status', 'local-changes', 'sync']) provider.on(event, tick);

    await until('y-sweet to connect', () => provider.status === 'connected');
    doc.getText('text').insert(0, 'sweet');
    assert.ok(provider.hasLocalChanges);
    await until('everything to be saved', () => !provider.hasLocalChanges);
    await own.kill();
    await until('y-sweet to notice', () => provider.status !== 'connected');
    doc.getText('text').insert(0, 'still ');
    await own.start();
    await until('everything to be saved again', () => provider.status === 'connected' && !provider.hasLocalChanges);
    const reader = await joined(t, current, own, 'sweet');
    await until('the text', () => reader.edits.text(reader.doc) === 'still sweet');
  });
});

/** Ends a y-sweet provider, which by itself would go on connecting after `destroy`. */
function silence(provider, doc) {
  provider.attemptToConnect = () => new Promise(() => {});
  provider.clearHeartbeat();
  provider.clearConnectionTimeout();
  if (provider.websocket) provider.websocket.onclose = null;
  provider.destroy();
  provider.awareness.destroy();
  doc.destroy();
}

// The webhook of the documentation, run as it stands: whom it lets in, with what, and whom not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createServer } from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join, joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { RawHocuspocus } from './harness/hocuspocus-raw.mjs';
import { auth, close, step1, Type } from './harness/hocuspocus-wire.mjs';
import { serve } from './harness/server.mjs';

const EXAMPLE = fileURLToPath(new URL('../../examples/webhook.mjs', import.meta.url));
const SECRET = 'between the two of us';

/** Starts the example; gives its address. */
async function webhook(t) {
  const child = spawn(process.execPath, [EXAMPLE], { env: { ...process.env, PORT: '0', WEBHOOK_SECRET: SECRET } });
  t.after(() => child.kill());
  let out = '';
  child.stdout.on('data', (text) => { out += text; tick(); });
  return until('the webhook to listen', () => /http:\/\/\S+/.exec(out)?.[0]);
}

test('examples/webhook.mjs says who may be where', async (t) => {
  const url = await webhook(t);
  const server = await serve(t, { args: ['--auth-webhook', url, '--auth-webhook-secret', SECRET] });
  const ada = { params: { token: 'session-of-ada' } };

  const editor = await joined(t, current, server, 'lisbon', ada);
  editor.doc.getMap('trip').set('title', 'Lisbon');
  const other = await joined(t, current, server, 'lisbon', ada);
  await until('the edit to arrive', () => other.doc.getMap('trip').get('title') === 'Lisbon');

  for (const [room, token, code] of [['faro', 'session-of-ada', 4404], ['lisbon', 'nobody', 4401]]) {
    const refused = join(t, current, server, room, { params: { token } });
    await until('the refusal', () => refused.closes.length > 0);
    assert.deepEqual(refused.closes, [code], `${room}, ${token}`);
  }
});

test('a question that is not signed by the server gets no answer', async (t) => {
  const url = await webhook(t);
  const body = JSON.stringify({ token: 'session-of-ada', room: 'lisbon', address: '127.0.0.1' });
  for (const signature of ['', 't=1,v1=00', `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`]) {
    const answer = await fetch(url, { method: 'POST', body, headers: { 'X-Triproom-Signature': signature } });
    assert.equal(answer.status, 400, signature);
  }
});

/** A server with a webhook that lets in whose token begins with `good`, turns away `bad`, and leaves others waiting. */
async function withWebhook(t) {
  const asked = [];
  const hook = createServer((request, answer) => {
    let body = '';
    request.on('data', (text) => { body += text; });
    request.on('end', () => {
      const { token } = JSON.parse(body);
      asked.push(token);
      tick();
      if (token.startsWith('bad')) answer.writeHead(401).end();
      if (token.startsWith('good')) answer.end(JSON.stringify({ principal: 'ada', role: 'editor' }));
    });
  });
  await new Promise((resolve) => hook.listen(0, '127.0.0.1', resolve));
  t.after(() => { hook.closeAllConnections(); hook.close(); });
  const url = `http://127.0.0.1:${hook.address().port}/`;
  return { asked, server: await serve(t, { args: ['--auth-webhook', url, '--auth-webhook-secret', SECRET] }) };
}

const denied = ({ type, sub }) => type === Type.Auth && sub === 1;
const admitted = ({ type, sub }) => type === Type.Auth && sub === 2;

test('of a flood of tokens that are turned down the webhook is asked about a few', async (t) => {
  const { asked, server } = await withWebhook(t);
  const sockets = await Promise.all(Array.from({ length: 20 }, () => RawHocuspocus.open(t, server)));
  for (const [n, socket] of sockets.entries()) {
    for (let document = 0; document < 50; document += 1) socket.send(auth(`${n}/${document}`, `bad ${n}/${document}`));
  }
  await until('all to be answered', () => sockets.every(({ frames }) => frames.filter(denied).length === 50));
  assert.ok(asked.length >= 30 && asked.length < 100, `asked ${asked.length} times about 1,000 tokens, of which 30 may fail a minute`);
});

test('a session goes on when its newer token cannot be looked at, because others at the address failed too often', async (t) => {
  const { server } = await withWebhook(t);
  const ada = await RawHocuspocus.open(t, server);
  ada.send(auth('lisbon', 'good'));
  await ada.frame('the way in', admitted);
  const stranger = await RawHocuspocus.open(t, server);
  for (let n = 0; n < 40; n += 1) stranger.send(auth(`${n}`, `bad ${n}`));
  await until('all to be refused', () => stranger.frames.filter(denied).length === 40);
  ada.send(auth('lisbon', 'good and newer'));
  ada.send(step1('lisbon'));
  await ada.frame('an answer', ({ type, sub }) => type === Type.Sync && sub === 1);
  assert.deepEqual(ada.frames.filter(denied), []);
});

test('who opens and closes documents without end, and waits for no answer, is sent away', async (t) => {
  const { asked, server } = await withWebhook(t);
  const stranger = await RawHocuspocus.open(t, server, { query: '?token=slow' });
  for (let n = 0; n < 1_000; n += 1) {
    stranger.send(step1(`${n}`));
    stranger.send(close(`${n}`));
  }
  assert.equal(await stranger.closed(), 1002);
  assert.ok(asked.length <= 101, `asked ${asked.length} times`);
});

// The webhook of the documentation, run as it stands: whom it lets in, with what, and whom not.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { join, joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
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

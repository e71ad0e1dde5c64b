// The JSON socket by its schema: all that the server says and all that is said to it here fits what /v1/schema promises;
// and what is kept survives a kill.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Ajv from 'ajv/dist/2020.js';
import WebSocket from 'ws';
import { tick, until } from './harness/events.mjs';
import { serve } from './harness/server.mjs';

/** Checks of what the server says, and of what clients say. */
async function schemas(server) {
  const schema = await (await fetch(`${server.url}/v1/schema`)).json();
  const ajv = new Ajv({ strict: false, allErrors: false, validateFormats: false });
  return { told: ajv.compile(schema), said: ajv.compile({ $defs: schema.$defs, $ref: '#/$defs/Request' }) };
}

function join(t, server, checks, query) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/rooms/lisbon/socket?${query}`);
  const heard = [];
  const wrong = [];
  socket.on('error', () => {});
  socket.on('message', (frame) => {
    const event = JSON.parse(frame);
    if (!checks.told(event)) wrong.push({ event, why: checks.told.errors });
    heard.push(event);
    tick();
  });
  t.after(() => socket.terminate());
  return {
    socket,
    heard,
    wrong,
    say(type, data, ref) {
      const request = { type, data };
      assert.ok(checks.said(JSON.parse(JSON.stringify(request))), `${JSON.stringify(request)} ${JSON.stringify(checks.said.errors)}`);
      socket.send(JSON.stringify({ ...request, ref }));
    },
    hears: (type, holds = () => true) =>
      until(type, () => heard.find((event) => event.type === type && holds(event)), { detail: () => JSON.stringify(heard.slice(-5)) }),
  };
}

describe('events', () => {
  test('all that is said and heard fits the schema', async (t) => {
    const server = await serve(t, { args: ['--keep-events', '10'] });
    const checks = await schemas(server);
    const ada = join(t, server, checks, 'name=Ada');
    await ada.hears('room.welcome');
    const agent = join(t, server, checks, 'name=agent:Planner');
    await agent.hears('room.welcome');
    agent.say('agent.status', { state: 'thinking', progress: 0.5, message: 'Looking', metrics: { tokens_in: 5 } });
    agent.say('agent.task', { task: 'hotels', title: 'Hotels', state: 'running', priority: 'high', args: { near: 'river' }, client_id: 't1' });
    agent.say('agent.output', { message: 'm', chunk: 'Near the river' });
    agent.say('agent.output', { message: 'm', done: true }, 'done');
    agent.say('agent.handoff', { to: 'agent:booker', reason: 'to book', context: [1] });
    agent.say('doc.patch', { operations: [{ op: 'trip.update', trip: { start_date: '2026-05-01', end_date: '2026-05-02' } }, { op: 'item.add', item: { kind: 'meal', title: 'x', day: '2027-01-01' } }] }, 'patch');
    agent.say('doc.patch', { operations: [{ op: 'note.append', text: 'x' }], dry_run: true }, 'dry');
    agent.say('doc.patch', { operations: [{ op: 'item.remove', id: 'none' }] }, 'bad');
    agent.say('doc.read', undefined, 'read');
    agent.say('doc.subscribe', { pointers: ['/items'], interval_ms: 500 });
    agent.say('ping');
    ada.say('chat.message', { text: 'Hello', mentions: ['agent:Planner'], attachments: [{ id: '1', name: 'a', url: 'https://example.com' }] }, 'chat');
    ada.say('agent.command', { agent: 'agent:Planner', action: 'pause', params: { until: 'noon' } });
    ada.say('auth.refresh', { token: 'none' });
    ada.socket.send('{"type":"nonsense"}');
    for (const type of ['agent.status', 'agent.task', 'agent.output', 'chat.message', 'agent.handoff', 'agent.command', 'doc.changed', 'trip.warning', 'ack', 'error']) await ada.hears(type);
    for (const type of ['doc.patched', 'doc.previewed', 'doc.rejected', 'doc.content', 'pong', 'agent.command']) await agent.hears(type);
    for (let number = 0; number < 600; number += 1) {
      const url = `${server.url}/v1/rooms/lisbon/events`;
      const body = JSON.stringify({ type: 'chat.message', data: { text: String(number) } });
      const posted = await fetch(url, { method: 'POST', body, headers: { 'content-type': 'application/json' } });
      assert.equal(posted.status, 201);
    }
    const late = join(t, server, checks, 'name=Late&cursor=0');
    await late.hears('room.gap');
    agent.socket.close();
    await ada.hears('member.left');
    await ada.hears('heartbeat');
    assert.ok(!checks.told({ v: 1, type: 'chat.message', data: { txt: 'x' }, at: '' }), 'the schema refuses what is none');
    for (const { wrong } of [ada, agent, late]) assert.deepEqual(wrong, []);
  });

  test('what was acknowledged is heard once by whoever was away while the server was killed', async (t) => {
    const server = await serve(t);
    const checks = await schemas(server);
    let cursor = '0';
    const found = [];
    const acknowledged = new Set();
    for (let round = 0; round < 5; round += 1) {
      const ada = join(t, server, checks, 'name=Ada');
      const listener = join(t, server, checks, `name=agent:Ear&cursor=${cursor}`);
      await listener.hears('room.welcome');
      await ada.hears('room.welcome');
      for (let number = 0; number < 30; number += 1) ada.say('chat.message', { text: `${round}.${number}`, client_id: `${round}.${number}` });
      await until('some of it', () => ada.heard.filter(({ type }) => type === 'ack').length > 5 + round);
      await server.kill();
      for (const event of listener.heard.filter(({ type }) => type === 'chat.message')) {
        found.push(event);
        cursor = event.id;
      }
      for (const { data } of ada.heard.filter(({ type }) => type === 'ack')) acknowledged.add(data.client_id);
      await server.start();
    }
    const listener = join(t, server, checks, `name=agent:Ear&cursor=${cursor}`);
    const welcome = await listener.hears('room.welcome');
    assert.equal(welcome.data.cursor, cursor);
    const page = await (await fetch(`${server.url}/v1/rooms/lisbon/events?limit=1`)).json();
    if (page.last !== cursor) await listener.hears('chat.message', ({ id }) => id === page.last);
    found.push(...listener.heard.filter(({ type }) => type === 'chat.message'));
    const ids = found.map(({ id }) => Number(id));
    assert.deepEqual(ids, ids.map((_, index) => index + 1), 'each once, in order');
    const texts = new Set(found.map(({ data }) => data.client_id));
    for (const id of acknowledged) assert.ok(texts.has(id), `${id} was acknowledged`);
  });
});

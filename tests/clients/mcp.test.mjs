// The Model Context Protocol, as the official client speaks it: what a model finds, what it may do, and what it is told
// when something is wrong.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { hocuspocus4 } from './harness/hocuspocus.mjs';
import { randomFor } from './harness/random.mjs';
import { Caller, of } from './harness/rest.mjs';
import { binary, onlyHere, serve, serveSuite } from './harness/server.mjs';
import { SECRET, token } from './harness/token.mjs';

const MISTAKES = 300;

const run = promisify(execFile);

/** A connected client; `credential` is a token or a key, `name` works while authentication is off. */
async function connected(t, server, { credential, name, headers = {} } = {}) {
  const client = new Client({ name: 'tests', version: '1.0.0' });
  const url = new URL('/mcp', server.url);
  if (name) url.searchParams.set('name', name);
  if (credential) headers.authorization = `Bearer ${credential}`;
  t.after(() => client.close());
  await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));
  return client;
}

/** What a tool answers: `{ value, isError }`. */
async function called(client, name, args) {
  const { content, isError, structuredContent } = await client.callTool({ name, arguments: args });
  assert.equal(content.length, 1);
  const value = JSON.parse(content[0].text);
  if (structuredContent) assert.deepEqual(structuredContent, value);
  return { value, isError };
}

/** The same, of which nothing but success is expected. */
async function done(client, name, args) {
  const { value, isError } = await called(client, name, args);
  assert.ok(!isError, JSON.stringify(value));
  return value;
}

/** The same, which is expected to be refused: gives what is said. */
async function refused(client, name, args) {
  const { value, isError } = await called(client, name, args);
  assert.equal(isError, true, JSON.stringify(value));
  assert.ok(value.code && value.message, JSON.stringify(value));
  return value;
}

describe('MCP', onlyHere, () => {
  const server = serveSuite();
  const someone = new Caller(server);
  let number = 0;

  /** A new room, an agent that is connected by MCP, and Ada who looks at it in a browser. */
  async function scene(t) {
    number += 1;
    const room = `ä room/${number}`;
    await someone.makeRoom(room);
    const ada = await joined(t, current, server, room, { name: 'Ada' });
    return { room, ada, planner: await connected(t, server, { name: 'agent:Planner' }) };
  }

  const items = (ada) => ada.doc.getMap('items').toJSON();

  test('a client finds out what there is: instructions, tools with forms and examples, and resources', async (t) => {
    const { planner } = await scene(t);
    assert.equal(planner.getServerVersion().name, 'triproom');
    assert.match(planner.getInstructions(), /Read the trip before/);
    const { tools } = await planner.listTools();
    assert.deepEqual(tools.map(({ name }) => name), [
      'list_rooms', 'who_is_here', 'read_trip', 'trip_warnings', 'add_item', 'move_item', 'update_item', 'remove_item',
      'append_notes', 'comment', 'set_budget', 'update_trip', 'recent_activity', 'set_status', 'say', 'report_task',
      'patch_trip', 'undo_run', 'decide_suggestion',
    ]);
    for (const { name, description, inputSchema, annotations } of tools) {
      assert.ok(description.length > 100, name);
      assert.equal(inputSchema.required?.includes('room') ?? false, name !== 'list_rooms');
      assert.equal(typeof annotations.readOnlyHint, 'boolean');
    }
    const { resourceTemplates } = await planner.listResourceTemplates();
    assert.deepEqual(resourceTemplates.map(({ uriTemplate }) => uriTemplate), [
      'trip://{room}', 'members://{room}', 'activity://{room}',
    ]);
    assert.deepEqual((await planner.listResources()).resources, []);
  });

  test('an agent plans, and everybody sees it at once', async (t) => {
    const { room, ada, planner } = await scene(t);
    await done(planner, 'update_trip', { room, trip: { title: 'Lisbon', start_date: '2026-05-01', currency: 'EUR' } });
    const add = (item, more) => done(planner, 'add_item', { room, item, ...more });
    const dinner = (await add({ kind: 'meal', title: 'Dinner', day: '2026-05-01' })).added[0].id;
    await add({ kind: 'activity', title: 'Castle' }, { before: dinner, id: 'castle' });
    await until('both items', () => Object.keys(items(ada)).length === 2);
    assert.equal(items(ada)[dinner].by, 'agent:Planner');
    assert.equal(items(ada).castle.day, '2026-05-01');
    assert.ok(items(ada).castle.rank < items(ada)[dinner].rank);
    await done(planner, 'move_item', { room, id: 'castle', day: null });
    await done(planner, 'update_item', { room, id: dinner, item: { price: '35.00', title: 'Dinner by the river' } });
    await done(planner, 'append_notes', { room, text: 'Bring water.' });
    await done(planner, 'comment', { room, text: 'Closed on Mondays.', anchor: '/items/castle', id: 'c1' });
    await done(planner, 'set_budget', { room, category: 'food', planned: '300.00' });
    const patched = await done(planner, 'patch_trip', {
      room, operations: [{ op: 'comment.resolve', id: 'c1' }, { op: 'add', path: '/trip/tags', value: ['sun'] }],
    });
    const { value: trip, version } = await done(planner, 'read_trip', { room });
    assert.equal(version, patched.version);
    assert.equal(trip.items.castle.day, null);
    assert.equal(trip.items[dinner].price, '35.00');
    assert.equal(trip.budget.categories.food.planned, '300.00');
    assert.equal(trip.comments.c1.resolved, true);
    assert.deepEqual(trip.trip.tags, ['sun']);
    await done(planner, 'remove_item', { room, id: 'castle', if_version: version });
    await until('the castle to be gone', () => !items(ada).castle);
    assert.equal(ada.doc.getText('notes').toString(), 'Bring water.');
  });

  test('what a person does is read, by tools and as resources', async (t) => {
    const { room, planner } = await scene(t);
    const bob = await joined(t, hocuspocus4, server, room, { name: 'Bob' });
    bob.doc.getText('notes').insert(0, 'by hand');
    await bob.saved();
    const part = await done(planner, 'read_trip', { room, pointer: '/notes' });
    assert.deepEqual([part.pointer, part.value], ['/notes', 'by hand']);
    const here = await done(planner, 'who_is_here', { room });
    assert.deepEqual([here.me.id, here.role], ['agent:Planner', 'owner']);
    assert.ok(here.members.length > 0);
    const read = async (scheme) => {
      const { contents } = await planner.readResource({ uri: `${scheme}://${encodeURIComponent(room)}` });
      assert.equal(contents[0].mimeType, 'application/json');
      return JSON.parse(contents[0].text);
    };
    assert.equal((await read('trip')).value.notes, 'by hand');
    assert.deepEqual(await read('members'), here);
    const { items: rooms } = await done(planner, 'list_rooms', {});
    assert.ok(rooms.some(({ id, role }) => id === room && role === 'owner'), JSON.stringify(rooms));
    await assert.rejects(planner.readResource({ uri: 'trip://nowhere' }), /no such room/i);
    await assert.rejects(planner.readResource({ uri: 'file:///etc/passwd' }), /trip:\/\/\{room\}/);
  });

  test('an agent says what it does, and hears what people say', async (t) => {
    const { room, ada, planner } = await scene(t);
    const shown = () => [...ada.awareness.getStates().values()].find((state) => state?.user?.kind === 'agent');
    await done(planner, 'set_status', { room, state: 'thinking', message: 'Comparing hotels', progress: 0.5 });
    await until('the agent to be shown', () => shown()?.agent.status.message === 'Comparing hotels');
    assert.equal((await done(planner, 'who_is_here', { room })).agents[0].status.progress, 0.5);

    const task = { task: 'hotels', title: 'Find hotels' };
    await done(planner, 'report_task', { room, ...task, state: 'running' });
    const { id } = await done(planner, 'say', { room, text: 'Three hotels', client_id: 'c1' });
    assert.equal((await done(planner, 'say', { room, text: 'Three hotels', client_id: 'c1' })).id, id, 'it is one message');
    const heard = await done(planner, 'recent_activity', { room });
    // The timeline of its states is kept beside, when there is time.
    const said = ({ events }) => events.filter(({ type }) => type !== 'agent.status');
    assert.deepEqual(said(heard).map(({ type }) => type), ['agent.task', 'chat.message']);
    assert.deepEqual(said(heard)[1].data, { text: 'Three hotels', role: 'assistant', client_id: 'c1' });
    assert.equal(said(heard)[1].from.id, 'agent:Planner');
    const nothing = await done(planner, 'recent_activity', { room, after: heard.cursor, type: 'chat.message' });
    assert.deepEqual(nothing.events, [], 'what was heard is not heard again');

    const command = { type: 'agent.command', data: { agent: 'agent:Planner', action: 'cancel' } };
    await someone.must('POST', `${of(room)}/events`, command);
    const since = await done(planner, 'recent_activity', { room, after: heard.cursor, type: 'agent.command' });
    assert.deepEqual(since.events.map(({ data }) => data.action), ['cancel']);
    const { contents } = await planner.readResource({ uri: `activity://${encodeURIComponent(room)}` });
    assert.equal(said(JSON.parse(contents[0].text)).length, 3);

    const percent = await refused(planner, 'set_status', { room, state: 'thinking', progress: 40 });
    assert.equal(percent.field, '/progress');
    assert.match(percent.hint, /0\.4/);
    const state = await refused(planner, 'report_task', { room, task: 'hotels', state: 'busy' });
    assert.equal(state.field, '/state');
    assert.match(state.message, /running/);
    assert.equal((await refused(planner, 'recent_activity', { room, after: 'yesterday' })).field, '/after');
    const person = await connected(t, server, { name: 'bob' });
    assert.equal((await refused(person, 'set_status', { room, state: 'idle' })).code, 'permission_denied');
    await done(person, 'say', { room, text: 'Hello' });
  });

  test('an agent takes back its own run, and what people changed since stays', async (t) => {
    const { room, ada, planner } = await scene(t);
    const add = (id, run) => done(planner, 'add_item', { room, item: { kind: 'meal', title: id }, id, run });
    await add('kept');
    await add('lunch', 'day-3');
    await add('dinner', 'day-3');
    await done(planner, 'append_notes', { room, text: 'Bring water.', run: 'day-3' });
    const bob = await joined(t, hocuspocus4, server, room, { name: 'Bob' });
    bob.doc.getMap('items').get('dinner').set('title', 'Dinner by the river');
    await bob.saved();
    const undone = await done(planner, 'undo_run', { room, run: 'day-3' });
    assert.deepEqual([undone.agent, undone.run, undone.edits], ['agent:Planner', 'day-3', 3]);
    assert.deepEqual(undone.undone, ['/items/lunch', '/notes']);
    assert.deepEqual(undone.kept, [{ pointer: '/items/dinner', why: 'changed' }]);
    await until('it to be gone', () => Object.keys(items(ada)).sort().join() === 'dinner,kept');
    assert.equal(ada.doc.getText('notes').toString(), '');
    assert.equal((await done(planner, 'undo_run', { room, run: 'day-3' })).edits, 0, 'it is taken back once');
    // A person has no runs, and names the agent; so does an agent that takes back what another one did.
    const person = await connected(t, server, { name: 'bob' });
    assert.equal((await refused(person, 'undo_run', { room })).field, '/agent');
    assert.deepEqual((await done(person, 'undo_run', { room, agent: 'agent:Planner' })).undone, ['/items/kept']);
    assert.equal((await refused(planner, 'undo_run', { room, run: 7 })).field, '/run');
    assert.equal((await refused(planner, 'undo_run', { room, run: 'x'.repeat(101) })).field, '/run');
  });

  test('what is put forward changes nothing until somebody decides, and then once', async (t) => {
    const { room, ada, planner } = await scene(t);
    const item = { kind: 'event', title: 'Fado' };
    const { id } = await done(planner, 'add_item', { room, item, id: 'fado', suggest: true, run: 'evening' });
    const other = await done(planner, 'patch_trip', { room, operations: [{ op: 'note.append', text: 'x' }], suggest: true });
    const person = await connected(t, server, { name: 'bob' });
    const { events } = await done(person, 'recent_activity', { room, type: 'suggestion.made' });
    assert.deepEqual(events.map((event) => [event.id, event.from.id, event.data.summary]), [
      [id, 'agent:Planner', 'item.add'], [other.id, 'agent:Planner', 'note.append'],
    ]);
    assert.deepEqual(items(ada), {});
    await done(person, 'decide_suggestion', { room, id, decision: 'accept' });
    await until('the item', () => items(ada).fado?.title === 'Fado');
    await done(person, 'decide_suggestion', { room, id: other.id, decision: 'reject' });
    const { events: decided } = await done(planner, 'recent_activity', { room, after: other.id });
    assert.deepEqual(decided.map(({ type, data }) => [type, data.id]), [
      ['suggestion.accepted', id], ['suggestion.rejected', other.id],
    ]);
    const again = await refused(person, 'decide_suggestion', { room, id, decision: 'reject' });
    assert.deepEqual([again.code, again.field], ['already_decided', '/id']);
    assert.equal((await refused(person, 'decide_suggestion', { room, id: '999', decision: 'accept' })).code, 'not_found');
    assert.equal((await refused(person, 'decide_suggestion', { room, id, decision: 'maybe' })).field, '/decision');
    assert.equal(ada.doc.getText('notes').toString(), '');
  });

  test('a dry run says what would change and what would be odd, and changes nothing', async (t) => {
    const { room, planner } = await scene(t);
    await done(planner, 'update_trip', { room, trip: { start_date: '2026-05-01', end_date: '2026-05-03' } });
    const item = { kind: 'meal', title: 'Dinner', day: '2026-06-01' };
    const { changes, warnings } = await done(planner, 'add_item', { room, item, id: 'late', dry_run: true });
    assert.ok(changes.some(({ pointer }) => pointer === '/items/late'), JSON.stringify(changes));
    assert.deepEqual(warnings.map(({ code }) => code), ['outside_dates']);
    assert.deepEqual((await done(planner, 'trip_warnings', { room })).warnings, []);
    await done(planner, 'add_item', { room, item, id: 'late' });
    const found = await done(planner, 'trip_warnings', { room });
    assert.deepEqual(found.warnings.map(({ code }) => code), ['outside_dates']);
    assert.ok(found.warnings[0].suggestion);
  });

  test('what is wrong is said in a way that tells what to do', async (t) => {
    const { room, ada, planner } = await scene(t);
    const item = { kind: 'meal', title: 'Dinner', day: '2026-05-01' };
    await done(planner, 'add_item', { room, item, id: 'dinner' });

    const kind = await refused(planner, 'add_item', { room, item: { ...item, kind: 'restaurant' } });
    assert.match(kind.field, /\/kind$/);
    assert.match(kind.expected, /flight, accommodation/);
    assert.match(kind.received, /restaurant/);

    const missing = await refused(planner, 'add_item', { room });
    assert.equal(missing.field, '/item');
    assert.match(missing.hint, /"room":"lisbon"/, 'the example is one of the tool');
    assert.doesNotMatch(missing.hint, /"op"/);

    const slip = await refused(planner, 'update_item', { room, id: 'diner', item: { title: 'Lunch' } });
    assert.equal(slip.code, 'not_found');
    assert.match(slip.hint, /"dinner"/, 'the id that was meant');

    const number = await refused(planner, 'set_budget', { room, total: 1200 });
    assert.match(number.expected, /decimal|text/i);

    const unknown = await refused(planner, 'remove_item', { room, id: 'dinner', force: true });
    assert.equal(unknown.field, '/force');

    const stray = await refused(planner, 'read_trip', { room, path: '/items' });
    assert.deepEqual([stray.code, stray.field], ['unknown_field', '/path']);

    const nothing = await refused(planner, 'read_trip', { room, pointer: '/itens' });
    assert.deepEqual([nothing.code, nothing.field], ['not_found', '/pointer']);

    const { version } = await done(planner, 'read_trip', { room, pointer: '' });
    await done(planner, 'append_notes', { room, text: 'x' });
    const stale = await refused(planner, 'append_notes', { room, text: 'y', if_version: version });
    assert.deepEqual([stale.code, stale.field], ['version_mismatch', '/if_version']);
    assert.match(stale.version, /^[0-9a-f]{32}$/);

    const test = { op: 'test', path: '/items/dinner/title', value: 'Lunch' };
    const conflict = await refused(planner, 'patch_trip', { room, operations: [test] });
    assert.deepEqual([conflict.code, conflict.current], ['test_failed', '"Dinner"']);

    const nowhere = await refused(planner, 'read_trip', { room: 'nowhere' });
    assert.deepEqual([nowhere.code, nowhere.field], ['room_not_found', '/room']);
    assert.match(nowhere.expected, /list_rooms/);
    assert.equal((await refused(planner, 'read_trip', {})).field, '/room');
    assert.equal((await refused(planner, 'read_trip', { room: 7 })).field, '/room');

    await assert.rejects(planner.callTool({ name: 'book_flight', arguments: {} }), /read_trip/);
    assert.deepEqual(Object.keys(items(ada)), ['dinner'], 'nothing of all that was done');
  });

  test(`${MISTAKES} calls with something wrong in them are answered, each with what is wrong`, async (t) => {
    const { room, planner } = await scene(t);
    const random = randomFor(t);
    const { tools } = await planner.listTools();
    const junk = [undefined, null, 7, -1.5, true, '', 'x', '/', [], [null], {}, { op: 'item.add' }, 'n'.repeat(300)];
    const examples = (text) => text.split('\n').flatMap((line) => /\{.*\}/.exec(line)?.[0] ?? []).map(JSON.parse);
    let wrong = 0;
    for (let n = 0; n < MISTAKES; n += 1) {
      const tool = random.pick(tools);
      const [example] = examples(tool.description);
      const args = { ...tool.name === 'patch_trip' ? { operations: [example] } : example, room };
      const inside = random.pick([args, ...Object.values(args).filter((value) => typeof value === 'object')]);
      inside[random.pick([...Object.keys(inside), 'stray'])] = random.pick(junk);
      const { value, isError } = await called(planner, tool.name, args);
      if (!isError) continue;
      wrong += 1;
      assert.ok(value.code && value.message && !value.retryable, `${tool.name} ${JSON.stringify({ args, value })}`);
      assert.ok(value.field !== undefined, `${tool.name} ${JSON.stringify({ args, value })}`);
    }
    assert.ok(wrong > MISTAKES / 4);
  });

  test('a trip that is too long is read in parts', async (t) => {
    const own = await serve(t, { args: ['--max-mcp-answer', '1KiB'] });
    await new Caller(own).makeRoom('lisbon');
    const planner = await connected(t, own, { name: 'agent:Planner' });
    await done(planner, 'append_notes', { room: 'lisbon', text: 'n'.repeat(2000) });
    await done(planner, 'add_item', { room: 'lisbon', item: { kind: 'note', title: 'Short' }, id: 'a' });
    const fault = await refused(planner, 'read_trip', { room: 'lisbon' });
    assert.deepEqual([fault.code, fault.field], ['answer_too_large', '/pointer']);
    assert.match(fault.hint, /\/items \(\d+ bytes\), \/notes \(2002 bytes\)/);
    assert.equal((await done(planner, 'read_trip', { room: 'lisbon', pointer: '/items/a/title' })).value, 'Short');
  });

  test('clients of the newest protocol, which has no handshake, are served, too', async (t) => {
    const { room } = await scene(t);
    const version = '2026-07-28';
    const headers = {
      'content-type': 'application/json', accept: 'application/json, text/event-stream',
      'mcp-protocol-version': version, 'mcp-method': 'tools/call', 'mcp-name': 'who_is_here',
    };
    const own = 'io.modelcontextprotocol';
    const _meta = {
      [`${own}/protocolVersion`]: version, [`${own}/clientInfo`]: { name: 'tests', version: '1' }, [`${own}/clientCapabilities`]: {},
    };
    const params = { name: 'who_is_here', arguments: { room }, _meta };
    const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params });
    const answer = await fetch(`${server.url}/mcp?name=agent:Planner`, { method: 'POST', headers, body });
    assert.equal((await answer.json()).result.structuredContent.me.id, 'agent:Planner');
  });

  test('pages of strangers and bodies that are too large are turned away as everywhere', async (t) => {
    await assert.rejects(connected(t, server, { name: 'agent:x', headers: { origin: 'https://evil.example' } }),
      /origin_denied/);
    const { planner } = await scene(t);
    await assert.rejects(planner.callTool({ name: 'read_trip', arguments: { room: 'x'.repeat(2 << 20) } }), /413|too large/i);
    const answer = await fetch(`${server.url}/mcp`);
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.get('allow'), 'POST');
  });
});

describe('MCP with authentication', onlyHere, () => {
  const server = serveSuite({ args: ['--jwt-secret', SECRET, '--auth-failures', '10000'] });
  const key = async (...args) => /trk_\S+/.exec((await run(binary(), ['key', ...args, '--data', server.data])).stdout)[0];

  test('a key opens its rooms, for what its role may', async (t) => {
    await new Caller(server, token('olga')).makeRoom('lisbon');
    await new Caller(server, token('olga')).makeRoom('secret');
    const planner = await connected(t, server, {
      credential: await key('create', '--agent', 'planner', '--rooms', 'lisbon', '--role', 'editor'),
    });
    const olga = await joined(t, current, server, 'lisbon', { params: { token: token('olga') } });
    const item = { kind: 'meal', title: 'Dinner' };
    await done(planner, 'add_item', { room: 'lisbon', item, id: 'dinner' });
    await until('the dinner', () => olga.doc.getMap('items').get('dinner')?.get('by') === 'agent:planner');
    assert.deepEqual((await done(planner, 'list_rooms', {})).items.map(({ id }) => id), ['lisbon']);
    assert.equal((await refused(planner, 'read_trip', { room: 'secret' })).code, 'room_not_found');
    assert.equal((await refused(planner, 'read_trip', { room: 'nowhere' })).code, 'room_not_found');

    const reader = await connected(t, server, {
      credential: await key('create', '--agent', 'reader', '--rooms', '*', '--role', 'viewer'),
    });
    assert.equal((await done(reader, 'read_trip', { room: 'lisbon' })).value.items.dinner.title, 'Dinner');
    assert.equal((await done(reader, 'who_is_here', { room: 'lisbon' })).role, 'viewer');
    for (const [tool, args] of [['remove_item', { id: 'dinner' }], ['comment', { text: 'x' }], ['append_notes', { text: 'x' }]]) {
      const fault = await refused(reader, tool, { room: 'lisbon', ...args });
      assert.equal(fault.code, 'permission_denied', tool);
      assert.equal(fault.retryable, false);
    }

    const critic = await connected(t, server, {
      credential: await key('create', '--agent', 'critic', '--rooms', '*', '--role', 'commenter'),
    });
    await done(critic, 'comment', { room: 'lisbon', text: 'Nice', anchor: '/items/dinner' });
    const fault = await refused(critic, 'remove_item', { room: 'lisbon', id: 'dinner' });
    assert.equal(fault.code, 'not_allowed');
    // What a commenter may not do it may put forward; to decide, or to take back, takes an editor.
    const { id } = await done(critic, 'remove_item', { room: 'lisbon', id: 'dinner', suggest: true });
    for (const [tool, args] of [['decide_suggestion', { id, decision: 'accept' }], ['undo_run', {}]]) {
      assert.equal((await refused(critic, tool, { room: 'lisbon', ...args })).code, 'permission_denied', tool);
    }
    assert.ok(olga.doc.getMap('items').has('dinner'));
  });

  test('nobody comes in without a good key', async (t) => {
    await assert.rejects(connected(t, server), /auth_required|401|Unauthorized/);
    await assert.rejects(connected(t, server, { credential: 'trk_nothing' }), /auth_failed|401|Unauthorized/);
  });
});

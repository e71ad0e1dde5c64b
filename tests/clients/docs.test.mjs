// What the documentation shows, run as it stands.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { serve, serveSuite } from './harness/server.mjs';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const EVENTS = fileURLToPath(new URL('../../docs/events.md', import.meta.url));
const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** Runs a copy of an example beside the packages that it tells its reader to install. */
function run(t, example, ...args) {
  const folder = mkdtempSync(path(tmpdir(), 'triproom-example-'));
  copyFileSync(path(EXAMPLES, example), path(folder, example));
  symlinkSync(MODULES, path(folder, 'node_modules'));
  return watch(t, folder, process.execPath, example, ...args);
}

/** The same for Python. */
function runPython(t, example, ...args) {
  const folder = mkdtempSync(path(tmpdir(), 'triproom-example-'));
  copyFileSync(path(EXAMPLES, example), path(folder, example));
  execFileSync('python3', ['-m', 'venv', path(folder, 'venv')]);
  const pip = ['install', '--quiet', '--disable-pip-version-check', '-r', path(EXAMPLES, 'requirements.txt')];
  execFileSync(path(folder, 'venv/bin/pip'), pip);
  return watch(t, folder, path(folder, 'venv/bin/python'), example, ...args);
}

/** The same for TypeScript: its types are checked, and where Node does not take them away by itself that is done, too. */
function runTypeScript(t, example, ...args) {
  const folder = mkdtempSync(path(tmpdir(), 'triproom-example-'));
  copyFileSync(path(EXAMPLES, example), path(folder, example));
  writeFileSync(path(folder, 'package.json'), '{"type":"module"}');
  const options = ['--strict', '--erasableSyntaxOnly', '--target', 'esnext', '--module', 'nodenext', '--lib', 'esnext,dom'];
  execFileSync(process.execPath, [path(MODULES, 'typescript/bin/tsc'), ...options, example], { cwd: folder });
  return process.features.typescript
    ? watch(t, folder, process.execPath, example, ...args)
    : watch(t, folder, process.execPath, '--experimental-websocket', example.replace('.ts', '.js'), ...args);
}

function watch(t, folder, program, ...args) {
  const child = spawn(program, args, { cwd: folder });
  const run = { out: '', errors: '' };
  child.stdout.on('data', (text) => { run.out += text; tick(); });
  child.stderr.on('data', (text) => { run.errors += text; tick(); });
  t.after(() => {
    child.kill();
    rmSync(folder, { recursive: true });
  });
  return run;
}

describe('documentation', () => {
  const server = serveSuite();

  test('examples/first-room.mjs joins a room, writes in it and shows what others write', async (t) => {
    const reader = await joined(t, current, server, 'lisbon');
    const example = run(t, 'first-room.mjs', server.url.replace('http', 'ws'), 'lisbon');
    const trip = reader.doc.getMap('trip');
    await until('the title', () => trip.get('title') === 'Three days in Lisbon', { detail: () => example.errors });
    await until('Ada', () => [...reader.awareness.getStates().values()].some(({ user }) => user?.name === 'Ada'));
    trip.set('travelers', 4);
    await until('the example to show it', () => example.out.includes('travelers: 4'));
    assert.equal(example.errors, '');
  });

  test('examples/agent.mjs plans a day, hears what others do, and comes back when the server restarts', async (t) => {
    const server = await serve(t);
    const reader = await joined(t, current, server, 'porto');
    const example = run(t, 'agent.mjs', server.url.replace('http', 'ws'), 'porto');
    const why = { detail: () => example.out + example.errors };
    await until('the plan', () => example.out.includes('done'), why);
    const titles = () => [...reader.doc.getMap('items').values()].map((item) => item.get('title')).sort();
    await until('the items', () => titles().length === 3, why);
    assert.deepEqual(titles(), ['Breakfast', 'Castle', 'Dinner']);
    await until('the note', () => reader.doc.getText('notes').toString().includes('Planned'), why);
    await server.kill();
    await server.start();
    await until('the agent to be back', () => example.out.split('welcome').length === 3, why);
    await until('it to find its plan', () => example.out.split('done').length === 3, why);
    await reader.synced();
    reader.doc.getMap('trip').set('title', 'Porto');
    await until('the agent to hear of it', () => example.out.includes('changed /trip/title'), why);
    assert.equal(titles().length, 3);
  });

  test('examples/mcp.mjs reads the trip, adds to it, and says what is odd about it', async (t) => {
    const reader = await joined(t, current, server, 'madrid');
    reader.doc.getMap('trip').set('end_date', '2026-04-01');
    const example = run(t, 'mcp.mjs', server.url, 'madrid');
    const why = { detail: () => example.out + example.errors };
    await until('the warning', () => example.out.includes('\nwarning '), why);
    const [added] = /item-\S+/.exec(example.out);
    await until('the dinner', () => reader.doc.getMap('items').get(added)?.get('title') === 'Dinner by the river', why);
    assert.match(example.out, /tools .*read_trip/);
    assert.equal(example.errors, '');
  });

  test('examples/agent.py plans a day, streams what it finds, hears what people say, and comes back', async (t) => {
    const server = await serve(t);
    const events = `${server.url}/v1/rooms/faro/events`;
    const reader = await joined(t, current, server, 'faro');
    const example = runPython(t, 'agent.py', server.url.replace('http', 'ws'), 'faro');
    const why = { detail: () => example.out + example.errors };
    await until('the plan', () => example.out.includes('done'), why);
    await until('the items', () => reader.doc.getMap('items').size === 3, why);
    const said = (await (await fetch(`${events}?type=chat.message`)).json()).events;
    assert.ok(said[0].data.text.startsWith('1. Breakfast'));
    const say = (text) => fetch(events, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ type: 'chat.message', data: { text } }),
    });
    await say('Well done');
    await until('it to hear that', () => example.out.includes('Well done'), why);
    await server.kill();
    await server.start();
    await say('while it was away');
    await until('it to be back and to hear what it missed', () => example.out.includes('while it was away'), why);
    assert.equal(example.out.split('Well done').length, 2, 'and nothing twice');
    assert.equal(example.errors.split('\n').filter((line) => line && !line.includes('Errno')).join('\n'), '');
  });

  test('examples/agent.ts plans a day in a run, streams what it finds, hears what people say, and comes back', async (t) => {
    const server = await serve(t);
    const room = `${server.url}/v1/rooms/evora`;
    const reader = await joined(t, current, server, 'evora');
    const example = runTypeScript(t, 'agent.ts', server.url.replace('http', 'ws'), 'evora');
    const why = { detail: () => example.out + example.errors };
    await until('the plan', () => example.out.includes('done'), why);
    await until('the items', () => reader.doc.getMap('items').size === 3, why);
    const { events } = await (await fetch(`${room}/events?type=chat.message,agent.task,doc.edited`)).json();
    assert.deepEqual(events.map(({ type }) => type), [...Array(3).fill('doc.edited'), 'chat.message', 'agent.task']);
    assert.ok(events[3].data.text.startsWith('1. Breakfast\n2. Aquarium\n3. Dinner\n'));
    const post = (path, body) => fetch(`${room}/${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body),
    });
    const say = (text) => post('events', { type: 'chat.message', data: { text } });
    await say('Well done');
    await until('it to hear that', () => example.out.includes('Well done'), why);
    await server.kill();
    await server.start();
    await say('while it was away');
    await until('it to be back and to hear what it missed', () => example.out.includes('while it was away'), why);
    assert.equal(example.out.split('Well done').length, 2, 'and nothing twice');
    await reader.synced();
    assert.equal((await (await post('undo', { agent: 'agent:Explorer', run: events[0].data.run })).json()).edits, 3);
    await until('its plan to be gone', () => reader.doc.getMap('items').size === 0, why);
    assert.equal(example.errors.split('\n').filter((line) => line && !line.includes('ExperimentalWarning') && !line.includes('--trace-warnings')).join('\n'), '');
  });

  test('what docs/events.md shows in a shell works', async (t) => {
    const server = await serve(t);
    const reader = await joined(t, current, server, 'lisbon');
    const blocks = readFileSync(EVENTS, 'utf8').split('```sh\n').slice(1).map((block) => block.split('\n```')[0]);
    assert.ok(blocks.length > 0);
    for (const block of blocks) {
      const env = { ...process.env, URL: server.url, KEY: '' };
      // While authentication is off, a name stands where a key would.
      const command = block.replace('/events ', '/events?name=agent:Curl ').replace('curl', 'curl -sSf');
      execFileSync('bash', ['-euo', 'pipefail', '-c', command], { env });
    }
    const shown = () => [...reader.awareness.getStates().values()].find((state) => state?.agent);
    await until('the agent to be shown', () => shown()?.agent.status.state === 'thinking');
  });
});

// What the documentation shows, run as it stands.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { serve, serveSuite } from './harness/server.mjs';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const MODULES = fileURLToPath(new URL('node_modules', import.meta.url));

/** Runs a copy of an example beside the packages that it tells its reader to install. */
function run(t, example, ...args) {
  const folder = mkdtempSync(path(tmpdir(), 'triproom-example-'));
  copyFileSync(path(EXAMPLES, example), path(folder, example));
  symlinkSync(MODULES, path(folder, 'node_modules'));
  const child = spawn(process.execPath, [example, ...args], { cwd: folder });
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
});

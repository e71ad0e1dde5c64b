// What is said in a room and what agents do there, as one stream that everybody has, also those who come later.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, newTrip, startAccessServer } from './access.mjs';
import { agentIn, openPanel } from './agent.mjs';
import { accessible, hears, launch, light, newRoom, noSidewaysScroll, openTogether, person, saved, startServer, startTunnel, tripUrl } from './harness.mjs';

let server, guarded, browser;
before(async () => {
  server = await startServer();
  guarded = await startAccessServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
  await guarded?.end();
});

async function open(name, room, options) {
  const page = await person(browser, name, options);
  await page.goto(tripUrl(server.url, room));
  await saved(page);
  return page;
}

const field = (page) => page.getByRole('textbox', { name: 'Message to everybody' });

async function say(page, ...messages) {
  await openPanel(page, 'Chat');
  for (const message of messages) {
    await field(page).fill(message);
    await field(page).press('Enter');
  }
  await page.locator('[data-test=unsent]').first().waitFor({ state: 'detached' });
}

const said = (page) => page.locator('[data-test=said] .words').allTextContents();
/** Waits until exactly this was said, in this order; fails with what was said instead. */
async function hasSaid(page, expected) {
  try {
    await page.waitForFunction(
      (want) => JSON.stringify([...document.querySelectorAll('[data-test=said] .words')].map((node) => node.textContent)) === want,
      JSON.stringify(expected),
    );
  } catch {
    throw new Error(`should show ${JSON.stringify(expected)}, shows ${JSON.stringify(await said(page))}`);
  }
}

test('what somebody writes is there for all, once, and over a reload', async () => {
  const [ana, ben] = await openTogether(browser, server, []);
  await openPanel(ben, 'Chat');
  await ben.getByText('Nothing was said yet.').waitFor();
  await say(ana, 'Who brings the map?', 'And see https://example.org/lisbon.');
  await hasSaid(ben, ['Who brings the map?', 'And see https://example.org/lisbon.']);
  assert.equal(await ben.getByRole('link', { name: 'https://example.org/lisbon' }).getAttribute('href'), 'https://example.org/lisbon');
  await hears(ben, 'Ana: Who brings the map?');
  await say(ben, 'I do\nand the umbrella');
  await hasSaid(ana, ['Who brings the map?', 'And see https://example.org/lisbon.', 'I do\nand the umbrella']);
  await ana.reload();
  await hasSaid(ana, ['Who brings the map?', 'And see https://example.org/lisbon.', 'I do\nand the umbrella']);
  await ana.getByText('You', { exact: true }).first().waitFor();
  assert.deepEqual([...ana.errors, ...ben.errors], []);
});

test('what came while nobody looked is counted, also over a reload, until it is read', async () => {
  const [ana, ben] = await openTogether(browser, server, []);
  await say(ana, 'One', 'Two');
  await ben.getByRole('button', { name: 'Chat, 2 new' }).waitFor();
  await ben.reload();
  await ben.getByRole('button', { name: 'Chat, 2 new' }).waitFor();
  await openPanel(ben, 'Chat');
  await hasSaid(ben, ['One', 'Two']);
  await ben.getByRole('button', { name: 'Chat', exact: true }).waitFor();
  await ben.reload();
  await hasSaid(ben, ['One', 'Two']);
  await ben.getByRole('button', { name: 'Close Chat' }).click();
  await ben.getByRole('button', { name: 'Chat', exact: true }).waitFor();
  assert.equal(await ana.getByRole('button', { name: /^Chat, / }).count(), 0, 'my own words are no news');
});

test('an agent’s text is shown as it is written, also to who comes in the middle, and then stays', async () => {
  const [ana] = await openTogether(browser, server, [], [{}]);
  const room = decodeURIComponent(new URL(ana.url()).pathname.slice('/trip/'.length));
  const planner = await agentIn(browser, server, room, 'Planner');
  await openPanel(ana, 'Chat');
  const writing = (page) => page.locator('[data-test=writing]');
  await planner.say('agent.output', { message: 'm1', chunk: 'I have looked ' });
  await writing(ana).getByText('is writing…').waitFor();
  await planner.say('agent.output', { message: 'm1', chunk: 'at – é 🏰 – three ' });
  await writing(ana).getByText('I have looked at – é 🏰 – three').waitFor();
  const ben = await open('Ben', room);
  await openPanel(ben, 'Chat');
  await writing(ben).getByText('I have looked at – é 🏰 – three').waitFor();
  await planner.say('agent.output', { message: 'm1', chunk: 'castles.', done: true });
  for (const page of [ana, ben]) {
    await hasSaid(page, ['I have looked at – é 🏰 – three castles.']);
    await writing(page).waitFor({ state: 'detached' });
  }
  await ben.reload();
  await hasSaid(ben, ['I have looked at – é 🏰 – three castles.']);
});

test('a task is one row that follows it, from how far it is to what came of it', async () => {
  const [ana] = await openTogether(browser, server, [], [{}]);
  const room = decodeURIComponent(new URL(ana.url()).pathname.slice('/trip/'.length));
  const planner = await agentIn(browser, server, room, 'Planner');
  await openPanel(ana, 'Chat');
  const task = (state) => ana.locator(`[data-test=task][data-state=${state}]`);
  await planner.ask('agent.task', { task: 'a', kind: 'task', title: 'Find a fado house', state: 'running', progress: 0.25 });
  await task('running').getByRole('progressbar', { name: 'How far “Find a fado house” is' }).waitFor();
  await planner.ask('agent.task', { task: 'b', kind: 'tool', title: 'Search hotels', state: 'running' });
  await planner.ask('agent.task', { task: 'a', kind: 'task', title: 'Find a fado house', state: 'completed', progress: 1, result: 'Maria da Mouraria' });
  await planner.ask('agent.task', { task: 'b', kind: 'tool', title: 'Search hotels', state: 'failed', error: 'The service is away' });
  await task('completed').getByText('Maria da Mouraria').waitFor();
  await task('failed').getByText('The service is away').waitFor();
  assert.deepEqual(await ana.locator('[data-test=task] .task-title').allTextContents(), ['Find a fado house', 'Search hotels']);
  await ana.reload();
  await task('completed').getByText('Maria da Mouraria').waitFor();
  await task('failed').getByText('Planner: Did not work').waitFor();
  assert.equal(await ana.locator('[data-test=task]').count(), 2);
});

test('earlier words come page by page, and the reader stays where they are', async () => {
  const [ana] = await openTogether(browser, server, [], [{}]);
  const room = decodeURIComponent(new URL(ana.url()).pathname.slice('/trip/'.length));
  const planner = await agentIn(browser, server, room, 'Planner');
  const words = Array.from({ length: 120 }, (_, i) => `Message ${i}`);
  for (const text of words) await planner.ask('chat.message', { text });
  await ana.reload();
  await openPanel(ana, 'Chat');
  await hasSaid(ana, words.slice(-50));
  const earlier = ana.getByRole('button', { name: 'Show earlier' });
  const place = () => ana.getByText('Message 70', { exact: true }).evaluate((node) => Math.round(node.getBoundingClientRect().top));
  await ana.getByText('Message 70', { exact: true }).scrollIntoViewIfNeeded();
  await ana.locator('.chat-scroll').evaluate((node) => (node.scrollTop = 0));
  const before = await place();
  await earlier.click();
  await hasSaid(ana, words.slice(-100));
  assert.ok(Math.abs((await place()) - before) < 4, `${await place()} and not ${before}`);
  await earlier.click();
  await hasSaid(ana, words);
  await earlier.waitFor({ state: 'detached' });
});

test('what is said while the line is cut goes out when it is back, once', async () => {
  const tunnel = await startTunnel(server);
  const room = newRoom();
  const ben = await open('Ben', room);
  await openPanel(ben, 'Chat');
  const ana = await person(browser, 'Ana');
  await ana.goto(tripUrl(tunnel.url, room));
  await saved(ana);
  await say(ana, 'First');
  await hasSaid(ben, ['First']);
  tunnel.set('cut');
  await light(ana, 'offline');
  await field(ana).fill('Second');
  await field(ana).press('Enter');
  await ana.locator('[data-test=unsent]').getByText('Goes out when you are back').waitFor();
  await say(ben, 'Meanwhile');
  tunnel.set('open');
  for (const page of [ana, ben]) await hasSaid(page, ['First', 'Meanwhile', 'Second']);
  assert.equal(await ana.locator('[data-test=unsent]').count(), 0);
  await ana.context().close();
  tunnel.end();
});

test('who may only look reads along and has no field; who may comment writes', async () => {
  const trip = await newTrip(guarded, { cleo: 'commenter', dan: 'viewer' });
  const cleo = await enter(browser, trip, 'cleo');
  await say(cleo, 'May I add something?');
  const dan = await enter(browser, trip, 'dan');
  await openPanel(dan, 'Chat');
  await hasSaid(dan, ['May I add something?']);
  await dan.getByText('You can read along. To write, ask Ada Lovelace.').waitFor();
  assert.equal(await field(dan).count(), 0);
  await trip.setRole('dan', 'commenter');
  await field(dan).waitFor();
  await say(dan, 'Now I can');
  await hasSaid(cleo, ['May I add something?', 'Now I can']);
});

test('the chat breaks no rule of the accessibility checker, light or dark, wide or narrow', async () => {
  const [ana] = await openTogether(browser, server, [], [{}]);
  const room = decodeURIComponent(new URL(ana.url()).pathname.slice('/trip/'.length));
  const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(3);
  await say(ana, 'Hello', long, `https://example.org/${long}`);
  const planner = await agentIn(browser, server, room, 'Planner');
  await planner.ask('agent.task', { task: 'a', kind: 'task', title: long.slice(0, 200), state: 'running', progress: 0.25 });
  await planner.ask('agent.task', { task: 'b', kind: 'tool', title: 'Search', state: 'failed', error: long.slice(0, 400) });
  await planner.ask('agent.task', { task: 'c', kind: 'task', title: 'Think', state: 'completed', result: long.repeat(4) });
  await planner.say('agent.output', { message: 'm1', chunk: long });
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 320, height: 700 }]) {
      const at = `${colorScheme} ${viewport.width}`;
      const page = await open('Ben', room, { colorScheme, viewport, reducedMotion: 'reduce' });
      const panel = await openPanel(page, 'Chat');
      await panel.locator('[data-test=writing]').waitFor();
      await accessible(page, `chat ${at}`);
      await noSidewaysScroll(page);
      const wider = await panel.locator('.chat-scroll').evaluate((node) => node.scrollWidth - node.clientWidth);
      assert.equal(wider, 0, `something sticks out of the chat at ${at}`);
      await page.context().close();
    }
  }
});

test('when some of what one missed is not kept any more, the rest is read anew', async () => {
  const ana = await person(browser, 'Ana');
  const at = '2026-05-01T09:30:00Z';
  const message = (id) => ({ v: 1, id: String(id), type: 'chat.message', at, from: { kind: 'user', id: 'ben', name: 'Ben' }, data: { text: `Message ${id}`, role: 'user' } });
  const asked = [];
  const sockets = [];
  let newest = 3;
  await ana.routeWebSocket(/\/socket\?/, (socket) => {
    sockets.push(socket);
    asked.push(new URL(socket.url()).searchParams.get('cursor'));
    const say = (event) => socket.send(JSON.stringify(event));
    say({ v: 1, type: 'room.welcome', at, data: { me: { kind: 'user', id: 'ana', name: 'Ana' }, role: 'owner', agents: [], members: [], cursor: String(newest) } });
    if (asked.length > 1) {
      say({ v: 1, type: 'room.gap', at, data: { after: '3', next: '8' } });
      for (const id of [8, 9]) say(message(id));
    }
  });
  await ana.route(/\/events\?/, (route) => {
    const before = Number(new URL(route.request().url()).searchParams.get('before'));
    const kept = newest === 3 ? [1, 2, 3] : [7, 8, 9];
    void route.fulfill({ contentType: 'application/json', body: JSON.stringify({ events: kept.filter((id) => id < before).map(message), cursor: String(kept[0]), first: String(kept[0]), last: String(kept.at(-1)) }) });
  });
  await ana.goto(tripUrl(server.url, newRoom()));
  await saved(ana);
  await openPanel(ana, 'Chat');
  await hasSaid(ana, ['Message 1', 'Message 2', 'Message 3']);
  newest = 9;
  await sockets[0].close({ code: 1012, reason: 'restart' });
  await hasSaid(ana, ['Message 7', 'Message 8', 'Message 9']);
  assert.deepEqual(asked, [null, '3']);
});

// The states that nobody plans for: refused, full, empty, huge, long, right-to-left, tiny, keyboard and screen reader.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WEEK, accessible, add, card, hears, holds, launch, light, newRoom, noSidewaysScroll, person, saved, seed, seedTrip, startServer, tripUrl } from './harness.mjs';

const MON = '2026-05-04';
let server, browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

async function open(items, options, fields = WEEK) {
  const room = newRoom();
  const page = await person(browser, 'Ana', options);
  await seed(page, server.url, room, (doc) => seedTrip(doc, fields, items));
  await page.goto(tripUrl(server.url, room));
  await saved(page);
  return page;
}

test('a refused room says why, stays refused, and can be tried again', async () => {
  const page = await person(browser, 'Ana');
  let refuse = true;
  let calls = 0;
  await page.routeWebSocket(/\/yjs\//, (socket) => {
    calls++;
    if (refuse) void socket.close({ code: 4409, reason: '10 windows are open already' });
    else socket.connectToServer();
  });
  await page.goto(tripUrl(server.url, newRoom()));
  await page.getByRole('heading', { name: 'This trip’s room is full' }).waitFor();
  await page.getByText('10 windows are open already').waitFor();
  assert.equal(calls, 1, 'a refusal is not argued with');
  refuse = false;
  await page.getByRole('button', { name: 'Try again' }).click();
  await saved(page);
});

test('a server that takes a break is called a break, not a fault', async () => {
  const page = await person(browser, 'Ana');
  let away = false;
  const sockets = [];
  await page.routeWebSocket(/\/yjs\//, (socket) => {
    if (away) return void socket.close({ code: 1012, reason: 'restart' });
    sockets.push(socket);
    socket.connectToServer();
  });
  await page.goto(tripUrl(server.url, newRoom()));
  await saved(page);
  away = true;
  await sockets[0].close({ code: 1012, reason: 'restart' });
  await light(page, 'restarting');
  await page.locator('[data-test=away]').getByText('comes back by itself').waitFor();
  away = false;
  await saved(page);
  assert.equal(await page.locator('[data-test=away]').count(), 0);
});

test('a server that takes no changes for now is waited for, and the light says so', async () => {
  const page = await person(browser, 'Ana');
  let open = true;
  const held = [];
  let here;
  await page.routeWebSocket(/\/yjs\//, (socket) => {
    here = socket;
    const server = socket.connectToServer();
    socket.onMessage((message) => {
      const isChange = message[0] === 0 && message[1] === 2;
      if (open || !(isChange || message[0] === 102)) return server.send(message);
      held.push(() => server.send(message));
      if (isChange) here.send(Buffer.from([2, 0, 4, ...Buffer.from('full')]));
    });
  });
  await page.goto(tripUrl(server.url, newRoom()));
  await saved(page);
  open = false;
  await add(page, '', 'An idea');
  await light(page, 'held');
  await page.locator('[data-test=away]').getByText('kept on this device').waitFor();
  open = true;
  for (const send of held) send();
  await saved(page);
  await page.locator('[data-test=away]').waitFor({ state: 'detached' });
});

test('while the trip is on its way its shape is shown', async () => {
  const page = await person(browser, 'Ana');
  let pass;
  const gate = new Promise((resolve) => (pass = resolve));
  await page.routeWebSocket(/\/yjs\//, async (socket) => {
    await gate;
    socket.connectToServer();
  });
  await page.goto(tripUrl(server.url, newRoom()));
  await page.locator('.skeleton').waitFor();
  await light(page, 'connecting');
  pass();
  await page.locator('.skeleton').waitFor({ state: 'detached' });
});

test('a thousand items are shown, counted and still moved', async () => {
  const days = ['', '2026-05-04', '2026-05-05', '2026-05-06', '2026-05-07', '2026-05-08'];
  const items = Array.from({ length: 1000 }, (_, i) => ({ title: `Item ${i}`, day: days[i % 6] || null, start: i % 3 ? null : `${MON}T10:00:00Z` }));
  const page = await open(items);
  await page.waitForFunction(() => document.querySelectorAll('.card').length === 1000);
  await card(page, 'Item 1').locator('.grip').focus();
  for (const key of ['Space', 'ArrowDown', 'ArrowRight', 'Space']) await page.keyboard.press(key);
  await page.waitForFunction(() => document.querySelectorAll('.day[data-day="2026-05-05"] .card')[1]?.dataset.id === 'item-1');
  await saved(page);
});

test('very long titles and names bend, nothing sticks out, from 320 px up', async () => {
  const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft '.repeat(2).slice(0, 200).trim();
  const items = [
    { title: long, day: MON, place: { name: long }, price: '123456789', currency: 'EUR', start: `${MON}T10:00:00Z`, end: `${MON}T12:00:00Z`, booking_status: 'booked' },
    { title: 'x'.repeat(200), day: null },
  ];
  for (const width of [320, 360, 768, 1440]) {
    const page = await open(items, { viewport: { width, height: 700 } }, { ...WEEK, title: long });
    await noSidewaysScroll(page);
    await page.locator('.card-face').first().click();
    await noSidewaysScroll(page);
    const sticking = await page.evaluate(() =>
      [...document.querySelectorAll('.card, .card *')].filter((node) => {
        const card = node.closest('.card').getBoundingClientRect();
        const box = node.getBoundingClientRect();
        const hidden = node.closest('.sr-only, .watchers, .card-title, .card-place, .cm-editor, svg');
        return !hidden && box.width > 0 && (box.right > card.right + 1 || box.left < card.left - 1);
      }).map((node) => node.className),
    );
    assert.deepEqual(sticking, [], `at ${width} px`);
    const overlapping = await page.evaluate(() => {
      const boxes = [...document.querySelectorAll('.header > *')].map((node) => node.getBoundingClientRect());
      const meet = (a, b) => a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
      return boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) => meet(a, b))).length;
    });
    assert.equal(overlapping, 0, `the header's parts lie over each other at ${width} px`);
    await page.context().close();
  }
});

test('right-to-left words and pages are laid out from the right', async () => {
  const page = await open([{ title: 'عشاء في المدينة القديمة', day: MON, place: { name: 'תל אביב' } }]);
  const direction = (selector) => page.locator(selector).first().evaluate((node) => getComputedStyle(node).direction);
  assert.equal(await direction('.card-title'), 'rtl');
  await page.evaluate(() => (document.documentElement.dir = 'rtl'));
  await noSidewaysScroll(page);
  const [unplanned, monday] = await page.locator('.day').evaluateAll((days) => days.map((day) => day.getBoundingClientRect().left));
  assert.ok(unplanned > monday, 'the first place is at the right');
  // Left is onward now.
  await page.locator('.grip').first().focus();
  for (const key of ['Space', 'ArrowLeft', 'Space']) await page.keyboard.press(key);
  await holds(page, '2026-05-05', ['عشاء في المدينة القديمة']);
});

test('200 % zoom keeps everything reachable', async () => {
  const page = await open([{ title: 'Tram 28', day: MON }], { viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 });
  await noSidewaysScroll(page);
  await card(page, 'Tram 28').locator('.card-face').click();
  await page.getByRole('button', { name: 'Delete' }).click();
  await holds(page, MON, []);
});

test('without a mouse: add, open, edit and close an item', async () => {
  const page = await open([]);
  await page.locator('.add-button').nth(1).focus();
  await page.keyboard.press('Enter');
  await page.keyboard.type('Miradouro');
  await page.keyboard.press('Enter');
  await page.keyboard.press('Escape');
  await holds(page, MON, ['Miradouro']);
  await page.waitForFunction(() => document.activeElement?.classList.contains('add-button'));
  await card(page, 'Miradouro').locator('.card-face').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('textbox', { name: 'Title' }).waitFor();
  // The focus goes where the card was opened, and back when it closes.
  await page.waitForFunction(() => document.activeElement?.closest('.card-open'));
  await page.keyboard.press('Escape');
  await page.waitForFunction(() => document.activeElement?.classList.contains('card-face'));
});

test('a screen reader is told what others do, in plain words', async () => {
  const room = newRoom();
  const [ana, ben] = [await person(browser, 'Ana'), await person(browser, 'Ben')];
  await seed(ana, server.url, room, (doc) => seedTrip(doc, WEEK));
  await ana.goto(tripUrl(server.url, room));
  await saved(ana);
  await ben.goto(tripUrl(server.url, room));
  await hears(ana, 'Ben is here');
  await add(ben, MON, 'Miradouro');
  await hears(ana, 'Ben added Miradouro');
  await ben.context().close();
  await hears(ana, 'Ben left');
});

test('when my own line is cut, nobody else is said to have left or come', async () => {
  const room = newRoom();
  const [ana, ben] = [await person(browser, 'Ana'), await person(browser, 'Ben')];
  let cut = false;
  const sockets = [];
  await ana.routeWebSocket(/\/yjs\//, (socket) => {
    if (cut) return void socket.close({ code: 1013, reason: 'no line' });
    sockets.push(socket);
    socket.connectToServer();
  });
  await ana.clock.install();
  await seed(ben, server.url, room, (doc) => seedTrip(doc, WEEK));
  await ana.goto(tripUrl(server.url, room));
  await saved(ana);
  await ben.goto(tripUrl(server.url, room));
  await ana.getByLabel('Here now: Ben').waitFor();
  await ana.clock.fastForward(3000);
  assert.equal(await hears(ana, 'Ben is here'), 'Ben is here', 'and nothing of oneself');

  cut = true;
  await sockets[0].close({ code: 1013, reason: 'no line' });
  await light(ana, 'offline');
  // Long enough for faces to go and for everything to be said.
  for (let second = 0; second < 10; second++) await ana.clock.fastForward(1000);
  await ana.getByLabel('Here now: Ben').waitFor({ state: 'detached' });
  cut = false;
  await saved(ana);
  await ana.getByLabel('Here now: Ben').waitFor();
  await add(ben, MON, 'Miradouro');
  await card(ana, 'Miradouro').waitFor();
  await ana.clock.fastForward(3000);
  await ana.waitForFunction(() => globalThis.spoken.some((words) => words.includes('Ben added Miradouro')));
  const heard = await ana.evaluate(() => globalThis.spoken);
  assert.deepEqual(heard.filter((words) => /Ana|Ben (left|is here)/.test(words)), []);
});

test('no screen breaks a rule of the accessibility checker, light or dark, wide or narrow', async () => {
  const items = [
    { title: 'Tram 28', day: MON, start: `${MON}T10:00:00Z`, place: { name: 'Alfama' }, price: '3', currency: 'EUR', booking_status: 'booked' },
    { title: 'Surf', day: MON, booking_status: 'cancelled' },
  ];
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 360, height: 740 }]) {
      const at = `${colorScheme} ${viewport.width}`;
      const page = await open(items, { colorScheme, viewport, reducedMotion: 'reduce' });
      await accessible(page, `plan ${at}`);
      await card(page, 'Tram 28').locator('.card-face').click();
      await page.getByRole('textbox', { name: 'Notes for this item' }).waitFor();
      await accessible(page, `item ${at}`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^Dates:/ }).click();
      await accessible(page, `dates ${at}`);
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: /^You:/ }).click();
      await accessible(page, `you ${at}`);
      await page.keyboard.press('Escape');
      if (viewport.width < 1100) {
        await page.getByRole('button', { name: 'Notes', exact: true }).click();
        await page.getByRole('textbox', { name: 'Shared notes' }).waitFor();
        await accessible(page, `notes ${at}`);
      }
      await page.goto(tripUrl(server.url, newRoom()));
      await saved(page);
      await accessible(page, `empty ${at}`);
      await page.goto(server.url);
      await accessible(page, `start ${at}`);
      await page.context().close();
    }
  }
});

// Story 6 and the promise of the light: in a tunnel, after a reload there, through a crash and through a restart.

import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { WEEK, add, holds, launch, light, newRoom, person, saved, seed, seedTrip, startServer, startTunnel, tripUrl } from './harness.mjs';

const [MON, TUE] = ['2026-05-04', '2026-05-05'];
let browser, server, tunnel;
before(async () => {
  browser = await launch();
});
after(() => browser?.close());
beforeEach(async () => {
  server = await startServer();
  tunnel = await startTunnel(server);
});
afterEach(async () => {
  tunnel?.end();
  await server?.end();
});

const unsaved = (page) => page.locator('[data-light]').getAttribute('data-unsaved');

async function newTrip(page, items = []) {
  const room = newRoom();
  await seed(page, server.url, room, (doc) => seedTrip(doc, WEEK, items));
  return room;
}

/** The shell is on the device once the service worker is in charge. */
const kept = (page) => page.evaluate(() => navigator.serviceWorker.ready.then(() => {}));

test('changes made in a tunnel are kept, also over a reload there, and arrive on return', async () => {
  const ana = await person(browser, 'Ana');
  const ben = await person(browser, 'Ben');
  const room = await newTrip(ben);
  await ana.goto(tripUrl(tunnel.url, room));
  await saved(ana);
  await kept(ana);
  await ben.goto(tripUrl(server.url, room));
  await saved(ben);

  tunnel.set('cut');
  await light(ana, 'offline');
  await ana.getByText('Offline. Your changes are kept on this device.').first().waitFor();
  await add(ana, MON, 'Ginjinha');
  assert.equal(await unsaved(ana), 'true');
  await add(ben, MON, 'Pastéis');
  await saved(ben);

  await ana.reload();
  await holds(ana, MON, ['Ginjinha']);
  await light(ana, 'offline');
  assert.equal(await unsaved(ana), 'true', 'a reload does not make a change saved');

  tunnel.set('open');
  await saved(ana);
  assert.equal(await unsaved(ana), 'false');
  for (const page of [ana, ben]) {
    await page.waitForFunction((monday) => document.querySelectorAll(`.day[data-day="${monday}"] .card`).length === 2, MON);
  }
  assert.deepEqual((await ben.locator(`.day[data-day="${MON}"] .card-title`).allTextContents()).sort(), ['Ginjinha', 'Pastéis']);
  await ana.reload();
  await saved(ana);
  assert.deepEqual(ana.errors, []);
});

test('a network that answers nothing does not hold a reload for long', async () => {
  const ana = await person(browser, 'Ana');
  const room = await newTrip(ana, [{ title: 'Tram 28', day: MON }]);
  await ana.goto(tripUrl(tunnel.url, room));
  await saved(ana);
  await kept(ana);
  tunnel.set('silent');
  await ana.reload({ waitUntil: 'commit' });
  await holds(ana, MON, ['Tram 28']);
  assert.notEqual(await ana.locator('[data-light]').getAttribute('data-light'), 'saved');
});

test('a trip that this device never opened says so in the tunnel, and opens on return', async () => {
  const ana = await person(browser, 'Ana');
  const [known, unknown] = [await newTrip(ana), await newTrip(ana, [{ title: 'Tram 28', day: MON }])];
  await ana.goto(tripUrl(tunnel.url, known));
  await saved(ana);
  await kept(ana);
  tunnel.set('cut');
  await ana.goto(tripUrl(tunnel.url, unknown));
  await ana.getByText('This trip is not on this device yet.').waitFor();
  tunnel.set('open');
  await holds(ana, MON, ['Tram 28']);
});

test('a change cut off on its way is not called saved, here or after a reload, until the server has it', async () => {
  const ana = await person(browser, 'Ana');
  const room = await newTrip(ana);
  // The socket takes everything and passes nothing on, like a line that died unnoticed.
  let dead = false;
  await ana.routeWebSocket(/\/yjs\//, (socket) => {
    const far = socket.connectToServer();
    socket.onMessage((message) => dead || far.send(message));
    far.onMessage((message) => dead || socket.send(message));
  });
  await ana.goto(tripUrl(tunnel.url, room));
  await saved(ana);
  await kept(ana);
  dead = true;
  await add(ana, MON, 'Ginjinha');
  await light(ana, 'saving');
  tunnel.set('cut');
  await ana.reload();
  await holds(ana, MON, ['Ginjinha']);
  assert.equal(await unsaved(ana), 'true');
  dead = false;
  tunnel.set('open');
  await saved(ana);

  const ben = await person(browser, 'Ben');
  await ben.goto(tripUrl(server.url, room));
  await holds(ben, MON, ['Ginjinha']);
});

test('a tab whose line is dead is helped by another tab of the same device', async () => {
  const first = await person(browser, 'Ana');
  const room = await newTrip(first);
  await first.goto(tripUrl(server.url, room));
  await saved(first);
  const second = await first.context().newPage();
  await second.routeWebSocket(/\/yjs\//, (socket) => void socket.close({ code: 1013, reason: 'no line' }));
  await second.goto(tripUrl(server.url, room));
  await light(second, 'offline');
  await add(second, MON, 'From the dead tab');
  await holds(first, MON, ['From the dead tab']);
  await saved(first);
  assert.equal(await unsaved(second), 'true', 'the dead tab cannot know');

  const ben = await person(browser, 'Ben');
  await ben.goto(tripUrl(server.url, room));
  await holds(ben, MON, ['From the dead tab']);
});

test('what the light called saved survives a kill of the server', async () => {
  const ana = await person(browser, 'Ana');
  const room = await newTrip(ana);
  await ana.goto(tripUrl(server.url, room));
  await saved(ana);
  await add(ana, MON, 'One', 'Two', 'Three');
  await saved(ana);
  await ana.context().close(); // Nobody is left who could send it again.
  await server.stop('SIGKILL');
  await server.start();
  const ben = await person(browser, 'Ben');
  await ben.goto(tripUrl(server.url, room));
  await holds(ben, MON, ['One', 'Two', 'Three']);
});

test('a server that restarts is waited for, and the page comes back by itself', async () => {
  const ana = await person(browser, 'Ana');
  const ben = await person(browser, 'Ben');
  const room = await newTrip(ana);
  for (const page of [ana, ben]) {
    await page.goto(tripUrl(server.url, room));
    await saved(page);
  }
  await add(ana, MON, 'Before');
  await saved(ana);
  await server.stop('SIGTERM');
  await ana.locator('[data-light="restarting"], [data-light="offline"]').waitFor();
  await add(ana, TUE, 'Meanwhile');
  await server.start();
  for (const page of [ana, ben]) {
    await saved(page);
    await holds(page, MON, ['Before']);
    await holds(page, TUE, ['Meanwhile']);
    await page.getByLabel(page === ana ? 'Here now: Ben' : 'Here now: Ana').waitFor();
  }
});

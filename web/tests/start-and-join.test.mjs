// Stories 1 and 2: start a trip in one step; join by its link, say who you are once, see who is here.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WEEK, add, holds, launch, newRoom, person, saved, seed, seedTrip, startServer, tripUrl } from './harness.mjs';

let server, browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

test('a trip is started in one step and its address is the invitation', async () => {
  const ana = await person(browser);
  await ana.goto(server.url);
  await ana.getByLabel('Where to?').fill('Lisboa à noite / 2026');
  await ana.getByLabel('First day').fill('2026-05-04');
  await ana.getByLabel('Last day').fill('2026-05-06');
  await ana.getByLabel('Your name').fill('Ana Lima');
  await ana.getByRole('button', { name: 'Start planning' }).click();
  await saved(ana);
  assert.match(new URL(ana.url()).pathname, /^\/trip\/lisboa-a-noite-2026-[a-z2-9]{12}$/);
  assert.equal(await ana.getByLabel('Trip name').inputValue(), 'Lisboa à noite / 2026');
  assert.equal(await ana.locator('.day').count(), 4, 'Unplanned and three days');
  assert.equal(await ana.locator('.suggestion').count(), 3);
  assert.equal(await ana.getByRole('button', { name: 'Undo my last step' }).isDisabled(), true, 'starting is not a step to undo');

  // Somebody else gets the same trip from the address alone.
  const ben = await person(browser);
  await ben.goto(ana.url());
  await ben.getByLabel('Your name').fill('Ben');
  await ben.getByRole('button', { name: 'Join' }).click();
  await saved(ben);
  assert.equal(await ben.getByLabel('Trip name').inputValue(), 'Lisboa à noite / 2026');
  await ben.getByLabel('Here now: Ana Lima').waitFor();
  await ana.getByLabel('Here now: Ben').waitFor();

  // Said once: the name is kept on the device.
  await ben.reload();
  await saved(ben);
  await ben.getByRole('button', { name: 'You: Ben' }).waitFor();

  // Who leaves is gone from the header.
  await ben.context().close();
  await ana.getByLabel('Here now: Ben').waitFor({ state: 'detached' });
  assert.deepEqual(ana.errors, []);
});

test('the start page lists the trips of this device', async () => {
  const ana = await person(browser, 'Ana');
  const room = newRoom();
  await seed(ana, server.url, room, (doc) => seedTrip(doc, WEEK));
  await ana.goto(tripUrl(server.url, room));
  await saved(ana);
  await ana.goto(server.url);
  await ana.getByRole('link', { name: /Lisbon in May/ }).click();
  await saved(ana);
  await ana.goto(server.url);
  await ana.getByRole('button', { name: 'Take Lisbon in May off this list' }).click();
  assert.equal(await ana.getByRole('link', { name: /Lisbon in May/ }).count(), 0);
});

test('a link opens a trip that others made, with what they planned, whatever its name', async () => {
  for (const room of ['日本 2026', 'a/b c?d#e', '100% sure', '550e8400-e29b-41d4-a716-446655440000']) {
    const ana = await person(browser, 'Ana');
    await seed(ana, server.url, room, (doc) => seedTrip(doc, WEEK, [{ title: 'Tram 28', day: '2026-05-04' }]));
    await ana.goto(tripUrl(server.url, room));
    await holds(ana, '2026-05-04', ['Tram 28']);
    await ana.context().close();
  }
});

test('a new name is shown to the others, and a theme is kept on the device', async () => {
  const [ana, ben] = [await person(browser, null), await person(browser, 'Ben')];
  const room = newRoom();
  await seed(ben, server.url, room, (doc) => seedTrip(doc, WEEK));
  await ben.goto(tripUrl(server.url, room));
  await ana.goto(tripUrl(server.url, room));
  await ana.getByLabel('Your name').fill('Ana');
  await ana.getByRole('button', { name: 'Join' }).click();
  await ben.getByLabel('Here now: Ana').waitFor();

  await ana.getByRole('button', { name: 'You: Ana' }).click();
  await ana.getByText('Dark', { exact: true }).click();
  await ana.getByLabel('Your name').fill('Ana Lima');
  await ana.getByRole('button', { name: 'Done' }).click();
  await ben.getByLabel('Here now: Ana Lima').waitFor();
  await ana.reload();
  await ana.getByRole('button', { name: 'You: Ana Lima' }).waitFor();
  const scheme = await ana.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
  assert.equal(scheme, 'dark');
});

test('two trips do not see each other', async () => {
  const ana = await person(browser, 'Ana');
  const ben = await person(browser, 'Ben');
  const [one, other] = [newRoom(), newRoom()];
  await seed(ana, server.url, one, (doc) => seedTrip(doc, WEEK));
  await seed(ben, server.url, other, (doc) => seedTrip(doc, WEEK));
  await ana.goto(tripUrl(server.url, one));
  await ben.goto(tripUrl(server.url, other));
  await saved(ben);
  await add(ana, '2026-05-04', 'Mine alone');
  await saved(ana);
  await ben.reload();
  await saved(ben);
  await holds(ben, '2026-05-04', []);
  assert.equal(await ben.locator('[data-test=faces]').count(), 0);
});

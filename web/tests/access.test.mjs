// Coming in where people sign in: a token in the address, tickets for the socket, and what happens when either runs out.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MON, barred, enter, newTrip, rest, roleLine, startAccessServer, tokenOf } from './access.mjs';
import { add, holds, launch, light, person, saved, startTunnel, tripUrl } from './harness.mjs';

let server, brief, browser;
before(async () => {
  server = await startAccessServer();
  // Here nobody's ticket holds for long.
  brief = await startAccessServer('--ticket-ttl', '4s');
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
  await brief?.end();
});

/** Every address that a page asked for, sockets included. */
function addressesOf(page) {
  const asked = [];
  page.on('request', (request) => asked.push(request.url()));
  page.on('websocket', (socket) => asked.push(socket.url()));
  return asked;
}

test('a token comes in by the fragment and goes no further than this tab and the REST', async () => {
  const trip = await newTrip(server);
  const token = tokenOf('ada', { name: 'Ada Lovelace' });
  const ada = await person(browser, null);
  const asked = addressesOf(ada);
  const bearers = [];
  ada.on('request', (request) => bearers.push([new URL(request.url()).pathname, request.headers()['authorization']]));
  // The very first script sees the token; nothing that comes after the page's own does.
  await ada.goto(trip.link(token));
  await saved(ada);
  assert.equal(ada.url(), trip.url, 'it is not in the address bar');
  await ada.getByRole('button', { name: 'You: Ada Lovelace' }).waitFor();
  assert.equal(asked.some((url) => url.includes(token)), false, 'no address holds it');
  const kept = await ada.evaluate((secret) => [localStorage, sessionStorage].map((store) => JSON.stringify(store).includes(secret)), token);
  assert.deepEqual(kept, [false, true], 'kept for this tab alone');
  assert.ok(bearers.some(([path, bearer]) => path.startsWith('/v1/rooms/') && bearer === `Bearer ${token}`));
  assert.ok(bearers.every(([path, bearer]) => path.startsWith('/v1/') || bearer === undefined), 'files are asked for without it');
  const socket = new URL(asked.find((url) => url.includes('/yjs/')));
  assert.match(socket.searchParams.get('token'), /^[\w-]+\.[\w-]+\.[\w-]+$/, 'the socket has a ticket');

  // The step before is the page before, not the address with the token.
  await ada.goBack();
  assert.equal(ada.url(), 'about:blank');
  await ada.goForward();
  await saved(ada);
  await ada.reload();
  await saved(ada);
  await add(ada, MON, 'Tram 28');
  await saved(ada);
  assert.deepEqual(ada.errors, []);
});

test('without a token the door says that one is needed; a link opened over it lets one in', async () => {
  const trip = await newTrip(server, { ben: 'editor' });
  for (const name of [null, 'Ben']) {
    const ben = await person(browser, name);
    await ben.goto(trip.url);
    await ben.getByRole('heading', { name: 'This trip is by invitation' }).waitFor();
    // Only the fragment changes: the page is not loaded again.
    await ben.goto(trip.link(tokenOf('ben', { name: 'Ben' })));
    await saved(ben);
    assert.equal(ben.url(), trip.url);
    await ben.context().close();
  }
});

test('a sign-in is good for every trip of its person in this tab, a ticket for its own alone', async () => {
  const [one, other] = [await newTrip(server, { ben: 'viewer' }), await newTrip(server, { ben: 'editor' })];
  const ben = await enter(browser, one, 'ben');
  await roleLine(ben).waitFor();
  await ben.goto(other.url);
  await saved(ben);
  assert.equal(await roleLine(ben).count(), 0);

  const guest = await person(browser, 'Guest');
  await guest.goto(one.link(await one.share('editor')));
  await saved(guest);
  await guest.goto(other.url);
  await barred(guest, 'no-token');
});

test('a wrong token, an expired one and one of somebody else’s are told apart from each other, in plain words', async () => {
  const trip = await newTrip(server);
  for (const [token, why, words] of [
    ['nonsense', 'bad-token', 'This link does not work'],
    [tokenOf('ada', { seconds: -120 }), 'run-out', 'Your way in has run out'],
    [tokenOf('mallory'), 'not-yours', 'This trip cannot be opened'],
  ]) {
    const page = await person(browser, 'Somebody');
    await page.goto(trip.link(token));
    await barred(page, why);
    await page.getByRole('heading', { name: words }).waitFor();
    await page.context().close();
  }
});

test('a trip is started over the REST by whoever is signed in, and by nobody else', async () => {
  const stranger = await person(browser, null);
  await stranger.goto(server.url);
  await stranger.locator('[data-test=locked]').waitFor();
  assert.equal(await stranger.getByRole('button', { name: 'Start planning' }).count(), 0);

  const token = tokenOf('ada', { name: 'Ada Lovelace' });
  await stranger.goto(`${server.url}/#token=${token}`);
  const form = stranger.locator('form.start-form');
  await form.getByLabel('Where to?').fill('Porto / 2026');
  assert.equal(stranger.url(), `${server.url}/`);
  assert.equal(await form.getByLabel('Your name').count(), 0, 'the sign-in knows the name');
  await form.getByLabel('First day').fill(MON);
  await form.getByRole('button', { name: 'Start planning' }).click();
  await saved(stranger);
  assert.match(new URL(stranger.url()).pathname, /^\/trip\/porto-2026-[a-z2-9]{12}$/);
  assert.equal(await stranger.getByLabel('Trip name').inputValue(), 'Porto / 2026');
  assert.equal(await stranger.locator('.day').count(), 2);
  const room = decodeURIComponent(new URL(stranger.url()).pathname.slice('/trip/'.length));
  const { role, members } = await rest(server, token, 'GET', `/rooms/${room}`);
  assert.deepEqual([role, members.items.map(({ principal }) => principal)], ['owner', ['ada']]);

  await stranger.goto(`${server.url}/#token=${tokenOf('ada', { seconds: -120 })}`);
  await stranger.getByLabel('Where to?').fill('Faro');
  await stranger.getByRole('button', { name: 'Start planning' }).click();
  await stranger.getByRole('alert').getByText('Your sign-in has run out').waitFor();
});

test('a start that got no answer is asked for again, and makes one trip', async () => {
  const page = await person(browser, null);
  const sent = [];
  await page.route('**/v1/rooms', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    sent.push([route.request().headers()['idempotency-key'], route.request().postData()]);
    if (sent.length === 1) return route.abort();
    return route.continue();
  });
  await page.goto(`${server.url}/#token=${tokenOf('ada', { name: 'Ada Lovelace' })}`);
  await page.getByLabel('Where to?').fill('Faro');
  await page.getByRole('button', { name: 'Start planning' }).click();
  await page.getByRole('alert').getByText('The server does not answer').waitFor();
  await page.getByRole('button', { name: 'Start planning' }).click();
  await saved(page);
  assert.deepEqual(sent[0], sent[1]);
});

test('a ticket that runs out is renewed without a word, to me or to the others', async () => {
  const trip = await newTrip(brief, { ben: 'editor' });
  const ada = await enter(browser, trip, 'ada');
  const ben = await person(browser, null);
  const sockets = [];
  ben.on('websocket', (socket) => {
    const { pathname, searchParams } = new URL(socket.url());
    if (pathname.startsWith('/yjs/')) sockets.push(searchParams.get('token'));
  });
  const seen = [];
  await ben.exposeFunction('sawLight', (state) => seen.push(state));
  await ben.addInitScript(() =>
    new MutationObserver(() => {
      const state = document.querySelector('[data-light]')?.dataset.light;
      if (state) globalThis.sawLight(state);
    }).observe(document, { subtree: true, childList: true, attributes: true, attributeFilter: ['data-light'] }),
  );
  await ben.goto(trip.link(tokenOf('ben', { name: 'Ben' })));
  await saved(ben);
  const heard = await ada.evaluateHandle(() => {
    const words = [];
    new MutationObserver(() => words.push(document.querySelector('[data-test=spoken]').textContent)).observe(
      document.querySelector('[data-test=spoken]'), { characterData: true, childList: true, subtree: true });
    return words;
  });
  await until(() => sockets.length >= 3);
  await saved(ben);
  const quiet = [...seen];
  assert.equal(new Set(sockets).size, sockets.length, 'each time another ticket');
  await add(ben, MON, 'Tram 28');
  await saved(ben);
  await holds(ada, MON, ['Tram 28']);
  assert.deepEqual([...new Set(quiet.slice(quiet.indexOf('saved')))], ['saved'], 'the light does not flicker');
  assert.equal(await ben.locator('[data-test=away]').count(), 0);
  assert.equal((await heard.jsonValue()).some((words) => words.includes('left')), false);
  assert.deepEqual(ben.errors, []);
});

test('when the sign-in itself ends, that is announced, said plainly, and nothing unsaved is lost', async () => {
  const trip = await newTrip(brief, { ben: 'editor' });
  const ben = await person(browser, null);
  // Long enough for a slow machine to open the page.
  await ben.goto(trip.link(tokenOf('ben', { name: 'Ben', seconds: 8 })));
  await saved(ben);
  await ben.locator('[data-test=ends]').waitFor();
  await barred(ben, 'run-out');
  await ben.getByText('ask Ada Lovelace for a new link').waitFor();
  await ben.goto(trip.link(tokenOf('ben', { name: 'Ben' })));
  await saved(ben);
});

test('a guest whose link runs out is told before, and how to stay', async () => {
  const trip = await newTrip(server);
  const guest = await person(browser, 'Gil');
  await guest.goto(trip.link(await trip.share('editor', 10)));
  await saved(guest);
  await guest.locator('[data-test=ends]').waitFor();
  await barred(guest, 'run-out');
});

test('a socket that turns a fresh ticket away is tried once more and then believed', async () => {
  const trip = await newTrip(server);
  const ada = await person(browser, null);
  let calls = 0;
  await ada.routeWebSocket(/\/yjs\//, (socket) => {
    calls++;
    void socket.close({ code: 4401, reason: 'Unauthorized' });
  });
  await ada.goto(trip.link(tokenOf('ada', { name: 'Ada Lovelace' })));
  await barred(ada, 'bad-token');
  assert.equal(calls, 2);
  await ada.unrouteAll?.();
});

test('a server whose REST does not answer is waited for; what the device keeps is shown and edited meanwhile', async () => {
  const trip = await newTrip(server);
  const ada = await enter(browser, trip, 'ada');
  await add(ada, MON, 'Tram 28');
  await saved(ada);
  let down = true;
  await ada.route('**/v1/**', (route) => (down ? route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"code":"draining"}' }) : route.continue()));
  await ada.reload();
  await holds(ada, MON, ['Tram 28']);
  await light(ada, 'offline');
  await add(ada, MON, 'Castle');
  await ada.locator('[data-test=away]').getByText('They go out when you are back').waitFor();
  down = false;
  await saved(ada);
});

test('in a tunnel a reload opens the kept trip with the role that one had, and a tab that never was in says so', async () => {
  const trip = await newTrip(server, { ben: 'viewer' });
  const tunnel = await startTunnel(server);
  const there = (token) => `${tripUrl(tunnel.url, trip.room)}#token=${token}`;
  try {
    const ben = await person(browser, null);
    await ben.goto(there(tokenOf('ben', { name: 'Ben' })));
    await saved(ben);
    await ben.evaluate(() => navigator.serviceWorker.ready.then(() => {}));
    tunnel.set('cut');
    await ben.reload();
    await roleLine(ben).getByText('You can look, not change.').waitFor();
    await ben.locator('.day').first().waitFor();
    assert.equal(await ben.locator('.add-button').count(), 0);

    const fresh = await ben.context().newPage();
    await fresh.goto(there(tokenOf('ben', { name: 'Ben' })));
    await fresh.getByText('This trip is not on this device yet.').waitFor();
    tunnel.set('open');
    for (const page of [ben, fresh]) await saved(page);
  } finally {
    tunnel.end();
  }
});

async function until(holds) {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}

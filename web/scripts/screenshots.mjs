// Renders the page's screens at phone, tablet and desk width, light and dark, into screenshots/ for somebody to look at.
// With a name given, only pictures whose name contains it. Uses the tests' server, browser and seeded trip.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { barred, comeIn, enter, newTrip, startAccessServer, tokenOf } from '../tests/access.mjs';
import { agentIn, openPanel } from '../tests/agent.mjs';
import { WEB, WEEK, add, card, launch, light, person, saved, seed, seedTrip, startServer, tripUrl } from '../tests/harness.mjs';

const only = process.argv[2] ?? '';
const out = join(WEB, 'screenshots');
mkdirSync(out, { recursive: true });

const MON = '2026-05-04';
const on = (day, from, to) => ({ day, start: `${day}T${from}:00+01:00`, ...(to && { end: `${day}T${to}:00+01:00` }) });
const cost = (price) => ({ price, currency: 'EUR' });
const ITEMS = [
  { title: 'Flight LH1792 to Lisbon', kind: 'flight', ...on(MON, '07:20', '10:05'), place: { name: 'Munich T2' }, ...cost('164.00'), booking_status: 'booked' },
  { title: 'Casa do Bairro', kind: 'accommodation', ...on(MON, '14:00'), place: { name: 'Beco do Caldeira 1' }, ...cost('412'), booking_status: 'reserved' },
  { title: 'Dinner at Ramiro', kind: 'meal', ...on(MON, '19:30'), place: { name: 'Av. Almirante Reis' }, ...cost('140') },
  { title: 'Tram 28 through Alfama, before the queues begin', kind: 'transport', ...on('2026-05-05', '08:30'), place: { name: 'Martim Moniz' } },
  { title: 'Castelo de São Jorge', kind: 'activity', ...on('2026-05-05', '10:00'), ...cost('60'), booking_status: 'booked' },
  { title: 'Walk down to Estufa Fria', kind: 'activity', ...on('2026-05-05', '15:00'), place: { name: 'Parque Eduardo VII' } },
  { title: 'Fado in Mouraria', kind: 'event', ...on('2026-05-05', '21:00'), place: { name: 'Maria da Mouraria' } },
  { title: 'Train to Sintra', kind: 'transport', ...on('2026-05-06', '09:01', '09:41'), place: { name: 'Rossio' }, ...cost('9.60') },
  { title: 'Pena Palace', kind: 'activity', day: '2026-05-06', ...cost('80'), booking_status: 'reserved' },
  { title: 'Sunset at the Miradouro da Graça, if the sky is clear', kind: 'activity', ...on(MON, '21:15') },
  { title: 'Lunch by the market', kind: 'meal', ...on('2026-05-06', '13:00') },
  { title: 'Surf lesson in Caparica', kind: 'activity', day: '2026-05-07', booking_status: 'cancelled' },
  { title: 'Azulejo museum', kind: 'activity', day: null },
  { title: 'Pastéis in Belém', kind: 'meal', day: null },
  { title: 'Ferry to Cacilhas', kind: 'transport', day: null, ...cost('2.80') },
];
const NOTES = `# Before we go

- [x] Book the flights
- [ ] Ask Tom about the **surf lesson**
- [ ] Travel cards for the tram

Keys are with Senhora Costa, second floor. She is in until *six*, then at the café across the street.
`;
const SIZES = { phone: [360, 740], tablet: [768, 1024], desk: [1440, 900] };

const server = await startServer();
const browser = await launch();
const room = 'lisbon';
const url = tripUrl(server.url, room);

async function company() {
  const page = await person(browser, 'Seed');
  await seed(page, server.url, room, (doc) => {
    seedTrip(doc, { title: 'Lisbon in May', start_date: MON, end_date: '2026-05-08', currency: 'EUR' }, ITEMS);
    doc.getText('notes').insert(0, NOTES);
  });
  await page.context().close();
  const tom = await person(browser, 'Tom Reed');
  await tom.goto(url);
  await tom.locator('.card[data-id=item-4] .card-face').click();
  const leo = await person(browser, 'Leo Novak', { viewport: { width: 1440, height: 900 } });
  await leo.goto(url);
  await leo.locator('.notes .cm-line').first().click();
}

/** The same trip with agents at work, and with what does not add up. */
const busy = { room: 'lisbon with agents', url: tripUrl(server.url, 'lisbon with agents'), planner: null };

async function agentsAtWork() {
  const fado = { title: 'Fado at Mesa de Frades', kind: 'event', ...on(MON, '20:00', '22:00') };
  const surf = { title: 'Second surf lesson', kind: 'activity', day: '2026-05-12' };
  const hostel = { title: 'Lost Inn', kind: 'accommodation', day: null, price: '35', currency: 'USD' };
  const ben = await person(browser, 'Ben Okri');
  await seed(ben, server.url, busy.room, (doc) => {
    const items = ITEMS.map((item) => (item.title === 'Dinner at Ramiro' ? { ...item, ...on(MON, '19:30', '21:00') } : item));
    seedTrip(doc, { ...WEEK, currency: 'EUR' }, [...items, fado, surf, hostel]);
  });
  await ben.goto(busy.url);
  await saved(ben);
  const [planner, scout, budget] = await Promise.all(['Planner', 'Scout', 'Budget watcher'].map((name) => agentIn(browser, server, busy.room, name)));
  busy.planner = planner;
  await openPanel(ben, 'Chat');
  for (const words of ['I would love one evening with music.', 'And https://www.cervejariaramiro.com/en/ looks great.']) {
    await ben.getByLabel('Message to everybody').fill(words);
    await ben.keyboard.press('Enter');
  }
  await ben.locator('[data-test=unsent]').first().waitFor({ state: 'detached' });
  const sintra = { task: 'sintra', kind: 'task', title: 'Plan Wednesday in Sintra', state: 'completed' };
  await planner.ask('agent.task', { ...sintra, result: 'Three stops, all within a walk from the station.' });
  const hotels = { task: 'hotels', kind: 'tool', title: 'Search hotels near Rossio', state: 'failed' };
  await scout.ask('agent.task', { ...hotels, error: 'The hotel service did not answer three times in a row.' });
  await planner.ask('agent.task', { task: 'fado', kind: 'task', title: 'Find a fado house that has a table on Monday', state: 'running', progress: 0.35 });
  await planner.say('agent.output', { message: 'fado-1', task: 'fado', chunk: 'I looked at five houses in Alfama and Mouraria. Two still have a table for four on Monday:\n\n• Maria da Mouraria, 20:00\n• Mesa de Frades, 21:' });
  await planner.status('executing', { progress: 0.35, message: 'Comparing five fado houses in Alfama and Mouraria', step: '2', steps: 5 });
  await scout.status('error', { message: 'The hotel service does not answer.' });
  const evening = [{ op: 'item.add', item: { kind: 'meal', title: 'Petiscos at Zé da Mouraria', day: '2026-05-07' } }, { op: 'note.append', text: 'Tables are held for 15 minutes.' }];
  await planner.ask('doc.patch', { operations: evening, run: 'evening' });
  await planner.ask('doc.patch', { operations: [{ op: 'item.update', id: 'item-2', item: { price: '120', start: `${MON}T20:00:00+01:00` } }], suggest: true });
  await scout.ask('doc.patch', { operations: [{ op: 'item.add', item: { kind: 'accommodation', title: 'Hotel Avenida', day: MON, price: '390', currency: 'EUR' } }], suggest: true });
  await budget.status('completed', { message: 'All prices are in the budget' });
}

let prices = 0;
const newPrice = () => (9 + ++prices / 100).toFixed(2);

async function openBusy(page) {
  await page.goto(busy.url);
  await saved(page);
  await page.locator('[data-test=warning]').first().waitFor();
}

const WITH_AGENTS = {
  async agents(page) {
    await openBusy(page);
    await openPanel(page, 'Agents');
    await busy.planner.patch({ op: 'item.update', id: 'item-7', item: { price: newPrice() } });
    await page.getByText('Editing Day 3').waitFor();
  },
  async chat(page) {
    await openBusy(page);
    await openPanel(page, 'Chat');
    await page.locator('[data-test=writing]').waitFor();
    await page.locator('[data-test=task]').first().waitFor();
  },
  async suggesteditem(page) {
    await openBusy(page);
    await card(page, 'Dinner at Ramiro').locator('.card-face').click();
    await page.locator('.card-suggestions').waitFor();
  },
  async warnings(page) {
    await openBusy(page);
    await openPanel(page, 'Warnings');
  },
  async changed(page) {
    await openBusy(page);
    await busy.planner.patch({ op: 'item.update', id: 'item-4', item: { price: newPrice() } });
    await page.locator('[data-test=changed]').waitFor();
    await page.locator('.card[data-id=item-4]').scrollIntoViewIfNeeded();
  },
  async odditem(page) {
    await openBusy(page);
    await card(page, 'Fado at Mesa de Frades').locator('.card-face').click();
    await page.locator('.details .cm-content').waitFor();
  },
};

const SCREENS = {
  async start(page) {
    await page.goto(server.url);
  },
  async name(page) {
    await page.addInitScript(() => localStorage.removeItem('triproom.name'));
    await page.goto(url);
  },
  async plan(page, size) {
    await open(page);
    if (size === 'desk') await page.locator('.cm-ySelectionInfo').waitFor();
  },
  async item(page) {
    await open(page);
    await page.locator('.card[data-id=item-1] .card-face').click();
    await page.locator('.details .cm-content').waitFor();
  },
  async notes(page, size) {
    await open(page);
    if (size !== 'desk') await page.getByRole('button', { name: 'Notes', exact: true }).click();
    await page.locator('.cm-ySelectionInfo').waitFor();
  },
  async me(page) {
    await open(page);
    await page.getByRole('button', { name: /^You:/ }).click();
  },
  async drag(page) {
    await open(page);
    const box = await page.locator('.card[data-id=item-2]').boundingBox();
    await page.mouse.move(box.x + 60, box.y + 20);
    await page.mouse.down();
    await page.mouse.move(box.x + 80, box.y - 60, { steps: 4 });
    await page.locator('.drop-line').waitFor();
  },
  async keys(page) {
    await open(page);
    await page.locator('.card[data-id=item-0] .grip').focus();
    for (const key of ['Space', 'ArrowDown']) await page.keyboard.press(key);
  },
  async empty(page, size) {
    await page.goto(tripUrl(server.url, `empty ${size}`));
    await saved(page);
  },
  async loading(page) {
    await page.routeWebSocket(/\/yjs\//, () => {});
    await page.goto(url);
    await page.locator('.skeleton').waitFor();
  },
  async offline(page) {
    let away = false;
    const sockets = [];
    await page.routeWebSocket(/\/yjs\//, (socket) => {
      if (away) return void socket.close();
      sockets.push(socket);
      socket.connectToServer();
    });
    await open(page);
    away = true;
    await sockets[0].close();
    await light(page, 'offline');
    await page.locator('[data-test=away]').waitFor();
  },
  async refused(page) {
    await page.routeWebSocket(/\/yjs\//, (socket) => void socket.close({ code: 4409, reason: '10 windows are open already' }));
    await page.goto(url);
    await page.locator('[data-test=refused]').waitFor();
  },
};

async function open(page) {
  await page.goto(url);
  await saved(page);
  await page.locator('.watchers').first().waitFor();
}

/** The screens of a server that asks who people are. Each gets a page without a name. */
const SIGNED_IN = {
  async locked(page) {
    await page.goto(guarded.url);
    await page.locator('[data-test=locked]').waitFor();
  },
  async uninvited(page) {
    await page.goto(trip.url);
    await barred(page, 'no-token');
  },
  async unknown(page) {
    await page.goto(trip.link(tokenOf('mallory')));
    await barred(page, 'not-yours');
  },
  async runout(page) {
    await page.goto(trip.link(tokenOf('ben', { seconds: -120 })));
    await barred(page, 'run-out');
  },
  async lost(page) {
    const other = await newTrip(guarded, { ben: 'editor' });
    await comeIn(page, other, 'ben');
    await other.remove('ben');
    await barred(page, 'lost');
  },
  async asking(page) {
    await page.route('**/v1/**', () => {});
    await page.goto(trip.link(tokenOf('ben')));
    await page.locator('.skeleton').waitFor();
  },
  async reader(page) {
    await comeIn(page, trip, 'ben');
  },
  async readeritem(page) {
    await comeIn(page, trip, 'ben');
    await card(page, 'Dinner at Ramiro').locator('.card-face').click();
    await page.locator('.facts').waitFor();
  },
  async readerempty(page) {
    await comeIn(page, await newTrip(guarded, { ben: 'viewer' }), 'ben');
  },
  async commenter(page) {
    await comeIn(page, trip, 'cleo');
  },
  async nottaken(page) {
    const other = await newTrip(guarded, { ben: 'editor' });
    await comeIn(page, other, 'ben');
    let answer;
    const gate = new Promise((resolve) => (answer = resolve));
    await page.route('**/v1/**', (route) => void gate.then(() => route.continue()));
    await other.setRole('ben', 'viewer');
    await add(page, MON, 'Too late');
    await light(page, 'held');
    answer();
    await page.locator('[data-test=not-taken]').waitFor();
  },
  async people(page) {
    await comeIn(page, trip, 'ben');
    await page.getByLabel(/^Here now/).click();
  },
  async signedin(page) {
    await comeIn(page, trip, 'ben');
    await page.getByRole('button', { name: /^You:/ }).click();
  },
  async leave(page) {
    await comeIn(page, trip, 'ben');
    await page.getByRole('button', { name: /^You:/ }).click();
    await page.getByRole('button', { name: 'Leave this trip' }).click();
  },
  async share(page) {
    await comeIn(page, trip, 'ada');
    await page.getByRole('button', { name: 'Share' }).click();
  },
  async sharelink(page) {
    await page.addInitScript(() => {
      Object.defineProperty(navigator, 'clipboard', { value: undefined });
      Object.defineProperty(navigator, 'share', { value: () => Promise.reject(new Error('no')) });
    });
    await comeIn(page, trip, 'ada');
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('button', { name: /^(Copy|Send) link/ }).click();
    await page.getByLabel('Copy this link').waitFor();
  },
  async sharecopied(page) {
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
    await page.addInitScript(() => Object.defineProperty(navigator, 'share', { value: () => Promise.resolve() }));
    await comeIn(page, trip, 'ada');
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByText('Look', { exact: true }).click();
    await page.getByRole('button', { name: /^(Copy|Send) link/ }).click();
    await page.getByText(/^It works until/).waitFor();
  },
  async takeoff(page) {
    await comeIn(page, trip, 'ada');
    await page.getByRole('button', { name: 'Share' }).click();
    await page.getByRole('button', { name: 'Take Cleo off this trip' }).click();
  },
};

let guarded, trip;
async function guardedCompany() {
  guarded = await startAccessServer();
  trip = await newTrip(guarded, { ben: 'viewer', cleo: 'commenter', dan: 'editor', 'maximiliana von und zu hohenstein': 'admin' });
  const ada = await enter(browser, trip, 'ada');
  for (const { title, day, start } of ITEMS.slice(0, 9)) await add(ada, day ?? '', `${start ? `${start.slice(11, 16)} ` : ''}${title}`);
  await card(ada, 'Dinner at Ramiro').locator('.card-face').click();
  await ada.getByRole('textbox', { name: 'Place' }).fill('Av. Almirante Reis');
  await ada.getByRole('textbox', { name: 'Price' }).fill('140');
  await ada.getByRole('textbox', { name: 'Link' }).fill('https://www.cervejariaramiro.com/en/');
  await ada.getByRole('textbox', { name: 'Notes for this item' }).click();
  await ada.keyboard.type('No reservations: **be there at six**.');
  await ada.locator('.notes .cm-content').click();
  await ada.keyboard.type('# Before we go\n\nBook the flights');
  await saved(ada);
  await enter(browser, trip, 'dan');
}

async function draw(screens, name) {
  for (const [screen, show] of Object.entries(screens)) {
    for (const [size, [width, height]] of Object.entries(SIZES)) {
      for (const colorScheme of ['light', 'dark']) {
        const picture = `${screen}-${size}-${colorScheme}`;
        if (!picture.includes(only)) continue;
        const touch = size === 'phone' && screen !== 'drag';
        const page = await person(browser, name, { viewport: { width, height }, colorScheme, hasTouch: touch, isMobile: touch, reducedMotion: 'reduce' });
        await show(page, size);
        await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.ready)));
        await page.screenshot({ path: join(out, `${picture}.png`) });
        await page.context().close();
      }
    }
  }
}

await company();
await draw(SCREENS, 'Ana Lima');
await agentsAtWork();
await draw(WITH_AGENTS, 'Ana Lima');
await guardedCompany();
await draw(SIGNED_IN, null);
await browser.close();
await server.end();
await guarded.end();

// Agents at work, as people see them: how each is, what it has just changed, and that it can be stopped.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { enter, keyFor, newTrip, startAccessServer } from './access.mjs';
import { agentIn, openPanel } from './agent.mjs';
import { WEEK, accessible, card, hears, launch, newRoom, noSidewaysScroll, person, saved, seed, seedTrip, startServer, tripUrl } from './harness.mjs';

const MON = WEEK.start_date;
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

const ITEMS = [
  { id: 'tram', title: 'Tram 28', day: '2026-05-06' },
  { id: 'castle', title: 'Castle', day: MON },
];

/** Ana in a new trip, and where it is. */
async function ana(options, items = ITEMS) {
  const room = newRoom();
  const page = await person(browser, 'Ana', options);
  await seed(page, server.url, room, (doc) => seedTrip(doc, WEEK, items));
  await page.goto(tripUrl(server.url, room));
  await saved(page);
  return { room, page };
}

const row = (panel, name) => panel.locator('.agent', { has: panel.page().getByText(name, { exact: true }) });

test('an agent at work is shown with how it is, how far, and what it is editing, until it has left', async () => {
  const { room, page } = await ana();
  const panel = await openPanel(page, 'Agents');
  await panel.getByText('No agents here just now.').waitFor();
  const planner = await agentIn(browser, server, room, 'Planner');
  await row(panel, 'Planner').getByText('Ready').waitFor();
  await planner.status('executing', { progress: 0.4, message: 'Comparing 14 hotels', step: '2', steps: 5 });
  const shown = row(panel, 'Planner');
  await shown.getByText('Working').waitFor();
  await shown.getByText('Comparing 14 hotels').waitFor();
  await shown.getByText('Step 2 of 5').waitFor();
  assert.equal(await shown.getByRole('progressbar', { name: 'How far Planner is' }).getAttribute('aria-valuenow'), '40');
  await page.getByRole('button', { name: 'Agents, 1 at work' }).waitFor();
  await planner.patch({ op: 'item.update', id: 'tram', item: { price: '3' } });
  await shown.getByText('Editing Day 3').waitFor();
  await planner.patch({ op: 'note.append', text: 'Bring cash.' });
  await shown.getByText('Editing the notes').waitFor();

  await planner.status('completed', { message: 'Found one' });
  await shown.getByText('Done').waitFor();
  await hears(page, 'Planner is done');
  await page.getByRole('button', { name: 'Agents', exact: true }).waitFor();
  await planner.leave();
  await shown.getByText('Left').waitFor();
  await shown.getByText('Found one').waitFor();
  assert.equal(await shown.getByRole('button').count(), 0);
  assert.deepEqual(page.errors, []);
});

test('somebody who comes later sees agents as they are', async () => {
  const { room } = await ana();
  const planner = await agentIn(browser, server, room, 'Planner');
  await planner.status('waiting', { message: 'Which hotel do you like?' });
  const ben = await person(browser, 'Ben');
  await ben.goto(tripUrl(server.url, room));
  await saved(ben);
  const panel = await openPanel(ben, 'Agents');
  await row(panel, 'Planner').getByText('Which hotel do you like?').waitFor();
});

test('what an agent has just changed is marked in words for a moment, and said aloud', async () => {
  const { room, page } = await ana();
  const planner = await agentIn(browser, server, room, 'Planner');
  await planner.patch({ op: 'item.update', id: 'tram', item: { title: 'Tram 28 at nine' } });
  await card(page, 'Tram 28 at nine').getByText('Planner changed this').waitFor();
  assert.equal(await page.locator('[data-test=changed]').count(), 1);
  await hears(page, 'Planner edited Tram 28 at nine');
  await page.locator('[data-test=changed]').waitFor({ state: 'detached' });
  await planner.patch({ op: 'item.add', item: { kind: 'meal', title: 'Pastéis', day: MON } });
  await card(page, 'Pastéis').getByText('Planner changed this').waitFor();
  await hears(page, 'Planner added Pastéis');
  const notes = await openPanel(page, 'Notes');
  await notes.getByRole('textbox', { name: 'Shared notes' }).waitFor();
  await planner.patch({ op: 'note.append', text: 'Bring cash.' });
  await notes.getByText('Planner wrote here').waitFor();
});

test('a person’s own changes are not marked as an agent’s', async () => {
  const { room, page } = await ana();
  const planner = await agentIn(browser, server, room, 'Planner');
  const ben = await person(browser, 'Ben');
  await ben.goto(tripUrl(server.url, room));
  await saved(ben);
  await card(ben, 'Castle').locator('.card-face').click();
  await ben.getByRole('textbox', { name: 'Price' }).fill('15');
  await ben.getByRole('button', { name: 'Done' }).click();
  await saved(ben);
  await planner.heard('doc.changed');
  await card(page, 'Castle').getByText('15', { exact: true }).waitFor();
  // What an agent does afterwards is; so there was time for the other.
  await planner.patch({ op: 'item.update', id: 'tram', item: { price: '3' } });
  await card(page, 'Tram 28').getByText('Planner changed this').waitFor();
  assert.equal(await page.locator('[data-test=changed]').count(), 1);
});

test('an agent is stopped where it is shown, and hears by whom', async () => {
  const { room, page } = await ana();
  const planner = await agentIn(browser, server, room, 'Planner');
  await planner.status('thinking', { message: 'Thinking about lunch' });
  const panel = await openPanel(page, 'Agents');
  const shown = row(panel, 'Planner');
  await shown.getByRole('button', { name: 'Stop Planner' }).click();
  const command = await planner.heard('agent.command');
  assert.equal(command.data.action, 'cancel');
  assert.equal(command.data.agent, 'agent:Planner');
  assert.equal(command.from.name, 'Ana');
  await shown.getByRole('button', { name: 'Planner is stopping' }).waitFor();
  await planner.status('idle', { message: 'Stopped' });
  await shown.getByText('Ready').waitFor();
  assert.equal(await shown.getByRole('button').count(), 0);
});

test('who looks after a trip stops all agents at once; others see only what is theirs to do', async () => {
  const trip = await newTrip(guarded, { ben: 'editor', cleo: 'commenter', dan: 'viewer' });
  const agents = [];
  for (const name of ['planner', 'scout']) {
    const agent = await agentIn(browser, guarded, trip.room, name, keyFor(guarded, name));
    await agent.status('executing', { message: `${name} works` });
    agents.push(agent);
  }
  const buttons = async (id) => {
    const page = await enter(browser, trip, id);
    const panel = await openPanel(page, 'Agents');
    for (const name of ['planner', 'scout']) await panel.getByText(`${name} works`).waitFor();
    return { page, panel, names: await panel.locator('.panel-scroll').getByRole('button').allTextContents() };
  };
  assert.deepEqual((await buttons('dan')).names, []);
  assert.deepEqual((await buttons('cleo')).names, []);
  assert.deepEqual((await buttons('ben')).names, ['Stop', 'Stop']);
  const { page, panel, names } = await buttons('ada');
  assert.deepEqual(names, ['Stop', 'Stop', 'Stop all agents']);
  await panel.getByRole('button', { name: 'Stop all agents' }).click();
  for (const agent of agents) assert.equal((await agent.heard('agent.command')).data.action, 'cancel');
  await page.getByText('All agents were asked to stop.').waitFor();
});

test('what does not add up is shown at the item, at its day, and in one list with what to do', async () => {
  const { page } = await ana({}, [
    { id: 'dinner', title: 'Dinner', day: MON, kind: 'meal', start: `${MON}T19:30:00+01:00`, end: `${MON}T21:00:00+01:00` },
    { id: 'fado', title: 'Fado', day: MON, kind: 'event', start: `${MON}T20:00:00+01:00`, end: `${MON}T22:00:00+01:00` },
    { id: 'tram', title: 'Tram 28', day: '2026-05-06' },
  ]);
  await card(page, 'Fado').locator('[data-test=warning]').waitFor();
  await card(page, 'Dinner').locator('[data-test=warning]').waitFor();
  assert.equal(await card(page, 'Tram 28').locator('[data-test=warning]').count(), 0);
  assert.equal(await page.locator(`.day[data-day="${MON}"] .day-odd`).count(), 1);
  assert.equal(await page.locator('.day-odd').count(), 1);

  await page.getByRole('button', { name: 'Warnings, 1' }).waitFor();
  const panel = await openPanel(page, 'Warnings');
  const told = panel.locator('.warning-row');
  assert.equal(await told.count(), 1);
  await told.getByText(/Fado.*20:00 on 4 May.*Dinner.*21:00 on 4 May/).waitFor();
  await told.getByText(/^Move/).waitFor();
  await told.getByRole('button', { name: 'Go to Fado' }).click();
  await page.waitForFunction(() => document.activeElement?.closest('.card')?.dataset.id === 'fado');
  await page.keyboard.press('Enter');
  await page.locator('.card[data-id=fado] .card-warnings').getByText(/^Move/).waitFor();
  await page.getByLabel('Starts').fill('21:30');
  await page.getByLabel('Ends').fill('23:00');
  await page.locator('[data-test=warning], .card-warnings').first().waitFor({ state: 'detached' });
  await panel.getByText('Everything adds up.').waitFor();
  await panel.getByRole('button', { name: 'Close Warnings' }).click();
  assert.equal(await page.getByRole('button', { name: /^Warnings/ }).count(), 0);
});

test('agents and warnings break no rule of the accessibility checker, light or dark, wide or narrow', async () => {
  const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft '.repeat(3);
  const { room } = await ana({}, [
    { id: 'a', title: long.slice(0, 200), day: MON, start: `${MON}T19:30:00Z`, end: `${MON}T21:00:00Z`, price: '5', currency: 'USD' },
    { id: 'b', title: 'Fado', day: MON, start: `${MON}T20:00:00Z`, end: `${MON}T22:00:00Z` },
    { id: 'c', title: 'Surf', day: '2026-05-20' },
  ]);
  const planner = await agentIn(browser, server, room, 'Planner');
  await planner.status('executing', { progress: 0.4, message: long, step: '2', steps: 5, eta: '2026-05-04T20:00:00Z' });
  const scout = await agentIn(browser, server, room, long.slice(0, 60).replace(/\s/g, ''));
  await scout.status('error', { message: 'The hotel service does not answer.' });
  let price = 0;
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of [{ width: 1440, height: 900 }, { width: 720, height: 900 }, { width: 320, height: 700 }]) {
      const at = `${colorScheme} ${viewport.width}`;
      const page = await person(browser, 'Ben', { colorScheme, viewport, reducedMotion: 'reduce' });
      await page.goto(tripUrl(server.url, room));
      await saved(page);
      const agents = await openPanel(page, 'Agents');
      await agents.getByText('The hotel service').waitFor();
      const gone = await agentIn(browser, server, room, `Gone ${at}`);
      await agents.getByText(`Gone ${at}`).waitFor();
      await gone.leave();
      await agents.getByText('Left').first().waitFor();
      await planner.patch({ op: 'item.update', id: 'b', item: { price: String(++price) } });
      await agents.getByText('Editing Day 1').waitFor();
      await page.locator('[data-test=changed]').waitFor();
      await accessible(page, `agents ${at}`);
      await noSidewaysScroll(page);
      await page.keyboard.press('Escape');
      const warnings = await openPanel(page, 'Warnings');
      await warnings.locator('.warning-row').first().waitFor();
      await accessible(page, `warnings ${at}`);
      await noSidewaysScroll(page);
      await page.keyboard.press('Escape');
      await card(page, 'Fado').locator('.card-face').click();
      await page.locator('.card-warnings').waitFor();
      await accessible(page, `item with a warning ${at}`);
      await noSidewaysScroll(page);
      await page.context().close();
    }
  }
});

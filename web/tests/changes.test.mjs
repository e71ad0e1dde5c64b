// What agents suggest and somebody decides, and what they changed and somebody takes back.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MON, enter, keyFor, newTrip, startAccessServer } from './access.mjs';
import { agentIn, openPanel } from './agent.mjs';
import { accessible, add, card, hears, holds, launch, noSidewaysScroll, saved } from './harness.mjs';

let server, browser;
before(async () => {
  server = await startAccessServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

/** Ada's trip with the castle in it, and an agent there. */
async function withPlanner(members) {
  const trip = await newTrip(server, members);
  const ada = await enter(browser, trip, 'ada');
  await add(ada, MON, 'Castle');
  await saved(ada);
  const castle = await card(ada, 'Castle').getAttribute('data-id');
  const planner = await agentIn(browser, server, trip.room, 'planner', keyFor(server, 'planner'));
  const suggest = (...operations) => planner.ask('doc.patch', { operations, suggest: true });
  const inRun = (run, ...operations) => planner.ask('doc.patch', { operations, run });
  return { trip, ada, castle, planner, suggest, inRun };
}

const suggestion = (page, words) => page.locator('.chat [data-test=suggestion]', { has: page.getByText(words, { exact: true }) });

test('a suggestion waits, with what it would change, until somebody who may decides, and all see what became of it', async () => {
  const { trip, ada, castle, suggest } = await withPlanner({ cleo: 'commenter' });
  await suggest({ op: 'item.add', item: { kind: 'event', title: 'Fado', day: '2026-05-05' } });
  await hears(ada, 'planner suggests: Add “Fado” to Day 2');
  await suggest({ op: 'item.update', id: castle, item: { price: '15', currency: 'EUR', start: `${MON}T10:00:00+01:00` } });
  await ada.getByRole('button', { name: 'Chat, 2 to decide' }).waitFor();
  assert.equal(await card(ada, 'Fado').count(), 0);

  const cleo = await enter(browser, trip, 'cleo');
  await openPanel(cleo, 'Chat');
  await suggestion(cleo, 'Add “Fado” to Day 2').getByText('Those who can edit the trip decide.').waitFor();
  assert.equal(await cleo.locator('[data-test=suggestion] button').count(), 0);
  await cleo.getByRole('button', { name: 'Chat', exact: true }).waitFor();

  // Somebody who comes later finds it in the log, and decides by keyboard.
  await ada.reload();
  await saved(ada);
  await openPanel(ada, 'Chat');
  await suggestion(ada, 'Add “Fado” to Day 2').getByRole('button', { name: 'Accept: Add “Fado” to Day 2' }).press('Enter');
  await holds(ada, '2026-05-05', ['Fado']);
  await holds(cleo, '2026-05-05', ['Fado']);
  await suggestion(ada, 'Add “Fado” to Day 2').waitFor({ state: 'detached' });
  await ada.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Accept: Change “Castle”');
  await cleo.locator('[data-test=decided]').getByText(/Ada Lovelace accepted what planner suggested: Add “Fado” to Day 2/).waitFor();

  // The other one waits at its item, too.
  await card(ada, 'Castle').locator('[data-test=suggested]').waitFor();
  await card(ada, 'Castle').locator('.card-face').click();
  const atItem = ada.locator('.card-suggestions [data-test=suggestion]');
  assert.deepEqual(await atItem.locator('.would li').allTextContents(), ['Starts 10:00', 'Price 15', 'Currency EUR']);
  await atItem.getByRole('button', { name: /^Reject/ }).click();
  await ada.locator('[data-test=suggestion]').first().waitFor({ state: 'detached' });
  await ada.locator('[data-test=decided]').getByText(/You rejected what planner suggested: Change “Castle”/).waitFor();
  assert.equal(await ada.getByRole('textbox', { name: 'Price' }).inputValue(), '');
  await ada.getByRole('button', { name: 'Chat', exact: true }).waitFor();
  await ada.reload();
  await ada.locator('[data-test=decided]').nth(1).waitFor();
  assert.equal(await ada.locator('[data-test=waiting]').count(), 0);
  assert.deepEqual([...ada.errors, ...cleo.errors], []);
});

test('what an agent did in a run is taken back at once, and what somebody changed since stays', async () => {
  const { trip, ada, castle, inRun } = await withPlanner({ cleo: 'commenter' });
  await inRun('evening', { op: 'item.add', id: 'fado', item: { kind: 'event', title: 'Fado', day: MON } });
  await inRun('evening', { op: 'item.add', id: 'dinner', item: { kind: 'meal', title: 'Dinner', day: MON } }, { op: 'item.update', id: castle, item: { price: '15' } });
  await holds(ada, MON, ['Castle', 'Fado', 'Dinner']);
  await card(ada, 'Dinner').locator('.card-face').click();
  await ada.getByRole('textbox', { name: 'Place' }).fill('Ramiro');
  await ada.getByRole('button', { name: 'Done' }).click();
  await saved(ada);

  await openPanel(ada, 'Chat');
  const run = ada.locator('[data-test=run]');
  await run.getByText('planner changed 3 things').waitFor();
  const cleo = await enter(browser, trip, 'cleo');
  await openPanel(cleo, 'Chat');
  await cleo.locator('[data-test=run]').getByText('planner changed 3 things').waitFor();
  assert.equal(await cleo.locator('[data-test=run] button').count(), 0);

  await run.getByRole('button', { name: 'Undo what planner changed' }).click();
  await ada.getByText('Took back 2 things. “Dinner” was changed since and stays.').waitFor();
  for (const page of [ada, cleo]) {
    await holds(page, MON, ['Castle', 'Dinner']);
    await page.locator('[data-test=undone]').getByText('“Dinner” was changed since and stays').waitFor();
    await page.locator('[data-test=run]').getByText(/Taken back/).waitFor();
  }
  await card(ada, 'Dinner').getByText('Ramiro').waitFor();
  assert.equal(await card(ada, 'Castle').getByText('15').count(), 0);
  assert.equal(await run.getByRole('button').count(), 0);

  // What it does afterwards in the same run is another matter.
  await inRun('evening', { op: 'item.update', id: castle, item: { price: '12' } });
  await run.nth(1).getByText('planner changed 1 thing').waitFor();
  await ada.reload();
  await run.nth(1).getByRole('button', { name: /^Undo/ }).waitFor();
  assert.equal(await run.count(), 2);
  assert.deepEqual([...ada.errors, ...cleo.errors], []);
});

test('what was said is not lost behind a long run', async () => {
  const { ada, planner, castle, inRun } = await withPlanner();
  await planner.ask('chat.message', { text: 'I begin' });
  for (let price = 1; price <= 60; price++) await inRun('long', { op: 'item.update', id: castle, item: { price: String(price) } });
  await ada.reload();
  await openPanel(ada, 'Chat');
  await ada.locator('[data-test=run]').getByText('planner changed 1 thing').waitFor();
  await ada.locator('[data-test=said]').getByText('I begin').waitFor();
  assert.equal(await ada.locator('[data-test=run]').count(), 1);
});

test('suggestions and runs break no rule of the accessibility checker, light or dark, wide or narrow', async () => {
  const { trip, castle, suggest, inRun } = await withPlanner({ ben: 'editor', cleo: 'commenter' });
  const long = 'Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft'.repeat(2);
  await inRun('a', { op: 'item.add', item: { kind: 'event', title: long, day: MON } });
  await suggest({ op: 'item.update', id: castle, item: { title: long, price: '15', currency: 'EUR', url: `https://example.org/${long}`, booking_status: 'booked', start: `${MON}T20:00:00+01:00` } });
  await suggest({ op: 'note.append', text: `${long}\nBring cash.` }, { op: 'item.remove', id: castle });
  for (const [id, colorScheme, viewport] of [
    ['ben', 'light', { width: 1440, height: 900 }],
    ['ben', 'dark', { width: 320, height: 700 }],
    ['cleo', 'dark', { width: 1440, height: 900 }],
    ['cleo', 'light', { width: 320, height: 700 }],
  ]) {
    const at = `${id} ${colorScheme} ${viewport.width}`;
    const page = await enter(browser, trip, id, { colorScheme, viewport, reducedMotion: 'reduce' });
    const panel = await openPanel(page, 'Chat');
    await panel.locator('[data-test=suggestion]').nth(1).waitFor();
    await panel.locator('[data-test=run]').waitFor();
    await accessible(page, `chat ${at}`);
    await noSidewaysScroll(page);
    for (const part of ['.chat-scroll', '.waiting-scroll']) {
      assert.equal(await panel.locator(part).evaluate((node) => node.scrollWidth - node.clientWidth), 0, `something sticks out of ${part} at ${at}`);
    }
    await page.keyboard.press('Escape');
    await card(page, 'Castle').locator('.card-face').click();
    await page.locator('.card-suggestions').waitFor();
    await accessible(page, `item with suggestions ${at}`);
    await noSidewaysScroll(page);
    await page.context().close();
  }
});

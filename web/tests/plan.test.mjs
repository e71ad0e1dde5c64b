// Story 3: plan. Add, edit beside somebody, take back only what is mine.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { add, card, day, holds, launch, newRoom, openTogether, person, saved, startServer, tripUrl } from './harness.mjs';

const [MON, TUE, WED] = ['2026-05-04', '2026-05-05', '2026-05-06'];
const NO_DAY = '';
let server, browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const together = (items, options) => openTogether(browser, server, items, options);
const three = () => ['Alfama', 'Belém', 'Chiado'].map((title) => ({ title, day: MON }));

test('items are added to days and seen by the other at once', async () => {
  const [ana, ben] = await together([]);
  await add(ana, MON, '9:15 Tram 28', 'Castle');
  await holds(ben, MON, ['Tram 28', 'Castle']);
  await add(ben, MON, 'Dinner at Ramiro');
  await add(ben, NO_DAY, 'Azulejo museum');
  for (const page of [ana, ben]) {
    await holds(page, MON, ['Tram 28', 'Castle', 'Dinner at Ramiro']);
    await holds(page, NO_DAY, ['Azulejo museum']);
    assert.equal(await card(page, 'Tram 28').locator('.card-time').textContent(), '09:15');
  }
  // Words give the kind away; typing it again is not needed.
  await card(ana, 'Dinner at Ramiro').getByText('Food and drink').waitFor({ state: 'attached' });
  assert.equal(await ana.locator('.suggestion').count(), 0, 'suggestions go when there is something');
});

test('a suggestion becomes an item, open and ready to be named', async () => {
  const [ana] = await together([], [{}]);
  await ana.getByRole('button', { name: /Where we stay/ }).click();
  const title = ana.getByRole('textbox', { name: 'Title' });
  await title.waitFor();
  await title.fill('Casa do Bairro');
  await title.press('Enter');
  await ana.getByRole('button', { name: 'Done' }).click();
  await holds(ana, MON, ['Casa do Bairro']);
});

test('two people edit one item beside each other and neither loses a word', async () => {
  const [ana, ben] = await together(three());
  await card(ana, 'Belém').locator('.card-face').click();
  await card(ben, 'Belém').locator('.card-face').click();
  // Each sees that the other is there.
  await ana.locator('.card-open [data-test=watchers]').getByText('Looking at this: Ben').waitFor({ state: 'attached' });
  await ben.locator('.card-open [data-test=watchers]').getByText('Looking at this: Ana').waitFor({ state: 'attached' });

  await ana.getByRole('textbox', { name: 'Place' }).fill('Torre de Belém');
  await ben.getByRole('textbox', { name: 'Price' }).fill('12,50');
  await ben.getByRole('textbox', { name: 'Currency' }).fill('eur');
  await ana.getByRole('combobox', { name: 'Booking' }).selectOption('booked');

  // Both write the item's notes at the same time, at different ends.
  const notes = (page) => page.getByRole('textbox', { name: 'Notes for this item' });
  await notes(ana).click();
  await notes(ben).click();
  await Promise.all([ana.keyboard.type('by tram '), ben.keyboard.type('bring water ')]);
  const [text, same] = await Promise.all([ana, ben].map((page) => notesWith(page, 'by tram bring water ')));
  assert.equal(text, same);

  for (const page of [ana, ben]) await page.getByRole('button', { name: 'Done' }).click();
  for (const page of [ana, ben]) {
    await card(page, 'Belém').getByText('Torre de Belém').waitFor();
    await card(page, 'Belém').getByText('€12.50').waitFor();
    await card(page, 'Belém').getByText('Booked').waitFor();
  }
});

test('a title being typed is not torn away by the other, and the last to finish wins', async () => {
  const [ana, ben] = await together(three());
  await card(ana, 'Chiado').locator('.card-face').click();
  await card(ben, 'Chiado').locator('.card-face').click();
  const title = (page) => page.getByRole('textbox', { name: 'Title' });
  await title(ana).focus();
  await ana.keyboard.press('End');
  await ana.keyboard.type(' by night');
  assert.equal(await title(ana).inputValue(), 'Chiado by night');
  await ben.waitForFunction(() => document.querySelector('.title-field').value === 'Chiado by night');
  await title(ben).fill('Chiado and coffee');
  await title(ben).press('Enter');
  const reads = (page, want) => page.waitForFunction((words) => document.querySelector('.title-field').value === words, want);
  await reads(ana, 'Chiado and coffee');
  // Leaving the field does not bring back what was written earlier.
  await title(ana).press('Enter');
  await saved(ana);
  await reads(ben, 'Chiado and coffee');
  await reads(ana, 'Chiado and coffee');
});

test('undo takes back only my own steps, one at a time', async () => {
  const [ana, ben] = await together(three());
  await add(ana, TUE, 'Sintra');
  await holds(ben, TUE, ['Sintra']);
  await add(ben, TUE, 'Cascais');
  await holds(ana, TUE, ['Sintra', 'Cascais']);
  await card(ana, 'Alfama').locator('.grip').focus();
  for (const key of ['Space', 'ArrowRight', 'ArrowRight', 'Space']) await ana.keyboard.press(key);
  await holds(ben, WED, ['Alfama']);

  const undo = ana.getByRole('button', { name: 'Undo my last step' });
  await undo.click();
  await holds(ben, MON, ['Alfama', 'Belém', 'Chiado']);
  await holds(ben, TUE, ['Sintra', 'Cascais']);
  await undo.click();
  await holds(ben, TUE, ['Cascais']);
  assert.equal(await undo.isDisabled(), true, 'what Ben did is not Ana’s to undo');
  await ana.keyboard.press('Control+Shift+Z');
  await holds(ben, TUE, ['Sintra', 'Cascais']);
});

test('a deleted item comes back by its message’s Undo', async () => {
  const [ana, ben] = await together(three());
  await card(ana, 'Belém').locator('.card-face').click();
  await ana.getByRole('button', { name: 'Delete' }).click();
  await holds(ben, MON, ['Alfama', 'Chiado']);
  await ana.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await holds(ben, MON, ['Alfama', 'Belém', 'Chiado']);

  // Also when something was done since, and that stays done.
  await card(ana, 'Alfama').locator('.card-face').click();
  await ana.getByRole('button', { name: 'Delete' }).click();
  await add(ana, TUE, 'Sintra');
  await ana.locator('.toast').getByRole('button', { name: 'Undo' }).click();
  await holds(ben, MON, ['Alfama', 'Belém', 'Chiado']);
  await holds(ben, TUE, ['Sintra']);
});

test('an open item that the other deletes says so and closes', async () => {
  const [ana, ben] = await together(three());
  await card(ana, 'Belém').locator('.card-face').click();
  await card(ben, 'Belém').locator('.card-face').click();
  await ben.getByRole('button', { name: 'Delete' }).click();
  await ana.locator('.toast').getByText('“Belém” was deleted by somebody else.').waitFor();
  await holds(ana, MON, ['Alfama', 'Chiado']);
  assert.deepEqual(ana.errors, []);
});

test('times are written on the item’s day, and an end before the start is the next morning', async () => {
  const [ana, ben] = await together(three());
  await card(ana, 'Belém').locator('.card-face').click();
  await ana.getByLabel('Starts').fill('22:30');
  await ana.getByLabel('Ends').fill('01:15');
  await ana.getByRole('button', { name: 'Done' }).click();
  await card(ben, 'Belém').getByText('22:30–01:15').waitFor();
  // An hour earlier at both ends: the same evening.
  await card(ben, 'Belém').locator('.card-face').click();
  await ben.getByLabel('Ends').fill('23:45');
  await ben.getByRole('button', { name: 'Done' }).click();
  await card(ana, 'Belém').getByText('22:30–23:45').waitFor();
});

test('a trip without dates asks for them, and grows by a day at a time', async () => {
  const room = newRoom();
  const ana = await person(browser, 'Ana');
  await ana.goto(tripUrl(server.url, room));
  await saved(ana);
  const form = ana.locator('.no-dates');
  await form.getByLabel('First day').fill(MON);
  await form.getByLabel('Last day').fill(TUE);
  await form.getByRole('button', { name: 'Set dates' }).click();
  await day(ana, TUE).waitFor();
  await ana.getByRole('button', { name: 'Add a day' }).click();
  await day(ana, WED).waitFor();
  await ana.getByRole('button', { name: /^Dates: 4\s*–\s*6 May 2026/ }).waitFor();
  // Items on days that are no longer in the trip stay in sight.
  await add(ana, WED, 'Late flight');
  await ana.getByRole('button', { name: /^Dates:/ }).click();
  await ana.getByRole('dialog').getByLabel('Last day').fill(TUE);
  await ana.getByRole('button', { name: 'Set dates' }).click();
  await day(ana, WED).getByText('Outside the trip').waitFor();
  await holds(ana, WED, ['Late flight']);
});

/** What the open item's notes say once they have exactly these letters, in whatever order; the other's cursor is none. */
async function notesWith(page, letters) {
  const said = await page.waitForFunction((want) => {
    const lines = [...document.querySelectorAll('.card-open .cm-line')].map((line) => {
      const copy = line.cloneNode(true);
      for (const caret of copy.querySelectorAll('.cm-ySelectionCaret')) caret.remove();
      return copy.textContent;
    });
    const text = lines.join('\n');
    return [...text].sort().join('') === want && text;
  }, [...letters].sort().join(''));
  return said.jsonValue();
}

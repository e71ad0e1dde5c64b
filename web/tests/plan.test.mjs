// Story 3: plan. Add, edit beside somebody, move by mouse, finger and keys, take back only what is mine.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WEEK, add, card, day, holds, launch, newRoom, person, saved, seed, seedTrip, startServer, tripUrl } from './harness.mjs';

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

async function together(items, options = [{}, {}]) {
  const room = newRoom();
  const pages = [];
  for (const [i, name] of ['Ana', 'Ben'].slice(0, options.length).entries()) {
    const page = await person(browser, name, options[i]);
    if (i === 0) await seed(page, server.url, room, (doc) => seedTrip(doc, WEEK, items));
    await page.goto(tripUrl(server.url, room));
    await saved(page);
    pages.push(page);
  }
  return pages;
}

const three = () => ['Alfama', 'Belém', 'Chiado'].map((title) => ({ title, day: MON }));

test('items are added to days and seen by the other at once', async () => {
  const [ana, ben] = await together([]);
  await add(ana, MON, '9:15 Tram 28', 'Castle');
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
  for (const page of [ana, ben]) {
    await page.waitForFunction(() => {
      const text = document.querySelector('.card-open .cm-content').textContent;
      return ['by', 'tram', 'bring', 'water'].every((word) => [...word].every((letter) => text.includes(letter))) && text.replace(/Ana|Ben|\u2060/g, '').trim().length >= 19;
    });
  }
  const text = async (page) => (await notes(page).locator('.cm-line').evaluateAll((lines) => lines.map((line) => {
    const copy = line.cloneNode(true);
    copy.querySelectorAll('.cm-ySelectionCaret').forEach((caret) => caret.remove());
    return copy.textContent;
  }).join('\n')));
  assert.equal(await text(ana), await text(ben));

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

test('a mouse moves a card within its day and to another', async () => {
  const [ana, ben] = await together(three());
  await dragTo(ana, 'Chiado', card(ana, 'Alfama'), 'above');
  await holds(ana, MON, ['Chiado', 'Alfama', 'Belém']);
  await dragTo(ana, 'Alfama', day(ana, WED), 'inside');
  for (const page of [ana, ben]) {
    await holds(page, MON, ['Chiado', 'Belém']);
    await holds(page, WED, ['Alfama']);
  }
  await dragTo(ana, 'Belém', day(ana, NO_DAY), 'inside');
  await holds(ben, NO_DAY, ['Belém']);
  assert.equal(await ana.locator('.card-open').count(), 0, 'a drag is not a click');
});

test('Escape puts a dragged card back', async () => {
  const [ana] = await together(three(), [{}]);
  const from = await centre(card(ana, 'Alfama').locator('.card-face'));
  const to = await centre(day(ana, TUE));
  await ana.mouse.move(from.x, from.y);
  await ana.mouse.down();
  await ana.mouse.move(to.x, to.y, { steps: 5 });
  await ana.locator('.ghost').waitFor();
  await ana.keyboard.press('Escape');
  await ana.mouse.up();
  await ana.locator('.ghost').waitFor({ state: 'detached' });
  await holds(ana, MON, ['Alfama', 'Belém', 'Chiado']);
  await holds(ana, TUE, []);
});

test('moving an item to another day keeps its time, on the new date', async () => {
  const [ana] = await together([{ title: 'Ferry', day: MON, start: `${MON}T22:30:00+01:00`, end: `${TUE}T06:00:00+01:00` }], [{}]);
  await dragTo(ana, 'Ferry', day(ana, WED), 'inside');
  await holds(ana, WED, ['Ferry']);
  assert.equal(await card(ana, 'Ferry').locator('.card-time').textContent(), '22:30–06:00');
});

test('a finger moves a card by its handle, and by a long press', async () => {
  const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };
  const [ana] = await together(three(), [phone]);
  await touchDrag(ana, card(ana, 'Chiado').locator('.grip'), card(ana, 'Alfama'), 'above');
  await holds(ana, MON, ['Chiado', 'Alfama', 'Belém']);
  await touchDrag(ana, card(ana, 'Belém').locator('.card-face'), ana.getByRole('button', { name: /^Unplanned/ }), 'inside');
  await holds(ana, NO_DAY, ['Belém']);
  await holds(ana, MON, ['Chiado', 'Alfama']);
});

test('a finger that swipes over cards scrolls and moves nothing', async () => {
  const phone = { viewport: { width: 360, height: 500 }, hasTouch: true, isMobile: true };
  const many = Array.from({ length: 12 }, (_, i) => ({ title: `Stop ${i}`, day: MON }));
  const [ana] = await together(many, [phone]);
  const from = await centre(card(ana, 'Stop 3').locator('.card-face'));
  const send = await finger(ana);
  await send('touchStart', from.x, from.y);
  for (let y = 20; y <= 200; y += 20) await send('touchMove', from.x, from.y - y);
  await send('touchEnd');
  await ana.waitForFunction(() => document.querySelector('.plan').scrollTop > 100);
  assert.equal(await ana.locator('.ghost').count(), 0);
  await holds(ana, MON, many.map((item) => item.title));
});

test('keys move a card, and say where it is', async () => {
  const [ana, ben] = await together(three());
  const says = (words) => ana.waitForFunction((want) => document.querySelector('[data-test=spoken]').textContent.includes(want), words);
  await card(ana, 'Alfama').locator('.grip').focus();
  await ana.keyboard.press('Space');
  await says('Alfama lifted');
  await ana.keyboard.press('ArrowDown');
  await says('place 2 of 3');
  await ana.keyboard.press('ArrowRight');
  await says('5 May, place 1 of 1');
  await ana.keyboard.press('Space');
  await says('Dropped on Tuesday');
  await holds(ben, TUE, ['Alfama']);
  await ana.waitForFunction(() => document.activeElement?.getAttribute('aria-label') === 'Move Alfama');

  // Within the day, and Escape.
  await card(ana, 'Belém').locator('.grip').focus();
  await ana.keyboard.press('Space');
  await ana.keyboard.press('ArrowDown');
  await ana.keyboard.press('Escape');
  await says('Put back');
  await holds(ana, MON, ['Belém', 'Chiado']);
  await card(ana, 'Chiado').locator('.grip').focus();
  for (const key of ['Space', 'ArrowUp', 'Space']) await ana.keyboard.press(key);
  await holds(ben, MON, ['Chiado', 'Belém']);
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

test('two people who move different cards at once lose and double nothing', async () => {
  const [ana, ben] = await together(three());
  await Promise.all([dragTo(ana, 'Alfama', day(ana, WED), 'inside'), dragTo(ben, 'Chiado', day(ben, WED), 'inside')]);
  for (const page of [ana, ben]) {
    await holds(page, MON, ['Belém']);
    await page.waitForFunction((wed) => document.querySelectorAll(`.day[data-day="${wed}"] .card`).length === 2, WED);
  }
  const order = (page) => day(page, WED).locator('.card-title').allTextContents();
  assert.deepEqual(await order(ana), await order(ben));
});

async function centre(locator) {
  await locator.scrollIntoViewIfNeeded();
  const box = await locator.boundingBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2, box };
}

async function pointIn(target, where) {
  const { x, y, box } = await centre(target);
  if (where === 'above') return { x, y: box.y + 4 };
  if (where === 'below') return { x, y: box.y + box.height - 4 };
  return { x, y };
}

async function dragTo(page, title, target, where) {
  const from = await centre(card(page, title).locator('.card-face'));
  const to = await pointIn(target, where);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 8, from.y + 8);
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.locator('[data-over]').waitFor();
  await page.mouse.up();
}

async function finger(page) {
  const touch = await page.context().newCDPSession(page);
  return (type, x, y) => touch.send('Input.dispatchTouchEvent', { type, touchPoints: type === 'touchEnd' ? [] : [{ x, y }] });
}

async function touchDrag(page, from, target, where) {
  const send = await finger(page);
  const start = await centre(from);
  const end = await pointIn(target, where);
  await send('touchStart', start.x, start.y);
  await page.locator('.ghost').waitFor();
  for (let step = 1; step <= 5; step++) {
    await send('touchMove', start.x + ((end.x - start.x) * step) / 5, start.y + ((end.y - start.y) * step) / 5);
  }
  await page.locator('[data-over]').waitFor();
  await send('touchEnd');
  await page.locator('.ghost').waitFor({ state: 'detached' });
}

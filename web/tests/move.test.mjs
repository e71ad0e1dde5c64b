// Story 3: move. By mouse, by finger and by keys, within a day and between days, alone and at once.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { card, day, hears, holds, launch, openTogether, startServer } from './harness.mjs';

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
  // All at once: a finger that swipes does not wait for the page, and a page that is late must not take it for a press.
  const swipe = [send('touchStart', from.x, from.y)];
  for (let y = 20; y <= 200; y += 20) swipe.push(send('touchMove', from.x, from.y - y));
  await Promise.all([...swipe, send('touchEnd')]);
  await ana.waitForFunction(() => document.querySelector('.plan').scrollTop > 100);
  assert.equal(await ana.locator('.ghost').count(), 0);
  await holds(ana, MON, many.map((item) => item.title));
});

test('keys move a card, and say where it is', async () => {
  const [ana, ben] = await together(three());
  const says = (words) => hears(ana, words);
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

test('two people who move different cards at once lose and double nothing', async () => {
  const [ana, ben] = await together(three());
  // Both have a card in hand before either lets go.
  await Promise.all([carry(ana, 'Alfama', day(ana, WED), 'inside'), carry(ben, 'Chiado', day(ben, WED), 'inside')]);
  await Promise.all([ana.mouse.up(), ben.mouse.up()]);
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
  await carry(page, title, target, where);
  await page.mouse.up();
}

/** Takes a card to a place without letting go of it. */
async function carry(page, title, target, where) {
  const from = await centre(card(page, title).locator('.card-face'));
  const to = await pointIn(target, where);
  await page.mouse.move(from.x, from.y);
  await page.mouse.down();
  await page.mouse.move(from.x + 8, from.y + 8);
  await page.mouse.move(to.x, to.y, { steps: 4 });
  await page.locator('[data-over]').waitFor();
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

// What each role sees and may do, and how changes of roles reach an open page.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MON, barred, enter, newTrip, roleLine, startAccessServer, tokenOf } from './access.mjs';
import { accessible, add, card, holds, launch, light, noSidewaysScroll, person, saved } from './harness.mjs';

let server, browser;
before(async () => {
  server = await startAccessServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

/** A trip with one item that has something in every field. */
async function tripWithTram(members, settings) {
  const trip = await newTrip(server, members, settings);
  const ada = await enter(browser, trip, 'ada');
  await add(ada, MON, '10:00 Tram 28');
  await card(ada, 'Tram 28').locator('.card-face').click();
  await ada.getByRole('textbox', { name: 'Place' }).fill('Martim Moniz');
  await ada.getByRole('textbox', { name: 'Link' }).fill('https://example.org/tram');
  await ada.getByRole('textbox', { name: 'Notes for this item' }).click();
  await ada.keyboard.type('Sit on the left');
  await ada.getByRole('button', { name: 'Done' }).click();
  await saved(ada);
  return { trip, ada };
}

/** Everything with which a trip can be changed. */
const TOOLS = ['.add-button', '.add-day', '.grip', '.suggestion', '.no-dates', 'header input', '.dates-button', '[title^="Undo"]', '.redo', '.button-danger', '.details input'];
const tools = async (page) => {
  const counts = await Promise.all(TOOLS.map((tool) => page.locator(tool).count()));
  return TOOLS.filter((_, i) => counts[i] > 0);
};

for (const [role, words] of [['viewer', 'You can look, not change.'], ['commenter', 'You can comment, not change the plan.']]) {
  test(`a ${role} reads everything, changes nothing, and is told whom to ask`, async () => {
    const { trip, ada } = await tripWithTram({ ben: role });
    for (const options of [{}, phone]) {
      const ben = await enter(browser, trip, 'ben', options);
      await roleLine(ben).getByText(words).waitFor();
      await roleLine(ben).getByText('To edit, ask Ada Lovelace.').waitFor();
      await ben.locator('.light').getByText('Up to date').waitFor();
      await ben.locator('.trip-title').getByText('Lisbon in May').waitFor();
      await holds(ben, MON, ['Tram 28']);
      await card(ben, 'Tram 28').locator('.card-face').click();
      const facts = ben.locator('.facts');
      await facts.getByText('Martim Moniz').waitFor();
      assert.equal(await facts.getByRole('link').getAttribute('href'), 'https://example.org/tram');
      const notes = ben.getByRole('textbox', { name: 'Notes for this item' });
      await notes.getByText('Sit on the left').waitFor();
      assert.deepEqual(await tools(ben), []);
      assert.equal(await ben.getByRole('button', { name: 'Share' }).count(), 0);

      // Neither typing nor the keys for undo do anything; a mouse carries nothing away.
      await notes.focus();
      await ben.keyboard.type('x');
      await ben.keyboard.press('Control+z');
      await ben.keyboard.press('Escape');
      const box = await card(ben, 'Tram 28').locator('.card-face').boundingBox();
      await ben.mouse.move(box.x + 30, box.y + 10);
      await ben.mouse.down();
      await ben.mouse.move(box.x + 60, box.y + 120, { steps: 4 });
      assert.equal(await ben.locator('.ghost').count(), 0);
      await ben.mouse.up();
      if (!options.isMobile) {
        const shared = ben.getByRole('textbox', { name: 'Shared notes' });
        await shared.click();
        await ben.keyboard.type('hello');
        assert.equal(await shared.getAttribute('aria-readonly'), 'true');
        await ben.getByText('Nobody has written anything yet.').waitFor();
      }
      await light(ben, 'saved');
      assert.equal(await ben.locator('[data-light]').getAttribute('data-unsaved'), 'false');
      // The others see that a reader is here, and at what.
      await ada.getByLabel('Here now: Ben').waitFor();
      assert.deepEqual(ben.errors, []);
      await ben.context().close();
    }
  });
}

test('an empty trip asks a reader for nothing', async () => {
  const trip = await newTrip(server, { ben: 'viewer' });
  const ben = await enter(browser, trip, 'ben');
  await ben.getByText('Nothing is planned yet.').waitFor();
  assert.deepEqual(await tools(ben), []);
});

test('more rights reach an open page at once, and work', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'viewer' });
  const ben = await enter(browser, trip, 'ben');
  await card(ben, 'Tram 28').locator('.card-face').click();
  await ada.getByRole('button', { name: 'Share' }).click();
  await ada.getByLabel('What Ben may do').selectOption('editor');
  await ben.locator('.toast').getByText('You can edit this trip now.').waitFor();
  await roleLine(ben).waitFor({ state: 'detached' });
  await ben.getByRole('textbox', { name: 'Place' }).fill('Graça');
  await ben.getByRole('button', { name: 'Done' }).click();
  await add(ben, MON, 'Castle');
  await saved(ben);
  await holds(ada, MON, ['Tram 28', 'Castle']);
  await card(ada, 'Tram 28').getByText('Graça').waitFor();
});

test('the word of the product’s own back end reaches an open page too', async () => {
  const { trip } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await trip.setRole('ben', 'viewer');
  await roleLine(ben).waitFor();
  assert.deepEqual(await tools(ben), []);
  await trip.setRole('ben', 'editor');
  await roleLine(ben).waitFor({ state: 'detached' });
  await add(ben, MON, 'Castle');
  await saved(ben);
  // What is not about the document is heard of, too.
  await trip.setRole('ben', 'admin');
  await ben.getByRole('button', { name: 'Share' }).waitFor();
  assert.deepEqual(ben.errors, []);
});

test('fewer rights reach an open page at once; the card that was being edited is read on', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await card(ben, 'Tram 28').locator('.card-face').click();
  await ben.getByRole('textbox', { name: 'Place' }).waitFor();
  await ada.getByRole('button', { name: 'Share' }).click();
  await ada.getByLabel('What Ben may do').selectOption('viewer');
  await ben.locator('.toast').getByText('You can look at this trip now, not change it.').waitFor();
  await roleLine(ben).waitFor();
  await ben.locator('.facts').waitFor();
  assert.deepEqual(await tools(ben), []);
  assert.equal(await ben.locator('[data-test=not-taken]').count(), 0);
});

/** Adds an item with a role that was taken away a moment before, which this page is yet to hear. */
async function addTooLate(page, trip, title) {
  let answer;
  const gate = new Promise((resolve) => (answer = resolve));
  await page.route('**/v1/**', async (route) => {
    await gate;
    await route.continue();
  });
  await trip.setRole('ben', 'viewer');
  await add(page, MON, title);
  await light(page, 'held');
  answer();
}

test('a change that came too late is not called saved, and can be let go of', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await addTooLate(ben, trip, 'Too late');
  await ben.locator('[data-test=not-taken]').getByText('were not taken').waitFor();
  await ben.locator('.light').getByText('Not taken', { exact: true }).waitFor();
  await roleLine(ben).waitFor();
  await holds(ben, MON, ['Tram 28', 'Too late']);
  await ben.reload();
  await ben.locator('[data-test=not-taken]').waitFor();
  await ben.getByRole('button', { name: 'Show the trip without them' }).click();
  await saved(ben);
  await holds(ben, MON, ['Tram 28']);
  await ben.reload();
  await saved(ben);
  await holds(ben, MON, ['Tram 28']);
  await holds(ada, MON, ['Tram 28']);
});

test('a change that came too late goes out when one may again', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await addTooLate(ben, trip, 'Early after all');
  await ben.locator('[data-test=not-taken]').waitFor();
  await trip.setRole('ben', 'editor');
  await ben.reload();
  await saved(ben);
  await holds(ada, MON, ['Tram 28', 'Early after all']);
});

test('who is taken off a trip is shown out at once, and can forget it', async () => {
  const { trip } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await trip.remove('ben');
  await barred(ben, 'lost');
  await ben.getByText('ask Ada Lovelace').waitFor();
  assert.equal(await ben.getByText('Tram 28').count(), 0);
  await ben.waitForFunction(() => document.activeElement?.tagName === 'H1');
  await ben.getByRole('button', { name: 'Forget it on this device' }).click();
  await ben.getByText('It is no longer on this device.').waitFor();
  await ben.waitForFunction(async () => !(await indexedDB.databases()).some(({ name }) => name.startsWith('triproom/')));
  await ben.getByRole('link', { name: 'All trips' }).click();
  await ben.locator('.start').waitFor();
  assert.equal(await ben.getByRole('link', { name: /Lisbon in May/ }).count(), 0);
});

test('a trip that is deleted is gone for everybody who is in it', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'editor' });
  const ben = await enter(browser, trip, 'ben');
  await trip.delete();
  for (const page of [ada, ben]) await barred(page, 'lost');
});

test('everybody may leave, after a second thought; the last owner may not', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'viewer' });
  await ada.getByRole('button', { name: 'You: Ada Lovelace' }).click();
  assert.equal(await ada.getByRole('button', { name: 'Leave this trip' }).count(), 0);
  const ben = await enter(browser, trip, 'ben');
  await ben.getByRole('button', { name: 'You: Ben' }).click();
  await ben.getByRole('button', { name: 'Leave this trip' }).click();
  await ben.getByRole('button', { name: 'Stay' }).click();
  await ben.getByRole('button', { name: 'Leave this trip' }).click();
  await ben.getByRole('button', { name: 'Leave', exact: true }).click();
  await barred(ben, 'left');
  await ben.reload();
  await ben.locator('[data-test=barred]').waitFor();
});

test('the list of people says who belongs to the trip, who is here, and what each may do', async () => {
  const { trip, ada } = await tripWithTram({ ben: 'viewer', cleo: 'admin' });
  const ben = await enter(browser, trip, 'ben', phone);
  await ben.getByLabel('Here now: Ada Lovelace').click();
  const row = (page, name) => page.locator('.people-list .member', { hasText: name });
  await row(ben, 'Ada Lovelace').getByText('Owner').waitFor();
  await row(ben, 'Ben (you)').getByText('Can look').waitFor();
  await row(ben, 'Cleo').getByText('Admin').waitFor();
  await ben.getByText('Also on this trip').waitFor();
  await ada.getByLabel('Here now: Ben').click();
  await row(ada, 'Ben').getByText('Can look').waitFor();
});

test('a name that a sign-in carries is not asked for; one without a name is asked', async () => {
  const trip = await newTrip(server, { ben: 'editor' });
  const ben = await person(browser, 'Somebody Else');
  await ben.goto(trip.link(tokenOf('ben', { name: 'Ben' })));
  await saved(ben);
  await ben.getByRole('button', { name: 'You: Ben' }).click();
  await ben.locator('.signed-in').getByText('Can edit').waitFor();
  assert.equal(await ben.getByLabel('Your name').count(), 0);

  const nameless = await person(browser, null);
  await nameless.goto(trip.link(tokenOf('ben', { name: '' })));
  await nameless.getByLabel('Your name').fill('B.');
  await nameless.getByRole('button', { name: 'Join' }).click();
  await saved(nameless);
  await nameless.getByRole('button', { name: 'You: B.' }).waitFor();
});

test('every screen of access is within the window and the rules of the accessibility checker, light and dark, from 320 px up', async () => {
  const long = 'Maximiliana Anastasia von und zu Hohenstein-Waldburg';
  const trip = await newTrip(server, { ben: 'viewer', cleo: 'commenter', dan: 'editor', [long]: 'admin' });
  const ada = await enter(browser, trip, 'ada');
  await add(ada, MON, 'Tram 28');
  await saved(ada);
  await ada.context().close();
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [320, 1440]) {
      const options = { colorScheme, viewport: { width, height: 700 }, reducedMotion: 'reduce' };
      const check = async (page, screen) => {
        await noSidewaysScroll(page);
        const out = await page.locator('.popover').evaluateAll((boxes) =>
          boxes.filter((box) => box.getBoundingClientRect().left < 0 || box.getBoundingClientRect().right > innerWidth || box.scrollWidth > box.clientWidth).length);
        assert.equal(out, 0, `${screen}: a sheet sticks out at ${width} px`);
        await accessible(page, `${screen} ${colorScheme} ${width}`);
      };
      const owner = await enter(browser, trip, 'ada', options);
      await owner.getByRole('button', { name: 'Share' }).click();
      await owner.getByRole('button', { name: 'Take Cleo off this trip' }).click();
      await check(owner, 'share');
      await owner.keyboard.press('Escape');

      const ben = await enter(browser, trip, 'ben', options);
      await ben.getByLabel('Here now: Ada Lovelace').click();
      await check(ben, 'people');
      await ben.keyboard.press('Escape');
      await ben.getByRole('button', { name: 'You: Ben' }).click();
      await ben.getByRole('button', { name: 'Leave this trip' }).click();
      await check(ben, 'leave');
      await ben.keyboard.press('Escape');
      await card(ben, 'Tram 28').locator('.card-face').click();
      await check(ben, 'reader');
      for (const page of [owner, ben]) await page.context().close();

      const stranger = await person(browser, null, options);
      await stranger.goto(server.url);
      await stranger.locator('[data-test=locked]').waitFor();
      await check(stranger, 'locked');
      await stranger.goto(trip.url);
      await barred(stranger, 'no-token');
      await check(stranger, 'barred');
      await stranger.context().close();
    }
  }
});

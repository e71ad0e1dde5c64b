// Inviting where people sign in: a link with a role, who may make one, and looking after the members.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { MON, barred, comeIn, enter, newTrip, roleLine, startAccessServer, tokenOf } from './access.mjs';
import { add, hears, holds, launch, newRoom, person, saved, startServer, tripUrl } from './harness.mjs';

let server, browser;
before(async () => {
  server = await startAccessServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const shareButton = (page) => page.getByRole('button', { name: 'Share' });
const sheet = (page) => page.getByRole('dialog', { name: 'Share' });
const choices = (page) => sheet(page).locator('.choice label').allTextContents();
const copied = (page) => page.evaluate(() => navigator.clipboard.readText());
const withClipboard = { permissions: ['clipboard-read', 'clipboard-write'] };

async function makeLink(page, role) {
  await shareButton(page).click();
  await sheet(page).getByText(role, { exact: true }).click();
  await sheet(page).getByRole('button', { name: 'Copy link' }).click();
  await sheet(page).getByRole('button', { name: 'Link copied' }).waitFor();
  await page.keyboard.press('Escape');
  return copied(page);
}

test('an owner copies a link with a role, and whoever opens it may do just that', async () => {
  const trip = await newTrip(server);
  const ada = await enter(browser, trip, 'ada', withClipboard);
  await shareButton(ada).click();
  assert.deepEqual(await choices(ada), ['Look', 'Comment', 'Edit']);
  assert.equal(await sheet(ada).getByRole('radio', { name: 'Edit' }).isChecked(), true);
  await ada.waitForFunction(() => document.activeElement?.value === 'editor');
  await sheet(ada).getByText('Look', { exact: true }).click();
  await sheet(ada).getByText('can look at everything and change nothing').waitFor();
  await sheet(ada).getByRole('button', { name: 'Copy link' }).click();
  await sheet(ada).getByText(/^It works until .*\d\d:\d\d\.$/).waitFor();
  const link = await copied(ada);
  assert.equal(link.split('#token=')[0], trip.url);
  // Another choice is another link: the button offers it again.
  await sheet(ada).getByText('Comment', { exact: true }).click();
  await sheet(ada).getByRole('button', { name: 'Copy link' }).waitFor();
  await ada.keyboard.press('Escape');

  const guest = await person(browser, null);
  await guest.goto(link);
  await guest.getByRole('heading', { name: 'You are invited to a trip' }).waitFor();
  assert.equal(guest.url(), trip.url);
  await guest.getByLabel('Your name').fill('Gil');
  await guest.getByRole('button', { name: 'Join' }).click();
  await saved(guest);
  await roleLine(guest).getByText('You can look, not change.').waitFor();
  await ada.getByLabel('Here now: Gil').waitFor();
  assert.equal(await shareButton(guest).count(), 0);
  await guest.getByRole('button', { name: 'You: Gil' }).click();
  await guest.getByLabel('Your name').fill('Gil Sousa');
  await guest.getByRole('button', { name: 'Done' }).click();
  await ada.getByLabel('Here now: Gil Sousa').waitFor();

  const editor = await person(browser, 'Eva');
  await editor.goto(await makeLink(ada, 'Edit'));
  await saved(editor);
  await add(editor, MON, 'Tram 28');
  await holds(ada, MON, ['Tram 28']);
  assert.equal(await shareButton(editor).count(), 0, 'a guest invites nobody');
});

test('a link follows its maker: when they may do less, so may it; when they are gone, it is void', async () => {
  const trip = await newTrip(server, { cleo: 'admin' });
  const cleo = await enter(browser, trip, 'cleo', withClipboard);
  const guest = await person(browser, 'Gil');
  await guest.goto(await makeLink(cleo, 'Edit'));
  await saved(guest);
  await trip.remove('cleo');
  for (const page of [cleo, guest]) await barred(page, 'lost');
});

test('where a page may not copy, the link is shown to be copied by hand', async () => {
  const trip = await newTrip(server);
  const ada = await person(browser, null);
  await ada.addInitScript(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  await comeIn(ada, trip, 'ada');
  await shareButton(ada).click();
  await sheet(ada).getByRole('button', { name: 'Copy link' }).click();
  const field = sheet(ada).getByLabel('Copy this link');
  assert.match(await field.inputValue(), /#token=/);
  await field.focus();
  assert.equal(await ada.evaluate(() => getSelection().toString() === document.activeElement.value), true);
});

test('a phone sends the link by its own sheet', async () => {
  const trip = await newTrip(server);
  const ada = await person(browser, null, { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true });
  await ada.addInitScript(() => {
    navigator.share = async (what) => void (globalThis.sent = what);
  });
  await comeIn(ada, trip, 'ada');
  await shareButton(ada).click();
  await sheet(ada).getByRole('button', { name: 'Send link' }).click();
  await sheet(ada).getByText(/^It works until/).waitFor();
  const sent = await ada.evaluate(() => globalThis.sent);
  assert.equal(sent.title, 'Lisbon in May');
  assert.match(sent.url, /#token=/);
});

test('a server that does not answer is said so, and asked again by the next click', async () => {
  const trip = await newTrip(server);
  const ada = await enter(browser, trip, 'ada', withClipboard);
  await ada.route('**/tickets', (route) => route.abort(), { times: 1 });
  await shareButton(ada).click();
  await sheet(ada).getByRole('button', { name: 'Copy link' }).click();
  await sheet(ada).getByText('The server does not answer just now').waitFor();
  await sheet(ada).getByRole('button', { name: 'Copy link' }).click();
  await sheet(ada).getByRole('button', { name: 'Link copied' }).waitFor();
});

test('editors share what the trip’s settings let them', async () => {
  const strict = await newTrip(server, { ben: 'editor' });
  const ben = await enter(browser, strict, 'ben');
  assert.equal(await shareButton(ben).count(), 0);
  const easy = await newTrip(server, { ben: 'editor' }, { editors_may_invite: true });
  const free = await enter(browser, easy, 'ben', withClipboard);
  await shareButton(free).click();
  assert.deepEqual(await choices(free), ['Look', 'Comment']);
  // They see who is on the trip; changing that is not theirs.
  await sheet(free).locator('.member', { hasText: 'Ada Lovelace' }).getByText('Owner').waitFor();
  assert.equal(await sheet(free).locator('select, .member .button-icon').count(), 0);
});

test('an owner changes what members may do and takes them off; an admin only those below', async () => {
  const trip = await newTrip(server, { ben: 'viewer', cleo: 'admin', dan: 'admin' });
  const ada = await enter(browser, trip, 'ada');
  await shareButton(ada).click();
  const roles = sheet(ada).getByLabel('What Ben may do');
  assert.deepEqual(await roles.locator('option').allTextContents(), ['Can look', 'Can comment', 'Can edit', 'Admin', 'Owner']);
  assert.equal(await sheet(ada).getByLabel('What Ada Lovelace may do').count(), 0, 'nobody changes their own role');
  // Chosen one after the other, faster than the server answers: the last choice holds.
  let answer;
  const gate = new Promise((resolve) => (answer = resolve));
  const asked = [];
  await ada.route('**/members/ben', async (route) => {
    asked.push(route.request().postDataJSON().role);
    await gate;
    await route.continue();
  });
  for (const role of ['commenter', 'editor', 'admin', 'viewer', 'commenter', 'viewer', 'editor']) await roles.selectOption(role);
  assert.equal(await roles.inputValue(), 'editor');
  answer();
  await hears(ada, 'Ben: Can edit');
  assert.deepEqual(asked, ['commenter', 'editor']);
  await ada.unrouteAll();
  assert.equal(await roles.inputValue(), 'editor');

  const cleo = await enter(browser, trip, 'cleo');
  await shareButton(cleo).click();
  assert.deepEqual(await sheet(cleo).getByLabel('What Ben may do').locator('option').allTextContents(), ['Can look', 'Can comment', 'Can edit']);
  assert.equal(await sheet(cleo).locator('select').count(), 1, 'owners and admins are not hers to change');

  // Asked twice, by keys; what was kept is there again.
  await ada.getByRole('button', { name: 'Take Ben off this trip' }).focus();
  await ada.keyboard.press('Enter');
  await ada.waitForFunction(() => document.activeElement?.textContent === 'Keep');
  await ada.keyboard.press('Enter');
  await ada.waitForFunction(() => document.activeElement?.title === 'Take Ben off this trip');
  await ada.keyboard.press('Enter');
  await ada.waitForFunction(() => document.activeElement?.textContent === 'Keep');
  await ada.keyboard.press('Shift+Tab');
  await ada.keyboard.press('Enter');
  await sheet(ada).locator('.member', { hasText: 'Ben' }).waitFor({ state: 'detached' });
  await ada.waitForFunction(() => document.activeElement?.closest('.share-popover'));
  await sheet(cleo).locator('.member', { hasText: 'Ben' }).waitFor({ state: 'detached' });
});

test('what the server does not do is said, and nothing is shown as done', async () => {
  const trip = await newTrip(server, { ben: 'viewer' });
  const ada = await enter(browser, trip, 'ada');
  await ada.route('**/members/ben', (route) =>
    route.fulfill({ status: 409, contentType: 'application/problem+json', body: JSON.stringify({ code: 'last_owner', detail: 'x' }) }),
  );
  await shareButton(ada).click();
  await sheet(ada).getByLabel('What Ben may do').selectOption('owner');
  await sheet(ada).getByRole('alert').getByText('A trip always keeps an owner.').waitFor();
  assert.equal(await sheet(ada).getByLabel('What Ben may do').inputValue(), 'viewer');
});

test('where nobody signs in, sharing is copying the address, and a token changes nothing', async () => {
  const open = await startServer();
  try {
    const url = tripUrl(open.url, newRoom());
    // First into a trip that nobody has written to, then into one that is there.
    for (const [name, title] of [['Ana', null], ['Ben', null], ['Cleo', 'Tram 28']]) {
      const page = await person(browser, null, withClipboard);
      await page.goto(name === 'Ana' ? url : `${url}#token=${tokenOf('ada')}`);
      await page.getByLabel('Your name').fill(name);
      await page.getByRole('button', { name: 'Join' }).click();
      await saved(page);
      await shareButton(page).click();
      await page.locator('.toast').getByText('Link copied. Whoever has it can join.').waitFor();
      assert.equal(await copied(page), url);
      assert.equal(await sheet(page).count(), 0);
      if (title) await holds(page, '', [title]);
      else if (name === 'Ben') await add(page, '', 'Tram 28');
      await saved(page);
      await page.context().close();
    }
  } finally {
    await open.end();
  }
});

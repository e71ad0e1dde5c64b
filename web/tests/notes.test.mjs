// Story 4, the notes: written together, letter by letter, with the other's cursor and name in sight.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WEEK, launch, newRoom, person, saved, seed, seedTrip, startServer, tripUrl } from './harness.mjs';

let server, browser;
before(async () => {
  server = await startServer();
  browser = await launch();
});
after(async () => {
  await browser?.close();
  await server?.end();
});

const editor = (page) => page.getByRole('textbox', { name: 'Shared notes' });

/** What is written, without the other's cursor that stands in it. */
const written = (page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.notes .cm-line')]
      .map((line) => {
        const copy = line.cloneNode(true);
        for (const caret of copy.querySelectorAll('.cm-ySelectionCaret')) caret.remove();
        return copy.textContent;
      })
      .join('\n'),
  );

async function reads(page, text) {
  try {
    await page.waitForFunction(
      (want) =>
        [...document.querySelectorAll('.notes .cm-line')]
          .map((line) => [...line.childNodes].map((node) => (node.classList?.contains('cm-ySelectionCaret') ? '' : node.textContent)).join(''))
          .join('\n') === want,
      text,
    );
  } catch {
    assert.equal(await written(page), text);
  }
}

async function open(name, room) {
  const page = await person(browser, name);
  await page.addInitScript(() => localStorage.setItem('triproom.panel', 'notes'));
  await page.goto(tripUrl(server.url, room));
  await saved(page);
  await editor(page).waitFor();
  return page;
}

async function pair(text = '') {
  const room = newRoom();
  const first = await person(browser, 'Seed');
  await seed(first, server.url, room, (doc) => {
    seedTrip(doc, WEEK);
    doc.getText('notes').insert(0, text);
  });
  await first.context().close();
  return [await open('Ana', room), await open('Ben', room), room];
}

test('two people write at once and both read the same, with names at the cursors', async () => {
  const [ana, ben, room] = await pair('first\nlast');
  await editor(ana).click();
  await ana.keyboard.press('Control+Home');
  await editor(ben).click();
  await ben.keyboard.press('Control+End');
  await Promise.all([ana.keyboard.type('pack water\n'), ben.keyboard.type('\nkeys are next door')]);
  for (const page of [ana, ben]) await reads(page, 'pack water\nfirst\nlast\nkeys are next door');

  const name = ana.locator('.cm-ySelectionInfo', { hasText: 'Ben' });
  await name.waitFor();
  assert.equal(await name.isVisible(), true);
  await ben.locator('.cm-ySelectionInfo', { hasText: 'Ana' }).waitFor();

  // Kept as plain Markdown, for whoever opens the trip next.
  await saved(ana);
  await saved(ben);
  const cleo = await open('Cleo', room);
  await reads(cleo, 'pack water\nfirst\nlast\nkeys are next door');
  assert.deepEqual([...ana.errors, ...ben.errors], []);
});

test('undo in the notes takes back my words and leaves the other’s', async () => {
  const [ana, ben] = await pair('list:');
  await editor(ana).click();
  await ana.keyboard.press('Control+End');
  // In one go: with a long enough pause between them, letters are steps of their own.
  await ana.keyboard.insertText(' towels');
  await reads(ben, 'list: towels');
  await editor(ben).click();
  await ben.keyboard.press('Control+End');
  await ben.keyboard.type(' and hats');
  await reads(ana, 'list: towels and hats');
  await ana.keyboard.press('Control+z');
  for (const page of [ana, ben]) await reads(page, 'list: and hats');
  await ana.keyboard.press('Control+Shift+Z');
  for (const page of [ana, ben]) await reads(page, 'list: towels and hats');
});

test('the editor is not loaded before somebody needs it', async () => {
  const room = newRoom();
  const page = await person(browser, 'Ana');
  const asked = [];
  page.on('request', (request) => asked.push(new URL(request.url())));
  await page.addInitScript(() => localStorage.setItem('triproom.panel', ''));
  await page.goto(tripUrl(server.url, room));
  await saved(page);
  assert.equal(asked.filter((url) => url.pathname.includes('/editor-')).length, 0);
  await page.getByRole('button', { name: 'Notes', exact: true }).click();
  await editor(page).waitFor();
  assert.equal(asked.filter((url) => url.pathname.includes('/editor-') && url.pathname.endsWith('.js')).length, 1);
  assert.deepEqual([...new Set(asked.map((url) => url.host))], [new URL(server.url).host], 'nobody but the server is asked');
});

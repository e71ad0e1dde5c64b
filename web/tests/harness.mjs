// What every browser test stands on: the real server on a temporary folder, one browser, a line that can be cut.
// Waits are for conditions, never for time. TRIPROOM_BIN and CHROMIUM name other programs to use.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import * as Y from 'yjs';

export const WEB = dirname(dirname(fileURLToPath(import.meta.url)));
const TARGET = join(dirname(WEB), 'target');

export const binary = () =>
  process.env.TRIPROOM_BIN ?? [join(TARGET, 'release/triproom'), join(TARGET, 'debug/triproom')].find(existsSync) ?? 'triproom';

export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** A server on its own folder, with these options; `start` starts it again on the same folder and port. */
export async function startServer(...options) {
  const data = mkdtempSync(join(tmpdir(), 'triproom-test-'));
  const server = { url: '', process: null, port: 0, data };
  server.start = async () => {
    server.process = spawn(binary(), ['serve', '--port', String(server.port), '--data', data, ...options], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    server.url = await readyUrl(server.process);
    server.port = Number(new URL(server.url).port);
  };
  server.stop = async (signal) => {
    if (!server.process || server.process.exitCode !== null || server.process.signalCode) return;
    const gone = new Promise((resolve) => server.process.once('exit', resolve));
    server.process.kill(signal);
    await gone;
  };
  server.end = async () => {
    await server.stop('SIGKILL');
    rmSync(data, { recursive: true, force: true });
  };
  await server.start();
  await servesThisPage(server.url);
  return server;
}

/** The binary carries the page it was built with; testing another one would prove nothing. */
async function servesThisPage(url) {
  const served = await (await fetch(`${url}/`)).text();
  if (served === readFileSync(join(WEB, 'dist/index.html'), 'utf8')) return;
  throw new Error(`${binary()} carries another build of the page than web/dist: build the server again`);
}

function readyUrl(child) {
  return new Promise((resolve, reject) => {
    let out = '';
    let errors = '';
    child.stderr.on('data', (chunk) => (errors += chunk));
    child.stdout.on('data', (chunk) => {
      out += chunk;
      const url = /http:\/\/[^\s/]+/.exec(out);
      if (url) resolve(url[0]);
    });
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the server left with ${code}\n${out}${errors}`)));
  });
}

/** A line between browser and server: open, cut (refuses), or silent (takes calls and never answers). */
export async function startTunnel(server) {
  let state = 'open';
  const sockets = new Set();
  const line = net.createServer((near) => {
    sockets.add(near);
    near.on('error', () => {}).on('close', () => sockets.delete(near));
    if (state === 'cut') return near.destroy();
    if (state === 'silent') return;
    const far = net.connect(server.port, '127.0.0.1');
    far.on('error', () => near.destroy()).on('close', () => near.destroy());
    near.on('close', () => far.destroy());
    near.pipe(far).pipe(near);
  });
  await new Promise((resolve) => line.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${line.address().port}`,
    set(next) {
      state = next;
      if (next !== 'open') for (const socket of sockets) socket.destroy();
    },
    end: () => {
      for (const socket of sockets) socket.destroy();
      line.close();
    },
  };
}

/** A person with a device of their own. */
export async function person(browser, name, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-GB', ...options });
  if (name) await context.addInitScript((mine) => localStorage.setItem('triproom.name', mine), name);
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.errors = [];
  page.on('pageerror', (error) => page.errors.push(error));
  await page.addInitScript(keepWhatIsSpoken);
  return page;
}

/** Runs in the page: a sentence for screen readers gives way to the next one, so each is kept for `hears`. */
function keepWhatIsSpoken() {
  globalThis.spoken = [];
  let last = '';
  new MutationObserver(() => {
    const words = document.querySelector('[data-test=spoken]')?.textContent ?? '';
    if (words !== '' && words !== last) globalThis.spoken.push(words);
    last = words;
  }).observe(document, { subtree: true, childList: true, characterData: true });
}

/** Waits until a screen reader was told this, after whatever was heard before; all of what it was told then. */
export async function hears(page, words) {
  try {
    const told = await page.waitForFunction((want) => {
      const at = globalThis.spoken.findIndex((sentence) => sentence.includes(want));
      return at >= 0 && globalThis.spoken.splice(0, at + 1).at(-1);
    }, words);
    return await told.jsonValue();
  } catch {
    throw new Error(`should hear ${JSON.stringify(words)}, heard ${JSON.stringify(await page.evaluate(() => globalThis.spoken))}`);
  }
}

let rooms = 0;
export const newRoom = () => `test ${process.pid}/${++rooms} é`;
export const tripUrl = (base, room) => `${base}/trip/${encodeURIComponent(room)}`;

export const light = (page, state) => page.locator(`[data-light="${state}"]`).waitFor();
export const saved = (page) => light(page, 'saved');
export const day = (page, date) => page.locator(`.day[data-day="${date}"]`);
export const card = (page, title) => page.locator('.card', { has: page.getByText(title, { exact: true }) });

/** Titles in a day, in order. */
export const titles = (page, date) => day(page, date).locator('.card-title').allTextContents();

/** Waits until a day holds exactly these titles in this order; fails with what it held instead. */
export async function holds(page, date, expected) {
  const selector = `.day[data-day="${date}"] .card-title`;
  try {
    await page.waitForFunction(
      ([where, want]) => JSON.stringify([...document.querySelectorAll(where)].map((node) => node.textContent)) === want,
      [selector, JSON.stringify(expected)],
    );
  } catch {
    throw new Error(`${date || 'Unplanned'} should hold ${JSON.stringify(expected)}, holds ${JSON.stringify(await titles(page, date))}`);
  }
}

export async function add(page, date, ...what) {
  await day(page, date).locator('.add-button').click();
  const input = day(page, date).locator('.add-form input');
  for (const title of what) {
    await input.fill(title);
    await input.press('Enter');
  }
  await input.press('Escape');
}

/** Fills a room as another client would, and waits until the server has it on disk. */
export async function seed(page, base, room, fill) {
  const doc = new Y.Doc();
  doc.transact(() => fill(doc));
  const update = [...Y.encodeStateAsUpdate(doc)];
  await page.goto(`${base}/icon.svg`);
  await page.evaluate(
    ([url, bytes]) =>
      new Promise((resolve, reject) => {
        const length = [];
        for (let n = bytes.length; ; n = Math.floor(n / 128)) {
          length.push(n < 128 ? n : (n % 128) | 128);
          if (n < 128) break;
        }
        const socket = new WebSocket(url);
        socket.binaryType = 'arraybuffer';
        socket.onerror = () => reject(new Error('the seeding socket failed'));
        socket.onopen = () => {
          socket.send(new Uint8Array([0, 2, ...length, ...bytes]));
          socket.send(new Uint8Array([102, 1, 1]));
        };
        socket.onclose = ({ code, reason }) => reject(new Error(`the seeding socket was closed: ${code} ${reason}`));
        socket.onmessage = ({ data }) => {
          if (new Uint8Array(data)[0] !== 102) return;
          resolve();
          socket.close();
        };
      }),
    [`${base.replace('http', 'ws')}/yjs/${encodeURIComponent(room)}?name=Seed`, update],
  );
}

export function seedTrip(doc, fields, items = []) {
  for (const [name, value] of Object.entries(fields)) doc.getMap('trip').set(name, value);
  items.forEach(({ id, ...rest }, i) => {
    const item = new Y.Map(Object.entries({ kind: 'activity', rank: `a${String(i).padStart(4, '0')}1`, booking_status: 'planned', ...rest }));
    item.set('notes', new Y.Text());
    doc.getMap('items').set(id ?? `item-${i}`, item);
  });
}

export const WEEK = { title: 'Lisbon in May', start_date: '2026-05-04', end_date: '2026-05-08' };

/** Ana, and Ben unless only one set of options is given, in one new trip that holds these items. */
export async function openTogether(browser, server, items, options = [{}, {}]) {
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

/** No rule of the accessibility checker is broken on this screen. */
export async function accessible(page, screen) {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8'));
  const { violations } = await page.evaluate(() =>
    globalThis.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  assert.deepEqual(violations.map(({ id, nodes }) => `${screen}: ${id} ${nodes.map((node) => node.html.slice(0, 160)).join(' ')}`), []);
}

export async function noSidewaysScroll(page) {
  const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(wider, 0, `the page is ${wider} px too wide`);
}

// Readers that do not keep up: one that stalls for a moment is brought up to date, one that stalls for long
// is sent away to come back, and neither holds up those who do read.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge } from './harness/agreement.mjs';
import { joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { flavours } from './harness/flavours.mjs';
import { serveSuite } from './harness/server.mjs';
import { WireTap } from './harness/wire-tap.mjs';

/** Together more than all socket buffers on the way hold. */
const PAGES = 60;
const PAGE = 'x'.repeat(500_000);

/** `author` writes page after page, as fast as a reader who keeps up gets them, and takes them back at the end. */
async function flood(author, reader) {
  for (let n = 0; n < PAGES; n += 1) {
    author.edits.set(author.doc, `page ${n}`, PAGE);
    await until('a reader who keeps up to have a page', () => reader.edits.get(reader.doc, `page ${n}`));
  }
  for (let n = 0; n < PAGES; n += 1) author.edits.unset(author.doc, `page ${n}`);
}

describe('slow readers', { concurrency: true }, () => {
  const server = serveSuite({ args: ['--slow-client', '3s', '--outbox', '256KiB'] });

  for (const flavour of flavours) {
    test(`${flavour.name}: stalled for a moment, it is healed`, async (t) => {
      const room = `moment ${flavour.name}`;
      const author = await joined(t, flavour, server, room);
      const reader = await joined(t, flavour, server, room);
      const tap = await WireTap.before(t, server);
      const slow = await joined(t, flavour, tap, room);
      tap.fallSilent();
      await flood(author, reader);
      slow.edits.set(slow.doc, 'said meanwhile', true);
      tap.comeBack();
      await converge(author, reader, slow);
      assert.deepEqual([author, reader].flatMap(({ closes }) => closes), []);
    });
  }

  test('stalled for long, it is sent away to come back, and then has everything', async (t) => {
    const [flavour] = flavours.slice(-2);
    const author = await joined(t, flavour, server, 'long');
    const reader = await joined(t, flavour, server, 'long');
    const tap = await WireTap.before(t, server);
    const slow = await joined(t, flavour, tap, 'long', { name: 'Slow' });
    await until('the slow one to be seen', () => author.sees(slow));
    tap.fallSilent();
    await flood(author, reader);
    await until('the slow one to be gone', () => !author.sees(slow), { within: 15_000 });
    tap.comeBack();
    await until('it to be told', () => slow.closes.length > 0);
    await converge(author, reader, slow);
    assert.deepEqual(author.closes, []);
    assert.ok(![1000, 1002].includes(slow.closes[0]) && !(slow.closes[0] >= 4400 && slow.closes[0] < 4500), `closed with ${slow.closes[0]}`);
  });
});

// Presence: who is here is seen at once, who left is gone at once, and who comes back, by whatever way, is
// back at once and not at the next renewal, which may be 15 seconds away.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { everyone } from './harness/everyone.mjs';
import { serve, serveSuite } from './harness/server.mjs';

/** Well below the renewal after 15 s and the oblivion after 30 s that clients do by themselves. */
const AT_ONCE = { within: 8_000 };

describe('presence', () => {
  const server = serveSuite();

  for (const flavour of everyone) {
    describe(flavour.name, () => {
      /** Two clients in a room of their own that see each other. */
      async function pair(t, where = server) {
        const room = `${flavour.name} ${t.name}`;
        const ada = await joined(t, flavour, where, room, { name: 'Ada' });
        const bo = await joined(t, flavour, where, room, { name: 'Bo' });
        await seesAgain(ada, bo);
        await seesAgain(bo, ada);
        return [ada, bo];
      }

      const seesAgain = (observer, other) => until('presence to be seen', () => observer.sees(other)?.user, AT_ONCE);
      const misses = (observer, other) => until('presence to be gone', () => !observer.sees(other), AT_ONCE);

      /** Resolves when `observer` has been told that `other` left, even if it is back by now. */
      function departure(observer, other) {
        let left = false;
        observer.awareness.on('change', ({ removed }) => { left ||= removed.includes(other.id); });
        return until('the departure to be told', () => left, AT_ONCE);
      }

      test('is seen by everybody and follows every change', async (t) => {
        const [ada, bo] = await pair(t);
        assert.deepEqual(ada.sees(bo), { user: { name: 'Bo' } });
        bo.awareness.setLocalStateField('cursor', { at: 'ö 🏝️', line: 3 });
        await until('the cursor', () => ada.sees(bo).cursor?.line === 3, AT_ONCE);
        bo.awareness.setLocalState(null);
        await misses(ada, bo);
        bo.awareness.setLocalState({ user: { name: 'Bo again' } });
        await until('the new state', () => ada.sees(bo)?.user.name === 'Bo again', AT_ONCE);
      });

      test('is told to a late joiner at once', async (t) => {
        const [ada, bo] = await pair(t);
        const late = await joined(t, flavour, server, `${flavour.name} ${t.name}`);
        await seesAgain(late, ada);
        await seesAgain(late, bo);
      });

      test('is gone at once when the client closes', async (t) => {
        const [ada, bo] = await pair(t);
        bo.leave();
        await misses(ada, bo);
      });

      test('is back at once after going offline and online', async (t) => {
        const [ada, bo] = await pair(t);
        bo.offline();
        await misses(ada, bo);
        bo.online();
        await seesAgain(ada, bo);
        await seesAgain(bo, ada);
      });

      test('is gone and back at once when the network cuts the socket', async (t) => {
        const [ada, bo] = await pair(t);
        for (let round = 0; round < 3; round += 1) {
          const gone = departure(ada, bo);
          bo.cut();
          await gone;
          await seesAgain(ada, bo);
          await seesAgain(bo, ada);
        }
        assert.deepEqual(ada.closes, []);
      });

      test('is back at once on both sides after the server was killed', async (t) => {
        const own = await serve(t);
        const [ada, bo] = await pair(t, own);
        await own.kill();
        await until('both to notice', () => ada.closes.length > 0 && bo.closes.length > 0);
        await own.start();
        await seesAgain(ada, bo);
        await seesAgain(bo, ada);
        bo.awareness.setLocalStateField('user', { name: 'Bo after' });
        await until('the new name', () => ada.sees(bo)?.user.name === 'Bo after', AT_ONCE);
      });
    });
  }
});

// Several people behind one client id: tabs of one browser that hear of each other, and a page on which somebody else signs in.
// Whoever is here is shown to the others, however they came by the id.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { hocuspocus } from './harness/hocuspocus.mjs';
import { Caller } from './harness/rest.mjs';
import { serveSuite } from './harness/server.mjs';
import { SECRET, token } from './harness/token.mjs';

/** Moves somebody's cursor until the test ends, as people do. */
function moving(t, client) {
  let at = 0;
  const timer = setInterval(() => client.awareness.setLocalStateField('cursor', (at += 1)), 250);
  t.after(() => clearInterval(timer));
}

const shown = (observer, client, name) => until(`${name} to be shown`, () => observer.sees(client)?.user?.name === name);
const gone = (observer, client, name) => until(`${name} to be gone`, () => !observer.sees(client));

describe('people and client ids', () => {
  const server = serveSuite({ args: ['--jwt-secret', SECRET, '--auth-failures', '10000'] });
  const enter = (t, flavour, room, who, options) => joined(t, flavour, server, room, {
    ...(hocuspocus.includes(flavour) ? { token: token(who) } : { params: { token: token(who) } }), ...options,
  });

  for (const role of ['viewer', 'editor']) {
    for (const flavour of flavours.slice(0, 3)) {
      test(`${flavour.name}: a ${role} in another tab of one browser is shown when the first tab is closed`, async (t) => {
        const room = `tabs ${flavour.name} ${role}`;
        await new Caller(server, token('olga')).makeRoom(room, { bob: role, carl: 'viewer' });
        const carl = await enter(t, current, room, 'carl', { name: 'Carl' });
        const olga = await enter(t, flavour, room, 'olga', { name: 'Olga', disableBc: false });
        await shown(carl, olga, 'Olga');
        const bob = await enter(t, flavour, room, 'bob', { name: 'Bob', disableBc: false });
        await shown(carl, bob, 'Bob');
        olga.leave();
        await gone(carl, olga, 'Olga');
        moving(t, bob);
        const late = await enter(t, current, room, 'carl');
        await shown(late, bob, 'Bob');
        await shown(carl, bob, 'Bob');
      });
    }

    for (const flavour of [current, ...hocuspocus]) {
      test(`${flavour.name}: a ${role} who signs in on the page of somebody who left is shown`, async (t) => {
        const room = `signs in ${flavour.name} ${role}`;
        await new Caller(server, token('olga')).makeRoom(room, { guest: role, ada: role, carl: 'viewer' });
        const carl = await enter(t, current, room, 'carl', { name: 'Carl' });
        const doc = new Y.Doc();
        // The page goes on with it.
        doc.destroy = () => {};
        const guest = await enter(t, flavour, room, 'guest', { name: 'Guest', doc });
        await shown(carl, guest, 'Guest');
        guest.leave();
        await gone(carl, guest, 'Guest');
        const ada = await enter(t, flavour, room, 'ada', { name: 'Ada', doc });
        moving(t, ada);
        await shown(carl, ada, 'Ada');
        if (role !== 'editor') return;
        ada.edits.set(doc, 'written', 'by Ada');
        await until('the edit', () => carl.edits.get(carl.doc, 'written') === 'by Ada');
        assert.equal(carl.sees(ada).user.name, 'Ada');
      });
    }
  }
});

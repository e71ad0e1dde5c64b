// Several documents on one socket: each is opened, closed and opened again by itself while the others go on.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { hocuspocus, Line } from './harness/hocuspocus.mjs';
import { Type } from './harness/hocuspocus-wire.mjs';
import { isReference, onlyHere, serve, serveSuite } from './harness/server.mjs';

/** Asks the server until it has `count` rooms in memory: it has no way to tell by itself. */
async function roomsInMemory(server, count) {
  let rooms;
  for (let tries = 0; tries < 80; tries += 1) {
    rooms = Number(/^triproom_rooms (\d+)$/m.exec((await server.get('/metrics')).text)[1]);
    if (rooms === count) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  assert.equal(rooms, count, 'rooms in memory');
}

describe('hocuspocus: sockets', () => {
  const server = serveSuite();

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `sockets ${flavour.major}`;

      /** Documents of these names on one socket, each with an observer on a socket of its own. */
      async function shared(t, names, where = server) {
        const line = Line.open(t, flavour, where);
        const here = await Promise.all(names.map((name) => joined(t, flavour, where, name, { line, name: 'Ada' })));
        const there = await Promise.all(names.map((name) => joined(t, flavour, where, name, { name: 'Bo' })));
        return { line, here, there };
      }

      test('a slash at the end of the address changes nothing', async (t) => {
        const url = `${server.hocuspocusUrl}/`;
        const line = Line.open(t, flavour, server, { url, preserveTrailingSlash: true });
        const here = await joined(t, flavour, server, `${prefix} slash`, { line });
        const there = await joined(t, flavour, server, `${prefix} slash`);
        here.edits.set(here.doc, 'key', 'value');
        await converge(here, there);
      });

      test('documents on one socket do not mix', async (t) => {
        const names = [1, 2, 3, 4, 5].map((n) => `${prefix} mix ${n}`);
        const { line, here, there } = await shared(t, names);
        for (const [n, { edits, doc }] of here.entries()) edits.set(doc, 'from', `here ${n}`);
        for (const [n, { edits, doc }] of there.entries()) edits.set(doc, 'answer', `there ${n}`);
        for (let n = 0; n < names.length; n += 1) {
          await converge(here[n], there[n]);
          assert.equal(there[n].edits.get(there[n].doc, 'from'), `here ${n}`);
          assert.equal(here[n].edits.get(here[n].doc, 'answer'), `there ${n}`);
          await here[n].saved();
          await until('the other to be seen', () => here[n].sees(there[n]) && there[n].sees(here[n]));
          assert.equal(here[n].awareness.getStates().size, 2);
        }
        assert.equal(new Set(line.heard.map(({ name }) => name)).size, names.length);
        assert.deepEqual(line.closes, []);
      });

      test('a document that is closed is gone for the others, and its socket’s other documents go on', async (t) => {
        const { line, here: [gone, stays], there: [leftBehind, friend] } = await shared(t, [`${prefix} gone`, `${prefix} stays`]);
        await until('both to be seen', () => leftBehind.sees(gone)?.user && friend.sees(stays)?.user);
        gone.edits.set(gone.doc, 'last', 'word');
        await gone.saved();
        gone.leave();
        await until('the one to be gone', () => !leftBehind.sees(gone));
        // Its presence goes before the document is closed; what comes behind on the same socket comes after both.
        stays.edits.set(stays.doc, 'still', 'here');
        await stays.saved();
        assert.equal(leftBehind.edits.get(leftBehind.doc, 'last'), 'word');
        const heard = line.heard.length;
        leftBehind.edits.set(leftBehind.doc, 'nobody', 'hears');
        await leftBehind.saved();
        friend.edits.set(friend.doc, 'me', 'too');
        await converge(stays, friend);
        await stays.saved();
        assert.ok(friend.sees(stays));
        // Presence may have been on its way when the document was closed.
        assert.deepEqual(line.heard.slice(heard).filter(({ name, type }) => name === `${prefix} gone` && ![Type.Close, Type.Awareness].includes(type)), []);
        assert.deepEqual(line.closes, []);
      });

      test('a document is closed and opened again on the same socket, many times', async (t) => {
        const { line, here: [other], there: [friend] } = await shared(t, [`${prefix} steady`]);
        const name = `${prefix} again`;
        const observer = await joined(t, flavour, server, name);
        for (let n = 1; n <= 12; n += 1) {
          const client = await joined(t, flavour, server, name, { line, name: 'Ada' });
          client.edits.set(client.doc, `round ${n}`, n);
          await until('it to be seen', () => observer.sees(client)?.user);
          await client.saved();
          assert.equal(client.edits.keys(client.doc).length, n);
          client.leave();
          await until('it to be gone', () => !observer.sees(client));
        }
        other.edits.set(other.doc, 'all', 'well');
        await converge(other, friend);
        assert.deepEqual(line.closes, []);
      });

      // What is still on its way to the one is taken by the other, of the same name: only with sessions can the
      // counter be right at once. The reference even tells the new one that it was closed.
      for (const sessionAwareness of flavour.major === 4 ? [false, true] : [false]) {
        test(`a document closed and at once opened again is whole${sessionAwareness ? ', and counts right' : ''}`, sessionAwareness ? {} : onlyHere, async (t) => {
          const { line } = await shared(t, [`${prefix} steady`]);
          const name = `${prefix} at once ${sessionAwareness}`;
          const observer = await joined(t, flavour, server, name);
          for (let n = 1; n <= 12; n += 1) {
            const client = await joined(t, flavour, server, name, { line, sessionAwareness });
            client.edits.set(client.doc, `round ${n}`, n);
            if (n % 3 === 0) await until('it to arrive', () => observer.edits.get(observer.doc, `round ${n}`));
            client.leave();
          }
          const last = await joined(t, flavour, server, name, { line, sessionAwareness });
          if (sessionAwareness) await last.saved();
          await until('all to be there', () => last.edits.keys(last.doc).length === 12);
          await converge(last, observer);
          assert.deepEqual(line.closes, []);
        });
      }

      test('a provider that goes offline alone and comes back has missed nothing', async (t) => {
        const { line, here: [away, stays], there: [friend] } = await shared(t, [`${prefix} alone`, `${prefix} company`]);
        await until('it to be seen', () => friend.sees(away)?.user);
        if (flavour.major === 2) away.provider.disconnect();
        else away.provider.detach();
        // Version 3 and 4 close the document, version 2 says only that nobody is there.
        if (!isReference) await until('it to be gone', () => !friend.sees(away));
        friend.edits.set(friend.doc, 'while', 'away');
        away.edits.set(away.doc, 'made', 'alone');
        await friend.saved();
        if (flavour.major === 2) away.provider.connect();
        else away.provider.attach();
        await converge(away, friend);
        await away.saved();
        assert.ok(stays.provider.synced);
        assert.deepEqual(line.closes, []);
      });

      test('all documents come back when the socket was cut', async (t) => {
        const names = [1, 2, 3].map((n) => `${prefix} cut ${n}`);
        const { line, here, there } = await shared(t, names);
        line.cut();
        await until('the cut to be noticed', () => line.closes.length === 1);
        for (const { edits, doc } of [...here, ...there]) edits.set(doc, `by ${doc.clientID}`, true);
        for (let n = 0; n < names.length; n += 1) {
          await converge(here[n], there[n]);
          if (!isReference) await until('it to be seen again', () => there[n].sees(here[n]) && here[n].sees(there[n]));
        }
      });

      test('fifty documents on one socket', async (t) => {
        const { line, here, there } = await shared(t, Array.from({ length: 50 }, (_, n) => `${prefix} fifty ${n}`));
        for (const [n, client] of here.entries()) client.edits.set(client.doc, 'n', n);
        for (const [n, friend] of there.entries()) await until('the edit', () => friend.edits.get(friend.doc, 'n') === n);
        await Promise.all(here.map((client) => client.saved()));
        assert.deepEqual(line.closes, []);
      });

      test('rooms of documents that were closed leave memory, though their socket stays', onlyHere, async (t) => {
        const own = await serve(t, { args: ['--room-idle', '100ms'] });
        const line = Line.open(t, flavour, own);
        const [stays, ...gone] = await Promise.all([0, 1, 2, 3].map((n) => joined(t, flavour, own, `room ${n}`, { line, name: 'Ada' })));
        for (const client of gone) {
          client.edits.set(client.doc, 'key', 'value');
          await client.saved();
          client.leave();
        }
        await roomsInMemory(own, 1);
        stays.edits.set(stays.doc, 'key', 'value');
        await stays.saved();
        assert.deepEqual(line.closes, []);
      });
    });
  }

  test('a second provider for a document that is open on the same socket takes it over', async (t) => {
    for (const flavour of hocuspocus.slice(0, 2)) {
      const room = `sockets taken over ${flavour.major}`;
      const line = Line.open(t, flavour, server);
      const first = await joined(t, flavour, server, room, { line });
      first.edits.set(first.doc, 'by', 'first');
      await first.saved();
      const second = await joined(t, flavour, server, room, { line });
      await second.saved();
      assert.equal(second.edits.get(second.doc, 'by'), 'first');
      const other = await joined(t, flavour, server, room);
      other.edits.set(other.doc, 'by', 'other');
      await until('the edit', () => second.edits.get(second.doc, 'by') === 'other');
    }
  });
});

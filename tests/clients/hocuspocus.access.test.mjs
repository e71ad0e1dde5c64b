// Tokens on a Hocuspocus socket: each document is let in by its own, refused in the way that each version of the
// client understands, and asked for a newer one before the old one ends.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { contains, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { hocuspocus, Line } from './harness/hocuspocus.mjs';
import { auth, Type } from './harness/hocuspocus-wire.mjs';
import { isReference, onlyHere, serve, serveSuite } from './harness/server.mjs';
import { inSeconds, SECRET, token } from './harness/token.mjs';

const ACCESS = ['--jwt-secret', SECRET];

/** A token for one room. */
const ticket = (role, room, { sub = role, ...claims } = {}) => token(sub, { room, role, ...claims });

describe('hocuspocus: access', () => {
  const server = serveSuite({ args: ACCESS });

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `access ${flavour.major}`;
      const enter = (t, role, room, options = {}) => join(t, flavour, server, room, { token: ticket(role, room), ...options });

      async function entered(t, role, room, options) {
        const client = enter(t, role, room, options);
        await client.synced();
        return client;
      }

      /** An editor's document with something in it. */
      async function written(t, room) {
        const editor = await entered(t, 'editor', room, { name: 'Ed' });
        editor.edits.set(editor.doc, 'key', 'value');
        editor.edits.type(editor.doc, 0, 'text');
        await editor.saved();
        return editor;
      }

      /** Whoever comes now finds nothing of `update`. */
      async function assertNoTrace(t, room, update) {
        const fresh = await entered(t, 'editor', room);
        assert.ok(!contains(fresh.doc, update), 'something that was refused is in the document');
        fresh.leave();
      }

      test('a good token opens the document, and says what its owner may do', async (t) => {
        const room = `${prefix} scopes`;
        const editor = await written(t, room);
        const viewer = await entered(t, 'viewer', room);
        assert.deepEqual(editor.scopes, ['read-write']);
        assert.deepEqual(viewer.scopes, ['readonly']);
        await converge(editor, viewer);
      });

      test('a reader’s edits stay its own, and stay counted', async (t) => {
        const room = `${prefix} reader`;
        const editor = await written(t, room);
        const viewer = await entered(t, 'viewer', room);
        await viewer.saved();
        const before = Y.encodeStateVector(viewer.doc);
        for (let n = 0; n < 3; n += 1) viewer.edits.set(viewer.doc, `mine ${n}`, n);
        viewer.edits.erase(viewer.doc, 0, 2);
        await until('all to be refused', () => viewer.heard.filter(({ status }) => status === 0).length >= 4);
        assert.equal(viewer.unsynced, 4);
        // What others write still comes.
        editor.edits.set(editor.doc, 'later', true);
        await until('the edit', () => viewer.edits.get(viewer.doc, 'later'));
        assert.equal(viewer.unsynced, 4);
        assert.equal(editor.edits.text(editor.doc), 'text');
        assert.deepEqual(viewer.closes, []);
        await assertNoTrace(t, room, Y.encodeStateAsUpdate(viewer.doc, before));
      });

      test('a reader that brings nothing is synced and counts nothing, with the document or without', async (t) => {
        const room = `${prefix} nothing`;
        const editor = await written(t, room);
        editor.edits.erase(editor.doc, 0, 2);
        await editor.saved();
        for (const doc of [new Y.Doc(), copy(editor.doc)]) {
          const viewer = await entered(t, 'viewer', room, { doc });
          await viewer.saved();
          assert.deepEqual(viewer.counts, [1, 0]);
          viewer.provider.forceSync();
          await viewer.saved();
        }
      });

      for (const [what, change] of [
        ['edits', (edits, doc) => edits.set(doc, 'smuggled', true)],
        ['pure deletions', (edits, doc) => edits.erase(doc, 1, 2)],
        ['a deleted key', (edits, doc) => edits.unset(doc, 'key')],
      ]) {
        test(`a reader that brings ${what} to the handshake is synced, and keeps them for itself`, async (t) => {
          const room = `${prefix} brings ${what}`;
          const editor = await written(t, room);
          const doc = copy(editor.doc);
          let made;
          doc.once('update', (update) => { made = update; });
          change(flavour.edits, doc);
          const viewer = await entered(t, 'viewer', room, { doc });
          await until('the refusal', () => viewer.heard.some(({ status }) => status === 0));
          assert.equal(viewer.unsynced, 1);
          assert.equal(editor.edits.text(editor.doc), 'text');
          assert.equal(editor.edits.get(editor.doc, 'key'), 'value');
          assert.equal(editor.received, 0);
          await assertNoTrace(t, room, made);
        });
      }

      test('a reader is seen, and sees', async (t) => {
        const room = `${prefix} seen`;
        const editor = await written(t, room);
        const viewer = await entered(t, 'viewer', room, { name: 'Vi' });
        await until('both to be seen', () => editor.sees(viewer)?.user && viewer.sees(editor)?.user);
      });

      test('a refused token is told in the way that this version understands', async (t) => {
        const room = `${prefix} refused`;
        const line = Line.open(t, flavour, server);
        const honest = await entered(t, 'editor', `${prefix} beside`, { line });
        const friend = await entered(t, 'editor', `${prefix} beside`);
        const bad = join(t, flavour, server, room, { line, token: token('eve', { secret: 'another secret, also long enough for HS256', room, role: 'editor' }) });
        bad.edits.set(bad.doc, 'key', 'value');
        await until('the refusal', () => bad.denials.length > 0);
        assert.ok(!bad.provider.isAuthenticated && !bad.provider.synced);
        if (flavour.major === 2) assert.ok(!bad.provider.isConnected, 'version 2 gives up the document');
        honest.edits.set(honest.doc, 'still', 'here');
        await converge(honest, friend);
        await honest.saved();
        assert.deepEqual(line.closes, []);
        const fresh = await entered(t, 'editor', room);
        assert.deepEqual(fresh.edits.keys(fresh.doc), []);
      });

      for (const [what, bad] of [
        ['of another room', (room) => ticket('editor', `not ${room}`)],
        ['that has expired', (room) => ticket('editor', room, { exp: inSeconds(-3600) })],
        ['that is none', () => 'no token at all'],
        ['that is empty', () => ''],
        ['signed by nobody', (room) => `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${ticket('owner', room).split('.')[1]}.`],
      ]) {
        // Version 2 does not send an empty token, and the reference waits for one.
        const options = what === 'that is empty' && flavour.major === 2 ? onlyHere : {};
        test(`a token ${what} is refused`, options, async (t) => {
          const room = `${prefix} bad`;
          const client = join(t, flavour, server, room, { token: bad(room) });
          await until('the refusal', () => client.denials.length > 0);
          assert.ok(!client.provider.synced);
        });
      }

      test('a provider without a token is refused', flavour.major === 2 ? onlyHere : {}, async (t) => {
        const client = join(t, flavour, server, `${prefix} without`, { token: null });
        await until('the refusal', () => client.denials.length > 0);
        assert.ok(!client.provider.synced);
      });

      test('a good token after a refused one, on the same socket', async (t) => {
        const room = `${prefix} again`;
        const line = Line.open(t, flavour, server);
        const editor = await written(t, room);
        const client = join(t, flavour, server, room, { line, token: 'bad' });
        client.edits.set(client.doc, 'made', 'meanwhile');
        await until('the refusal', () => client.denials.length > 0);
        client.provider.configuration.token = ticket('editor', room);
        if (flavour.major === 2) client.provider.connect();
        else {
          client.provider.sendToken();
          client.provider.startSync();
        }
        await converge(client, editor);
        await until('it to be called saved', () => !client.provider.hasUnsyncedChanges && client.provider.synced);
        client.edits.set(client.doc, 'and', 'afterwards');
        await converge(client, editor);
        await until('it to be called saved', () => !client.provider.hasUnsyncedChanges);
        assert.equal(client.unsynced, 0);
        assert.ok(Math.min(...client.counts) >= 0, `the counter went ${client.counts}`);
        assert.deepEqual(line.closes, []);
      });

      test('a second provider takes the place of a refused one on the same socket', async (t) => {
        const room = `${prefix} second`;
        const line = Line.open(t, flavour, server);
        const first = join(t, flavour, server, room, { line, token: 'bad' });
        await until('the refusal', () => first.denials.length > 0);
        const second = await entered(t, 'editor', room, { line });
        second.edits.set(second.doc, 'key', 'value');
        await second.saved();
        assert.equal(second.denials.length, 0);
        assert.ok(!first.provider.synced);
      });

      test('documents of one socket are let in each by its own token', async (t) => {
        const line = Line.open(t, flavour, server);
        const rooms = [1, 2, 3].map((n) => `${prefix} own ${n}`);
        const [editor, viewer, refused] = [
          await entered(t, 'editor', rooms[0], { line }),
          await entered(t, 'viewer', rooms[1], { line }),
          join(t, flavour, server, rooms[2], { line, token: ticket('editor', rooms[0]) }),
        ];
        await until('the refusal', () => refused.denials.length > 0);
        editor.edits.set(editor.doc, 'key', 'value');
        await editor.saved();
        viewer.edits.set(viewer.doc, 'key', 'value');
        await until('the refusal', () => viewer.heard.some(({ status }) => status === 0));
        assert.deepEqual([editor.scopes, viewer.scopes, refused.scopes], [['read-write'], ['readonly'], []]);
        assert.deepEqual(line.closes, []);
      });

      test('a token that comes late: nothing is said before it, all that waited is taken then', async (t) => {
        const room = `${prefix} late`;
        const editor = await written(t, room);
        let give;
        const client = join(t, flavour, server, room, { name: 'Late', token: () => new Promise((resolve) => { give = resolve; }) });
        await until('the token to be asked for', () => give);
        client.edits.set(client.doc, 'made', 'meanwhile');
        assert.deepEqual(client.heard, []);
        give(ticket('editor', room));
        await converge(client, editor);
        await until('it to be seen', () => editor.sees(client)?.user);
        await until('it to be called saved', () => !client.provider.hasUnsyncedChanges);
      });

      test('a token may stand in the URL as well', onlyHere, async (t) => {
        const room = `${prefix} url`;
        const client = join(t, flavour, server, room, { query: { token: ticket('viewer', room) }, token: null });
        await client.synced();
        assert.deepEqual(client.scopes, ['readonly']);
        const elsewhere = join(t, flavour, server, `${room} not`, { query: { token: ticket('viewer', room) }, token: null });
        await until('the refusal', () => elsewhere.denials.length > 0);
      });

      // Version 2 does not know the question; its document ends with its token, and may be opened again.
      if (flavour.major > 2) {
        test('before a token ends the client is asked for a newer one, and goes on as if nothing had been', onlyHere, async (t) => {
          const own = await serve(t, { args: [...ACCESS, '--jwt-leeway', '0s'] });
          const observer = await joined(t, flavour, own, 'renewed', { token: ticket('editor', 'renewed') });
          let left = false;
          const ends = [];
          const client = join(t, flavour, own, 'renewed', {
            name: 'Ada',
            token: () => {
              ends.push(inSeconds(3));
              return ticket('editor', 'renewed', { exp: ends.at(-1) });
            },
          });
          observer.awareness.on('change', ({ removed }) => { left ||= removed.includes(client.id); });
          await client.saved();
          await until('it to be asked until two of its tokens are over', () => ends.filter((end) => end < Date.now() / 1000).length >= 2);
          client.edits.set(client.doc, 'still', 'here');
          observer.edits.set(observer.doc, 'and', 'you');
          await converge(client, observer);
          await client.saved();
          assert.equal(client.line.connections, 1);
          assert.deepEqual(client.counts, [1, 0, 1, 0]);
          assert.deepEqual([...client.denials, ...client.closes], []);
          assert.ok(!left, 'it left in between');
          assert.ok(ends.length <= 6, `it was asked ${ends.length} times in about 6 s`);
        });
      } else {
        test('a document that ended with its token is opened again with a newer one', onlyHere, async (t) => {
          const own = await serve(t, { args: [...ACCESS, '--jwt-leeway', '0s'] });
          const observer = await joined(t, flavour, own, 'again', { token: ticket('editor', 'again') });
          const client = join(t, flavour, own, 'again', { token: () => ticket('editor', 'again', { exp: inSeconds(2) }) });
          await client.saved();
          await until('the end to be told', () => client.denials.length > 0);
          client.edits.set(client.doc, 'made', 'in between');
          observer.edits.set(observer.doc, 'meanwhile', true);
          await observer.saved();
          client.provider.connect();
          await converge(client, observer);
          await until('it to be called saved', () => client.provider.synced && !client.provider.hasUnsyncedChanges);
          assert.equal(client.line.connections, 1);
        });
      }

      test('a role that comes with a newer token holds at once', async (t) => {
        const room = `${prefix} newer`;
        const editor = await written(t, room);
        const client = await entered(t, 'editor', room);
        await client.saved();
        const viewer = ticket('viewer', room, { sub: 'editor' });
        client.provider.configuration.token = viewer;
        // Version 2 has no way to send it of its own accord.
        if (flavour.major === 2) client.line.provider.send(auth(room, viewer));
        else await client.provider.sendToken();
        client.edits.set(client.doc, 'as', 'viewer');
        await until('the refusal', () => client.heard.some(({ status }) => status === 0));
        assert.equal(client.unsynced, 1);
        assert.equal(editor.edits.get(editor.doc, 'as'), undefined);
        if (!isReference) assert.deepEqual(client.scopes, ['read-write', 'readonly']);
      });

      test('a token that is not renewed ends the document when it ends, and not the socket', onlyHere, async (t) => {
        const own = await serve(t, { args: [...ACCESS, '--jwt-leeway', '0s'] });
        const line = Line.open(t, flavour, own);
        const stays = await joined(t, flavour, own, 'stays', { line, token: ticket('editor', 'stays') });
        const ends = join(t, flavour, own, 'ends', { line, name: 'Ada', token: ticket('editor', 'ends', { exp: inSeconds(2) }) });
        await ends.synced();
        const friend = await joined(t, flavour, own, 'ends', { token: ticket('editor', 'ends') });
        await until('it to be seen', () => friend.sees(ends)?.user);
        await until('the end to be told', () => ends.denials.length > 0);
        assert.match(ends.denials[0], /expired/);
        await until('it to be gone', () => !friend.sees(ends));
        ends.edits.set(ends.doc, 'too', 'late');
        friend.edits.set(friend.doc, 'nobody', 'hears');
        await friend.saved();
        stays.edits.set(stays.doc, 'still', 'here');
        await stays.saved();
        assert.equal(ends.edits.get(ends.doc, 'nobody'), undefined);
        assert.equal(friend.edits.get(friend.doc, 'too'), undefined);
        assert.ok(ends.unsynced > 0);
        assert.deepEqual(line.closes, []);
      });
    });
  }
});

/** Another document of the same content. */
function copy(doc) {
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  return other;
}

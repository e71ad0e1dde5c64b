// What no Hocuspocus client would send. Whoever sends it is refused, or is not heard; the honest pair in the same
// document notices nothing; the server lives, and keeps little for those who never say who they are.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as Y from 'yjs';
import { Bystanders } from './harness/bystanders.mjs';
import { join, joined } from './harness/client.mjs';
import { turn, until } from './harness/events.mjs';
import { hocuspocus4, Line } from './harness/hocuspocus.mjs';
import { RawHocuspocus } from './harness/hocuspocus-raw.mjs';
import { auth, auth4, awareness, close, framed, PING, stateless, step1, step2, Type, update } from './harness/hocuspocus-wire.mjs';
import { refused } from './harness/hostile.mjs';
import { randomFor } from './harness/random.mjs';
import { onlyHere, serve, serveSuite } from './harness/server.mjs';
import { inSeconds, SECRET, token } from './harness/token.mjs';
import { pack } from './harness/wire.mjs';

const MEBIBYTE = 1024 * 1024;

/** An update that sets a key of the map `map`. */
function edit(key, value = true) {
  const doc = new Y.Doc();
  doc.getMap('map').set(key, value);
  return Y.encodeStateAsUpdate(doc);
}

describe('hocuspocus: hostile', onlyHere, () => {
  const server = serveSuite({ args: ['--max-message', '1MiB'] });
  let number = 0;

  /** A document with its honest pair, and a stranger's socket on which that document is open. */
  async function scene(t, where = server) {
    number += 1;
    const room = `scene ${number}`;
    const honest = await Bystanders.in(t, where, room, hocuspocus4);
    const stranger = await RawHocuspocus.open(t, where);
    stranger.send(auth(room, ''));
    stranger.send(step1(room));
    await stranger.frame('the document', ({ type, sub }) => type === Type.Sync && sub === 1);
    return { room, honest, stranger };
  }

  describe('a message is ignored or ends one document, the socket’s others go on', () => {
    for (const [what, of] of [
      ['a SyncReply', (room) => framed(room, Type.SyncReply, 2, sized(edit('smuggled')))],
      ['a SyncReply without a body', (room) => framed(room, Type.SyncReply)],
      ['a BroadcastStateless', (room) => framed(room, Type.BroadcastStateless, 'to everybody')],
      ['a SyncStatus', (room) => framed(room, Type.SyncStatus, 1)],
      ['a Ping with a name', (room) => framed(room, Type.Ping)],
      ['a Pong with a name', (room) => framed(room, Type.Pong)],
      ['type 11', (room) => framed(room, 11, 'x')],
      ['type 127', (room) => framed(room, 127)],
      ['type 2^31', (room) => framed(room, 2 ** 31)],
      ['type 2^50', (room) => framed(room, 2 ** 50)],
      ['a type without an end', (room) => framed(room, Buffer.alloc(20, 0xff))],
      ['a name and nothing else', (room) => framed(room)],
      ['a sync message of an unknown kind', (room) => framed(room, Type.Sync, 3, sized(edit('smuggled')))],
      ['an update without a body', (room) => framed(room, Type.Sync, 2)],
      ['an update shorter than it says', (room) => framed(room, Type.Sync, 2, 100, 1, 2, 3)],
      ['an update of 2^27 bytes that are not there', (room) => framed(room, Type.Sync, 2, 2 ** 27)],
      ['presence without a body', (room) => framed(room, Type.Awareness)],
      ['presence that is no JSON', (room) => awareness(room, [[66, 1, '{']])],
      ['a stateless message without a text', (room) => framed(room, Type.Stateless)],
      ['a stateless message that is not UTF-8', (room) => framed(room, Type.Stateless, Buffer.from([2, 0xc3, 0x28]))],
      ['an auth message without a token', (room) => framed(room, Type.Auth)],
      ['an auth message of an unknown kind', (room) => framed(room, Type.Auth, 9, 'x')],
      ['the server’s word that it is let in', (room) => framed(room, Type.Auth, 2, 'read-write')],
      ['the server’s word that it is denied', (room) => framed(room, Type.Auth, 1, 'no')],
      ['a Close with a reason', (room) => framed(room, Type.Close, 'because')],
      ['a Close of a document that is not open', () => close('never opened')],
    ]) {
      test(what, async (t) => {
        const { room, honest, stranger } = await scene(t);
        stranger.send(of(room));
        await stranger.settled();
        await honest.goOn();
        assert.equal(honest.ada.edits.get(honest.ada.doc, 'smuggled'), undefined);
        assert.deepEqual([...honest.ada.messages, ...honest.bo.messages], []);
        assert.ok(server.alive);
      });
    }
  });

  describe('a frame that is none ends the socket that it came on', () => {
    for (const [what, frame, codes] of [
      ['a text frame', 'hello', [1003]],
      ['an empty frame', Buffer.alloc(0), [1007, 4400]],
      ['a name without an end', Buffer.alloc(20, 0xff), [1007, 4400]],
      ['a name shorter than it says', pack(100, 1, 2, 3), [1007, 4400]],
      ['a name of 2^50 bytes', pack(2 ** 50), [1007, 4400]],
      ['a name that is not UTF-8', Buffer.from([2, 0xc3, 0x28, 0]), [1007, 4400]],
      ['a frame over the limit', Buffer.alloc(MEBIBYTE + 1), [1009]],
    ]) {
      test(what, async (t) => {
        const { honest, stranger } = await scene(t);
        stranger.send(frame);
        const code = await stranger.closed();
        assert.ok(codes.includes(code), `closed with ${code}`);
        await honest.goOn();
      });
    }
  });

  describe('an update that would do harm is refused, and never called saved', () => {
    for (const [what, body] of refused) {
      test(what, async (t) => {
        const { room, honest, stranger } = await scene(t);
        stranger.send(update(room, body));
        stranger.send(update(room, edit('behind it')));
        await stranger.frame('the refusal', ({ name, type, sub }) => name === room && type === Type.Auth && sub === 1);
        await honest.goOn();
        await stranger.settled();
        assert.deepEqual(stranger.frames.filter(({ name, type, status }) => name === room && type === Type.SyncStatus && status === 1), [], 'what was refused was called saved');
        assert.equal(honest.ada.edits.get(honest.ada.doc, 'behind it'), undefined, 'what came behind a refused update was taken');
      });
    }
  });

  test('who was refused for an update may open the document again, and is heard again', async (t) => {
    const { room, honest, stranger } = await scene(t);
    stranger.send(update(room, Buffer.alloc(40, 0xff)));
    await stranger.frame('the refusal', ({ name, type, sub }) => name === room && type === Type.Auth && sub === 1);
    stranger.send(auth(room, ''));
    stranger.send(step1(room));
    stranger.send(update(room, edit('better now')));
    await until('it to be heard', () => honest.ada.edits.get(honest.ada.doc, 'better now'));
    await honest.goOn();
  });

  test('mangled frames of all kinds harm nobody', async (t) => {
    const random = randomFor(t);
    const { room, honest } = await scene(t);
    const whole = [
      auth(room, 'token'), auth4(room, 'token'), step1(room), step1(room, pack(2, 1, 5, 9, 7)), step2(room, edit('a')), update(room, edit('b', 'x'.repeat(300))),
      stateless(room, 'text'), awareness(room, [[7, 1, '{"user":{"name":"x"}}']]), close(room), framed(room, Type.QueryAwareness), PING,
    ];
    for (let round = 0; round < 25; round += 1) {
      const stranger = await RawHocuspocus.open(t, server);
      stranger.send(auth(room, ''));
      stranger.send(step1(room));
      for (let n = 0; n < 20 && !stranger.isClosed; n += 1) {
        const frame = Buffer.from(random.pick(whole));
        switch (random.between(0, 3)) {
          case 0: frame[random.between(0, frame.length - 1)] = random.between(0, 255); stranger.send(frame); break;
          case 1: stranger.send(frame.subarray(0, random.between(0, frame.length))); break;
          case 2: stranger.send(Buffer.concat([frame, random.bytes(random.between(1, 9))])); break;
          default: stranger.send(frame);
        }
      }
      await turn();
      stranger.socket.terminate();
    }
    // What was sent may well be edits; it must not be harm.
    await honest.goOn();
    const late = await joined(t, hocuspocus4, server, room);
    await until('the document to be whole', () => late.edits.get(late.doc, `round of ${honest.ada.id}`) === honest.ada.edits.get(honest.ada.doc, `round of ${honest.ada.id}`));
    assert.ok(server.alive);
  });

  test('presence of somebody else is not taken from a stranger', async (t) => {
    const { room, honest, stranger } = await scene(t);
    const clock = honest.ada.awareness.meta.get(honest.bo.id).clock;
    for (const state of ['{"user":{"name":"Not Bo"}}', 'null']) {
      stranger.send(awareness(room, [[honest.bo.id, clock + 5, state]]));
      await stranger.settled();
      await honest.goOn();
    }
  });

  test('documents up to the limit on one socket, one more is denied and the others go on', async (t) => {
    const own = await serve(t, { args: ['--max-socket-documents', '20'] });
    const line = Line.open(t, hocuspocus4, own);
    const clients = await Promise.all(Array.from({ length: 20 }, (_, n) => joined(t, hocuspocus4, own, `doc ${n}`, { line })));
    const tooMany = join(t, hocuspocus4, own, 'doc 20', { line });
    await until('the refusal', () => tooMany.denials.length > 0);
    for (const client of clients) client.edits.set(client.doc, 'key', 'value');
    await Promise.all(clients.map((client) => client.saved()));
    assert.deepEqual(line.closes, []);
    clients[0].leave();
    const inItsPlace = await joined(t, hocuspocus4, own, 'doc 21', { line });
    await inItsPlace.saved();
  });

  describe('before a token', () => {
    const guarded = serveSuite({ args: ['--jwt-secret', SECRET, '--auth-deadline', '2s', '--max-message', '1MiB', '--max-waiting', '256KiB', '--max-waiting-messages', '100', '--auth-failures', '1000'] });
    const ticket = (room, role = 'editor') => token('ed', { room, role });

    /** Two honest editors of a document that nobody else may see. */
    const pair = async (t, room) => Bystanders.in(t, guarded, room, hocuspocus4, { token: ticket(room) });

    test('nothing of a document is told, and nothing that is said reaches it', async (t) => {
      const room = 'silent';
      const honest = await pair(t, room);
      const stranger = await RawHocuspocus.open(t, guarded);
      stranger.send(step2(room, edit('smuggled')));
      stranger.send(update(room, edit('smuggled')));
      stranger.send(awareness(room, [[66, 1, '{"user":{"name":"Eve"}}']]));
      stranger.send(stateless(room, 'psst'));
      stranger.send(framed(room, Type.QueryAwareness));
      stranger.send(step1(room));
      await stranger.frame('the refusal', ({ type, sub }) => type === Type.Auth && sub === 1);
      await honest.goOn();
      assert.deepEqual(stranger.frames.filter(({ type }) => type !== Type.Auth && type !== Type.Pong), []);
      assert.equal(honest.ada.edits.get(honest.ada.doc, 'smuggled'), undefined);
      assert.deepEqual(honest.ada.messages, []);
      assert.equal(honest.ada.awareness.getStates().size, 2);
    });

    test('what waits for a token is taken when a good one comes, in order', async (t) => {
      const room = 'waits';
      const honest = await pair(t, room);
      const stranger = await RawHocuspocus.open(t, guarded);
      for (let n = 0; n < 50; n += 1) stranger.send(update(room, edit(`waited ${n}`)));
      stranger.send(auth(room, ticket(room)));
      await until('all to arrive', () => Array.from({ length: 50 }, (_, n) => `waited ${n}`).every((key) => honest.ada.edits.get(honest.ada.doc, key)));
      await honest.goOn();
    });

    test('a token that is sent again is not answered, so that who sends it when it is let in comes to rest', async (t) => {
      const stranger = await RawHocuspocus.open(t, guarded);
      const letIn = () => stranger.frames.filter(({ type, sub }) => type === Type.Auth && sub === 2).length;
      stranger.send(auth('again', ticket('again')));
      await until('the first to be taken', () => letIn() === 1);
      for (let n = 0; n < 5; n += 1) {
        stranger.send(auth('again', ticket('again')));
        await stranger.settled();
      }
      stranger.send(step1('again'));
      await stranger.frame('the document', ({ type, sub }) => type === Type.Sync && sub === 1);
      assert.equal(letIn(), 1);
    });

    test('more bytes than may wait end the socket', async (t) => {
      const honest = await pair(t, 'bytes');
      const stranger = await RawHocuspocus.open(t, guarded);
      for (let n = 0; n < 20 && !stranger.isClosed; n += 1) stranger.send(framed(`doc ${n}`, Type.Sync, 2, sized(Buffer.alloc(100_000))));
      assert.equal(await stranger.closed(), 4205);
      await honest.goOn();
    });

    test('more messages than may wait end the socket', async (t) => {
      const honest = await pair(t, 'messages');
      const stranger = await RawHocuspocus.open(t, guarded);
      for (let n = 0; n < 300 && !stranger.isClosed; n += 1) stranger.send(update(`doc ${n % 7}`, edit('waits')));
      assert.equal(await stranger.closed(), 4205);
      await honest.goOn();
    });

    test('two hundred documents on one socket, each without a token', async (t) => {
      const honest = await pair(t, 'documents');
      const stranger = await RawHocuspocus.open(t, guarded);
      for (let n = 0; n < 200; n += 1) stranger.send(step1(`doc ${n}`));
      await until('the first to be refused, or the socket to be closed', () => stranger.isClosed || stranger.frames.some(({ name, type, sub }) => name === 'doc 0' && type === Type.Auth && sub === 1));
      await honest.goOn();
    });

    test('a socket that opens nothing is closed, whatever it says meanwhile', async (t) => {
      const stranger = await RawHocuspocus.open(t, guarded);
      const start = performance.now();
      const chatter = setInterval(() => stranger.isClosed || stranger.send(PING), 100);
      t.after(() => clearInterval(chatter));
      assert.equal(await stranger.closed({ within: 8_000 }), 4408);
      assert.ok(performance.now() - start > 1_500, 'it had its time');
    });

    test('a socket whose document was refused is closed after as long, and not before', async (t) => {
      const stranger = await RawHocuspocus.open(t, guarded);
      stranger.send(auth('refused', 'bad'));
      await stranger.frame('the refusal', ({ type, sub }) => type === Type.Auth && sub === 1);
      stranger.send(auth('refused', ticket('refused')));
      await stranger.frame('the welcome', ({ type, sub }) => type === Type.Auth && sub === 2);
      stranger.send(close('refused'));
      assert.equal(await stranger.closed({ within: 8_000 }), 4408);
    });

    test('a document without a token is denied after its time, beside one that is open and stays so', async (t) => {
      const honest = await pair(t, 'beside');
      const stranger = await RawHocuspocus.open(t, guarded);
      stranger.send(auth('beside', ticket('beside')));
      stranger.send(step1('beside'));
      stranger.send(update('no token', edit('waits')));
      await stranger.frame('the refusal', ({ name, type, sub }) => name === 'no token' && type === Type.Auth && sub === 1);
      stranger.send(update('beside', edit('still here')));
      await until('the edit', () => honest.ada.edits.get(honest.ada.doc, 'still here'));
      await honest.goOn();
      assert.ok(!stranger.isClosed);
    });

    test('a token is looked at as often as it is sent, and only the last one counts', async (t) => {
      const room = 'many tokens';
      const honest = await pair(t, room);
      const stranger = await RawHocuspocus.open(t, guarded);
      for (let n = 0; n < 100; n += 1) stranger.send(auth(room, n % 2 ? 'bad' : token('ed', { room, role: 'editor', exp: inSeconds(600 + n) })));
      stranger.send(auth(room, ticket(room)));
      stranger.send(step1(room));
      await stranger.frame('the document', ({ type, sub }) => type === Type.Sync && sub === 1);
      await honest.goOn();
    });

    test('a megabyte of a token is refused', async (t) => {
      const honest = await pair(t, 'long token');
      const stranger = await RawHocuspocus.open(t, guarded);
      stranger.send(auth('long token', 'x'.repeat(900_000)));
      await until('the refusal', () => stranger.isClosed || stranger.frames.some(({ type, sub }) => type === Type.Auth && sub === 1));
      await honest.goOn();
    });
  });
});

/** `body` behind its length. */
function sized(body) {
  return pack(body.length, body);
}

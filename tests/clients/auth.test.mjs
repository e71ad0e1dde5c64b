// Access on live sockets: who may not write leaves no trace, whoever loses a right loses it at once, and a stranger
// learns nothing, whatever protocol they speak.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, test } from 'node:test';
import { promisify } from 'node:util';
import * as Y from 'yjs';
import { contains, converge } from './harness/agreement.mjs';
import { join, joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { current, flavours } from './harness/flavours.mjs';
import { hocuspocus, hocuspocus4, Line } from './harness/hocuspocus.mjs';
import { RawHocuspocus } from './harness/hocuspocus-raw.mjs';
import * as framed from './harness/hocuspocus-wire.mjs';
import { Ledger } from './harness/ledger.mjs';
import { RawClient } from './harness/raw.mjs';
import { Caller, of } from './harness/rest.mjs';
import { binary, onlyHere, serve, serveSuite } from './harness/server.mjs';
import { inSeconds, SECRET, token } from './harness/token.mjs';
import * as wire from './harness/wire.mjs';
import { ysweet } from './harness/ysweet.mjs';

const ACCESS = ['--jwt-secret', SECRET, '--jwt-leeway', '0s', '--auth-failures', '10000'];

/** What is promised of changes: they reach live sockets within a second. Twice that, for a busy machine. */
const SOON = { within: 2_000 };

const { Type } = framed;
const run = promisify(execFile);

/** The ways to join a room with a token, as a client of each protocol would. */
const ways = [
  { name: 'y-websocket', enter: (t, server, room, credential, options) => join(t, current, server, room, { params: { token: credential }, ...options }) },
  { name: 'Hocuspocus 3', enter: (t, server, room, credential, options) => join(t, hocuspocus[1], server, room, { token: credential, ...options }) },
  { name: 'Hocuspocus 4', enter: (t, server, room, credential, options) => join(t, hocuspocus4, server, room, { token: credential, ...options }) },
];

/** Another document of the same content. */
function copy(doc) {
  const other = new Y.Doc();
  Y.applyUpdate(other, Y.encodeStateAsUpdate(doc));
  return other;
}

/** What `change` does to `doc`, as an update. */
function updateOf(doc, change) {
  let made = [];
  const note = (update) => made.push(update);
  doc.on('update', note);
  change(doc);
  doc.off('update', note);
  return Y.mergeUpdates(made);
}

/** Whether a client has been told that it may not be there any more. */
const isOut = (client) => (client.denials?.length ?? 0) > 0 || client.closes.length > 0;

describe('auth', onlyHere, () => {
  const server = serveSuite({ args: ACCESS });
  const owner = new Caller(server, token('olga'));
  let number = 0;

  /** A room of Olga's with these members, and Olga's own client in it. */
  async function scene(t, members = {}, where = server) {
    number += 1;
    const room = `room ${number}`;
    await new Caller(where, token('olga')).makeRoom(room, members);
    const olga = await joined(t, hocuspocus4, where, room, { name: 'Olga', token: token('olga') });
    olga.edits.set(olga.doc, 'key', 'value');
    olga.edits.type(olga.doc, 0, 'text');
    comments(olga.doc).set('first', comment('Olga', 'hello'));
    await olga.saved();
    return { room, olga };
  }

  const comments = (doc) => doc.getMap('comments');
  const comment = (by, text) => new Y.Map([['by', by], ['text', text], ['resolved', false]]);

  /** Whoever comes now finds nothing of `update`. */
  async function assertNoTrace(t, room, update) {
    const fresh = await joined(t, current, server, room, { params: { token: token('olga') } });
    assert.ok(!contains(fresh.doc, update), 'something that was refused is in the document');
    fresh.leave();
  }

  describe('a token', () => {
    for (const flavour of flavours) {
      test(`${flavour.name}: in the address`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        const ada = await joined(t, flavour, server, room, { params: { token: token('ada') } });
        ada.edits.set(ada.doc, 'from', flavour.name);
        await until('the edit', () => olga.edits.get(olga.doc, 'from') === flavour.name);
      });
    }

    for (const protocols of [(jwt) => ['triproom', jwt], (jwt) => ['triproom', `bearer.${jwt}`], (jwt) => [jwt]]) {
      test(`as a subprotocol: ${protocols('…')}`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        const ada = await joined(t, current, server, room, { protocols: protocols(token('ada')) });
        ada.edits.set(ada.doc, 'from', 'subprotocol');
        await until('the edit', () => olga.edits.get(olga.doc, 'from') === 'subprotocol');
      });
    }

    test('is nowhere in the log', async (t) => {
      const own = await serve(t, { args: [...ACCESS, '--log', 'trace'] });
      await new Caller(own, token('olga')).makeRoom('quiet');
      const secret = token('olga', { nonce: 'find-me' });
      const bad = 'not-a-token-but-secret-too';
      const ada = await joined(t, current, own, 'quiet', { params: { token: secret } });
      const bo = await joined(t, hocuspocus4, own, 'quiet', { token: secret });
      const refused = join(t, hocuspocus4, own, 'quiet', { token: bad });
      await until('the refusal', () => refused.denials.length > 0);
      const alsoRefused = join(t, current, own, 'quiet', { params: { token: bad } });
      await until('the refusal', () => alsoRefused.closes.length > 0);
      await new Caller(own, secret).must('GET', `${of('quiet')}?x=1`).catch(() => {});
      for (const client of [ada, bo, refused, alsoRefused]) client.leave();
      assert.ok(own.wholeLog.length > 1_000, 'nothing was logged');
      assert.ok(!own.wholeLog.includes(secret.split('.')[2]) && !own.wholeLog.includes(bad), 'a token was logged');
    });
  });

  describe('closes', () => {
    /** y-websocket 3.1 stops for good, which is to say that it was told in its own language. */
    async function stops(t, room, credential, code) {
      const client = join(t, current, server, room, credential === null ? {} : { params: { token: credential } });
      let stopped = false;
      client.provider.on('closed', () => { stopped = true; });
      await until('the client to stop', () => stopped, { detail: () => `closed with ${client.closes}` });
      assert.deepEqual(client.closes, [code]);
      assert.ok(!client.provider.synced);
    }

    test('4401 without a token, with a bad one, and with one that has expired', async (t) => {
      const { room } = await scene(t);
      await stops(t, room, null, 4401);
      await stops(t, room, 'bad', 4401);
      await stops(t, room, token('olga', { exp: inSeconds(-5) }), 4401);
      await stops(t, room, token('olga', { secret: 'another secret, also long enough for HS256' }), 4401);
    });

    test('4404 for a stranger, in a room that is there and in one that is not', async (t) => {
      const { room } = await scene(t);
      await stops(t, room, token('eve'), 4404);
      await stops(t, 'no such room', token('eve'), 4404);
      await stops(t, room, token('eve', { room: 'another', role: 'owner' }), 4404);
    });

    test('a ticket of another room opens that one alone', async (t) => {
      const { room } = await scene(t);
      const { room: other } = await scene(t);
      const ticket = await owner.ticket(other, { role: 'editor' });
      await stops(t, room, ticket, 4404);
      const inside = await joined(t, current, server, other, { params: { token: ticket } });
      assert.equal(inside.edits.get(inside.doc, 'key'), 'value');
      const refused = join(t, hocuspocus4, server, room, { token: ticket });
      await until('the refusal', () => refused.denials.length > 0);
    });
  });

  describe('a stranger', () => {
    for (const [what, credential] of [['with an account', () => token('eve')], ['without one', () => undefined], ['with a bad token', () => 'bad']]) {
      test(`${what} learns by no answer whether a room is there`, async (t) => {
        const { room } = await scene(t);
        const missing = `room ${number + 1000}`;
        const eve = new Caller(server, credential());
        for (const [method, path, body] of [
          ['GET', (name) => of(name)], ['DELETE', (name) => of(name)], ['GET', (name) => `${of(name)}/document`], ['PATCH', (name) => `${of(name)}/document`, []],
          ['GET', (name) => `${of(name)}/members`], ['POST', (name) => `${of(name)}/members`, { principal: 'eve', role: 'owner' }],
          ['PATCH', (name) => `${of(name)}/members/olga`, { role: 'viewer' }], ['DELETE', (name) => `${of(name)}/members/olga`], ['DELETE', (name) => `${of(name)}/members/eve`],
          ['POST', (name) => `${of(name)}/tickets`, {}],
        ]) {
          const [there, notThere] = [await eve.ask(method, path(room), body), await eve.ask(method, path(missing), body)];
          assert.equal(there.status, credential()?.includes('.') ? 404 : 401, `${method} ${path(room)}: ${there.text}`);
          const alike = (answer, name) => answer.text.replaceAll(name, 'X').replaceAll(encodeURIComponent(name), 'X');
          assert.equal(alike(there, room), alike(notThere, missing));
          const names = ({ headers }) => [...headers.keys()].sort();
          assert.deepEqual(names(there), names(notThere));
        }
      });
    }

    test('is told the same by Hocuspocus, there or not', async (t) => {
      const { room } = await scene(t);
      const [there, notThere] = [room, 'no such room'].map((name) => join(t, hocuspocus4, server, name, { token: token('eve') }));
      await until('both refusals', () => there.denials.length > 0 && notThere.denials.length > 0);
      assert.deepEqual(there.denials, notThere.denials);
    });

    test('sees no room of others in a list', async (t) => {
      await scene(t);
      const { items } = await new Caller(server, token('eve')).must('GET', '/v1/rooms');
      assert.deepEqual(items, []);
    });
  });

  describe('a viewer', () => {
    for (const [what, change] of [
      ['edits', (doc) => doc.getMap('map').set('smuggled', true)],
      ['pure deletions', (doc) => doc.getText('text').delete(0, 2)],
      ['a comment', (doc) => comments(doc).set('mine', comment('Vi', 'no'))],
      ['a new root', (doc) => doc.getArray('smuggled').push([1])],
    ]) {
      test(`y-websocket: ${what} at the handshake and later leave no trace, and are never called saved`, async (t) => {
        const { room, olga } = await scene(t, { vi: 'viewer' });
        const received = olga.received;
        const warnings = [];
        t.mock.method(console, 'warn', (text) => { warnings.push(text); tick(); });
        const doc = copy(olga.doc);
        const first = updateOf(doc, change);
        const vi = join(t, current, server, room, { doc, name: 'Vi', params: { token: token('vi') } });
        const ledger = new Ledger(vi);
        await vi.synced();
        await until('it to be seen', () => olga.sees(vi)?.user);
        const second = updateOf(vi.doc, (of) => of.getMap('map').set('later', 1));
        ledger.ask();
        olga.edits.set(olga.doc, 'honest', true);
        await until('the honest edit', () => vi.edits.get(vi.doc, 'honest'));
        await until('a word about it', () => warnings.some((text) => text.includes('Permission denied')));
        assert.equal(ledger.safe, 0);
        assert.equal(olga.received, received);
        assert.deepEqual(vi.closes, []);
        await assertNoTrace(t, room, first);
        await assertNoTrace(t, room, second);
      });
    }

    test('does not speak in the name of somebody else', async (t) => {
      const { room, olga } = await scene(t, { vi: 'viewer', ada: 'editor' });
      const ada = await joined(t, current, server, room, { name: 'Ada', params: { token: token('ada') } });
      await until('both to be seen', () => ada.sees(olga)?.user && olga.sees(ada)?.user);
      const forger = await RawClient.open(t, server, room, `?token=${token('vi')}`);
      const rawHocuspocus = await RawHocuspocus.open(t, server);
      rawHocuspocus.send(framed.auth(room, token('vi')));
      for (const victim of [ada, olga]) {
        const { clock } = victim.awareness.meta.get(victim.id);
        for (const state of ['{"user":{"name":"Forged"}}', 'null']) {
          forger.send(wire.awareness([[victim.id, clock + 7, state]]));
          rawHocuspocus.send(framed.awareness(room, [[victim.id, clock + 9, state]]));
        }
      }
      await forger.settled();
      await rawHocuspocus.settled();
      for (const client of [ada, olga]) client.awareness.setLocalStateField('cursor', 1);
      await until('honest presence', () => ada.sees(olga)?.cursor === 1 && olga.sees(ada)?.cursor === 1);
      assert.equal(ada.sees(olga).user.name, 'Olga');
      assert.equal(olga.sees(ada).user.name, 'Ada');
    });

    test('does not chat', async (t) => {
      const { room, olga } = await scene(t, { vi: 'viewer', co: 'commenter' });
      const vi = await joined(t, hocuspocus4, server, room, { token: token('vi') });
      const co = await joined(t, hocuspocus4, server, room, { token: token('co') });
      vi.provider.sendStateless('psst');
      await until('the room to have read it', () => vi.provider.synced);
      co.provider.sendStateless('hello');
      await until('the commenter to be heard', () => olga.messages.includes('hello'));
      await until('the commenter to be heard by the viewer', () => vi.messages.includes('hello'));
      assert.ok(!olga.messages.includes('psst') && !co.messages.includes('psst'));
    });

    test('writes nothing by REST either', async (t) => {
      const { room, olga } = await scene(t, { vi: 'viewer' });
      const vi = new Caller(server, token('vi'));
      const received = olga.received;
      assert.equal((await vi.ask('PATCH', `${of(room)}/document`, [{ op: 'add', path: '/map/smuggled', value: 1 }])).status, 403);
      assert.equal((await vi.ask('POST', `/d/${encodeURIComponent(room)}/update`, updateOf(copy(olga.doc), (doc) => doc.getMap('map').set('x', 1)))).status, 403);
      assert.equal((await vi.ask('POST', `${of(room)}/tickets`, { role: 'editor' })).status, 403);
      assert.equal((await vi.ask('PATCH', `${of(room)}/members/vi`, { role: 'editor' })).status, 403);
      assert.equal((await vi.ask('DELETE', of(room))).status, 403);
      assert.equal(olga.received, received);
    });
  });

  describe('a commenter', () => {
    for (const { name, enter } of ways) {
      test(`${name}: comments are taken, edited, resolved and deleted; all else is not`, async (t) => {
        const { room, olga } = await scene(t, { co: 'commenter' });
        t.mock.method(console, 'warn', () => {});
        const co = enter(t, server, room, token('co'), { name: 'Co' });
        await co.synced();
        const text = () => comments(olga.doc).get('second')?.get('text');
        comments(co.doc).set('second', comment('Co', 'a first try'));
        await until('the comment', () => text() === 'a first try');
        comments(co.doc).get('second').set('text', 'better');
        comments(co.doc).get('first').set('resolved', true);
        await until('the change', () => text() === 'better' && comments(olga.doc).get('first').get('resolved'));
        comments(co.doc).get('second').set('words', new Y.Text('deep'));
        comments(co.doc).get('second').get('words').insert(4, 'er');
        await until('the text', () => comments(olga.doc).get('second').get('words')?.toString() === 'deeper');
        comments(co.doc).delete('second');
        await until('the deletion', () => !comments(olga.doc).has('second'));
        if (co.saved) await co.saved();

        const received = olga.received;
        const outside = updateOf(co.doc, (doc) => doc.getMap('map').set('smuggled', true));
        olga.edits.set(olga.doc, 'honest', true);
        await until('the honest edit', () => co.edits.get(co.doc, 'honest'));
        await olga.saved();
        await assertNoTrace(t, room, outside);
        assert.equal(olga.received, received);
        assert.deepEqual(co.closes, []);
      });
    }

    for (const [what, change] of [
      ['an edit of the document', (doc) => doc.getMap('map').set('smuggled', 1)],
      ['a deletion outside', (doc) => doc.getText('text').delete(1, 1)],
      ['a key of the document deleted', (doc) => doc.getMap('map').delete('key')],
      ['a comment and an edit in one', (doc) => doc.transact(() => { comments(doc).set('mine', comment('Co', 'x')); doc.getMap('map').set('smuggled', 1); })],
      ['a comment and a deletion in one', (doc) => doc.transact(() => { comments(doc).set('mine', comment('Co', 'x')); doc.getText('text').delete(0, 3); })],
      ['a new root', (doc) => doc.getMap('commentsX').set('a', 1)],
      ['the root `comments` as a list', (doc) => doc.getText('text').insert(2, 'in the middle')],
    ]) {
      for (const when of ['at the handshake', 'later']) {
        test(`${what}, ${when}: refused without a trace`, async (t) => {
          const { room, olga } = await scene(t, { co: 'commenter' });
          const received = olga.received;
          const doc = copy(olga.doc);
          let made = when === 'at the handshake' ? updateOf(doc, change) : null;
          const co = await joined(t, hocuspocus4, server, room, { doc, token: token('co') });
          made ??= updateOf(co.doc, change);
          await until('the refusal', () => co.heard.some(({ status }) => status === 0));
          assert.ok(co.unsynced > 0);
          await assertNoTrace(t, room, made);
          assert.equal(olga.received, received);
          assert.equal(olga.edits.text(olga.doc), 'text');
          assert.ok(!comments(olga.doc).has('mine'));
          assert.deepEqual([...co.closes, ...co.denials], []);
        });
      }
    }

    test('is let in to write, as far as it may', async (t) => {
      const { room } = await scene(t, { co: 'commenter' });
      const co = await joined(t, hocuspocus4, server, room, { token: token('co') });
      assert.deepEqual(co.scopes, ['read-write']);
    });
  });

  describe('a change of role', () => {
    for (const { name, enter } of ways) {
      test(`${name}: an editor becomes a viewer and an editor again, on a live socket`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        t.mock.method(console, 'warn', () => {});
        const ada = enter(t, server, room, token('ada'), { name: 'Ada' });
        await ada.synced();
        ada.edits.set(ada.doc, 'as', 'editor');
        await until('the edit', () => olga.edits.get(olga.doc, 'as') === 'editor');

        await owner.changeMember(room, 'ada', 'viewer');
        const received = olga.received;
        ada.edits.set(ada.doc, 'as', 'viewer');
        olga.edits.set(olga.doc, 'honest', true);
        await until('the honest edit', () => ada.edits.get(ada.doc, 'honest'));
        await olga.saved();
        assert.equal(olga.received, received, 'an edit was taken after the change was answered');
        assert.ok(olga.sees(ada)?.user, 'presence goes on');

        await owner.changeMember(room, 'ada', 'editor');
        await until('what was refused to be asked for', () => olga.edits.get(olga.doc, 'as') === 'viewer');
        ada.edits.set(ada.doc, 'as', 'editor again');
        await converge(ada, olga);
        if (ada.saved) await ada.saved();
        assert.deepEqual(ada.closes, []);
      });
    }

    test('Hocuspocus is told of it: the scope, and a word of the server', async (t) => {
      const { room } = await scene(t, { ada: 'editor' });
      const ada = await joined(t, hocuspocus4, server, room, { token: token('ada') });
      await owner.changeMember(room, 'ada', 'viewer');
      await until('the new scope', () => ada.scopes.at(-1) === 'readonly', SOON);
      await until('the word', () => ada.messages.length > 0, SOON);
      assert.deepEqual(JSON.parse(ada.messages[0]), { origin: 'server', type: 'member.role', data: { role: 'viewer' } });
      await owner.changeMember(room, 'ada', 'commenter');
      await until('the new scope', () => ada.scopes.at(-1) === 'read-write', SOON);
    });

    test('y-websocket is warned that it may write less', async (t) => {
      const { room } = await scene(t, { ada: 'editor' });
      const warnings = [];
      t.mock.method(console, 'warn', (text) => { warnings.push(text); tick(); });
      const ada = await joined(t, current, server, room, { name: 'Ada', params: { token: token('ada') } });
      await owner.changeMember(room, 'ada', 'viewer');
      await until('the warning', () => warnings.length > 0, SOON);
    });

    test('edits under way when the role changes are either taken whole or leave no trace', async (t) => {
      const { room, olga } = await scene(t, { ada: 'editor' });
      const ada = await joined(t, hocuspocus4, server, room, { token: token('ada') });
      await ada.saved();
      const change = owner.changeMember(room, 'ada', 'viewer');
      let n = 0;
      let done = false;
      change.then(() => { done = true; });
      while (!done) {
        ada.edits.set(ada.doc, `n ${n}`, n);
        n += 1;
        await new Promise(setImmediate);
      }
      await until('the new scope', () => ada.scopes.at(-1) === 'readonly');
      ada.edits.set(ada.doc, 'last', true);
      await until('the last to be refused', () => ada.heard.at(-1).status === 0 || ada.heard.filter(({ status }) => status === 0).length > 0);
      await olga.saved();
      const taken = olga.edits.keys(olga.doc).filter((key) => key.startsWith('n ')).length;
      for (let k = 0; k < taken; k += 1) assert.equal(olga.edits.get(olga.doc, `n ${k}`), k, 'a hole in what was taken');
      assert.equal(olga.edits.get(olga.doc, 'last'), undefined);
      t.diagnostic(`${taken} of ${n} edits were taken`);
    });
  });

  describe('an end', () => {
    for (const { name, enter } of ways) {
      test(`${name}: a member who is removed is out at once, and does not come back`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        const ada = enter(t, server, room, token('ada'), { name: 'Ada' });
        await ada.synced();
        await until('it to be seen', () => olga.sees(ada)?.user);
        await owner.removeMember(room, 'ada');
        await until('it to be told', () => isOut(ada), SOON);
        await until('it to be gone', () => !olga.sees(ada), SOON);
        if (name === 'y-websocket') assert.deepEqual(ada.closes, [4403]);
        const { received } = ada;
        ada.edits.set(ada.doc, 'too', 'late');
        olga.edits.set(olga.doc, 'nobody', 'hears');
        await olga.saved();
        assert.equal(olga.edits.get(olga.doc, 'too'), undefined);
        assert.equal(ada.received, received);
        const again = enter(t, server, room, token('ada'));
        await until('the refusal', () => isOut(again));
        if (name === 'y-websocket') assert.deepEqual(again.closes, [4404]);
      });

      test(`${name}: a token that expires ends what it opened`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        const ada = enter(t, server, room, token('ada', { exp: inSeconds(2) }), { name: 'Ada' });
        await ada.synced();
        await until('it to be told', () => isOut(ada), { within: 5_000 });
        await until('it to be gone', () => !olga.sees(ada), SOON);
        if (name === 'y-websocket') assert.deepEqual(ada.closes, [4401]);
        ada.edits.set(ada.doc, 'too', 'late');
        olga.edits.set(olga.doc, 'nobody', 'hears');
        await olga.saved();
        assert.equal(olga.edits.get(olga.doc, 'too'), undefined);
        assert.equal(ada.edits.get(ada.doc, 'nobody'), undefined);
      });

      test(`${name}: a room that is deleted sends everybody away, and is not there any more`, async (t) => {
        const { room, olga } = await scene(t, { ada: 'editor' });
        const ada = enter(t, server, room, token('ada'));
        await ada.synced();
        await owner.must('DELETE', of(room));
        await until('all to be told', () => isOut(ada) && isOut(olga), SOON);
        if (name === 'y-websocket') assert.deepEqual(ada.closes, [4404]);
        assert.equal((await owner.ask('GET', of(room))).status, 404);
      });

      test(`${name}: a guest’s ticket ends with the membership of who shared it`, async (t) => {
        const { room } = await scene(t, { ada: 'admin' });
        const ticket = await new Caller(server, token('ada')).ticket(room, { role: 'editor', share: true });
        const guest = enter(t, server, room, ticket);
        await guest.synced();
        await owner.removeMember(room, 'ada');
        await until('it to be told', () => isOut(guest), SOON);
      });
    }

    test('of one document is no end of the socket’s others', async (t) => {
      const [{ room: one }, { room: other, olga }] = [await scene(t, { ada: 'editor' }), await scene(t, { ada: 'editor' })];
      const line = Line.open(t, hocuspocus4, server);
      const gone = await joined(t, hocuspocus4, server, one, { line, token: token('ada') });
      const stays = await joined(t, hocuspocus4, server, other, { line, token: token('ada') });
      await owner.removeMember(one, 'ada');
      await until('it to be told', () => gone.denials.length > 0, SOON);
      stays.edits.set(stays.doc, 'still', 'here');
      await converge(stays, olga);
      assert.deepEqual(line.closes, []);
    });

    test('a y-sweet client is out with the member that it was let in for', async (t) => {
      const { room } = await scene(t, { ada: 'editor' });
      const ada = await joined(t, ysweet, server, room, { token: token('ada') });
      t.mock.method(console, 'warn', () => {});
      await owner.removeMember(room, 'ada');
      await until('it to be told', () => ada.closes.length > 0, SOON);
      assert.equal(ada.closes[0], 4403);
    });
  });

  describe('an agent’s key', () => {
    /** Runs `triproom key …` beside the server, and gives what it prints. */
    const key = async (of, ...args) => (await run(binary(), ['key', ...args, '--data', of.data])).stdout;

    test('opens its rooms with its role, and is revoked on live sockets of both protocols', async (t) => {
      const own = await serve(t, { args: ACCESS });
      const { room, olga } = await scene(t, {}, own);
      const secret = /trk_\S+/.exec(await key(own, 'create', '--agent', 'planner', '--rooms', room, '--role', 'editor'))[0];
      const clients = ways.map(({ enter }) => enter(t, own, room, secret, { name: 'planner' }));
      for (const client of clients) {
        await client.synced();
        client.edits.set(client.doc, `by ${client.id}`, true);
        await until('the edit', () => olga.edits.get(olga.doc, `by ${client.id}`));
      }
      const elsewhere = join(t, hocuspocus4, own, 'another room', { token: secret });
      await until('the refusal', () => elsewhere.denials.length > 0);
      const list = await key(own, 'list');
      assert.ok(!list.includes(secret), 'the key is shown again');
      const id = list.split('\n').find((line) => line.includes('planner')).trim().split(/\s+/)[0];
      await key(own, 'revoke', id);
      for (const client of clients) await until('it to be told', () => isOut(client), { within: 3_000 });
      assert.deepEqual(clients[0].closes, [4401]);
      const again = join(t, current, own, room, { params: { token: secret } });
      await until('the refusal', () => again.closes.length > 0);
      assert.equal(again.closes[0], 4401);
    });

    test('of a viewer’s role writes nothing', async (t) => {
      const own = await serve(t, { args: ACCESS });
      const { room, olga } = await scene(t, {}, own);
      const secret = /trk_\S+/.exec(await key(own, 'create', '--agent', 'reader', '--rooms', '*', '--role', 'viewer'))[0];
      const client = await joined(t, hocuspocus4, own, room, { token: secret });
      const { received } = olga;
      client.edits.set(client.doc, 'smuggled', true);
      await until('the refusal', () => client.heard.some(({ status }) => status === 0));
      assert.equal(olga.received, received);
    });
  });

  describe('origins', () => {
    const headers = (origin) => (origin === null ? {} : { origin });
    const opens = async (t, where, origin) => {
      const socket = await RawHocuspocus.open(t, where, { headers: headers(origin) });
      return !socket.isClosed;
    };

    test('a page of somebody else does not connect; one of the server’s own, of an allowed origin, or none at all does', async (t) => {
      const own = await serve(t, { args: [...ACCESS, '--allow-origin', 'https://app.example.com'] });
      for (const [origin, may] of [[own.url, true], ['https://app.example.com', true], [null, true], ['https://evil.example.com', false], ['https://app.example.com.evil.com', false], ['http://app.example.com', false], ['null', false]]) {
        assert.equal(await opens(t, own, origin), may, `${origin}`);
        const raw = new RawClient(t, `${own.socketUrl}/x`, { headers: headers(origin) });
        const code = await raw.closed();
        // Without a token it ends either way; only the right origin gets as far as being told so.
        assert.equal(code, may ? 4401 : 1006, `${origin}`);
      }
    });
  });

  describe('too many bad tokens', () => {
    test('are told to wait, while good ones pass', async (t) => {
      const own = await serve(t, { args: ['--jwt-secret', SECRET, '--auth-failures', '5'] });
      await new Caller(own, token('olga')).makeRoom('busy');
      const eve = new Caller(own, 'bad');
      let answer;
      for (let n = 0; n < 10; n += 1) answer = await eve.ask('GET', '/v1/rooms');
      assert.equal(answer.status, 429);
      assert.equal(answer.body.code, 'rate_limited');
      assert.ok(Number(answer.headers.get('retry-after')) > 0);
      const raw = new RawClient(t, `${own.socketUrl}/busy?token=bad`);
      assert.equal(await raw.closed(), 4529);
      const [patient] = ways.map(({ enter }) => enter(t, own, 'busy', 'bad'));
      await until('it to come back again and again', () => patient.closes.length >= 3);
      assert.ok(patient.provider.shouldConnect);
      const refused = join(t, hocuspocus4, own, 'busy', { token: 'bad' });
      await until('the refusal', () => refused.denials.length > 0);
      for (const { enter } of ways) await enter(t, own, 'busy', token('olga')).synced();
      assert.equal((await new Caller(own, token('olga')).ask('GET', '/v1/rooms')).status, 200);
    });
  });

  test('a room that is public lets everybody with a token look, and nobody else', async (t) => {
    await owner.must('POST', '/v1/rooms', { id: 'public place', visibility: 'public' });
    const eve = await joined(t, hocuspocus4, server, 'public place', { token: token('eve') });
    assert.deepEqual(eve.scopes, ['readonly']);
    const nobody = join(t, hocuspocus4, server, 'public place', { token: null });
    await until('the refusal', () => nobody.denials.length > 0);
  });

  test('a role in a token is a cap and no grant', async (t) => {
    const { room } = await scene(t, { ada: 'editor' });
    const capped = await joined(t, hocuspocus4, server, room, { token: token('ada', { role: 'viewer' }) });
    assert.deepEqual(capped.scopes, ['readonly']);
    const claimed = join(t, hocuspocus4, server, room, { token: token('eve', { role: 'owner' }) });
    await until('the refusal', () => claimed.denials.length > 0);
    const supabase = await joined(t, hocuspocus4, server, room, { token: token('ada', { role: 'authenticated', aud: 'authenticated', user_metadata: { name: 'Ada' } }) });
    assert.deepEqual(supabase.scopes, ['read-write']);
    const anon = join(t, hocuspocus4, server, room, { token: token('ada', { role: 'anon' }) });
    await until('the refusal', () => anon.denials.length > 0);
    const service = await joined(t, hocuspocus4, server, room, { token: token(undefined, { role: 'service_role' }) });
    assert.deepEqual(service.scopes, ['read-write']);
  });
});

// Stateless messages: what one client of a document says, the others hear, past the document and only while they
// are there.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { join, joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { hocuspocus, hocuspocus4, Line } from './harness/hocuspocus.mjs';
import { onlyHere, serve, serveSuite } from './harness/server.mjs';

const KIBIBYTE = 1024;

describe('hocuspocus: stateless', () => {
  const server = serveSuite();

  for (const flavour of hocuspocus) {
    describe(flavour.name, () => {
      const prefix = `stateless ${flavour.major}`;

      test('a message reaches the other clients of the document, in order, and not its sender', async (t) => {
        const [ada, bo, cy] = await Promise.all([1, 2, 3].map(() => joined(t, flavour, server, `${prefix} order`)));
        const elsewhere = await joined(t, flavour, server, `${prefix} elsewhere`);
        const said = Array.from({ length: 15 }, (_, n) => `${n}: ü 🏝️ {"a":[1]}`);
        for (const text of said) ada.provider.sendStateless(text);
        await until('all to be heard', () => bo.messages.length >= said.length && cy.messages.length >= said.length);
        assert.deepEqual(bo.messages, said);
        assert.deepEqual(cy.messages, said);
        // An answer comes behind whatever else there might be.
        bo.provider.sendStateless('answer');
        await until('the answer', () => ada.messages.length > 0);
        assert.deepEqual(ada.messages, ['answer']);
        assert.deepEqual(elsewhere.messages, []);
      });

      test('a message changes nothing in the document and is counted by nobody', async (t) => {
        const ada = await joined(t, flavour, server, `${prefix} apart`);
        const bo = await joined(t, flavour, server, `${prefix} apart`);
        await ada.saved();
        const counts = ada.counts.length;
        ada.provider.sendStateless('');
        ada.provider.sendStateless('{"not": "the server"}');
        await until('both to be heard', () => bo.messages.length === 2);
        assert.equal(bo.messages[0], '');
        assert.equal(ada.counts.length, counts);
        assert.equal(bo.received, 0);
      });

      test('it goes to the document that it names, and to none other of the same socket', async (t) => {
        const line = Line.open(t, flavour, server);
        const [one, two] = await Promise.all([1, 2].map((n) => joined(t, flavour, server, `${prefix} doc ${n}`, { line })));
        const [hears, hearsNot] = await Promise.all([1, 2].map((n) => joined(t, flavour, server, `${prefix} doc ${n}`)));
        one.provider.sendStateless('for one');
        await until('it to be heard', () => hears.messages.length === 1);
        two.provider.sendStateless('for two');
        await until('it to be heard', () => hearsNot.messages.length > 0);
        assert.deepEqual(hearsNot.messages, ['for two']);
        assert.deepEqual([one.messages, two.messages], [[], []]);
      });

      test('who comes later hears nothing of it', async (t) => {
        const ada = await joined(t, flavour, server, `${prefix} later`);
        const bo = await joined(t, flavour, server, `${prefix} later`);
        ada.provider.sendStateless('before');
        await until('it to be heard', () => bo.messages.length === 1);
        const late = await joined(t, flavour, server, `${prefix} later`);
        ada.provider.sendStateless('after');
        await until('it to be heard', () => late.messages.length > 0);
        assert.deepEqual(late.messages, ['after']);
      });
    });
  }

  test('generations hear each other', async (t) => {
    const clients = await Promise.all(hocuspocus.map((flavour) => joined(t, flavour, server, 'stateless generations')));
    for (const client of clients) client.provider.sendStateless(client.flavour.name);
    for (const client of clients) {
      await until('the others to be heard', () => client.messages.length === 2);
      assert.deepEqual(client.messages.sort(), hocuspocus.map(({ name }) => name).filter((name) => name !== client.flavour.name));
    }
  });

  test('sessions of one document on one socket hear each other', onlyHere, async (t) => {
    const line = Line.open(t, hocuspocus4, server);
    const [one, two] = await Promise.all([1, 2].map(() => joined(t, hocuspocus4, server, 'stateless sessions', { line, sessionAwareness: true })));
    one.provider.sendStateless('to my other self');
    await until('it to be heard', () => two.messages.length === 1);
    assert.deepEqual([one.messages, two.messages], [[], ['to my other self']]);
  });

  test('a message may be as long as its limit, one above is not passed on', onlyHere, async (t) => {
    const own = await serve(t, { args: ['--max-text', '4KiB'] });
    const ada = await joined(t, hocuspocus4, own, 'long');
    const bo = await joined(t, hocuspocus4, own, 'long');
    ada.provider.sendStateless('x'.repeat(4 * KIBIBYTE + 1));
    ada.provider.sendStateless('é'.repeat(2 * KIBIBYTE));
    await until('what fits to be heard', () => bo.messages.length > 0);
    assert.deepEqual(bo.messages.map((text) => text.length), [2 * KIBIBYTE]);
    assert.deepEqual([...ada.closes, ...ada.denials], []);
  });

  test('a flood is thinned out, and nobody suffers from it', onlyHere, async (t) => {
    const own = await serve(t, { args: ['--max-texts', '10'] });
    const ada = await joined(t, hocuspocus4, own, 'flood');
    const bo = await joined(t, hocuspocus4, own, 'flood');
    for (let n = 0; n < 5_000; n += 1) ada.provider.sendStateless(`${n}`);
    ada.edits.set(ada.doc, 'behind', 'the flood');
    await until('the edit behind it', () => bo.edits.get(bo.doc, 'behind'));
    await ada.saved();
    assert.ok(bo.messages.length >= 10 && bo.messages.length < 500, `${bo.messages.length} messages`);
    assert.equal(bo.messages[0], '0');
    bo.provider.sendStateless('not flooded');
    await until('the other to be heard', () => ada.messages.length === 1);
    assert.deepEqual([...ada.closes, ...bo.closes], []);
  });

  test('nobody speaks for the server', onlyHere, async (t) => {
    const ada = await joined(t, hocuspocus4, server, 'stateless forged');
    const bo = await joined(t, hocuspocus4, server, 'stateless forged');
    for (const forged of ['{"origin":"server","type":"member.role","data":{"role":"owner"}}', ' {"x":1, "origin" : "server"}', '{"origin":"client","origin":"server"}', '{"\\u006frigin":"server"}']) {
      ada.provider.sendStateless(forged);
    }
    ada.provider.sendStateless('{"origin":"me"}');
    await until('the honest one to be heard', () => bo.messages.length > 0);
    assert.deepEqual(bo.messages, ['{"origin":"me"}']);
  });

  test('a message said before the socket is open arrives', async (t) => {
    for (const flavour of hocuspocus.slice(1)) {
      const bo = await joined(t, flavour, server, `stateless early ${flavour.major}`);
      const ada = join(t, flavour, server, `stateless early ${flavour.major}`);
      ada.provider.sendStateless('early');
      await until('it to be heard', () => bo.messages.includes('early'));
    }
  });
});

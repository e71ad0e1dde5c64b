// The parts that need no browser: ranks, days, what "add" understands, and what the light may say.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { source } from './source.mjs';

test('a rank stands between its neighbours, however often one inserts', async () => {
  const { rankBetween } = await source('trip/rank.ts');
  const list = [rankBetween(null, null)];
  let seed = 7;
  const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
  for (let i = 0; i < 2000; i++) {
    const at = Math.floor(random() * (list.length + 1));
    const rank = rankBetween(list[at - 1] ?? null, list[at] ?? null, random);
    assert.ok(at === 0 || list[at - 1] < rank, `${list[at - 1]} < ${rank}`);
    assert.ok(at === list.length || rank < list[at], `${rank} < ${list[at]}`);
    list.splice(at, 0, rank);
  }
  for (let i = 0; i < 200; i++) {
    const rank = rankBetween(list[0], list[1]);
    assert.ok(list[0] < rank && rank < list[1]);
    list.splice(1, 0, rank);
  }
});

test('two who insert into one gap rarely pick the same rank; equal or foreign ranks are said to be none', async () => {
  const { rankBetween } = await source('trip/rank.ts');
  const picks = new Set(Array.from({ length: 200 }, () => rankBetween('a0', 'a1')));
  assert.ok(picks.size > 180, `${picks.size} of 200 differ`);
  assert.equal(rankBetween('a1', 'a1'), null);
  assert.equal(rankBetween('', 'a1'), null);
  assert.equal(rankBetween('%%', null), null);
});

test('days run from first to last, over months and leap days, and never without end', async () => {
  const { daysBetween, addDays, isDay, onDay, clock } = await source('trip/days.ts');
  assert.deepEqual(daysBetween('2028-02-28', '2028-03-01'), ['2028-02-28', '2028-02-29', '2028-03-01']);
  assert.deepEqual(daysBetween('2026-05-04', '2026-05-01'), []);
  assert.ok(daysBetween('2026-01-01', '9999-01-01').length <= 366);
  assert.equal(addDays('2026-12-31', 1), '2027-01-01');
  assert.equal(isDay('2026-02-31T10:00'), false);
  assert.equal(isDay('2026-13-01'), false);
  assert.equal(isDay(null), false);
  assert.equal(onDay('2026-05-05T06:00:00+01:00', '2026-05-04', '2026-05-10'), '2026-05-11T06:00:00+01:00');
  assert.equal(onDay(null, '2026-05-04', '2026-05-10'), null);
  assert.equal(clock('2026-05-05T06:00:00-09:00'), '06:00');
});

test('"add" understands a leading time and common words, and nothing more', async () => {
  const { readQuick } = await source('trip/quick.ts');
  const dinner = readQuick('  19:30  Dinner at Ramiro ', '2026-05-04');
  assert.equal(dinner.title, 'Dinner at Ramiro');
  assert.equal(dinner.kind, 'meal');
  assert.match(dinner.start, /^2026-05-04T19:30:00([+-]\d\d:\d\d|Z)$/);
  assert.equal(readQuick('25:00 sharp', '2026-05-04').title, '25:00 sharp');
  assert.equal(readQuick('Trainspotting', null).kind, 'activity');
  assert.equal(readQuick('   ', null), null);
  assert.equal(readQuick('8:00 Run', null).start, undefined, 'no time without a day');
});

test('a room’s link leads back to the room, whatever its name', async () => {
  const { pathOfRoom, roomFromPath, newRoomId } = await source('room/address.ts');
  for (const room of ['a', '日本 2026', 'a/b?c#d', '100%', '%zz', ' ', '..']) assert.equal(roomFromPath(pathOfRoom(room)), room);
  assert.equal(roomFromPath('/'), null);
  assert.equal(roomFromPath('/trip/'), null);
  assert.equal(roomFromPath('/trip/100%'), '100%');
  assert.match(newRoomId('Île de Ré!'), /^ile-de-re-[a-z2-9]{12}$/);
  assert.match(newRoomId('日本'), /^trip-[a-z2-9]{12}$/);
});

test('the light says saved only for what was echoed', async (t) => {
  const { SaveLight } = await source('room/save-light.ts');
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const marks = { inherited: false, count: 0, set: (count) => (marks.count = count), clear: () => (marks.count = 0) };
  const asked = [];
  const light = new SaveLight(marks, (version) => asked.push(version));
  const now = () => light.light;

  assert.equal(now(), 'connecting');
  light.socketOpened();
  assert.equal(now(), 'connecting');
  light.documentsExchanged();
  assert.deepEqual(asked, [1]);
  assert.equal(now(), 'connecting', 'not before the first echo');
  light.echoed(1);
  assert.equal(now(), 'saved');

  light.localChange();
  light.localChange();
  assert.equal(now(), 'saving');
  t.mock.timers.tick(1000);
  assert.deepEqual(asked, [1, 2], 'changes are gathered into one question');
  light.localChange();
  light.echoed(1);
  assert.equal(now(), 'saving', 'an old answer counts for nothing');
  light.echoed(2);
  assert.equal(now(), 'saving', 'the third change came after the question');
  assert.deepEqual(asked, [1, 2, 3]);
  assert.notEqual(marks.count, 0);
  light.echoed(3);
  assert.equal(now(), 'saved');
  assert.equal(marks.count, 0);

  light.localChange();
  light.hold();
  assert.equal(now(), 'held', 'a server that takes no changes is not called saving');
  light.socketClosed(1006);
  assert.equal(now(), 'offline');
  assert.equal(light.unsaved, true);
  light.echoed(3);
  light.echoed(4);
  assert.equal(light.unsaved, true, 'no answer from a closed socket counts');
  light.socketOpened();
  assert.equal(now(), 'connecting');
  t.mock.timers.tick(1000);
  assert.deepEqual(asked, [1, 2, 3], 'nothing is asked before the documents are exchanged');
  light.documentsExchanged();
  assert.equal(now(), 'saving');
  light.echoed(4);
  assert.equal(now(), 'saved');

  light.socketClosed(1012);
  assert.equal(now(), 'restarting');
  t.mock.timers.tick(31_000);
  assert.equal(now(), 'offline');
});

test('a socket that comes back with a new ticket leaves what was saved saved, and nothing else', async (t) => {
  const { SaveLight } = await source('room/save-light.ts');
  t.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  const light = new SaveLight({ inherited: false, set() {}, clear() {} }, () => {});
  const renew = () => {
    light.socketClosed(4401);
    light.renewing();
  };
  light.socketOpened();
  renew();
  assert.equal(light.light, 'connecting', 'nothing was confirmed yet');
  light.socketOpened();
  light.documentsExchanged();
  light.echoed(1);
  assert.equal(light.light, 'saved');
  renew();
  assert.equal(light.light, 'saved');
  light.localChange();
  assert.equal(light.light, 'connecting', 'a change is not saved by having been quick');
  light.socketOpened();
  light.documentsExchanged();
  light.echoed(2);
  assert.equal(light.light, 'saved');
  renew();
  t.mock.timers.tick(3001);
  assert.equal(light.light, 'connecting', 'a socket that does not come back is missed');
  light.socketClosed(1006);
  assert.equal(light.light, 'offline');
  light.socketOpened();
  light.documentsExchanged();
  light.echoed(3);
  renew();
  light.socketClosed(1006);
  assert.equal(light.light, 'offline', 'a line that breaks while it comes back is broken');
});

test('each role is shown what it may do, and no more', async () => {
  const { grantableTo, linkRoles, mayLeave, mayRemove, ownerName, roleFrom } = await source('room/role.ts');
  const member = (principal, role, name = principal) => ({ principal, kind: 'user', name, role });
  const members = [member('ada', 'owner', 'Ada'), member('cleo', 'admin'), member('ben', 'viewer')];
  const as = (id, role, editorsMayInvite = false) => ({ role, me: { id, kind: 'user', name: id }, members, editorsMayInvite });
  assert.deepEqual(linkRoles(as('ada', 'owner')), ['viewer', 'commenter', 'editor']);
  assert.deepEqual(linkRoles(as('cleo', 'admin')), ['viewer', 'commenter', 'editor']);
  assert.deepEqual(linkRoles(as('dan', 'editor')), []);
  assert.deepEqual(linkRoles(as('dan', 'editor', true)), ['viewer', 'commenter']);
  assert.deepEqual(linkRoles(as('guest:1', 'editor', true)), [], 'a guest lets nobody in');
  for (const role of ['viewer', 'commenter']) assert.deepEqual(linkRoles(as('dan', role, true)), []);

  assert.deepEqual(grantableTo(as('ada', 'owner'), members[0]), [], 'nobody changes their own role');
  assert.equal(grantableTo(as('ada', 'owner'), members[1]).length, 5);
  assert.deepEqual(grantableTo(as('cleo', 'admin'), members[0]), []);
  assert.deepEqual(grantableTo(as('cleo', 'admin'), members[2]), ['viewer', 'commenter', 'editor']);
  assert.deepEqual(grantableTo(as('dan', 'editor', true), members[2]), []);
  assert.equal(mayRemove(as('cleo', 'admin'), members[2]), true);
  assert.equal(mayRemove(as('cleo', 'admin'), members[0]), false);

  assert.equal(mayLeave(as('ada', 'owner')), false, 'a trip keeps an owner');
  assert.equal(mayLeave(as('ben', 'viewer')), true);
  assert.equal(mayLeave(as('guest:1', 'viewer')), false);
  assert.equal(ownerName(as('ben', 'viewer')), 'Ada');
  assert.equal(ownerName(as('ada', 'owner')), null);
  assert.equal(roleFrom('emperor'), 'viewer');
});

test('a socket’s address is the server’s word for it, and never less safe than the page', async () => {
  const { yjsAddress } = await source('room/address.ts');
  globalThis.location = { origin: 'https://trips.example', protocol: 'https:' };
  assert.deepEqual(yjsAddress('a/b', null), { server: 'wss://trips.example/yjs', path: 'a%2Fb' });
  assert.deepEqual(yjsAddress('a', 'ws://trips.example/yjs/a'), { server: 'wss://trips.example/yjs', path: 'a' });
  assert.deepEqual(yjsAddress('a', 'wss://live.example/x/yjs/a%2Fyjs'), { server: 'wss://live.example/x/yjs', path: 'a%2Fyjs' });
  globalThis.location = { origin: 'http://127.0.0.1:8080', protocol: 'http:' };
  assert.deepEqual(yjsAddress('a', 'ws://127.0.0.1:8080/yjs/a'), { server: 'ws://127.0.0.1:8080/yjs', path: 'a' });
  delete globalThis.location;
});

test('marks of an earlier visit keep the light honest until the server has everything', async () => {
  const store = new Map();
  globalThis.localStorage = {
    get length() {
      return store.size;
    },
    key: (i) => [...store.keys()][i] ?? null,
    getItem: (key) => store.get(key) ?? null,
    setItem: (key, value) => store.set(key, value),
    removeItem: (key) => store.delete(key),
  };
  const { UnsavedMarks } = await source('room/unsaved.ts');
  const first = new UnsavedMarks('trip/1', '11');
  assert.equal(first.inherited, false);
  first.set(1);
  const second = new UnsavedMarks('trip/1', '22');
  assert.equal(second.inherited, true);
  assert.equal(new UnsavedMarks('trip/1.', '33').inherited, false, 'another trip’s marks are its own');
  first.set(2); // The other tab goes on while this one has its copy confirmed.
  second.clear();
  assert.equal(new UnsavedMarks('trip/1', '44').inherited, true, 'what came later is still unconfirmed');
  first.clear();
  assert.equal(store.size, 0);
});

test('a pointer names an item by its id, whatever the id holds, or the root that it points into', async () => {
  const { itemIn, itemPointer, wholeThing } = await source('trip/pointer.ts');
  for (const id of ['a1', 'a/b', 'a~b', '~1', '/']) {
    assert.equal(itemIn(itemPointer(id)), id);
    assert.equal(itemIn(`${itemPointer(id)}/day`), id);
    assert.equal(wholeThing(`${itemPointer(id)}/place/name`), itemPointer(id));
  }
  assert.equal(itemIn('/items'), null);
  assert.equal(itemIn('/notes'), null);
  assert.equal(wholeThing('/budget/categories/food'), '/budget');
  assert.equal(wholeThing('/items'), '/items');
});

test('what the server says of a trip is put into this page’s words', async () => {
  const { plainWords } = await source('trip/plain-words.ts');
  assert.equal(
    plainWords('“Fado” begins at 2026-05-04 20:00+01:00, before “Dinner” ends at 2026-05-04 21:00+01:00.'),
    '“Fado” begins at 20:00 on 4 May, before “Dinner” ends at 21:00 on 4 May.',
  );
  assert.equal(
    plainWords('“A” begins at 2026-05-04 20:00+01:00, before “B” arrives at 2026-05-04 21:00+02:00.'),
    '“A” begins at 20:00 (UTC+01:00) on 4 May, before “B” arrives at 21:00 (UTC+02:00) on 4 May.',
  );
  assert.equal(plainWords('“Surf” is on 2026-05-12, after the trip ends on 2026-05-08.'), '“Surf” is on 12 May, after the trip ends on 8 May.');
  assert.equal(plainWords('Choose a day of the trip, or change /trip/end_date.'), 'Choose a day of the trip, or change the trip’s last day.');
  assert.equal(plainWords('A note about 2026-99-99.'), 'A note about 2026-99-99.');
});

test('events are read leniently: what is missing or strange is empty', async () => {
  const { eventFrom } = await source('room/event.ts');
  const event = eventFrom({ v: 1, id: '17', type: 'chat.message', at: '2026-05-01T09:30:00.000Z', from: { kind: 'agent', id: 'agent:planner' }, data: { text: 'Hello' } });
  assert.deepEqual(event, { type: 'chat.message', id: 17, at: Date.parse('2026-05-01T09:30:00Z'), from: { id: 'agent:planner', name: 'planner', agent: true }, data: { text: 'Hello' } });
  for (const value of [null, 7, 'text', [], {}, { type: 3 }]) assert.equal(eventFrom(value), null);
  const bare = eventFrom({ type: 'x', id: 'y', from: 'z', data: null });
  assert.deepEqual([bare.id, bare.from, bare.data], [null, null, {}]);
});

test('of two long texts only the words that differ are shown', async () => {
  const { whatDiffers } = await source('view/suggestion-words.ts');
  assert.deepEqual(whatDiffers('Bring cash.', 'Bring cash.\nBring water.'), ['', 'Bring water.']);
  assert.deepEqual(whatDiffers('See the castle at nine', 'See the castles at nine'), ['castle', 'castles']);
  assert.deepEqual(whatDiffers('One cat now', 'One cut now'), ['cat', 'cut']);
  assert.deepEqual(whatDiffers('Keep this, not that', 'Keep this'), ['this, not that', 'this']);
  assert.deepEqual(whatDiffers('Same', 'Same'), ['', '']);
});

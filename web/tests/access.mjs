// What tests of a server that asks who people are stand on: people with tokens, trips with members, links.

import { execFileSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { WEEK, binary, person, saved, startServer, tripUrl } from './harness.mjs';

export const MON = WEEK.start_date;

const SECRET = 'a secret that only these tests know';

/** A server that wants tokens, on which a token ends when it says so. */
export const startAccessServer = (...options) => startServer('--jwt-secret', SECRET, '--jwt-leeway', '0s', ...options);

/** A token as a login gives it (JWT, HS256); `seconds` is how long it holds. */
export function tokenOf(id, { name = id, seconds = 3600 } = {}) {
  const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = { sub: id, name, exp: Math.floor(Date.now() / 1000) + seconds };
  const signed = `${encode({ alg: 'HS256', typ: 'JWT' })}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

export async function rest(server, token, method, path, body) {
  const answer = await fetch(`${server.url}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  const text = await answer.text();
  return text ? JSON.parse(text) : null;
}

let trips = 0;

/** A trip of Ada's, with these members beside her: `{ ben: 'viewer' }`. */
export async function newTrip(server, members = {}, settings = {}) {
  const room = `access ${process.pid}/${++trips} é`;
  const path = `/rooms/${encodeURIComponent(room)}`;
  const ada = tokenOf('ada', { name: 'Ada Lovelace' });
  await rest(server, ada, 'POST', '/rooms', { id: room, ...WEEK });
  for (const [id, role] of Object.entries(members)) {
    await rest(server, ada, 'POST', `${path}/members`, { principal: id, name: nameOf(id), role });
  }
  if (Object.keys(settings).length > 0) await rest(server, ada, 'PATCH', path, settings);
  return {
    room,
    url: tripUrl(server.url, room),
    link: (token) => `${tripUrl(server.url, room)}#token=${token}`,
    setRole: (id, role) => rest(server, ada, 'PATCH', `${path}/members/${id}`, { role }),
    remove: (id) => rest(server, ada, 'DELETE', `${path}/members/${id}`),
    share: async (role, seconds = 3600) => (await rest(server, ada, 'POST', `${path}/tickets`, { role, share: true, ttl_s: seconds })).ticket,
    delete: () => rest(server, ada, 'DELETE', path),
  };
}

export const nameOf = (id) => (id === 'ada' ? 'Ada Lovelace' : id[0].toUpperCase() + id.slice(1));

/** An API key with which an agent comes into every room. */
export const keyFor = (server, agent, role = 'editor') =>
  execFileSync(binary(), ['key', 'create', '--agent', agent, '--rooms', '*', '--role', role, '--data', server.data], { encoding: 'utf8' }).match(/trk_\S+/)[0];

/** Opens the trip on this page with somebody's token. */
export async function comeIn(page, trip, id) {
  await page.goto(trip.link(tokenOf(id, { name: nameOf(id) })));
  await saved(page);
}

/** Somebody with their token, in the trip. */
export async function enter(browser, trip, id, options) {
  const page = await person(browser, null, options);
  await comeIn(page, trip, id);
  return page;
}

export const roleLine = (page) => page.locator('[data-test=role]');
export const barred = (page, why) => page.locator(`[data-test=barred][data-why="${why}"]`).waitFor();

// Stands in for a server that asks who people are: tokens, members, tickets and roles in front of the real binary,
// which runs open behind it and keeps the documents. For states that a test has to bring about by hand.

import { createHmac, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import * as Y from 'yjs';
import { WEB, startServer } from './harness.mjs';

const { ws: WebSocket, wsServer: WebSocketServer } = createRequire(import.meta.url)('playwright-core/lib/utilsBundle');
const ROLES = ['viewer', 'commenter', 'editor', 'admin', 'owner'];
const rank = (role) => ROLES.indexOf(role);
const least = (...roles) => roles.reduce((a, b) => (rank(a) < rank(b) ? a : b));
export const SECRET = 'a secret for tests, 32 bytes long.';

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
export function sign(claims, header = {}) {
  const body = `${encode({ alg: 'HS256', typ: 'JWT', ...header })}.${encode({ exp: Math.floor(Date.now() / 1000) + 3600, ...claims })}`;
  return `${body}.${createHmac('sha256', SECRET).update(body).digest('base64url')}`;
}
function verify(token) {
  const [header, claims, signature] = token.split('.');
  const right = createHmac('sha256', SECRET).update(`${header}.${claims}`).digest('base64url');
  if (signature !== right) throw problem(401, 'auth_failed', 'The token is not valid.');
  const said = JSON.parse(Buffer.from(claims, 'base64url'));
  if (said.exp * 1000 <= Date.now()) throw problem(401, 'token_expired', 'The token has expired.');
  return { ...said, ticket: JSON.parse(Buffer.from(header, 'base64url')).typ.includes('ticket') };
}
const problem = (status, code, detail) => Object.assign(new Error(code), { problem: { type: 'about:blank', title: code, status, code, detail } });

export async function startStandIn() {
  const real = await startServer();
  const rooms = new Map();
  const sockets = new Set();
  const self = { real, rooms, ticketMs: 600_000, refuseApi: null, asked: [] };

  const roleIn = (who, name) => {
    const room = rooms.get(name);
    if (!room || (who.room !== undefined && who.room !== name)) return null;
    if (!who.ticket) return room.members.get(who.sub)?.role ?? null;
    const by = room.members.get(who.by)?.role;
    return by ? least(who.role, by) : null;
  };
  const enter = (request, url, name) => {
    const token = /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? url.searchParams.get('token');
    if (!token) throw problem(401, 'auth_required', 'A token is needed.');
    const who = verify(token);
    if (name === undefined) return { who };
    const role = roleIn(who, name);
    if (!role) throw problem(404, 'room_not_found', 'There is no such room.');
    return { who, role, room: rooms.get(name) };
  };
  const principalOf = (who) => ({ id: who.sub, kind: 'user', ...(who.name && { name: who.name }) });
  const ticketFor = (claims) => {
    const expires = Math.min(Date.now() + self.ticketMs, (claims.until ?? Infinity) * 1000);
    const token = sign({ ...claims, exp: expires / 1000, jti: randomUUID() }, { typ: 'triproom-ticket+jwt' });
    return { ticket: token, role: claims.role, expires_at: new Date(expires).toISOString() };
  };
  const ownTicket = (who, role, room) => ticketFor({ sub: who.sub, name: who.name, room, role, by: who.by ?? who.sub, until: who.ticket ? who.exp : undefined });
  const memberList = (room) => [...room.members].map(([principal, { role, name }]) => ({ principal, kind: 'user', name, role }));

  async function api(request, url, body) {
    const [, , , roomPart, part, member] = url.pathname.split('/').map(decodeURIComponent);
    if (self.refuseApi) throw self.refuseApi;
    if (roomPart === undefined) {
      const { who } = enter(request, url);
      if (request.method === 'GET') return { rooms: [] };
      if (rooms.has(body.id)) throw problem(409, 'room_exists', 'There is a room of this name.');
      rooms.set(body.id, { settings: { visibility: 'private', editors_may_invite: false }, members: new Map([[who.sub, { role: 'owner', name: who.name }]]) });
      const { id, ...fields } = body;
      await write(real, id, (doc) => Object.entries(fields).forEach(([name, value]) => doc.getMap('trip').set(name, value)));
      return { room: id };
    }
    const { who, role, room } = enter(request, url, roomPart);
    if (part === undefined && request.method === 'GET') {
      const origin = `ws://${request.headers.host}`;
      return {
        id: roomPart, me: principalOf(who), role, settings: room.settings, document: {}, members: { items: memberList(room), next: null },
        sockets: { yjs: `${origin}/yjs/${encodeURIComponent(roomPart)}`, hocuspocus: `${origin}/hocuspocus` },
        ticket: ownTicket(who, role, roomPart),
      };
    }
    if (part === undefined && request.method === 'PATCH') return Object.assign(room.settings, body);
    if (part === undefined && request.method === 'DELETE') {
      rooms.delete(roomPart);
      follow();
      return {};
    }
    if (part === 'tickets') {
      if (!body.share) return ownTicket(who, least(body.role ?? role, role), roomPart);
      if (rank(role) < rank(body.role)) throw problem(403, 'permission_denied', 'This takes another role.');
      return ticketFor({ sub: `guest:${randomUUID()}`, room: roomPart, role: body.role, by: who.sub });
    }
    if (part === 'members' && request.method === 'POST') {
      room.members.set(body.principal, { role: body.role, name: body.name });
      return {};
    }
    if (part === 'members') {
      const theirs = room.members.get(member);
      if (!theirs) throw problem(404, 'member_not_found', 'No such member.');
      const last = theirs.role === 'owner' && memberList(room).filter((one) => one.role === 'owner').length === 1;
      if (last) throw problem(409, 'last_owner', 'The room’s last owner.');
      if (request.method === 'DELETE') room.members.delete(member);
      else theirs.role = body.role;
      follow();
      return {};
    }
    throw problem(404, 'not_found', 'Nothing is here.');
  }

  const server = createServer(async (request, response) => {
    const url = new URL(request.url, `http://${request.headers.host}`);
    if (!url.pathname.startsWith('/v1/')) return servePage(url.pathname, response);
    let body = '';
    for await (const chunk of request) body += chunk;
    self.asked.push({ method: request.method, path: url.pathname, query: url.search, authorization: request.headers.authorization });
    let status = 200;
    let answer;
    try {
      answer = await api(request, url, body ? JSON.parse(body) : {});
    } catch (error) {
      if (!error.problem) throw error;
      ({ problem: answer } = error);
      status = answer.status;
    }
    response.writeHead(status, { 'content-type': status < 400 ? 'application/json' : 'application/problem+json' }).end(JSON.stringify(answer));
  });

  const doors = new WebSocketServer({ noServer: true });
  server.on('upgrade', (request, line, head) => {
    doors.handleUpgrade(request, line, head, (near) => void serveSocket(near, request));
  });

  async function serveSocket(near, request) {
    const url = new URL(request.url, `http://${request.headers.host}`);
    const name = decodeURIComponent(url.pathname.slice('/yjs/'.length));
    let entry;
    try {
      entry = enter(request, url, name);
    } catch ({ problem: { status } }) {
      return near.close(status === 401 ? 4401 : 4404, 'refused');
    }
    const { who } = entry;
    const early = [];
    const keep = (frame) => early.push(frame);
    near.on('message', keep);
    const shadow = await shadowOf(real, name);
    near.off('message', keep);
    const far = new WebSocket(`${real.url.replace('http', 'ws')}${url.pathname}`);
    const waiting = [];
    const socket = { role: entry.role, owes: false, follow: null };
    socket.follow = () => {
      const now = roleIn(who, name);
      if (!now) near.close(rooms.has(name) ? 4403 : 4404, 'Forbidden');
      socket.role = now;
    };
    sockets.add(socket);
    const expiry = setTimeout(() => near.close(4401, 'the token has expired'), who.exp * 1000 - Date.now());
    near.on('message', (frame) => {
      const reads = rank(socket.role) < rank('editor');
      if (reads && frame[0] === 0 && frame[1] > 0 && shadow.lacks(frame, frame[1])) {
        if (!socket.owes) near.send(Buffer.from([2, 0, 2, 111, 111]));
        socket.owes = true;
        return;
      }
      if (socket.owes && frame[0] === 102) return;
      if (far.readyState === WebSocket.OPEN) far.send(frame);
      else waiting.push(frame);
    });
    for (const frame of early) near.emit('message', frame);
    far.on('open', () => waiting.forEach((frame) => far.send(frame)));
    far.on('message', (frame) => near.send(frame));
    far.on('close', (code) => near.close(code > 1000 && code !== 1005 && code !== 1006 ? code : 1011));
    near.on('close', () => {
      clearTimeout(expiry);
      sockets.delete(socket);
      far.close();
    });
  }

  const follow = () => [...sockets].forEach((socket) => socket.follow());
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  self.url = `http://127.0.0.1:${server.address().port}`;
  self.port = server.address().port;
  self.setTicketLife = (ms) => (self.ticketMs = ms ?? 600_000);
  self.end = async () => {
    server.closeAllConnections();
    server.close();
    await real.end();
  };
  return self;
}

const TYPES = { html: 'text/html; charset=utf-8', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml', webmanifest: 'application/manifest+json' };
function servePage(path, response) {
  const file = join(WEB, 'dist', path === '/' || path.startsWith('/trip/') ? 'index.html' : path);
  if (!existsSync(file)) return response.writeHead(404).end();
  response.writeHead(200, { 'content-type': TYPES[file.split('.').pop()] ?? 'text/plain' }).end(readFileSync(file));
}

/** The document as the real server has it. */
async function shadowOf(real, name) {
  const doc = new Y.Doc();
  const socket = new WebSocket(`${real.url.replace('http', 'ws')}/yjs/${encodeURIComponent(name)}`);
  socket.on('open', () => socket.send(Buffer.from([0, 0, 1, 0])));
  await new Promise((resolve) =>
    socket.on('message', (frame) => {
      if (frame[0] !== 0 || frame[1] === 0) return;
      Y.applyUpdate(doc, payload(frame));
      resolve();
    }),
  );
  return {
    lacks(frame) {
      const before = Y.encodeStateAsUpdate(doc);
      const copy = new Y.Doc();
      Y.applyUpdate(copy, before);
      Y.applyUpdate(copy, payload(frame));
      return Buffer.compare(Buffer.from(Y.encodeStateAsUpdate(copy)), Buffer.from(before)) !== 0;
    },
  };
}

function payload(frame) {
  let at = 2;
  while (frame[at] & 128) at++;
  return frame.subarray(at + 1);
}

async function write(real, name, fill) {
  const doc = new Y.Doc();
  doc.transact(() => fill(doc));
  const bytes = Y.encodeStateAsUpdate(doc);
  const length = [];
  for (let n = bytes.length; ; n >>= 7) {
    length.push(n < 128 ? n : (n & 127) | 128);
    if (n < 128) break;
  }
  const socket = new WebSocket(`${real.url.replace('http', 'ws')}/yjs/${encodeURIComponent(name)}`);
  await new Promise((resolve) => socket.on('open', resolve));
  socket.send(Buffer.from([0, 2, ...length, ...bytes]));
  socket.send(Buffer.from([102, 1, 1]));
  await new Promise((resolve) => socket.on('message', (frame) => frame[0] === 102 && resolve()));
  socket.close();
}

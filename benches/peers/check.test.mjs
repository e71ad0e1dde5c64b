// Each server, started as for a measurement: two real clients hear each other through it, and it is gone afterwards. Run by
// hand, before believing figures: `npm run check`. It takes the programs from the variables TRIPROOM, FLOOR and Y_SWEET, or
// makes them like `run`.

import assert from 'node:assert/strict';
import { kill } from 'node:process';
import { test } from 'node:test';
import { HocuspocusProvider, HocuspocusProviderWebsocket } from '@hocuspocus/provider';
import WebSocket from 'ws';
import { WebsocketProvider } from 'y-websocket';
import * as Y from 'yjs';
import { start } from './process.mjs';
import { find } from './programs.mjs';
import { servers } from './servers.mjs';

const { TRIPROOM: triproom, FLOOR: floor, Y_SWEET } = process.env;
const tools = find({ servers, triproom, floor, 'y-sweet': Y_SWEET });
const ROOM = 'check';

/** A provider of `doc` for the server's protocol. */
const clients = {
  yjs: (running, doc) => yjs(`${running.url}${(running.server.path ?? '/yjs/{room}').replace('/{room}', '')}`, doc),
  hocuspocus: (running, doc) => {
    const socket = new HocuspocusProviderWebsocket({ url: running.url, WebSocketPolyfill: WebSocket });
    const provider = new HocuspocusProvider({ websocketProvider: socket, name: ROOM, document: doc });
    provider.attach();
    return { provider, awareness: provider.awareness, leave: () => { provider.destroy(); socket.destroy(); } };
  },
  'y-sweet': async (running, doc) => {
    const post = (path, body) => fetch(`${running.url.replace('ws:', 'http:')}${path}`, {
      method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) });
    await post('/doc/new', { docId: ROOM });
    const { url, token } = await (await post(`/doc/${ROOM}/auth`, {})).json();
    return yjs(url, doc, token ? { token } : {});
  },
};

function yjs(url, doc, params = {}) {
  const provider = new WebsocketProvider(url, ROOM, doc, { WebSocketPolyfill: WebSocket, disableBc: true, params });
  return { provider, awareness: provider.awareness, leave: () => provider.destroy() };
}

/** Resolves when `holds` does, asked again at each of the events that `on` gives. */
function until(what, on, holds) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), 10_000);
    const look = () => { if (holds()) { clearTimeout(late); resolve(); } };
    for (const [emitter, event] of on) emitter.on(event, look);
    look();
  });
}

async function join(t, running) {
  const doc = new Y.Doc();
  const client = await clients[running.server.protocol](running, doc);
  t.after(() => { client.leave(); doc.destroy(); });
  await until('the document', [[client.provider, 'sync'], [client.provider, 'synced']], () => client.provider.synced);
  return { ...client, doc };
}

const says = (client, text) => until(`"${text}"`, [[client.doc, 'update']], () => client.doc.getText('text').toString() === text);

for (const server of servers) {
  test(`${server.name} lets two clients hear each other, and ends`, async (t) => {
    const running = await start(server, 0, tools);
    t.after(() => running.dispose());
    const [ada, bo] = [await join(t, running), await join(t, running)];
    ada.doc.getText('text').insert(0, 'Lisbon');
    await says(bo, 'Lisbon');
    bo.doc.getText('text').insert(6, ' in May');
    await says(ada, 'Lisbon in May');
    ada.awareness.setLocalStateField('user', { name: 'Ada' });
    await until('Ada to be seen', [[bo.awareness, 'change']], () => bo.awareness.getStates().get(ada.doc.clientID)?.user?.name === 'Ada');
    if (server.keeps !== 'none') await says(await join(t, running), 'Lisbon in May');
    assert.equal(running.state, null);
    const { pid } = running;
    await running.stop();
    assert.throws(() => kill(pid, 0), { code: 'ESRCH' });
  });
}

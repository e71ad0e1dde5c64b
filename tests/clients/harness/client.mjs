// One real client in one room: a document, its y-websocket provider, and what the provider was told. The
// tests' way to see what a person in that room would see.

import WebSocket from 'ws';
import { assertAllWasReadable } from './complaints.mjs';
import { tick, until } from './events.mjs';

/** A client of `flavour` in `room` that leaves when the test `t` ends. */
export function join(t, flavour, server, room, options) {
  const client = new (flavour.Client ?? Client)(flavour, server, room, options);
  t.after(() => {
    client.leave();
    assertAllWasReadable();
  });
  return client;
}

/** The same, after the server has sent it the document. */
export async function joined(t, flavour, server, room, options) {
  const client = join(t, flavour, server, room, options);
  await client.synced();
  return client;
}

export class Client {
  /** Codes of the closes that came from the other side, in order. */
  closes = [];
  /** Update frames of the server that this client received. */
  received = 0;
  #left = false;

  /** `options` go to the provider; `name` is announced as this client's presence. */
  constructor(flavour, server, room, { name, doc = new flavour.Y.Doc(), ...options } = {}) {
    this.flavour = flavour;
    this.doc = doc;
    this.edits = flavour.edits;
    this.provider = new flavour.Provider(server.socketUrl, room, this.doc, {
      WebSocketPolyfill: WebSocket, disableBc: true, maxBackoffTime: 500, ...options,
    });
    this.awareness = this.provider.awareness;
    for (const event of ['status', 'sync', 'closed', 'connection-error']) this.provider.on(event, tick);
    this.provider.on('connection-close', (event) => {
      if (event) this.closes.push(event.code);
      tick();
    });
    this.doc.on('update', (_update, origin) => {
      if (origin === this.provider) this.received += 1;
      tick();
    });
    this.awareness.on('change', tick);
    if (name) this.awareness.setLocalStateField('user', { name });
  }

  get id() {
    return this.doc.clientID;
  }

  /** Resolves once the provider says that it has the server's document. */
  synced() {
    return until('a client to be synced', () => this.provider.synced, { detail: () => `closes: ${this.closes}` });
  }

  /** The presence of `other` as this client sees it. */
  sees(other) {
    return this.awareness.getStates().get(other.id);
  }

  /** Cuts the connection below the provider, as a lost network would. */
  cut() {
    this.provider.ws.terminate();
  }

  /** Goes offline on purpose; edits stay in the document. */
  offline() {
    this.provider.disconnect();
  }

  online() {
    this.provider.connect();
  }

  leave() {
    if (this.#left) return;
    this.#left = true;
    this.provider.destroy();
    this.doc.destroy();
    this.awareness.destroy();
  }
}

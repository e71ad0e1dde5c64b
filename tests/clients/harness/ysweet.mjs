// The y-sweet client, with the verbs of the other clients and the way of its tokens: they are asked for at
// `/doc/{id}/auth`, as the product's backend would with y-sweet's SDK.

import WebSocket from 'ws';
import * as Y from 'yjs';
import { createYjsProvider } from '@y-sweet/client';
import { edits13 } from './edits.mjs';
import { tick, until } from './events.mjs';
import { Caller } from './rest.mjs';

export class YSweetClient {
  /** Codes of the closes that came from the other side, in order. */
  closes = [];
  /** Update frames of the server that this client received. */
  received = 0;
  /** Client tokens that were given out to it. */
  tokens = [];
  #left = false;

  /** `token` is the backend's; `wish` says what it asks for on behalf of the client; `endpoint` replaces the backend. */
  constructor(flavour, server, room, { name, doc = new Y.Doc(), token, wish = {}, endpoint, ...options } = {}) {
    this.flavour = flavour;
    this.doc = doc;
    this.edits = flavour.edits;
    const backend = new Caller(server, token);
    const ask = async () => {
      this.tokens.push(await backend.must('POST', `/doc/${encodeURIComponent(room)}/auth`, wish));
      return this.tokens.at(-1);
    };
    this.provider = createYjsProvider(doc, room, endpoint ?? ask, { WebSocketPolyfill: WebSocket, showDebuggerLink: false, ...options });
    this.awareness = this.provider.awareness;
    for (const event of ['connection-status', 'local-changes', 'sync']) this.provider.on(event, tick);
    this.provider.on('connection-close', (event) => { this.closes.push(event.code); tick(); });
    doc.on('update', (_update, origin) => {
      if (origin === this.provider) this.received += 1;
      tick();
    });
    this.awareness.on('change', tick);
    if (name) this.awareness.setLocalStateField('user', { name });
  }

  get id() {
    return this.doc.clientID;
  }

  synced() {
    return until('a y-sweet client to be synced', () => this.provider.status === 'connected', { detail: () => `closes: ${this.closes}` });
  }

  /** Resolves once the client's light says that all is saved. */
  saved() {
    return until('all changes to be called saved', () => this.provider.status === 'connected' && !this.provider.hasLocalChanges);
  }

  sees(other) {
    return this.awareness.getStates().get(other.id);
  }

  cut() {
    this.provider.websocket.terminate();
  }

  /** Ends the provider, which by itself would go on connecting after `destroy`. */
  leave() {
    if (this.#left) return;
    this.#left = true;
    this.provider.connect = async () => {};
    this.provider.attemptToConnect = () => new Promise(() => {});
    this.provider.clearHeartbeat();
    this.provider.clearConnectionTimeout();
    if (this.provider.websocket) this.provider.websocket.onclose = null;
    this.provider.destroy();
    this.awareness.destroy();
    this.doc.destroy();
  }
}

export const ysweet = { name: '@y-sweet/client 0.9.1', Y, edits: edits13, Client: YSweetClient };

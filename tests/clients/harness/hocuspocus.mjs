// Every generation of the Hocuspocus client that must work. A `Line` is one socket with the documents on it, a
// `HocuspocusClient` one document, which has the same verbs as the y-websocket clients' `Client`.

import WebSocket from 'ws';
import * as Y from 'yjs';
import { HocuspocusProvider as Provider2, HocuspocusProviderWebsocket as Socket2 } from 'hocuspocus-provider-2';
import { HocuspocusProvider as Provider3, HocuspocusProviderWebsocket as Socket3 } from 'hocuspocus-provider-3';
import { HocuspocusProvider as Provider4, HocuspocusProviderWebsocket as Socket4 } from '@hocuspocus/provider';
import { complain } from './complaints.mjs';
import { edits13 } from './edits.mjs';
import { tick, until } from './events.mjs';
import { read, readable } from './hocuspocus-wire.mjs';
import { isReference } from './server.mjs';

/** Version 2 does not ask to be let in when it has no token, and the reference server waits for that. */
const TOKEN = isReference ? { token: 'any' } : {};

// Providers that open their socket themselves take the browser's.
globalThis.WebSocket ??= WebSocket;
// Each client listens for the end of the process.
process.setMaxListeners(0);

/** A `WebSocket` that writes down on `line` what is said, and what its user could not bear. */
const tapped = (line) => class extends WebSocket {
  constructor(url) {
    super(url);
    line.connections += 1;
    this.number = line.connections;
    this.on('message', (data, isBinary) => line.hears(data, isBinary, this.number));
  }

  send(data) {
    line.says(data, this.number);
    super.send(data);
  }

  addEventListener(event, handler) {
    super.addEventListener(event, handler.careful ??= (...words) => {
      try {
        handler(...words);
      } catch (error) {
        complain(`${line.flavour.name}: ${error.stack}`);
      }
      tick();
    });
  }

  removeEventListener(event, handler) {
    super.removeEventListener(event, handler.careful ?? handler);
  }
};

/** One socket, with any number of documents. */
export class Line {
  /** Codes of the closes that came from the other side, in order. */
  closes = [];
  /** Frames that came and went, parsed, over all of the line's connections. */
  heard = [];
  said = [];
  /** Connections that the line has had; each frame says on which of them it went. */
  connections = 0;
  #offline = false;
  #ended = false;

  /** `query` goes behind the URL; `connect: false` waits for `online()`. */
  constructor(flavour, server, { connect = true, query = {}, url = server.hocuspocusUrl, ...options } = {}) {
    this.flavour = flavour;
    const parameters = new URLSearchParams(query).toString();
    this.provider = new flavour.Socket({
      url: flavour.major === 2 || !parameters ? url : `${url}?${parameters}`,
      WebSocketPolyfill: tapped(this), delay: 100, minDelay: 50, maxDelay: 500,
      ...(flavour.major === 2 ? { connect, parameters: query } : { autoConnect: connect }),
      ...options,
    });
    this.provider.on('status', tick);
    this.provider.on('close', ({ event }) => {
      if (!this.#offline) this.closes.push(event.code);
      tick();
    });
  }

  /** A line that ends with the test `t`. */
  static open(t, flavour, server, options) {
    const line = new Line(flavour, server, options);
    t.after(() => line.end());
    return line;
  }

  get isConnected() {
    return this.provider.webSocket?.readyState === WebSocket.OPEN;
  }

  /** Cuts the connection below the client, as a lost network would. */
  cut() {
    this.provider.webSocket.terminate();
  }

  offline() {
    this.#offline = true;
    this.provider.disconnect();
  }

  /** Connects again, once the end of the last connection has come to be known. */
  async online() {
    await until('the old connection to end', () => this.provider.status === 'disconnected');
    this.#offline = false;
    this.provider.connect();
  }

  says(data, on) {
    this.said.push({ ...read(data), on });
  }

  hears(data, isBinary, on) {
    const frame = { ...isBinary ? read(data) : { type: 'text' }, on };
    const isMeant = frame.name == null || this.provider.configuration.providerMap.has(frame.name);
    if (isMeant && !readable[this.flavour.major].includes(frame.type)) complain(`${this.flavour.name} was sent a message of type ${frame.type}`);
    this.heard.push(frame);
    tick();
  }

  end() {
    if (this.#ended) return;
    this.#ended = true;
    // Version 3 has a timer that would connect again after its end.
    this.provider.connect = async () => {};
    // A socket that is ended while it connects says so in an error that the provider no longer listens to.
    this.provider.webSocket?.addEventListener('error', () => {});
    this.provider.destroy();
  }
}

/** A client of one document. */
export class HocuspocusClient {
  /** Why the server refused the token, each time it did. */
  denials = [];
  /** What the server said that the client may do, each time it let it in. */
  scopes = [];
  /** Stateless messages that came. */
  messages = [];
  /** Everything that the client's counter of unsynced changes ever was. */
  counts = [];
  /** Update frames of the server that this client received. */
  received = 0;
  #ownLine;
  #left = false;

  /**
   * `line`: the socket to share, by default one of its own; `name` is announced as this client's presence;
   * other `options` go to the provider.
   */
  constructor(flavour, server, room, { line, connect, query, name, doc = new Y.Doc(), ...options } = {}) {
    this.flavour = flavour;
    this.doc = doc;
    this.edits = flavour.edits;
    this.#ownLine = line === undefined;
    this.line = line ?? new Line(flavour, server, { connect, query });
    this.provider = new flavour.Provider({ name: room, document: doc, websocketProvider: this.line.provider, ...TOKEN, ...options });
    this.awareness = this.provider.awareness;
    this.#listen();
    if (name) this.provider.setAwarenessField('user', { name });
    if (flavour.major > 2) this.provider.attach();
  }

  #listen() {
    const { provider } = this;
    for (const event of ['synced', 'status', 'close']) provider.on(event, tick);
    provider.on('authenticationFailed', ({ reason }) => { this.denials.push(reason); tick(); });
    provider.on('authenticated', () => { this.scopes.push(provider.authorizedScope); tick(); });
    provider.on('stateless', ({ payload }) => { this.messages.push(payload); tick(); });
    provider.on('unsyncedChanges', () => { this.counts.push(provider.unsyncedChanges); tick(); });
    this.doc.on('update', (_update, origin) => {
      if (origin === provider) this.received += 1;
      tick();
    });
    this.awareness?.on('change', tick);
  }

  get id() {
    return this.doc.clientID;
  }

  get closes() {
    return this.line.closes;
  }

  /** Changes that the server has not yet called saved. */
  get unsynced() {
    return this.provider.unsyncedChanges;
  }

  /** Frames about this client's document that came and went. */
  get heard() {
    return this.line.heard.filter(({ name }) => name === this.address);
  }

  get said() {
    return this.line.said.filter(({ name }) => name === this.address);
  }

  /** What stands before each of its messages. */
  get address() {
    return this.provider.effectiveName ?? this.provider.configuration.name;
  }

  /** Resolves once the provider says that it has the server's document. */
  synced() {
    return until('a client to be synced', () => this.provider.synced, {
      detail: () => `closes: ${this.closes}, denials: ${this.denials}, unsynced: ${this.unsynced}`,
    });
  }

  /** Resolves once the client counts no change that is not saved. */
  saved() {
    return until('all changes to be called saved', () => this.provider.synced && this.unsynced === 0, {
      detail: () => `closes: ${this.closes}, denials: ${this.denials}, counts: ${this.counts.slice(-20)}`,
    });
  }

  /** The presence of `other` as this client sees it. */
  sees(other) {
    return this.awareness.getStates().get(other.id);
  }

  cut() {
    this.line.cut();
  }

  offline() {
    this.line.offline();
  }

  online() {
    return this.line.online();
  }

  leave() {
    if (this.#left) return;
    this.#left = true;
    this.provider.destroy();
    if (this.#ownLine) this.line.end();
    this.doc.destroy();
  }
}

const generation = (name, major, Provider, Socket) => ({ name, major, Y, Provider, Socket, edits: edits13, Client: HocuspocusClient });

/** The current release, for tests that need one client and no more. */
export const hocuspocus4 = generation('@hocuspocus/provider 4.8.0', 4, Provider4, Socket4);

export const hocuspocus = [
  generation('@hocuspocus/provider 2.15.3', 2, Provider2, Socket2),
  generation('@hocuspocus/provider 3.4.4', 3, Provider3, Socket3),
  hocuspocus4,
];

// A bare WebSocket at the Hocuspocus endpoint: for what no client sends, and for reading every answer.

import WebSocket from 'ws';
import { tick, until } from './events.mjs';
import { PING, read, Type } from './hocuspocus-wire.mjs';

export class RawHocuspocus {
  /** Every frame that came, parsed. */
  frames = [];
  #code = null;

  constructor(t, server, { query = '', protocols, headers } = {}) {
    this.socket = new WebSocket(server.hocuspocusUrl + query, protocols, { headers });
    this.socket.on('open', tick);
    this.socket.on('error', tick);
    this.socket.on('message', (data, isBinary) => {
      this.frames.push(isBinary ? read(data) : { type: 'text' });
      tick();
    });
    this.socket.on('close', (code) => { this.#code = code; tick(); });
    t.after(() => this.socket.terminate());
  }

  /** A socket that is open. */
  static async open(t, server, options) {
    const client = new RawHocuspocus(t, server, options);
    await until('the socket to open', () => client.socket.readyState === WebSocket.OPEN || client.isClosed);
    return client;
  }

  get isClosed() {
    return this.#code !== null;
  }

  get code() {
    return this.#code;
  }

  send(frame) {
    this.socket.send(frame);
  }

  /** Resolves with the code of the close. */
  async closed(options) {
    await until('the server to close the socket', () => this.isClosed, options);
    return this.#code;
  }

  /** The first frame that `matches`, now or later. */
  frame(what, matches) {
    return until(what, () => this.frames.find(matches), { detail: () => `(closed: ${this.#code}) ${JSON.stringify(this.frames.slice(-5))}` });
  }

  /** Resolves once the server has read everything sent before, or has closed the socket over it. */
  async settled() {
    const pongs = () => this.frames.filter(({ type }) => type === Type.Pong).length;
    const before = pongs();
    this.send(PING);
    await until('the pong', () => this.isClosed || pongs() > before);
    return !this.isClosed;
  }
}

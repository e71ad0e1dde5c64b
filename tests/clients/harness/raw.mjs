// A bare WebSocket that speaks frames: for what no well-behaved client sends, and for looking at what the
// server says byte by byte.

import WebSocket from 'ws';
import { tick, until } from './events.mjs';
import { probe, read } from './wire.mjs';

/** Closes that the current client takes as final, or the standard's word for broken data. */
export const isRefusal = (code) => (code >= 4400 && code < 4500) || code === 1007;

export class RawClient {
  /** Every frame that came, parsed. */
  frames = [];
  /** When each of them came, in milliseconds. */
  times = [];
  #code = null;
  #probes = 0;

  constructor(t, url, options) {
    this.socket = new WebSocket(url, options);
    this.socket.binaryType = 'nodebuffer';
    this.socket.on('open', tick);
    this.socket.on('error', tick);
    this.socket.on('message', (data, isBinary) => {
      this.times.push(performance.now());
      this.frames.push(isBinary ? read(data) : { type: 'text', body: data });
      tick();
    });
    this.socket.on('close', (code) => { this.#code = code; tick(); });
    t.after(() => this.socket.terminate());
  }

  /** A socket that is open. */
  static async open(t, server, room, query = '') {
    const client = new RawClient(t, `${server.socketUrl}/${encodeURIComponent(room)}${query}`);
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
    return until(what, () => this.frames.find(matches), { detail: () => `(closed: ${this.#code})` });
  }

  /**
   * Resolves once the server has dealt with everything sent before: true, or false when it closed the
   * socket over it.
   */
  async settled() {
    this.#probes += 1;
    const version = 1_000_000 + this.#probes;
    this.send(probe(version));
    const wanted = Buffer.from(probe(version));
    await until('the probe to come back', () => this.isClosed || this.frames.some(({ type, body }) => type === 102 && wanted.subarray(2).equals(body)));
    return !this.isClosed;
  }
}

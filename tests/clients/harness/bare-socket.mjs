// A TCP connection that did a WebSocket handshake by hand and then sends any bytes: for what a WebSocket
// library would refuse to send.

import { connect } from 'node:net';
import { tick, until } from './events.mjs';

const MASK = Buffer.from([1, 2, 3, 4]);

/** A client's frame of up to 125 bytes: `first` is its first byte (FIN, reserved bits and opcode). */
export function frame(first, payload = Buffer.alloc(0), { masked = true } = {}) {
  if (!masked) return Buffer.concat([Buffer.from([first, payload.length]), payload]);
  const body = payload.map((byte, n) => byte ^ MASK[n % 4]);
  return Buffer.concat([Buffer.from([first, 0x80 | payload.length]), MASK, body]);
}

export class BareSocket {
  #received = Buffer.alloc(0);
  #ended = false;

  static async open(t, server, room) {
    const bare = new BareSocket();
    bare.socket = connect(server.port, '127.0.0.1');
    bare.socket.on('data', (data) => { bare.#received = Buffer.concat([bare.#received, data]); tick(); });
    for (const event of ['error', 'close']) bare.socket.on(event, () => { bare.#ended = true; tick(); });
    t.after(() => bare.socket.destroy());
    bare.socket.write([
      `GET /yjs/${room} HTTP/1.1`, `Host: 127.0.0.1:${server.port}`, 'Connection: Upgrade', 'Upgrade: websocket',
      'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==', '', '',
    ].join('\r\n'));
    const end = await until('the handshake', () => bare.#received.indexOf('\r\n\r\n') + 1);
    bare.status = Number(bare.#received.toString('latin1').split(' ')[1]);
    bare.#received = bare.#received.subarray(end + 3);
    return bare;
  }

  send(...bytes) {
    for (const part of bytes) this.socket.write(part);
  }

  /** The code of the server's close frame; null when the connection ended without one. */
  async closed() {
    await until('the connection to end', () => this.#ended || this.#closeCode() !== null);
    return this.#closeCode();
  }

  /** Reads through the frames that came, up to a close. */
  #closeCode() {
    let at = 0;
    while (at + 2 <= this.#received.length) {
      const opcode = this.#received[at] & 15;
      let length = this.#received[at + 1];
      at += 2;
      if (length === 126) {
        length = this.#received.readUInt16BE(at);
        at += 2;
      }
      if (opcode === 8 && this.#received.length >= at + 2) return this.#received.readUInt16BE(at);
      at += length;
    }
    return null;
  }
}

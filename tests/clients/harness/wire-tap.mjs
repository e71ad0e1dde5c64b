// A network that can fall silent. It passes bytes between a client and the server, and when told to, passes
// nothing any more while both sockets stay open: the way a phone in a tunnel looks from the server.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';

export class WireTap {
  #sockets = new Set();
  #server;

  /** A tap in front of `server`; it ends with the test `t`. */
  static async before(t, server) {
    const tap = new WireTap();
    tap.#server = createServer((near) => {
      const far = connect(server.port, '127.0.0.1');
      for (const [from, to] of [[near, far], [far, near]]) {
        tap.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => to.destroy());
        from.pipe(to);
      }
    }).listen(0, '127.0.0.1');
    await once(tap.#server, 'listening');
    tap.socketUrl = `ws://127.0.0.1:${tap.#server.address().port}/yjs`;
    t.after(() => tap.#close());
    return tap;
  }

  /** From now on nothing passes, and nobody is told. */
  fallSilent() {
    for (const socket of this.#sockets) {
      socket.unpipe();
      socket.pause();
    }
  }

  #close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}

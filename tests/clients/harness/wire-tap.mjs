// A network that can fall silent. It passes bytes between a client and the server, and when told to, passes
// nothing while both sockets stay open: the way a phone in a tunnel looks from the server. It can come back.

import { connect, createServer } from 'node:net';
import { once } from 'node:events';

export class WireTap {
  /** Pairs of sockets: what comes from the first goes to the second. */
  #ways = [];
  #server;

  /** A tap in front of `server`; it ends with the test `t`. */
  static async before(t, server) {
    const tap = new WireTap();
    tap.#server = createServer((near) => {
      const far = connect(server.port, '127.0.0.1');
      tap.#ways.push([near, far], [far, near]);
      for (const [from, to] of [[near, far], [far, near]]) {
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
    for (const [from, to] of this.#ways) {
      from.unpipe(to);
      from.pause();
    }
  }

  /** It passes again, first what was held up. */
  comeBack() {
    for (const [from, to] of this.#ways) from.pipe(to);
  }

  #close() {
    for (const [from] of this.#ways) from.destroy();
    this.#server.close();
  }
}

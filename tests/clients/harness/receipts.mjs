// What a Hocuspocus client was told is safe, read off the wire: between two Step1s of the client each update is
// answered by one status, in order. The provider's own counter knows only how many are missing.

import { Type } from './hocuspocus-wire.mjs';

export class Receipts {
  #client;

  constructor(client) {
    this.#client = client;
  }

  /** The client's updates on the present connection, and their statuses, oldest first. */
  get #all() {
    const { line, address } = this.#client;
    const mine = ({ name, on }) => on === line.connections && name === address;
    return {
      sent: line.said.filter((frame) => mine(frame) && frame.type === Type.Sync && frame.sub > 0),
      statuses: line.heard.filter((frame) => mine(frame) && frame.type === Type.SyncStatus),
    };
  }

  /** Updates that were called saved: they must survive anything from now on. */
  get safe() {
    const { sent, statuses } = this.#all;
    return sent.filter((_, n) => statuses[n]?.status === 1).map(({ body }) => body);
  }

  /** Updates that were refused. */
  get refused() {
    const { sent, statuses } = this.#all;
    return sent.filter((_, n) => statuses[n]?.status === 0).map(({ body }) => body);
  }
}

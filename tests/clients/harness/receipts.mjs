// What a Hocuspocus client was told is safe, read off the wire: every update that it sends is answered by exactly
// one status, in order. The provider's own counter knows only how many are missing.

import { Type } from './hocuspocus-wire.mjs';

const isStep1 = ({ type, sub }) => type === Type.Sync && sub === 0;

export class Receipts {
  #client;

  constructor(client) {
    this.#client = client;
  }

  /** What went to and fro on the present connection, oldest first. */
  get #all() {
    const { line, address } = this.#client;
    const mine = ({ name, on }) => on === line.connections && name === address;
    const said = line.said.filter(mine);
    const heard = line.heard.filter(mine);
    return {
      sent: said.filter(({ type, sub }) => type === Type.Sync && sub > 0),
      statuses: heard.filter(({ type }) => type === Type.SyncStatus),
      asked: said.filter(isStep1).length,
      askedBack: heard.filter(isStep1).length,
    };
  }

  /** Updates without a status, and questions for what the server lacks that are yet to come. */
  get open() {
    const { sent, statuses, asked, askedBack } = this.#all;
    return Math.max(0, sent.length - statuses.length) + Math.max(0, asked - askedBack);
  }

  /** Statuses that nobody asked for. */
  get unasked() {
    const { sent, statuses } = this.#all;
    return Math.max(0, statuses.length - sent.length);
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

  toJSON() {
    return { open: this.open, unasked: this.unasked, safe: this.safe.length, refused: this.refused.length };
  }
}

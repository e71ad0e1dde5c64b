// What a client was told is safe. A ledger keeps every update that its client made, asks the server with
// message 102 from time to time, and knows which of them were acknowledged by the answers.

import * as encoding from 'lib0/encoding';
import * as decoding from 'lib0/decoding';
import { tick, until } from './events.mjs';
import { probe } from './wire.mjs';

export class Ledger {
  /** The client's own updates, in the order in which they were made. */
  made = [];
  /** How many of `made`, from the first on, the server called durable. */
  safe = 0;
  /** Questions that were answered. */
  answers = 0;
  /** Answers that do not fit any question. */
  strange = 0;
  /** How many updates there were when each question was asked. */
  #asked = new Map();
  #version = 0;

  constructor(client) {
    this.client = client;
    client.doc.on('update', (update, origin) => {
      if (origin !== client.provider) this.made.push(update);
    });
    client.provider.messageHandlers[102] = (_encoder, decoder) => this.#answered(decoding.readVarUint8Array(decoder));
  }

  /** Asks whether everything made so far is durable. */
  ask() {
    const { provider } = this.client;
    if (!provider.wsconnected) return;
    this.#version += 1;
    this.#asked.set(this.#version, this.made.length);
    provider.ws.send(probe(this.#version));
  }

  /**
   * Resolves when all that the client made is durable. Yjs tidies up formats when it hears of those of others, which makes
   * updates of its own: they are asked about, too.
   */
  async settle() {
    do {
      this.ask();
      const asked = this.made.length;
      await until('the probe', () => this.safe >= asked);
    } while (this.safe < this.made.length);
  }

  /** Updates that must survive anything from now on. */
  get acknowledged() {
    return this.made.slice(0, this.safe);
  }

  #answered(body) {
    const version = decoding.readVarUint(decoding.createDecoder(body));
    const made = this.#asked.get(version);
    if (made === undefined) this.strange += 1;
    else {
      this.answers += 1;
      this.safe = Math.max(this.safe, made);
    }
    tick();
  }
}

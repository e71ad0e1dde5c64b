// Two honest people in the room where somebody else misbehaves. Whatever is thrown at the server, they go on
// editing together, see each other, and are never disconnected.

import assert from 'node:assert/strict';
import { joined } from './client.mjs';
import { assertAllWasReadable } from './complaints.mjs';
import { until } from './events.mjs';
import { current } from './flavours.mjs';

export class Bystanders {
  #round = 0;

  static async in(t, server, room, flavour = current, options = {}) {
    const pair = new Bystanders();
    pair.ada = await joined(t, flavour, server, room, { name: 'Ada', ...options });
    pair.bo = await joined(t, flavour, server, room, { name: 'Bo', ...options });
    await pair.goOn();
    return pair;
  }

  /** Both edit, both see it, both see each other, nobody was ever sent away. */
  async goOn() {
    this.#round += 1;
    for (const [writer, reader] of [[this.ada, this.bo], [this.bo, this.ada]]) {
      writer.edits.set(writer.doc, `round of ${writer.id}`, this.#round);
      await until('an honest edit to arrive', () => reader.edits.get(reader.doc, `round of ${writer.id}`) === this.#round);
      await until('an honest client to be seen', () => reader.sees(writer)?.user);
    }
    this.assertUndisturbed();
  }

  assertUndisturbed() {
    assert.deepEqual([...this.ada.closes, ...this.bo.closes], [], 'an honest client was disconnected');
    assertAllWasReadable();
    assert.equal(this.bo.sees(this.ada).user.name, 'Ada');
    assert.equal(this.ada.sees(this.bo).user.name, 'Bo');
  }
}

// Two honest people in the room where somebody else misbehaves. Whatever is thrown at the server, they go on
// editing together, see each other, and are never disconnected.

import assert from 'node:assert/strict';
import { joined } from './client.mjs';
import { until } from './events.mjs';
import { current } from './flavours.mjs';

// The client's library catches what it cannot read, says so on the console, and goes on without it: whoever
// gets such an update has lost a part of the document.
const unreadable = [];
const say = console.error;
console.error = (...words) => {
  if (String(words[0]).startsWith('Caught error')) unreadable.push(words.join(' '));
  say(...words);
};

export class Bystanders {
  #round = 0;

  static async in(t, server, room) {
    const pair = new Bystanders();
    pair.ada = await joined(t, current, server, room, { name: 'Ada' });
    pair.bo = await joined(t, current, server, room, { name: 'Bo' });
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
    assert.deepEqual(unreadable.splice(0), [], 'an honest client was sent what it cannot read');
    assert.equal(this.bo.sees(this.ada).user.name, 'Ada');
    assert.equal(this.ada.sees(this.bo).user.name, 'Bo');
  }
}

// Seeded randomness. The seed of a test is printed with its result and can be set again by SEED, so that a
// failing session can be replayed (as far as the timing of two processes allows).

/** A generator for the test `t`: from SEED, or a fresh seed, told in the test's output. */
export function randomFor(t) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 32)) >>> 0;
  t.diagnostic(`SEED=${seed}`);
  return new Random(seed);
}

/** A small generator (mulberry32); the same seed gives the same numbers. */
export class Random {
  #state;

  constructor(seed) {
    this.#state = seed >>> 0;
  }

  /** An integer in 0 … 2^32 - 1. */
  u32() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return (z ^ (z >>> 14)) >>> 0;
  }

  /** An integer in `low` … `high`, both included. */
  between(low, high) {
    return low + (this.u32() % (high - low + 1));
  }

  /** One of `list`. */
  pick(list) {
    return list[this.between(0, list.length - 1)];
  }

  /** True once in `n` times. */
  oneIn(n) {
    return this.u32() % n === 0;
  }

  /** `length` bytes. */
  bytes(length) {
    return Uint8Array.from({ length }, () => this.u32() & 0xff);
  }

  /** Text of `length` characters, some of them outside the basic plane. */
  text(length) {
    const letters = [...'abcdefghij klmnop äöü é 日本 🏝️🚆'];
    return Array.from({ length }, () => this.pick(letters)).join('');
  }
}

// Waiting for events. Everything in the harness that can change what a test sees calls `tick()`; a waiting
// test looks again after each tick and never on a timer. One deadline bounds every wait: PATIENCE, in
// milliseconds.

export const PATIENCE = Number(process.env.PATIENCE ?? 30_000);

const waiting = new Set();
let scheduled = false;

/** Says that something happened. Many ticks in one turn of the event loop cost one look. */
export function tick() {
  if (scheduled || waiting.size === 0) return;
  scheduled = true;
  setImmediate(() => {
    scheduled = false;
    for (const look of [...waiting]) look();
  });
}

/**
 * Resolves with the first truthy value of `condition`, looked at now and after every tick; rejects when it
 * throws, or when `within` milliseconds have passed. `detail` is called for the message of that failure.
 */
export function until(what, condition, { within = PATIENCE, detail = () => '' } = {}) {
  const stack = new Error();
  return new Promise((resolve, reject) => {
    const finish = (settle, value) => {
      waiting.delete(look);
      clearTimeout(timer);
      settle(value);
    };
    const look = () => {
      try {
        const value = condition();
        if (value) finish(resolve, value);
      } catch (error) {
        finish(reject, error);
      }
    };
    const timer = setTimeout(() => {
      stack.message = `waited ${within} ms for ${what} ${detail()}`;
      finish(reject, stack);
    }, within);
    waiting.add(look);
    look();
  });
}

/** Lets the event loop turn once, so that sockets make progress between two edits. */
export const turn = () => new Promise((resolve) => setImmediate(resolve));

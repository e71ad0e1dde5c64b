// An editing history of any length, in a form of github.com/josephg/editing-traces: letters typed and deleted in runs, here and there.

import { writeFileSync } from 'node:fs';

/** The longest run of letters that is typed or deleted at one place. */
const RUN = 400;
/** Of ten runs so many delete. */
const DELETES = 2;

/** Edits of one letter each: the same for the same count, and a shorter history is the beginning of a longer one. */
export function history(count) {
  const random = numbers(1);
  const txns = [];
  let length = 0;
  while (txns.length < count) {
    const at = random(length + 1);
    const deletes = random(10) < DELETES;
    const run = Math.min(1 + random(RUN), deletes ? length - at : RUN);
    for (let letter = 0; letter < run && txns.length < count; letter += 1) {
      txns.push({ patches: [deletes ? [at, 1, ''] : [at + letter, 0, String.fromCharCode(97 + random(26))]] });
      length += deletes ? -1 : 1;
    }
  }
  return { startContent: '', txns };
}

export function write(count, file) {
  writeFileSync(file, JSON.stringify(history(count)));
  return file;
}

/** Whole numbers below what is asked for, the same ones each time. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

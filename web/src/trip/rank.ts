// Order inside a day: a string between its neighbours' strings. Used when an item is added or moved.
// A little chance is mixed in, so that two people who insert into one gap rarely pick the same string.

import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';

const DIGITS = '123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** A rank between two others, or null when none fits (equal or foreign ranks): then rank the day anew. */
export function rankBetween(before: string | null, after: string | null, random = Math.random): string | null {
  try {
    const rank = generateKeyBetween(before, after);
    const pick = () => DIGITS[Math.floor(random() * DIGITS.length)]!;
    const shaken = rank + pick() + pick();
    return after === null || shaken < after ? shaken : rank;
  } catch {
    return null;
  }
}

export function freshRanks(count: number): string[] {
  return generateNKeysBetween(null, null, count);
}

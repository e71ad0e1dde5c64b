// People's colours: ten, each legible under white letters and beside both themes' surfaces.
// Measured in tests/contrast.test.mjs. Chosen by the name, so that Ana is the same colour everywhere.

export const PALETTE = [
  '#c0435c',
  '#be4921',
  '#a45e05',
  '#836e04',
  '#407f01',
  '#047f5b',
  '#047b85',
  '#0374b7',
  '#6c60cb',
  '#ab4a9a',
] as const;

export function colorOf(name: string): string {
  let hash = 2166136261;
  for (const char of name.trim().toLowerCase()) hash = Math.imul(hash ^ char.codePointAt(0)!, 16777619);
  return PALETTE[(hash >>> 8) % PALETTE.length]!;
}

/** One or two letters for a face: "Ana Lima" is AL, 李明 is 李. */
export function initialsOf(name: string): string {
  const words = name.trim().split(/\s+/);
  const first = [...(words[0] ?? '')][0] ?? '?';
  const last = words.length > 1 ? ([...words.at(-1)!][0] ?? '') : '';
  return (first + last).toUpperCase();
}

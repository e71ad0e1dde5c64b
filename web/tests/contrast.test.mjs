// Contrast is measured, not believed: every pair of colours that carries words or marks, in both themes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { WEB } from './harness.mjs';
import { source } from './source.mjs';

const TEXT = 4.5;
const MARK = 3;

const css = readFileSync(join(WEB, 'src/styles/tokens.css'), 'utf8');
const themes = { light: {}, dark: {} };
for (const [, name, light, dark] of css.matchAll(/--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)/g)) {
  themes.light[name] = light;
  themes.dark[name] = dark;
}

function luminance(hex) {
  const [r, g, b] = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}

const PAIRS = [
  ...['ground', 'surface', 'sunken', 'accent-soft', 'away-soft'].map((ground) => ['ink', ground, TEXT]),
  ...['ground', 'surface', 'sunken'].map((ground) => ['ink-quiet', ground, TEXT]),
  ...['ground', 'surface', 'accent-soft', 'away-soft'].map((ground) => ['accent-text', ground, TEXT]),
  ['on-accent', 'accent', TEXT],
  ['on-accent', 'accent-hover', TEXT],
  ['good', 'sunken', MARK],
  ['bad', 'surface', TEXT],
  ['bad', 'sunken', TEXT],
  ...['good', 'busy', 'away', 'bad', 'line-strong', 'accent'].map((mark) => [mark, 'surface', MARK]),
  ...['line-strong', 'accent'].map((mark) => [mark, 'ground', MARK]),
];

for (const [theme, colors] of Object.entries(themes)) {
  test(`the ${theme} theme’s colours can be read`, () => {
    const low = PAIRS.map(([ink, ground, least]) => {
      assert.ok(colors[ink] && colors[ground], `${ink} and ${ground} are in the theme`);
      return { pair: `${ink} on ${ground}`, least, measured: contrast(colors[ink], colors[ground]) };
    }).filter(({ least, measured }) => measured < least);
    assert.deepEqual(low, []);
  });

  test(`people’s colours can be read in the ${theme} theme`, async () => {
    const { PALETTE } = await source('trip/palette.ts');
    assert.equal(PALETTE.length, 10);
    for (const color of PALETTE) {
      assert.ok(contrast('#ffffff', color) >= TEXT, `white letters on ${color}`);
      for (const ground of ['surface', 'ground']) {
        assert.ok(contrast(color, colors[ground]) >= MARK, `${color} beside ${ground}: ${contrast(color, colors[ground])}`);
      }
    }
  });
}

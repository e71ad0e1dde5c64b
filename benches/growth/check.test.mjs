// The parts that measure nothing: `node --test benches/growth/check.test.mjs`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cpuAt } from './bench.mjs';
import { curves } from './curves.mjs';
import { history } from './history.mjs';
import { read } from './main.mjs';
import { page, plots } from './page.mjs';
import { brief, scale } from './plot.mjs';
import { beyond, measured, should } from './should.mjs';

const POINTS = [[1, 9], [10, 3], [100, 6]].map(([size, value]) => ({ size, value }));

test('what should be goes through the point that is nearest to the ground', () => {
  assert.equal(should({ should: 'flat' }, POINTS)(100), 3);
  assert.equal(beyond({ should: 'flat' }, POINTS), 2);
  assert.equal(should({ should: 'with size' }, POINTS)(1), 0.06);
  assert.equal(beyond({ should: 'with size' }, POINTS), 1);
  assert.equal(should({ should: 'flat' }, []), null);
});

test('what was not measured is no point', () => {
  const points = [{ size: 1, values: { cpu: null } }, { size: 10, error: 'it ended' }, { size: 100, values: { cpu: 4 } }];
  assert.deepEqual(measured(points, 'cpu'), [{ size: 100, value: 4 }]);
});

test('a history is the beginning of a longer one, and each of its edits can be made', () => {
  const { txns } = history(5_000);
  assert.equal(txns.length, 5_000);
  assert.deepEqual(history(700).txns, txns.slice(0, 700));
  const kinds = new Set();
  let length = 0;
  for (const { patches: [[at, deleted, inserted]] } of txns) {
    assert.ok(at + deleted <= length && deleted + inserted.length === 1);
    length += inserted.length - deleted;
    kinds.add(deleted);
  }
  assert.equal(kinds.size, 2);
});

test('decades are equally far apart', () => {
  const place = scale([1, 1_000], 0, 300);
  assert.deepEqual(place.marks.map((mark) => Math.round(place(mark))), [0, 100, 200, 300]);
  assert.deepEqual([0.1, 1, 10_000, 5e7].map(brief), ['0.1', '1', '10k', '50M']);
});

test('between two looks CPU is used evenly', () => {
  const looks = [{ at: 100, cpu: 10 }, { at: 200, cpu: 30 }];
  assert.equal(cpuAt(looks, 150), 20);
  assert.equal(cpuAt(looks, 900), 30);
});

test('each curve has a picture that names its figures, and a table', () => {
  const points = curves.flatMap((curve) => curve.sizes.map((size) => (
    { curve: curve.name, size, values: Object.fromEntries(Object.keys(curve.figures).map((key) => [key, size / 7])), faults: ['late | by far'] })));
  const about = { date: '2026-01-01T00:00:00Z', version: '1', machine: { cores: 2, model: 'x', memory: 2 ** 30, kernel: 'y' } };
  const text = page(about, curves, points);
  for (const [at, [name, svg]] of plots(curves, points).entries()) {
    assert.ok(text.includes(`(${name})`));
    assert.ok(!svg.includes('NaN') && !svg.includes('Infinity'));
    assert.equal(svg.match(/class="point" r/g).length, curves[at].sizes.length * Object.keys(curves[at].figures).length);
    for (const { title } of Object.values(curves[at].figures)) assert.ok(svg.includes(title) && text.includes(title));
  }
  assert.ok(text.includes('late by far'));
});

test('options that make no sense are refused', () => {
  assert.throws(() => read(['--only', 'weather']), /no curve weather; there are clients/);
  assert.deepEqual(read(['--only', 'rooms', '--sizes', '1,10']).chosen.map(({ curve, sizes }) => [curve.name, sizes]), [['rooms', [1, 10]]]);
  assert.ok(read([]).publish && !read(['--quick']).publish);
});

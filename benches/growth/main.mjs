// The order of things: read the options, measure one point after the other, write down. Called by `run`.

import { appendFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { machine } from '../peers/machine.mjs';
import { put } from '../peers/page.mjs';
import { find, versions } from '../peers/programs.mjs';
import { Bench } from './bench.mjs';
import { curves } from './curves.mjs';
import { page, plots } from './page.mjs';
import { short } from '../peers/figures.mjs';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));
const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));

const HELP = `benches/growth/run: what triproom costs as rooms, documents, histories and their number grow

  benches/growth/run                    everything; takes about half an hour; rewrites the curves in docs/
  benches/growth/run --quick            without the largest sizes, some five minutes; leaves docs/ alone
  benches/growth/run --only rooms --sizes 1000,10000

  --only CURVES         only these of curves.mjs: ${curves.map((curve) => curve.name).join(', ')}
  --sizes SIZES         only these sizes of each
  --quick               without the largest sizes
  --publish             rewrite docs/ also when only a part was measured
  --into FOLDER         add to what an earlier call left there; with --sizes none, only write it down again
  --triproom PATH       the program to measure, server and load tester, instead of building it
  --server-core N       the core that the server is pinned to (0)
  --generator-core N    the core that the load tester is pinned to (1)

It holds 10,000 connections: let it have 20,000 open files (ulimit -n 20000).`;

const FLAGS = {
  only: { type: 'string' },
  sizes: { type: 'string' },
  quick: { type: 'boolean', default: false },
  publish: { type: 'boolean', default: false },
  into: { type: 'string' },
  triproom: { type: 'string' },
  'server-core': { type: 'string', default: '0' },
  'generator-core': { type: 'string', default: '1' },
  help: { type: 'boolean', default: false },
};

/** Returns the exit code: 0 when every point was measured, 1 when one failed, or none could be. */
export async function main(words) {
  let options;
  try {
    options = read(words);
  } catch (error) {
    console.error(`error: ${error.message}\n\n${HELP}`);
    return 1;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const { folder } = options;
  mkdirSync(folder, { recursive: true });
  const failed = await measure(options);
  const points = pointsIn(folder);
  const about = JSON.parse(readFileSync(join(folder, 'about.json')));
  const shown = curves.filter((curve) => points.some((point) => point.curve === curve.name));
  writeFileSync(join(folder, 'growth.md'), page(about, shown, points));
  for (const to of options.publish ? [folder, DOCS] : [folder]) {
    for (const [name, svg] of plots(shown, points)) writeFileSync(join(to, name), svg);
  }
  if (options.publish) put(page(about, shown, points), 'growth');
  console.log(`\n${join(folder, 'growth.md')}${options.publish ? ' and docs/benchmarks.md' : ''}`);
  return failed ? 1 : 0;
}

export function read(words) {
  const { values } = parseArgs({ args: words, options: FLAGS });
  const names = values.only?.split(',') ?? curves.map((curve) => curve.name);
  const unknown = names.find((name) => !curves.some((curve) => curve.name === name));
  if (unknown) throw new Error(`there is no curve ${unknown}; there are ${curves.map((curve) => curve.name).join(', ')}`);
  if (values.into && !existsSync(join(values.into, 'points.jsonl'))) throw new Error(`${values.into} is no folder of an earlier call`);
  const sizes = values.sizes === 'none' ? [] : values.sizes?.split(',').map(Number);
  return {
    ...values,
    chosen: curves.filter((curve) => names.includes(curve.name)).map((curve) => (
      { curve, sizes: (values.quick ? curve.quick : curve.sizes).filter((size) => !sizes || sizes.includes(size)) })),
    serverCore: Number(values['server-core']),
    generatorCore: Number(values['generator-core']),
    folder: values.into ?? join(RESULTS, new Date().toISOString().replace(/[:.]/g, '-')),
    publish: values.publish || !(values.quick || values.only || values.sizes || values.into),
  };
}

/** Measures what was chosen, a line of points.jsonl each; says whether one failed. */
async function measure(options) {
  let failed = false;
  const chosen = options.chosen.filter(({ sizes }) => sizes.length > 0);
  if (chosen.length === 0) return failed;
  const tools = find({ servers: [], triproom: options.triproom });
  writeFileSync(join(options.folder, 'about.json'), JSON.stringify({
    date: new Date().toISOString(), machine: machine(), version: versions(tools, options).triproom }));
  for (const { curve, sizes } of chosen) {
    for (const size of sizes) {
      const point = { curve: curve.name, size, ...await measured(curve, size, options, tools) };
      failed ||= point.error !== undefined;
      appendFileSync(join(options.folder, 'points.jsonl'), `${JSON.stringify(point)}\n`);
      console.log(`${curve.name.padEnd(9)} ${String(size).padStart(11)}  ${inWords(curve, point)}`);
    }
  }
  return failed;
}

/** One point: a server of its own, what the curve does to it, and what it then says. */
async function measured(curve, size, options, tools) {
  let bench;
  try {
    bench = await Bench.start(curve, size, options, tools);
    return { values: await curve.measure(bench, size), faults: bench.faults };
  } catch (error) {
    return { error: error.message };
  } finally {
    await bench?.dispose();
  }
}

function inWords(curve, { error, values, faults }) {
  if (error) return `! ${error}`;
  const parts = Object.entries(curve.figures).map(([key, { title }]) => (
    `${title}: ${Number.isFinite(values[key]) ? short(values[key]) : '–'}`));
  return [...parts, ...faults.map((fault) => `! ${fault}`)].join('   ');
}

/** All points in `folder`; of those that were measured again, the last ones. */
function pointsIn(folder) {
  const lines = readFileSync(join(folder, 'points.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return [...new Map(lines.map((point) => [`${point.curve} ${point.size}`, point])).values()].sort((a, b) => a.size - b.size);
}

// The order of things: read the options, get the programs, measure round by round, write down. Called by `run`.
// It measures nothing and formats nothing itself.

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cells } from './cells.mjs';
import { measure } from './measure.mjs';
import { machine } from './machine.mjs';
import { HELP, read } from './options.mjs';
import { comparison, put } from './page.mjs';
import { find, versions } from './programs.mjs';
import { report } from './load.mjs';
import { servers } from './servers.mjs';

/** Returns the exit code: 0 when every run was made, 1 when one failed, or none could be made. */
export async function main(words) {
  let options;
  try {
    options = read(words, cells, servers);
  } catch (error) {
    console.error(`error: ${error.message}\n\n${HELP}`);
    return 1;
  }
  if (options.help) {
    console.log(HELP);
    return 0;
  }
  const folder = options.render ?? await measured(options);
  const runs = runsIn(folder);
  const text = comparison(about(folder), runs, cells, servers);
  writeFileSync(join(folder, 'comparison.md'), text);
  if (options.publish) put(text);
  console.log(`\n${join(folder, 'comparison.md')}${options.publish ? ' and docs/benchmarks.md' : ''}`);
  return runs.some((run) => run.error) ? 1 : 0;
}

/** Makes all runs that `options` ask for; returns the folder with what came of them. */
async function measured(options) {
  const { folder } = options;
  const tools = find(options);
  mkdirSync(folder, { recursive: true });
  const before = options.into ? [about(folder).command] : [];
  writeFileSync(join(folder, 'about.json'), JSON.stringify({
    date: new Date().toISOString(), command: [...before, options.command].join('; '), quick: options.quick,
    serverCore: options.serverCore, generatorCore: options.generatorCore, machine: machine(), versions: versions(tools, options),
  }, null, 2));
  for (const cell of options.cells) {
    report(tools.load, folder, cell.name, await measure(cell, options, tools));
  }
  return folder;
}

const about = (folder) => JSON.parse(readFileSync(join(folder, 'about.json'), 'utf8'));

/** All runs in `folder`; of those that were made again, the last ones. */
function runsIn(folder) {
  const lines = readFileSync(join(folder, 'runs.jsonl'), 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return [...new Map(lines.map((run) => [`${run.cell} ${run.server} ${run.round}`, run])).values()];
}

// Calls `triproom load` against one running server and reads its record; and has it make the reports.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { child } from './process.mjs';

/** It could not run (1); anything else comes with a record. */
const COULD_NOT_RUN = 1;
/** A generator that takes longer is ended: some servers never come to an end of what they were sent. */
const PATIENCE_MS = 15 * 60_000;
/** What is kept of what it says. */
const SAID_BYTES = 4000;

const QUICK = { duration: '4s', 'warm-up': '1s' };
const BOOTSTRAP = fileURLToPath(new URL('./bootstrap.mjs', import.meta.url));

/** What generates the load of `cell` on `running`, as one would type it: a program's name and its words. */
export function command(cell, { server, url, pid = 'PID' }, { quick, trace }, file = 'FILE') {
  if (cell.scenario === 'bootstrap') return ['node', 'bootstrap.mjs', url, pid, quick ? 3 : cell.seconds, file];
  const flags = { ...cell.knobs, ...(cell.needsTrace && { trace }), ...(quick && { ...QUICK, ...cell.quick }), pid, json: file };
  const path = server.path ? ['--path', server.path] : [];
  const words = Object.entries(flags).flatMap(([flag, value]) => (value === true ? [`--${flag}`] : [`--${flag}`, value]));
  return ['triproom', 'load', cell.scenario, '--target', url, '--protocol', server.protocol, ...path, ...words];
}

/** Where the record of one run is kept. */
export const recordFile = (options, cell, server, round) => join(options.folder, `${cell.name}.${server.name}.${round}.json`);

/** Runs the cell and returns its record; throws what the generator said when there is none. */
export async function load({ cell, running, round, options, tools }) {
  const file = recordFile(options, cell, running.server, round);
  rmSync(file, { force: true });
  if (cell.needsTrace && !options.trace) throw new Error('it needs --trace automerge-paper.json.gz, of josephg/editing-traces');
  const [program, ...words] = command(cell, running, options, file).map(String);
  const run = program === 'node' ? [process.execPath, BOOTSTRAP, ...words.slice(1)]
    : [tools.load, ...words, '--threads', '1', '--seed', String(round), '--name', `${running.server.name}, round ${round}`];
  const generator = child('taskset', ['-c', String(options.generatorCore), ...run], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [generator.stdout, generator.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { said = (said + text).slice(-SAID_BYTES); });
  }
  const ended = once(generator, 'close');
  const late = setTimeout(() => { said += ' It took too long.'; generator.kill('SIGKILL'); }, PATIENCE_MS);
  const [code, signal] = await ended;
  clearTimeout(late);
  if (code === null || code === COULD_NOT_RUN || !existsSync(file)) throw new Error(`the generator ended with ${code ?? signal}: ${said}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** Whether reports can be made of a cell's records. */
export const hasReport = (cell) => cell.scenario !== 'bootstrap';

/** One HTML page that compares all runs of a cell. */
export function report(program, folder, cell, records) {
  if (records.length === 0) return;
  const made = spawnSync(program, ['load', 'report', ...records, '--report', join(folder, `${cell}.html`)], { encoding: 'utf8' });
  if (made.status !== 0) console.error(`no report of ${cell}: ${made.stderr}`);
}

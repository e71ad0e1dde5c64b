// Calls `triproom load` against one running server and reads its record; and has it make the reports.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** It could not run (1); anything else comes with a record. */
const COULD_NOT_RUN = 1;
/** A generator that takes this much longer than it was told to is ended. */
const PATIENCE_MS = 15 * 60_000;
/** What is kept of what it says. */
const SAID_BYTES = 4000;

/** The words after `triproom load` for `cell` against `running`. */
export function words(cell, running, quick) {
  const { server } = running;
  const flags = { ...cell.knobs, ...(quick ? { ...QUICK, ...cell.quick } : {}) };
  return [
    cell.scenario, '--target', running.url, '--protocol', server.protocol, ...(server.path ? ['--path', server.path] : []),
    ...Object.entries(flags).filter(([, value]) => value !== null).flatMap(([flag, value]) => [`--${flag}`, String(value)]),
  ];
}

const QUICK = { duration: '4s', 'warm-up': '1s' };

/** Where the record of one run is kept. */
export const recordFile = (options, cell, server, round) => join(options.folder, `${cell.name}.${server.name}.${round}.json`);

/** Runs the cell and returns its record; throws what the generator said when there is none. */
export async function load({ cell, running, round, options, tools }) {
  const file = recordFile(options, cell, running.server, round);
  rmSync(file, { force: true });
  const name = `${running.server.name}, round ${round}`;
  const child = spawn('taskset', ['-c', String(options.generatorCore), tools.load, 'load',
    ...words(cell, running, options.quick), '--pid', String(running.pid), '--threads', '1', '--seed', String(round),
    '--name', name, '--json', file], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text) => { said = (said + text).slice(-SAID_BYTES); });
  }
  const ended = once(child, 'close');
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const [code, signal] = await ended;
  clearTimeout(late);
  if (code === COULD_NOT_RUN || !existsSync(file)) throw new Error(`triproom load ended with ${code ?? signal}: ${said}`);
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** One HTML page that compares all runs of a cell. */
export function report(program, folder, cell, records) {
  if (records.length === 0) return;
  const made = spawnSync(program, ['load', 'report', ...records, '--report', join(folder, `${cell}.html`)], { encoding: 'utf8' });
  if (made.status !== 0) console.error(`no report of ${cell}: ${made.stderr}`);
}

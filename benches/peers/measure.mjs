// One cell: every round starts each server anew, in another order, measures it and stops it. What came of each run is a
// line of runs.jsonl; a server that fails leaves a line that says so, and the others go on. Returns the files of all records.

import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { inWords } from './figures.mjs';
import { hasReport, load, recordFile } from './load.mjs';
import { busy } from './machine.mjs';
import { start } from './process.mjs';

export async function measure(cell, options, tools) {
  const servers = options.servers.filter((server) => cell.servers.includes(server.name));
  const records = [];
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const server of ordered(servers, round)) {
      const run = { cell: cell.name, server: server.name, round, busy: await busy(), ...await once(cell, server, round, options, tools) };
      if (run.record && hasReport(cell)) records.push(recordFile(options, cell, server, round));
      appendFileSync(join(options.folder, 'runs.jsonl'), `${JSON.stringify(run)}\n`);
      console.log(`${cell.name.padEnd(14)} ${String(round).padStart(2)} ${server.name.padEnd(18)} ${inWords(cell, run, server)}`);
    }
  }
  return records;
}

/** Another one begins each round, and every second round goes the other way: what drifts does not hit the same one. */
function ordered(servers, round) {
  const turned = servers.map((_, at) => servers[(at + round - 1) % servers.length]);
  return round % 2 ? turned : turned.reverse();
}

/** One run: its record or its error, and what the server kept if the cell asks. */
async function once(cell, server, round, options, tools) {
  let running;
  try {
    running = await start(server, options.serverCore, tools);
    const record = await load({ cell, running, round, options, tools });
    if (running.state) return { record, error: `${server.name} ended: ${running.state}` };
    if (!cell.stored) return { record };
    await running.stop();
    return { record, stored: running.stored() };
  } catch (error) {
    return { error: `${error.message}${running?.state ? ` (${running.state})` : ''}` };
  } finally {
    await running?.dispose();
  }
}

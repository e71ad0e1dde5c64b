// The command line. What it cannot read is an error that says what would be read.

import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));

export const HELP = `benches/peers/run: triproom beside the other servers of its kind, the same load on each in turn

  benches/peers/run                     everything; takes some hours; rewrites the comparison in docs/benchmarks.md
  benches/peers/run --quick             one short round, some ten minutes; leaves docs/benchmarks.md alone
  benches/peers/run --only fanout-50,idle --servers triproom,floor,hocuspocus

  --only CELLS          only these lines of cells.mjs
  --servers NAMES       only these servers
  --rounds N            rounds of each cell (3)
  --quick               one round of a few seconds
  --publish             rewrite docs/benchmarks.md also when only a part was measured
  --render FOLDER       measure nothing: write the comparison from what an earlier call left there
  --into FOLDER         add to that folder what is measured now
  --trace FILE          automerge-paper.json.gz of github.com/josephg/editing-traces, for \`replay\`
  --triproom PATH       the server to measure, instead of building it
  --load PATH           the triproom whose \`load\` generates the load, instead of the one that is measured
  --floor PATH          the floor's binary, instead of building it
  --y-sweet PATH        y-sweet's binary, instead of installing it
  --server-core N       the core that the server is pinned to (0)
  --generator-core N    the core that the generator is pinned to (1)`;

const FLAGS = {
  only: { type: 'string' },
  servers: { type: 'string' },
  rounds: { type: 'string' },
  quick: { type: 'boolean', default: false },
  publish: { type: 'boolean', default: false },
  render: { type: 'string' },
  into: { type: 'string' },
  trace: { type: 'string' },
  triproom: { type: 'string' },
  load: { type: 'string' },
  floor: { type: 'string' },
  'y-sweet': { type: 'string' },
  'server-core': { type: 'string' },
  'generator-core': { type: 'string' },
  help: { type: 'boolean', default: false },
};

export function read(words, cells, servers) {
  const { values } = parseArgs({ args: words, options: FLAGS });
  const rounds = count('rounds', values.rounds ?? (values.quick ? '1' : '3'), 1);
  for (const folder of [values.render, values.into]) {
    if (folder && !existsSync(join(folder, 'about.json'))) throw new Error(`${folder} is no folder of an earlier call`);
  }
  return {
    ...values,
    cells: chosen('cell', values.only, cells),
    servers: chosen('server', values.servers, servers),
    rounds,
    serverCore: count('server-core', values['server-core'] ?? '0', 0),
    generatorCore: count('generator-core', values['generator-core'] ?? '1', 0),
    command: command(values),
    folder: values.into ?? join(RESULTS, new Date().toISOString().replace(/[:.]/g, '-')),
    publish: values.publish || !(values.quick || values.only || values.servers || values.render),
  };
}

/** The call as the page shows it: where programs lie on this machine is nobody else's business. */
function command(values) {
  const shown = ['only', 'servers', 'rounds', 'quick', 'server-core', 'generator-core'].filter((flag) => values[flag]);
  return ['benches/peers/run', ...shown.map((flag) => (values[flag] === true ? `--${flag}` : `--${flag} ${values[flag]}`))].join(' ');
}

/** Those of `all` that are named in `names`; all without names. */
function chosen(kind, names, all) {
  if (names === undefined) return all;
  return names.split(',').map((name) => {
    const found = all.find((one) => one.name === name);
    if (!found) throw new Error(`there is no ${kind} ${name}; there are ${all.map((one) => one.name).join(', ')}`);
    return found;
  });
}

function count(flag, text, least) {
  const number = Number(text);
  if (!Number.isInteger(number) || number < least) throw new Error(`--${flag} takes a whole number from ${least}`);
  return number;
}

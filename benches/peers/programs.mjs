// The programs: those that were named, or built and installed here. When y-sweet cannot be had that is said, and its runs fail.

import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { join, resolve } from 'node:path';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const ROOT = here('../../');
const TARGET = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? 'target');
const PEERS = join(TARGET, 'peers');
const Y_SWEET = '0.9.1';
const PACKAGES = ['@y/websocket-server', '@hocuspocus/server', '@hocuspocus/extension-sqlite', 'yjs', 'y-leveldb'];

/** The paths of the programs that `options.servers` need, made if need be. */
export function find(options) {
  if (!existsSync(here('node_modules')) && !make('npm', ['ci'], here('.'))) throw new Error('cannot install the peers');
  const needed = (name, path) => (options.servers.some((server) => server.name === name) ? path() : undefined);
  const triproom = options.triproom ?? built('triproom', ROOT, TARGET);
  const paths = {
    triproom,
    load: options.load ?? triproom,
    floor: options.floor ?? needed('floor', () => built('floor', here('floor'), PEERS)),
    'y-sweet': options['y-sweet'] ?? needed('y-sweet', () => installed(join(PEERS, 'y-sweet'))),
  };
  return Object.fromEntries(Object.entries(paths).filter(([, path]) => path).map(([name, path]) => [name, resolve(path)]));
}

function built(name, folder, target) {
  if (!make('cargo', ['build', '--release', '--locked'], folder, { CARGO_TARGET_DIR: target })) throw new Error(`cannot build ${name}`);
  return join(target, 'release', name);
}

/** Nothing when it cannot be had: then its runs fail, and the page says so. */
function installed(root) {
  const program = join(root, 'bin', 'y-sweet');
  const had = existsSync(program) || make('cargo', ['install', 'y-sweet', '--version', Y_SWEET, '--locked', '--root', root], ROOT);
  return had ? program : undefined;
}

function make(command, args, cwd, env = {}) {
  console.log(`${command} ${args.join(' ')}`);
  const made = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  if (made.status !== 0) console.error(`\nerror: \`${command} ${args.join(' ')}\` failed\n`);
  return made.status === 0;
}

/** What is measured, by name. The commit is only known of what was built here. */
export function versions(tools, options) {
  const packages = PACKAGES.map((name) => [name, JSON.parse(readFileSync(here(`node_modules/${name}/package.json`))).version]);
  return {
    triproom: `${output(tools.triproom, ['--version']).split(' ').pop()}${options.triproom ? '' : ` (${output('git', ['describe', '--always', '--dirty'])})`}`,
    'y-sweet': Y_SWEET,
    ...Object.fromEntries(packages),
    node: process.versions.node,
  };
}

const output = (command, args) => execFileSync(command, args, { cwd: ROOT, encoding: 'utf8' }).trim();

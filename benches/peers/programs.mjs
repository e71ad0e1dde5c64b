// The programs: those that were named, or built and installed here. What cannot be had is said, and its server is left out.

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

/** The paths of all programs that are needed, made if need be. */
export function find(options) {
  if (!existsSync(here('node_modules'))) make('npm', ['ci'], here('.'));
  const triproom = options.triproom ?? built('triproom', ['build', '--release', '--locked'], ROOT, TARGET);
  return absolute({
    triproom,
    load: options.load ?? triproom,
    floor: options.floor ?? built('floor', ['build', '--release', '--locked'], here('floor'), PEERS),
    'y-sweet': options['y-sweet'] ?? installed(join(PEERS, 'y-sweet')),
  });
}

const absolute = (tools) => Object.fromEntries(Object.entries(tools).map(([name, path]) => [name, resolve(path)]));

function built(name, args, folder, target) {
  make('cargo', args, folder, { CARGO_TARGET_DIR: target });
  return join(target, 'release', name);
}

function installed(root) {
  const program = join(root, 'bin', 'y-sweet');
  if (!existsSync(program)) make('cargo', ['install', 'y-sweet', '--version', Y_SWEET, '--locked', '--root', root], ROOT);
  return program;
}

function make(command, args, cwd, env = {}) {
  console.log(`${command} ${args.join(' ')}`);
  const made = spawnSync(command, args, { cwd, env: { ...process.env, ...env }, stdio: 'inherit' });
  if (made.status !== 0) throw new Error(`${command} ${args.join(' ')} failed`);
}

/** What was measured, by name. */
export function versions(tools) {
  const packages = PACKAGES.map((name) => [name, JSON.parse(readFileSync(here(`node_modules/${name}/package.json`))).version]);
  return {
    triproom: `${execFileSync(tools.triproom, ['--version'], { encoding: 'utf8' }).trim().split(' ').pop()} (${commit()})`,
    'y-sweet': Y_SWEET,
    ...Object.fromEntries(packages),
    node: process.versions.node,
  };
}

const commit = () => execFileSync('git', ['describe', '--always', '--dirty'], { cwd: ROOT, encoding: 'utf8' }).trim();

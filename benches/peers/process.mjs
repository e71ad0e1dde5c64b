// One server's process: started on a free port, pinned to a core, waited for, stopped. Its pid is the server's own.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createServer, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** How long a server may take to listen, and to end when it is asked to. */
const START_MS = 20_000;
const STOP_MS = 15_000;
/** What is kept of what a server says. */
const SAID_BYTES = 4000;

/** Nothing that was started here outlives this process, however that ends. */
const children = new Set();
process.on('exit', () => children.forEach((child) => child.kill('SIGKILL')));
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

/** `spawn`, ended with this process. */
export function child(command, args, options) {
  const started = spawn(command, args, options);
  children.add(started);
  started.on('exit', () => children.delete(started));
  return started;
}

/** Starts `server` (of servers.mjs) with a folder of its own, pinned to `core`; resolves when it listens. */
export async function start(server, core, tools) {
  const running = new Running(server, tools);
  try {
    await running.start(core);
  } catch (error) {
    await running.dispose();
    throw error;
  }
  return running;
}

class Running {
  #child = null;
  #said = '';

  constructor(server, tools) {
    this.server = server;
    this.tools = tools;
    this.folder = mkdtempSync(join(tmpdir(), `peers-${server.name}-`));
  }

  async start(core) {
    this.port = await freePort();
    const { command, args, env } = this.server.start({ port: String(this.port), folder: this.folder, tools: this.tools });
    if (!command) throw new Error(`${this.server.name} cannot be had here`);
    // What of the program came from the disk only while connections are made would count as their memory.
    if (isAbsolute(command)) readFileSync(command);
    // taskset becomes the command: the pid is the server's. Nothing of this shell's settings reaches it.
    this.#child = child('taskset', ['-c', String(core), command, ...args], {
      env: { PATH: process.env.PATH, HOME: this.folder, NODE_ENV: 'production', ...env },
      cwd: this.folder, stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { this.#said = (this.#said + text).slice(-SAID_BYTES); });
    }
    this.#child.on('error', (error) => { this.#said += error.message; });
    for (const end = Date.now() + START_MS; !await listens(this.port); await pause(20)) {
      if (this.#ended() || Date.now() > end) throw new Error(`${this.server.name} did not start: ${this.#said}`);
    }
  }

  get pid() {
    return this.#child.pid;
  }

  /** Where the load tester connects to. */
  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  /** What the server said last, and whether it is still there. */
  get state() {
    return this.#ended() ? `it ended with ${this.#child.exitCode ?? this.#child.signalCode}; it said: ${this.#said}` : null;
  }

  #ended() {
    return this.#child.exitCode !== null || this.#child.signalCode !== null || this.#child.pid === undefined;
  }

  /** Asks the server to end; one that does not is killed. */
  async stop() {
    if (!this.#child || this.#ended()) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const killed = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(killed);
  }

  /** Bytes of all files that it keeps, and those without the pages that SQLite has freed and uses again. To be asked when it has ended. */
  stored() {
    const files = readdirSync(this.folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const sizes = files.map((entry) => join(entry.parentPath ?? entry.path, entry.name)).map((path) => {
      const { size } = statSync(path);
      return { files: size, used: size - (path.endsWith('.sqlite') ? freed(path) : 0) };
    });
    return { files: sizes.reduce((sum, { files: size }) => sum + size, 0), used: sizes.reduce((sum, { used }) => sum + used, 0) };
  }

  async dispose() {
    await this.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Bytes of free pages, from the header of a SQLite file. */
function freed(path) {
  const header = readFileSync(path).subarray(0, 100);
  const pageSize = header.readUInt16BE(16);
  return header.readUInt32BE(36) * (pageSize === 1 ? 65_536 : pageSize);
}

async function freePort() {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address();
  probe.close();
  await once(probe, 'close');
  return port;
}

function listens(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => { socket.destroy(); resolve(true); });
    socket.on('error', () => resolve(false));
  });
}

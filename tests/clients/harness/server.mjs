// The server under test: one process of the real binary with its own data folder and port. Tests start,
// stop, kill and start it again on the same port and data. A server that ends unasked fails its test.
//
// SERVER=reference puts Hocuspocus's own server in its place: what a test asks of a Hocuspocus server in
// general must hold there too, or the test is wrong.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { fileURLToPath } from 'node:url';
import { tick, until } from './events.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const REFERENCE = fileURLToPath(new URL('./reference-server.mjs', import.meta.url));

/** Whether the tests run against Hocuspocus's own server. */
export const isReference = process.env.SERVER === 'reference';

/** For a test of what only triproom does, or does in a way of its own. */
export const onlyHere = isReference ? { skip: 'the reference server does otherwise' } : {};

/** TRIPROOM_BIN, or the newest binary that cargo built here. */
export function binary() {
  if (process.env.TRIPROOM_BIN) return process.env.TRIPROOM_BIN;
  const target = process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target');
  const built = ['debug', 'release']
    .map((profile) => join(target, profile, 'triproom'))
    .filter((path) => existsSync(path))
    .sort((a, b) => statSync(b).mtimeMs - statSync(a).mtimeMs);
  if (built.length === 0) throw new Error('no triproom binary: run `cargo build`, or set TRIPROOM_BIN');
  return built[0];
}

/** A server for all tests of the suite (or file) that calls this. See `Server` for the options. */
export function serveSuite(options) {
  const server = new Server(options);
  before(() => server.start());
  after(() => server.dispose());
  return server;
}

/** Starts a server for the test `t` alone. */
export async function serve(t, options) {
  const server = new Server(options);
  t.after(() => server.dispose());
  await server.start();
  return server;
}

export class Server {
  #process = null;
  #log = [];
  #asked = false;
  #crash = null;

  /** What the server printed on standard output. */
  out = '';

  /**
   * `args`: more options; `env`: more variables; `data`: a folder to use and keep; `wrap`: a command to start the
   * binary with.
   */
  constructor({ host = '127.0.0.1', args = [], env = {}, data = null, wrap = [] } = {}) {
    this.host = host;
    this.args = args;
    this.env = env;
    this.wrap = wrap;
    this.keepData = data !== null;
    this.data = data ?? mkdtempSync(join(tmpdir(), 'triproom-'));
    this.port = 0;
    this.url = null;
  }

  /** Starts the process and waits for the line that says it is ready. */
  async start() {
    const program = isReference ? [process.execPath, REFERENCE] : [binary(), 'serve'];
    const [command, ...args] = [
      ...this.wrap, ...program, '--host', this.host, '--port', String(this.port), '--data', this.data, ...this.args,
    ];
    this.#asked = false;
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...this.env } });
    this.#process = child;
    this.out = '';
    child.stdout.setEncoding('utf8').on('data', (text) => { this.out += text; tick(); });
    child.stderr.setEncoding('utf8').on('data', (text) => this.#note(text));
    child.once('error', (error) => { this.#crash = error; tick(); });
    child.once('exit', (code, signal) => {
      if (!this.#asked) this.#crash = new Error(`the server ended by itself (${signal ?? `code ${code}`})\n${this.log}`);
      tick();
    });
    await until('the server to be ready', () => {
      if (this.#crash) throw this.#crash;
      return this.out.includes('\n');
    }, { detail: () => `\n${this.log}` });
    this.url = /https?:\/\/\S+/.exec(this.out)?.[0].replace(/\/$/, '');
    if (!this.url) throw new Error(`the ready line has no URL: ${JSON.stringify(this.out)}`);
    this.port = Number(new URL(this.url).port);
  }

  /** Where the Yjs clients connect to; the room's name follows. */
  get socketUrl() {
    return `${this.url.replace('http', 'ws')}/yjs`;
  }

  /** Where the Hocuspocus clients connect to. */
  get hocuspocusUrl() {
    return `${this.url.replace('http', 'ws')}/hocuspocus`;
  }

  get alive() {
    return this.#process !== null && this.#process.exitCode === null && this.#process.signalCode === null;
  }

  get pid() {
    return this.#process.pid;
  }

  /** The last lines that the server logged. */
  get log() {
    return this.#log.slice(-40).join('\n');
  }

  /** Everything of what the server logged that is kept. */
  get wholeLog() {
    return this.#log.join('\n');
  }

  /** Asks the server to end (SIGTERM) and gives its exit code. */
  async stop() {
    return (await this.#end('SIGTERM')).code;
  }

  /** Ends the server as a power cut would (SIGKILL). */
  async kill() {
    await this.#end('SIGKILL');
  }

  /** The answer to GET `path`: status and text. */
  async get(path) {
    const answer = await fetch(this.url + path);
    return { status: answer.status, text: await answer.text() };
  }

  /** Asks `path` again until it answers `status`: HTTP has no events to wait for. */
  async answers(path, status, within = 15_000) {
    const end = Date.now() + within;
    let last;
    while (Date.now() < end) {
      last = (await this.get(path)).status;
      if (last === status) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error(`waited ${within} ms for ${path} to answer ${status}, it says ${last}`);
  }

  /** Ends the server, removes its data, and fails if it had ended by itself. */
  async dispose() {
    if (this.alive) await this.kill();
    if (!this.keepData) rmSync(this.data, { recursive: true, force: true });
    if (this.#crash) throw this.#crash;
  }

  async #end(signal) {
    const child = this.#process;
    if (this.#crash) throw this.#crash;
    this.#asked = true;
    const ended = once(child, 'exit');
    child.kill(signal);
    const [code] = await ended;
    return { code };
  }

  #note(text) {
    if (process.env.VERBOSE) process.stderr.write(text);
    this.#log.push(...text.trimEnd().split('\n'));
    this.#log.splice(0, this.#log.length - 4_000);
  }
}

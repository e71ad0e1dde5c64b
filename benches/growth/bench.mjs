// One point's server, and what a curve does with it: put load on it, look at what it uses, start it again.

import { readFileSync, readdirSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { fault } from '../peers/figures.mjs';
import { load } from '../peers/load.mjs';
import { start } from '../peers/process.mjs';

/** How often the server's CPU is looked at while there is load on it. */
const LOOK_MS = 50;

export class Bench {
  /** What went wrong under load, in words. */
  faults = [];
  /** CPU in µs of each thread that the server has had. */
  #threads = new Map();

  static async start(curve, size, options, tools) {
    const bench = new Bench();
    const server = {
      name: 'triproom', protocol: 'yjs', keeps: 'disk',
      start: ({ port, folder }) => (
        { command: tools.triproom, args: ['serve', '--port', port, '--data', folder, '--log', 'warn', ...curve.serve ?? []] }),
    };
    Object.assign(bench, { curve, size, options, tools, loads: 0, running: await start(server, options.serverCore, tools) });
    return bench;
  }

  /** Runs a scenario of `triproom load`; returns its record, and what CPU the server used in its measured part. */
  async load(scenario, knobs) {
    this.loads += 1;
    const cell = { name: `${this.curve.name}-${this.size}-${this.loads}`, scenario, knobs: { ...knobs, quiet: true } };
    const { options, tools, running } = this;
    const looks = [];
    const looking = setInterval(() => running.state || looks.push({ at: Date.now(), cpu: this.used().cpu }), LOOK_MS);
    const begun = Date.now();
    const record = await load({ cell, running, round: 1, options, tools }).finally(() => clearInterval(looking));
    if (running.state) throw new Error(running.state);
    const wrong = fault({ record }, running.server);
    if (wrong) this.faults.push(`${scenario}: ${wrong}`);
    const from = Date.parse(record.started_at);
    const cpu = cpuAt(looks, from + record.seconds * 1000) - cpuAt(looks, from);
    return { ...record, cpu, begun, from };
  }

  /** What the server has used until now: `cpu` in µs, finer than the ticks of /proc/PID/stat, and `memory` in bytes. */
  used() {
    const folder = `/proc/${this.running.pid}`;
    for (const thread of readdirSync(`${folder}/task`)) {
      const [nanoseconds] = read(`${folder}/task/${thread}/schedstat`)?.split(' ') ?? [];
      // A thread that has ended since the last look keeps what it had then.
      if (nanoseconds) this.#threads.set(thread, Number(nanoseconds) / 1000);
    }
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`${folder}/status`, 'utf8'));
    return { cpu: [...this.#threads.values()].reduce((sum, cpu) => sum + cpu, 0), memory: kilobytes * 1024 };
  }

  /** CPU in µs that the server used while `work` was done. */
  async spends(work) {
    const before = this.used().cpu;
    await work();
    return this.used().cpu - before;
  }

  /** CPU in µs a second while nobody does anything. */
  async idle(seconds) {
    return await this.spends(() => pause(seconds * 1000)) / seconds;
  }

  /** Stops the server and starts it on the same folder; how many ms it took until it listened, and what it had kept meanwhile. */
  async restart() {
    await this.running.stop();
    this.#threads.clear();
    const kept = this.running.stored().used;
    const before = performance.now();
    await this.running.start(this.options.serverCore);
    return { ms: performance.now() - before, kept };
  }

  dispose() {
    return this.running.dispose();
  }
}

/** Between two looks it is as if CPU was used evenly. */
export function cpuAt(looks, at) {
  const after = looks.findIndex((look) => look.at >= at);
  if (after <= 0) return looks.at(after)?.cpu ?? NaN;
  const [a, b] = [looks[after - 1], looks[after]];
  return a.cpu + (b.cpu - a.cpu) * (at - a.at) / (b.at - a.at);
}

/** Nothing when the thread has ended meanwhile. */
function read(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

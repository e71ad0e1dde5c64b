// One point's server, and what a curve does with it: put load on it, look at what it uses, start it again.

import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fault } from '../peers/figures.mjs';
import { load } from '../peers/load.mjs';
import { start } from '../peers/process.mjs';

/** How often the server's CPU is looked at while there is load on it. */
const LOOK_MS = 50;

export class Bench {
  /** What went wrong under load, in words. */
  faults = [];

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
    const looking = setInterval(() => looks.push({ at: Date.now(), cpu: this.used().cpu }), LOOK_MS);
    const begun = Date.now();
    const record = await load({ cell, running, round: 1, options, tools }).finally(() => clearInterval(looking));
    if (running.state) throw new Error(running.state);
    const wrong = fault({ record }, running.server);
    if (wrong) this.faults.push(`${scenario}: ${wrong}`);
    const from = Date.parse(record.started_at);
    const cpu = cpuAt(looks, from + record.seconds * 1000) - cpuAt(looks, from);
    return { ...record, cpu, begun, from };
  }

  /** What the server has used until now: `cpu` in µs, `memory` in bytes. Finer than the ticks of /proc/PID/stat; its threads all live as long as it. */
  used() {
    const { pid } = this.running;
    const threads = readdirSync(`/proc/${pid}/task`);
    const cpu = threads.reduce((sum, thread) => sum + Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]), 0);
    return { cpu: cpu / 1000, memory: memory(pid) };
  }

  /** CPU in µs a second while nobody does anything. */
  async idle(seconds) {
    const before = this.used().cpu;
    await pause(seconds * 1000);
    return (this.used().cpu - before) / seconds;
  }

  /** Stops the server and starts it on the same folder; how many ms it took until it listened, and what it had kept meanwhile. */
  async restart() {
    await this.running.stop();
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

function memory(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(join('/proc', String(pid), 'status'), 'utf8'))[1]) * 1024;
}

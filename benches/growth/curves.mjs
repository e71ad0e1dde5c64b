// What grows, and what is measured of it at each size.
//
//   name, title   as on the command line and on the page; `axis`: what the size counts
//   sizes         all, and those that --quick measures
//   serve         options of the server beside its defaults
//   text          what a reader must know to believe the figures
//   figures       by key: `title` with its unit, and whether the figure should be `flat` or may grow `with size`
//   measure       (bench, size) => the figures by key; NaN where a size says nothing about one

import { rmSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { join as path } from 'node:path';
import { write } from './history.mjs';
import { join, room, type } from './probe.mjs';

const FLAT = 'flat';
const WITH_SIZE = 'with size';

/** Connections of one load tester: a process may have about 20,000 files. */
const CONNECTIONS = 10_000;
/** Below, a share of what the process grew by is mostly that of its first room. */
const MANY = 100;
/** Joins of a probe. */
const JOINS = 30;
/** After people have left, their rooms have once more something to look at. */
const SETTLE_MS = 22_000;

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

export const curves = [
  {
    name: 'clients', title: 'Clients in one room', axis: 'readers',
    sizes: [1, 10, 100, 1_000, 10_000], quick: [1, 10, 100, 1_000], serve: ['--max-connections', '20000'],
    text: 'One person writes five times a second, all others read. At one reader an edit is paid for by one delivery; the more there '
      + 'are, the less is its share. The last of 10,000 cannot be told before the 9,999 before it.',
    figures: {
      cpu: { title: 'CPU a delivery, µs', should: FLAT },
      p99: { title: 'p99 of a delivery, ms', should: WITH_SIZE },
      memory: { title: 'memory a connection, kB', should: FLAT },
    },
    async measure(bench, size) {
      const before = bench.used().memory;
      const record = await bench.load('fanout', {
        rooms: 1, clients: size + 1, writers: 1, rate: 5, duration: '15s', 'warm-up': '3s', 'max-connections': 20_000 });
      const grown = record.servers[0].memory_after_bytes - before;
      return {
        cpu: record.cpu / record.verdict.deliveries,
        p99: record.latencies.delivery.p99_ms,
        memory: size >= MANY ? grown / (size + 1) / 1e3 : NaN,
      };
    },
  },
  {
    name: 'rooms', title: 'Rooms in one process', axis: 'open rooms',
    sizes: [1, 10, 100, 1_000, 10_000, 100_000], quick: [1, 10, 100, 1_000, 10_000],
    serve: ['--max-connections', '20000', '--max-rooms', '200000', '--room-idle', '2h'],
    text: 'Rooms are joined and written to, 10,000 at a time, and left; they stay open (`--room-idle 2h`), for one process cannot hold '
      + '100,000 connections where it may have 20,000 files. Then two people use one more room, 50 edits a second.',
    figures: {
      opened: { title: 'until the last was open, s', should: WITH_SIZE },
      memory: { title: 'memory an open room, kB', should: FLAT },
      idle: { title: 'CPU while all is quiet, ms a second', should: FLAT },
      edit: { title: 'CPU an edit beside that, µs', should: FLAT },
      p99: { title: 'p99 of a delivery, ms', should: FLAT },
      restart: { title: 'until it serves after a restart, ms', should: FLAT },
    },
    async measure(bench, size) {
      const before = bench.used().memory;
      let opened = 0;
      for (let open = 0; open < size; open += CONNECTIONS) {
        const record = await bench.load('fanout', {
          rooms: Math.min(CONNECTIONS, size - open), clients: 1, writers: 1, rate: 1, duration: '1s', 'warm-up': '1s',
          'max-connections': 20_000 });
        opened += (record.from - 1000 - record.begun) / 1000;
      }
      await pause(SETTLE_MS);
      const memory = (bench.used().memory - before) / size / 1e3;
      const idle = await bench.idle(5);
      const record = await bench.load('fanout', { rooms: 1, clients: 2, writers: 1, rate: 50, duration: '8s', 'warm-up': '1s' });
      return {
        opened, memory: size >= MANY ? memory : NaN, idle: idle / 1e3,
        edit: (record.cpu - idle * record.seconds) / record.verdict.deliveries,
        p99: record.latencies.delivery.p99_ms,
        restart: (await bench.restart()).ms,
      };
    },
  },
  {
    name: 'document', title: 'Size of a document', axis: 'bytes of text',
    sizes: [1e3, 1e4, 1e5, 1e6, 1e7, 5e7], quick: [1e3, 1e4, 1e5, 1e6],
    text: 'Written in 1,000 pieces here and there; opened 20 times one by one and by 10 at once, then one person types 6,000 letters '
      + 'into it, 1,000 a second. Meanwhile its log is folded into its snapshot once, which costs what the document costs.',
    figures: {
      join: { title: 'a join, p50, ms', should: WITH_SIZE },
      cpu: { title: 'CPU a join, ms', should: WITH_SIZE },
      memory: { title: 'memory of the process, MB', should: WITH_SIZE },
      edit: { title: 'CPU an edit, µs', should: FLAT },
      saved: { title: 'until an edit is saved, p50, ms', should: FLAT },
      late: { title: 'until an edit is saved, p99, ms', should: FLAT },
    },
    async measure(bench, size) {
      const record = await bench.load('join', { size: `${size}B`, pieces: 1_000, joins: 20, 'at-once': 10 });
      const { memory } = bench.used();
      const name = await room(bench.running.url);
      const cpu = await bench.spends(async () => { for (let count = 0; count < JOINS; count += 1) await joined(bench, name); });
      const { socket } = await join(bench.running.url, name);
      let saved;
      const edits = await bench.spends(async () => { saved = await type(socket, 6_000, 1_000); });
      socket.terminate();
      return {
        join: record.latencies.join.p50_ms, cpu: cpu / JOINS / 1e3, memory: memory / 1e6, edit: edits / saved.length,
        saved: saved[saved.length / 2], late: saved[Math.floor(0.99 * saved.length)],
      };
    },
  },
  {
    name: 'history', title: 'Length of a history', axis: 'edits',
    sizes: [1e3, 1e4, 1e5, 1e6], quick: [1e3, 1e4, 1e5],
    text: 'One person types and deletes, a letter an update, 20,000 a second, in runs of up to 400 letters here and there; another one '
      + 'reads. About six in ten letters are left at the end. `saturated` is said of the '
      + 'load tester, which fell behind; what the server used is right all the same.',
    figures: {
      cpu: { title: 'CPU an edit, µs', should: FLAT },
      memory: { title: 'memory of the process, MB', should: WITH_SIZE },
      join: { title: 'a join at the end, p50, ms', should: WITH_SIZE },
      kept: { title: 'kept an edit, bytes', should: FLAT },
      reopen: { title: 'the first join after a restart, ms', should: WITH_SIZE },
    },
    async measure(bench, size) {
      const trace = write(size, path(bench.options.folder, 'history.json'));
      const cpu = await bench.spends(() => bench.load('replay', { trace, rate: 20_000 }));
      rmSync(trace);
      const { memory } = bench.used();
      const name = await room(bench.running.url);
      const joins = [];
      for (let count = 0; count < JOINS; count += 1) joins.push(await joined(bench, name));
      const { kept } = await bench.restart();
      return {
        cpu: cpu / size, memory: memory / 1e6, join: median(joins), kept: kept / size, reopen: await joined(bench, name) };
    },
  },
];

/** How many ms one more client took to join. */
async function joined(bench, name) {
  const { ms, socket } = await join(bench.running.url, name);
  socket.terminate();
  return ms;
}

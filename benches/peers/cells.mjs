// What is measured: one load each, on the servers that it makes sense for, and what triproom is to reach in it.
//
//   name, title   as on the command line and on the page
//   scenario      of `triproom load`; `knobs`: its flags; `quick`: those that --quick changes; or `bootstrap`, bootstrap.mjs
//   servers       the servers that are measured
//   needsTrace    takes the editing trace that --trace names
//   figures       what is shown, the one that counts first (figures.mjs)
//   stored        also how much the server has on disk after it was stopped
//   goal          in words, and whether it is reached: `of(server, figure)` is a median over the rounds

import { own } from './figures.mjs';

const PEERS = ['hocuspocus', 'y-sweet', 'y-websocket'];
const RELAYS = ['triproom', 'floor', ...PEERS];
const WITH_DOCUMENTS = ['triproom', ...PEERS];
/** Where everybody leaves for a moment: Hocuspocus forgets a document then, unless it keeps it on disk. */
const WITH_MEMORY = ['triproom', 'hocuspocus-sqlite', 'y-sweet', 'y-websocket'];
const ON_DISK = ['triproom', 'hocuspocus-sqlite', 'y-sweet', 'y-leveldb'];
const CALM = { duration: '15s', 'warm-up': '3s' };

const HELD = own('highest rate held', 'deliveries a second', true);

/** The least that a peer has. */
const best = (of, figure) => Math.min(...[...PEERS, ...ON_DISK.slice(1)].map((server) => of(server, figure)).filter(Number.isFinite));

export const cells = [
  {
    name: 'fanout-50', title: 'One room of 50, all writing 5 times a second', scenario: 'fanout',
    knobs: { rooms: 1, clients: 50, writers: 50, rate: 5, ...CALM }, servers: RELAYS, figures: ['cpu', 'p50', 'p99'],
    goal: ['at most 1.1 × the floor, p50 < 1 ms',
      (of) => of('triproom', 'cpu') <= 1.1 * of('floor', 'cpu') && of('triproom', 'p50') < 1],
  },
  {
    name: 'fanout-500', title: 'One room of 500, 5 writers 20 times a second', scenario: 'fanout',
    knobs: { rooms: 1, clients: 500, writers: 5, rate: 20, ...CALM }, servers: RELAYS, figures: ['cpu', 'p50', 'p99'],
    goal: ['at most 1.1 × the floor', (of) => of('triproom', 'cpu') <= 1.1 * of('floor', 'cpu')],
  },
  {
    name: 'fanout-rooms', title: '100 rooms of 10, 2 writers in each 10 times a second', scenario: 'fanout',
    knobs: { rooms: 100, clients: 10, writers: 2, rate: 10, ...CALM }, servers: RELAYS, figures: ['cpu', 'p50', 'p99'],
    goal: ['at most 1.2 × the floor', (of) => of('triproom', 'cpu') <= 1.2 * of('floor', 'cpu')],
  },
  {
    name: 'saturate-50', title: 'The most deliveries with p99 < 100 ms and nothing lost, 50 all writing', scenario: 'saturate',
    knobs: { rooms: 1, clients: 50, writers: 50, from: 20, 'max-rate': 500_000 }, quick: { step: '1s', refine: 0, drain: '3s' },
    servers: WITH_DOCUMENTS, figures: [HELD],
    goal: ['5 × Hocuspocus', (of) => of('triproom', 0) >= 5 * of('hocuspocus', 0)],
  },
  {
    name: 'saturate-500', title: 'The same, 500 clients of whom 5 write', scenario: 'saturate',
    knobs: { rooms: 1, clients: 500, writers: 5, from: 20, 'max-rate': 500_000 }, quick: { step: '1s', refine: 0, drain: '3s' },
    servers: WITH_DOCUMENTS, figures: [HELD],
    goal: ['2 × Hocuspocus', (of) => of('triproom', 0) >= 2 * of('hocuspocus', 0)],
  },
  {
    name: 'overload', title: 'Far past every limit: 500 clients, 3,000 updates a second', scenario: 'fanout',
    knobs: { rooms: 1, clients: 500, writers: 50, rate: 60, ...CALM }, quick: { drain: '3s' },
    servers: WITH_DOCUMENTS, figures: ['cpu', 'p99', 'rate', 'grown'],
    goal: ['0.3 µs, p99 < 30 ms', (of) => of('triproom', 'cpu') <= 0.3 && of('triproom', 'p99') < 30],
  },
  {
    name: 'idle', title: 'An idle connection with presence, rooms of 10', scenario: 'idle',
    knobs: { rooms: 200, clients: 10, duration: '30s', 'warm-up': '5s' }, servers: WITH_DOCUMENTS,
    figures: [own('memory a connection', 'memory, kB'), own('CPU a connection', 'CPU, µs a second')],
    goal: ['under 4 kB', (of) => of('triproom', 0) < 4],
  },
  {
    name: 'join', title: 'Joining a document of 1 MB: 100 one by one, then 50 at once', scenario: 'join',
    knobs: { size: '1MB', joins: 100, 'at-once': 50 }, servers: WITH_MEMORY,
    figures: ['join p50', own('CPU a join', 'CPU a join, ms'), own('all at once', 'all at once, ms'), own('memory', 'memory for that, MB')],
    goal: ['p50 a third of the best peer, CPU a tenth, all at once half, 20 MB', (of) => of('triproom', 0) <= best(of, 0) / 3
      && of('triproom', 1) <= best(of, 1) / 10 && of('triproom', 2) <= best(of, 2) / 2 && of('triproom', 3) <= 20],
  },
  {
    name: 'storm', title: '2,000 connections are cut and come back at once', scenario: 'storm',
    knobs: { rooms: 200, clients: 10, duration: '30s', every: '10s' }, quick: { duration: '8s', every: '4s' },
    servers: WITH_MEMORY, figures: [own('all back', 'until all are back, ms')],
    goal: ['below 300 ms', (of) => of('triproom', 0) < 300],
  },
  {
    name: 'replay', title: 'The automerge-paper trace, 5,000 keystrokes a second', scenario: 'replay', needsTrace: true,
    knobs: { rate: 5_000 }, servers: ON_DISK, stored: true,
    figures: [own('CPU an edit', 'CPU a keystroke, µs'), 'used', 'files'],
    goal: ['under 160 kB kept', (of) => of('triproom', 'used') < 160],
  },
  {
    name: 'replay-fast', title: 'The automerge-paper trace, as fast as the server takes it', scenario: 'replay', needsTrace: true,
    knobs: { rate: 200_000, 'max-rate': 200_000 }, servers: ON_DISK, stored: true,
    figures: [own('CPU an edit', 'CPU a keystroke, µs'), 'p99'],
    goal: ['under 5 µs a keystroke, durable', (of) => of('triproom', 0) < 5],
  },
  {
    name: 'cursors', title: '500 people in a room, each moving a cursor once a second', scenario: 'fanout',
    knobs: { rooms: 1, clients: 500, writers: 0, cursors: 1, ...CALM }, servers: RELAYS, figures: ['core', 'status p50', 'status p99'],
    goal: ['under 15 % of a core, p99 < 150 ms', (of) => of('triproom', 'core') < 15 && of('triproom', 'status p99') < 150],
  },
  {
    name: 'burst', title: 'How long people who type are held up when 200 agents write 400 kB each at one moment', scenario: 'agents',
    knobs: { rooms: 10, clients: 2, rate: 5, agents: 0, bursting: 200, burst: '400KB', duration: '10s', 'warm-up': '3s' }, servers: WITH_DOCUMENTS,
    figures: ['p50', 'p99', 'memory'],
    goal: ['p99 under 300 ms', (of) => of('triproom', 'p99') < 300],
  },
  {
    name: 'status', title: 'The status of an agent to everybody in a room of 50 who all type', scenario: 'agents',
    knobs: { rooms: 1, clients: 50, rate: 5, agents: 5, statuses: 2, 'over-events': true, ...CALM }, servers: ['triproom'],
    figures: ['status p50', 'status p99'],
    goal: ['p99 < 5 ms', (of) => of('triproom', 'status p99') < 5],
  },
  {
    name: 'bootstrap', title: 'The bootstrap of a warm room over REST', scenario: 'bootstrap',
    seconds: 10, servers: ['triproom'], figures: ['request p50', 'request p99', own('requests a second of CPU')],
    goal: ['p99 < 1 ms, more than 20,000 requests a second of a core',
      (of) => of('triproom', 'request p99') < 1 && of('triproom', 2) > 20_000],
  },
];

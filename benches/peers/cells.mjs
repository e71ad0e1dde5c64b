// What is measured: one load each, on the servers that it makes sense for, and what triproom is to reach in it.
//
//   name, title   as on the command line and on the page
//   scenario      of `triproom load`; `knobs`: its flags; `quick`: those that --quick changes; or `bootstrap`, bootstrap.mjs
//   servers       the servers that are measured
//   figures       what is shown, the one that counts first (figures.mjs)
//   stored        also how much the server has on disk after it was stopped
//   goal          in words, and whether it is reached: `of(server, figure)` is a median over the rounds

import { own } from './figures.mjs';

const PEERS = ['hocuspocus', 'y-sweet', 'y-websocket'];
const RELAYS = ['triproom', 'floor', ...PEERS];
const WITH_DOCUMENTS = ['triproom', ...PEERS];
const ON_DISK = ['triproom', 'hocuspocus-sqlite', 'y-sweet', 'y-leveldb'];
const CALM = { duration: '15s', 'warm-up': '3s' };

/** The best of the peers in `figure`, by `pick`. */
const best = (of, pick, figure, servers = PEERS) => pick(...servers.map((server) => of(server, figure)).filter(Number.isFinite));

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
    knobs: { rooms: 1, clients: 50, writers: 50 }, servers: WITH_DOCUMENTS, figures: ['held'],
    goal: ['5 × Hocuspocus', (of) => of('triproom', 'held') >= 5 * of('hocuspocus', 'held')],
  },
  {
    name: 'saturate-500', title: 'The same, 500 clients of whom 5 write', scenario: 'saturate',
    knobs: { rooms: 1, clients: 500, writers: 5 }, servers: WITH_DOCUMENTS, figures: ['held'],
    goal: ['2 × Hocuspocus', (of) => of('triproom', 'held') >= 2 * of('hocuspocus', 'held')],
  },
  {
    name: 'overload', title: 'Far past every limit: 500 clients, 3,000 updates a second', scenario: 'fanout',
    knobs: { rooms: 1, clients: 500, writers: 50, rate: 60, ...CALM }, servers: WITH_DOCUMENTS,
    figures: ['cpu', 'p99', 'rate', 'grown'],
    goal: ['0.3 µs, p99 < 30 ms', (of) => of('triproom', 'cpu') <= 0.3 && of('triproom', 'p99') < 30],
  },
  {
    name: 'idle', title: 'Memory of an idle connection with presence, rooms of 10', scenario: 'idle',
    knobs: { rooms: 200, clients: 10 }, servers: WITH_DOCUMENTS, figures: [own('memory a connection', 'kB a connection')],
    goal: ['under 4 kB', (of) => of('triproom', 0) < 4],
  },
  {
    name: 'join', title: 'Joining a document of 1 MB, one by one', scenario: 'join',
    knobs: { size: '1MB' }, servers: WITH_DOCUMENTS, figures: ['join p50', own('cpu a join', 'CPU a join, ms')],
    goal: ['p50 a third of the best peer, CPU a tenth', (of) => of('triproom', 'join p50') <= best(of, Math.min, 'join p50') / 3
      && of('triproom', 1) <= best(of, Math.min, 1) / 10],
  },
  {
    name: 'storm', title: '2,000 connections come back at once', scenario: 'storm',
    knobs: { rooms: 200, clients: 10 }, servers: WITH_DOCUMENTS, figures: [own('all back', 'all back, s')],
    goal: ['below 0.3 s', (of) => of('triproom', 0) < 0.3],
  },
  {
    name: 'replay', title: 'The automerge-paper trace, a keystroke at a time', scenario: 'replay',
    knobs: {}, servers: ON_DISK, figures: ['cpu update', 'stored'], stored: true,
    goal: ['under 5 µs a keystroke, under 160 kB kept',
      (of) => of('triproom', 'cpu update') < 5 && of('triproom', 'stored') < 160],
  },
  {
    name: 'bootstrap', title: 'The bootstrap of a warm room over REST', scenario: 'bootstrap',
    seconds: 10, servers: ['triproom'], figures: ['request p50', 'request p99', own('requests a second of CPU')],
    goal: ['p99 < 1 ms, more than 20,000 requests a second of a core',
      (of) => of('triproom', 'request p99') < 1 && of('triproom', 2) > 20_000],
  },
];

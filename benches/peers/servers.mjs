// The servers that are compared: how each is started and how the load tester speaks to it. To add one, add it here.
//
//   name      as on the command line and in tables
//   what      as the page says it
//   protocol  of `triproom load`; `path` where it is not that protocol's default
//   start     ({ port, folder, tools }) => { command, args, env }: one process, listening on 127.0.0.1:port, that keeps
//             what it keeps in `folder`
//   keeps     whether documents survive a restart; `none`: it has no documents at all

import { fileURLToPath } from 'node:url';
import { join } from 'node:path';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const Y_WEBSOCKET = here('./node_modules/@y/websocket-server/src/server.js');
const HOCUSPOCUS = here('./hocuspocus.mjs');

const yWebsocket = (port, env = {}) => (
  { command: process.execPath, args: [Y_WEBSOCKET], env: { HOST: '127.0.0.1', PORT: port, ...env } });
const hocuspocus = (port, ...database) => ({ command: process.execPath, args: [HOCUSPOCUS, port, ...database] });

export const servers = [
  {
    name: 'triproom', what: 'triproom, every update in a synced SQLite log before it is called saved',
    protocol: 'yjs', keeps: 'disk',
    start: ({ port, folder, tools }) => ({ command: tools.triproom, args: ['serve', '--port', port, '--data', folder] }),
  },
  {
    name: 'floor', what: 'a relay without documents, state or log: one write a client a turn', protocol: 'yjs', path: '/{room}',
    keeps: 'none', start: ({ port, tools }) => ({ command: tools.floor, args: [port] }),
  },
  {
    name: 'hocuspocus', what: 'Hocuspocus, in memory only', protocol: 'hocuspocus', path: '/', keeps: 'memory',
    start: ({ port }) => hocuspocus(port),
  },
  {
    name: 'hocuspocus-sqlite', what: 'Hocuspocus with its SQLite extension, which writes documents after a pause of 2 to 10 s',
    protocol: 'hocuspocus', path: '/', keeps: 'disk',
    start: ({ port, folder }) => hocuspocus(port, join(folder, 'hocuspocus.sqlite')),
  },
  {
    name: 'y-sweet', what: 'y-sweet with its file store, which it writes every 10 s', protocol: 'y-sweet', keeps: 'disk',
    start: ({ port, folder, tools }) => (
      { command: tools['y-sweet'], args: ['serve', '--host', '127.0.0.1', '--port', port, folder] }),
  },
  {
    name: 'y-websocket', what: '@y/websocket-server, in memory only', protocol: 'yjs', path: '/{room}', keeps: 'memory',
    start: ({ port }) => yWebsocket(port),
  },
  {
    name: 'y-leveldb', what: '@y/websocket-server with its LevelDB store', protocol: 'yjs', path: '/{room}', keeps: 'disk',
    start: ({ port, folder }) => yWebsocket(port, { YPERSISTENCE: join(folder, 'leveldb') }),
  },
];

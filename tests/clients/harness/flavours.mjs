// Every published generation of the y-websocket client that must work, and the library it binds to.

import WebSocket from 'ws';
import * as Y13 from 'yjs';
import * as Y14 from '@y/y';
import { WebsocketProvider as Provider1 } from 'y-websocket-1';
import { WebsocketProvider as Provider2 } from 'y-websocket-2';
import { WebsocketProvider as Provider3 } from 'y-websocket';
import { WebsocketProvider as Provider4 } from '@y/websocket';
import { edits13, edits14 } from './edits.mjs';

// The clients expect a browser's global, some of their timers read it even when given another class.
globalThis.WebSocket ??= WebSocket;
// Each provider listens for the end of the process.
process.setMaxListeners(0);

/** The current release, for tests that need one client and no more. */
export const current = { name: 'y-websocket 3.1.0', Y: Y13, Provider: Provider3, edits: edits13, stopsOnTerminal: true };

export const flavours = [
  { name: 'y-websocket 1.5.4', Y: Y13, Provider: Provider1, edits: edits13, stopsOnTerminal: false },
  { name: 'y-websocket 2.1.0', Y: Y13, Provider: Provider2, edits: edits13, stopsOnTerminal: false },
  current,
  { name: '@y/websocket 4.0.0-3', Y: Y14, Provider: Provider4, edits: edits14, stopsOnTerminal: false },
];

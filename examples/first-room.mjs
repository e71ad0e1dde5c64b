// Joins a room: npm install yjs y-websocket ws && node first-room.mjs ws://127.0.0.1:8080 lisbon
import { WebsocketProvider } from 'y-websocket';
import WebSocket from 'ws';
import * as Y from 'yjs';

const [server = 'ws://127.0.0.1:8080', room = 'lisbon'] = process.argv.slice(2);
const trip = new Y.Doc().getMap('trip');
const provider = new WebsocketProvider(`${server}/yjs`, room, trip.doc, { WebSocketPolyfill: WebSocket });
provider.awareness.setLocalStateField('user', { name: 'Ada' });
trip.observe(() => console.log(trip.toJSON()));
provider.once('sync', () => trip.set('title', 'Three days in Lisbon'));

// One client of its own, for what `triproom load` does not do: join a room that is already there, and type into it.

import { createRequire } from 'node:module';

const require = createRequire(new URL('../peers/package.json', import.meta.url));
/** Those of the peers, which may not be installed before they are needed. */
const library = {
  get WebSocket() { return require('ws'); },
  get Y() { return require('yjs'); },
  get decoding() { return require('lib0/decoding'); },
  get encoding() { return require('lib0/encoding'); },
};

const SYNC = 0;
const [ASK, ANSWER, UPDATE] = [0, 1, 2];
const EMPTY = Uint8Array.of(0);
const PATIENCE_MS = 60_000;

/** The name of the only room that the server has. */
export async function room(url) {
  const { items: rooms } = await (await fetch(`${url.replace('ws:', 'http:')}/v1/rooms`)).json();
  if (rooms.length !== 1) throw new Error(`there are ${rooms.length} rooms instead of one`);
  return rooms[0].id;
}

/** Joins, and resolves when the whole document has come: how many ms that took, its bytes, and the socket. */
export async function join(url, name) {
  const begun = performance.now();
  const socket = new library.WebSocket(`${url}/yjs/${encodeURIComponent(name)}`, { maxPayload: 2 ** 30, perMessageDeflate: false });
  const bytes = await heard(socket, (kind, data) => (kind === ANSWER ? data.length : undefined),
    () => socket.send(message(ASK, EMPTY)));
  return { ms: performance.now() - begun, bytes, socket };
}

/** Types `count` letters, one an update, `rate` a second, into a text of its own; the sorted ms until each was said to be saved. */
export async function type(socket, count, rate) {
  const { Y } = library;
  const doc = new Y.Doc();
  const text = doc.getText('probe');
  const sent = [];
  const took = [];
  doc.on('update', (update) => { sent.push(performance.now()); socket.send(message(UPDATE, update)); });
  const all = heard(socket, (kind, data) => {
    if (kind !== UPDATE) return undefined;
    const ends = Y.decodeUpdate(data).structs.filter(({ id }) => id.client === doc.clientID).map(({ id, length }) => id.clock + length);
    while (took.length < Math.max(0, ...ends)) took.push(performance.now() - sent[took.length]);
    return took.length === count ? true : undefined;
  });
  const begun = performance.now();
  const typing = setInterval(() => {
    const due = Math.min(count, Math.ceil((performance.now() - begun) * rate / 1000));
    while (sent.length < due) text.insert(text.length, 'x');
  }, 1);
  await all.finally(() => clearInterval(typing));
  return took.sort((a, b) => a - b);
}

/** Calls `of` with each message of the sync protocol until it returns something. */
function heard(socket, of, opened = () => {}) {
  const { decoding } = library;
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error('a probe waited in vain')), PATIENCE_MS);
    const end = (settle) => (value) => { clearTimeout(late); socket.off('message', hear); settle(value); };
    const hear = (data) => {
      const decoder = decoding.createDecoder(data);
      if (decoding.readVarUint(decoder) !== SYNC) return;
      const found = of(decoding.readVarUint(decoder), decoding.readVarUint8Array(decoder));
      if (found !== undefined) end(resolve)(found);
    };
    socket.on('open', opened).on('message', hear).on('error', end(reject)).on('close', () => end(reject)(new Error('a probe was sent away')));
  });
}

function message(kind, data) {
  const { encoding } = library;
  const encoder = encoding.createEncoder();
  encoding.writeVarUint(encoder, SYNC);
  encoding.writeVarUint(encoder, kind);
  encoding.writeVarUint8Array(encoder, data);
  return encoding.toUint8Array(encoder);
}

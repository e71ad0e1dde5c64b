// Whether documents say the same. Documents of yjs 14 are read through yjs 13, which both proves that old
// and new clients can share a room and gives one way to compare.

import * as Y from 'yjs';
import { until } from './events.mjs';

/** `doc` as a document of yjs 13. */
function readable(client) {
  if (client.flavour.Y === Y) return client.doc;
  const copy = new Y.Doc();
  Y.applyUpdate(copy, client.flavour.Y.encodeStateAsUpdate(client.doc));
  return copy;
}

/** All that a person could read in the document. */
function contents(doc) {
  return [
    doc.getMap('map').toJSON(),
    doc.getArray('array').toJSON(),
    doc.getText('text').toDelta(),
    doc.getXmlFragment('xml').toString(),
  ];
}

/** For JSON: the order of an object's keys means nothing, in a document or in one of its values. */
const ordered = (_key, value) => (value?.constructor === Object
  ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)))
  : value);

const base64 = (bytes) => Buffer.from(bytes).toString('base64');

/** Every insertion and deletion that the document knows, and what it reads as. */
export function fingerprint(client) {
  const doc = readable(client);
  return `${base64(Y.encodeSnapshot(Y.snapshot(doc)))} ${JSON.stringify(contents(doc), ordered)}`;
}

const vector = (client) => base64(client.flavour.Y.encodeStateVector(client.doc));

/** Whether all documents are the same; the cheap comparison comes first. */
export function agree(clients) {
  const [first, ...others] = clients;
  const mine = vector(first);
  if (!others.every((other) => vector(other) === mine)) return false;
  const whole = fingerprint(first);
  return others.every((other) => fingerprint(other) === whole);
}

/** Resolves once all documents are the same. */
export function converge(...clients) {
  return until(`${clients.length} clients to agree`, () => agree(clients), {
    detail: () => clients.slice(0, 4).map((client) => `\n  ${client.flavour.name} ${fingerprint(client).slice(0, 1000)}`).join(''),
  });
}

/** Whether `doc` (yjs 13) has every insertion and deletion of `update`. */
export function contains(doc, update) {
  const { structs, ds } = Y.decodeUpdate(update);
  const known = Y.snapshot(doc);
  return structs.every(({ id, length }) => id.clock + length <= (known.sv.get(id.client) ?? 0))
    && [...ds.clients].every(([client, ranges]) => ranges.every((range) => covered(known.ds.clients.get(client), range)));
}

/** Whether the sorted, merged `ranges` hold all of `range`. */
function covered(ranges = [], { clock, len }) {
  return ranges.some((held) => held.clock <= clock && clock + len <= held.clock + held.len);
}

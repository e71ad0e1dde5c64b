// The JSON socket as an AsyncAPI document: it is one by AsyncAPI's own schema, and it has what /v1/schema has.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { describe, test } from 'node:test';
import Ajv from 'ajv';
import WebSocket from 'ws';
import { onlyHere, serveSuite } from './harness/server.mjs';

const official = JSON.parse(readFileSync(createRequire(import.meta.url).resolve('@asyncapi/specs/schemas/3.0.0.json')));

/** Everything that the document refers to, as a JSON pointer. */
function references(value, found = new Set()) {
  if (value?.$ref) found.add(value.$ref);
  else if (value && typeof value === 'object') for (const inside of Object.values(value)) references(inside, found);
  return found;
}

const at = (document, reference) =>
  reference.slice(2).split('/').reduce((value, name) => value?.[name.replaceAll('~1', '/').replaceAll('~0', '~')], document);

describe('AsyncAPI', onlyHere, () => {
  const server = serveSuite();
  const fetched = async (path) => (await fetch(server.url + path)).json();

  test('/asyncapi.json is an AsyncAPI 3 document, and all that it refers to is there', async () => {
    const document = await fetched('/asyncapi.json');
    // It brings the schema of schemas along.
    const check = new Ajv({ strict: false, validateFormats: false, meta: false, validateSchema: false }).compile(official);
    assert.ok(check(document), JSON.stringify(check.errors, null, 1));
    const all = references(document);
    assert.ok(all.size > 100);
    for (const reference of all) assert.ok(at(document, reference), reference);
    assert.ok(!check({ ...document, operations: { tell: { action: 'shout' } } }), 'the schema refuses what is none');
  });

  test('it has every event and every request of /v1/schema, and each has its form', async () => {
    const [document, schema] = [await fetched('/asyncapi.json'), await fetched('/v1/schema')];
    const names = (name) => schema.$defs[name].oneOf.map(({ properties }) => properties.type.enum[0]).sort();
    for (const [operation, action, own] of [['tell', 'send', 'Event'], ['hear', 'receive', 'Request']]) {
      const { action: found, messages } = document.operations[operation];
      const told = messages.map(({ $ref }) => at(document, at(document, $ref).$ref));
      assert.deepEqual([found, told.map(({ name }) => name).sort()], [action, names(own)]);
    }
    // What is one by /v1/schema is one by this document, and what is none is none.
    const ajv = new Ajv({ strict: false, validateFormats: false });
    const form = (key) => ajv.compile({ components: document.components, ...document.components.messages[key].payload });
    const [status, welcome, read] = ['said.agent.status', 'told.room.welcome', 'said.doc.read'].map(form);
    assert.ok(status({ v: 1, type: 'agent.status', ref: '7', data: { state: 'thinking', progress: 0.5 } }));
    assert.ok(!status({ type: 'agent.status', data: { state: 'happy' } }));
    assert.ok(!status({ v: 2, type: 'agent.status', data: { state: 'thinking' } }));
    assert.ok(read({ type: 'doc.read' }), 'its data may be left out');
    const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/rooms/lisbon/socket?name=Ada`);
    const [frame] = await once(socket, 'message');
    socket.close();
    const event = JSON.parse(frame);
    assert.ok(welcome(event), JSON.stringify(welcome.errors));
    assert.ok(!welcome({ ...event, data: {} }));
  });
});

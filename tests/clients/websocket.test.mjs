// WebSocket itself: fragments, control frames, and frames that break RFC 6455. Who breaks it is closed with
// the standard's code, whoever shares the room goes on.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { BareSocket, frame } from './harness/bare-socket.mjs';
import { Bystanders } from './harness/bystanders.mjs';
import { until } from './harness/events.mjs';
import { RawClient } from './harness/raw.mjs';
import { serveSuite } from './harness/server.mjs';
import { EMPTY_STEP1, pack, probe } from './harness/wire.mjs';

const FIN = 0x80;
const CONTINUATION = 0;
const BINARY = 2;
const PING = 9;

/** The start of a frame whose length is written in eight bytes. */
const header = (first, length) => {
  const bytes = Buffer.alloc(14);
  bytes[0] = first;
  bytes[1] = 0x80 | 127;
  bytes.writeBigUInt64BE(length, 2);
  return bytes;
};

describe('websocket', () => {
  const server = serveSuite({ args: ['--max-message', '64KiB'] });

  for (const [what, bytes, codes] of [
    ['a frame without a mask', [frame(FIN | BINARY, EMPTY_STEP1, { masked: false })], [1002]],
    ['a reserved bit', [frame(FIN | 0x40 | BINARY, EMPTY_STEP1)], [1002]],
    ['a reserved opcode', [frame(FIN | 5, EMPTY_STEP1)], [1002]],
    ['a continuation of nothing', [frame(FIN | CONTINUATION, EMPTY_STEP1)], [1002]],
    ['a message inside another', [frame(BINARY, pack(0)), frame(FIN | BINARY, EMPTY_STEP1)], [1002]],
    ['a ping in fragments', [frame(PING, pack(1))], [1002]],
    ['a ping of 126 bytes', [Buffer.concat([Buffer.from([FIN | PING, 0x80 | 126, 0, 126, 1, 2, 3, 4]), Buffer.alloc(126)])], [1002]],
    ['a close code that does not exist', [frame(FIN | 8, Buffer.from([0, 9]))], [1002]],
    ['a frame of 2^63 bytes', [header(FIN | BINARY, 2n ** 63n)], [1002, 1009]],
    ['a frame of 2^40 bytes', [header(FIN | BINARY, 2n ** 40n)], [1009]],
    ['text that is not UTF-8', [frame(FIN | 1, Buffer.from([0xc3, 0x28]))], [1003, 1007]],
  ]) {
    test(`${what}: closed with ${codes.join(' or ')}`, async (t) => {
      const room = what.replace(/\W+/g, '-');
      const honest = await Bystanders.in(t, server, room);
      const bare = await BareSocket.open(t, server, room);
      assert.equal(bare.status, 101);
      bare.send(...bytes);
      const code = await bare.closed();
      assert.ok(codes.includes(code), `closed with ${code}`);
      await honest.goOn();
    });
  }

  test('a message in fragments is one message, control frames may stand between', async (t) => {
    const client = await RawClient.open(t, server, 'fragments');
    let pongs = 0;
    client.socket.on('pong', () => { pongs += 1; });
    const question = probe(300);
    client.socket.send(question.subarray(0, 1), { fin: false });
    client.socket.ping();
    client.socket.send(question.subarray(1, 2), { fin: false });
    client.socket.send(question.subarray(2), { fin: true });
    await client.frame('the answer', ({ type }) => type === 102);
    assert.equal(pongs, 1);
  });

  test('fragments that are too much together are too big', async (t) => {
    const client = await RawClient.open(t, server, 'too many fragments');
    for (let n = 0; n < 65; n += 1) client.socket.send(Buffer.alloc(1024), { fin: false });
    assert.equal(await client.closed(), 1009);
  });

  test('empty fragments without end do not stop anybody else', async (t) => {
    const honest = await Bystanders.in(t, server, 'endless');
    const client = await RawClient.open(t, server, 'endless');
    for (let n = 0; n < 20_000; n += 1) client.socket.send(Buffer.alloc(0), { fin: false });
    await honest.goOn();
  });

  test('a ping is answered with what it carried', async (t) => {
    const client = await RawClient.open(t, server, 'ping');
    let answer = null;
    client.socket.on('pong', (data) => { answer = String(data); });
    client.socket.ping('how are you');
    client.send(probe(1));
    await client.frame('the answer to a later question', ({ type }) => type === 102);
    await until('the pong', () => answer === 'how are you');
  });

  test('half a handshake and half a frame hold nobody up', async (t) => {
    const honest = await Bystanders.in(t, server, 'halves');
    const bare = await BareSocket.open(t, server, 'halves');
    bare.send(header(FIN | BINARY, 1000n).subarray(0, 5));
    await honest.goOn();
    bare.socket.destroy();
    await honest.goOn();
  });
});

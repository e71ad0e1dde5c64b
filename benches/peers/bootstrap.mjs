// Bootstraps of a warm room over REST, for as long as it is told: `node bootstrap.mjs URL PID SECONDS FILE`. `triproom load`
// speaks to sockets only, so this has a way of its own; it writes a record with the same members as far as it has them.
// First one request at a time, for how long one takes; then from many connections, for how many a core can answer.

import { readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';

const CONNECTIONS = 32;
const ROOM = 'bootstrap';
/** Of /proc/PID/stat. */
const TICKS_PER_SECOND = 100;

const [url, pid, seconds, file] = process.argv.slice(2);
const { hostname, port } = new URL(url);
const REQUEST = `GET /v1/rooms/${ROOM} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`;

/** CPU seconds of the server. */
function cpu() {
  const times = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').pop().split(' ').slice(11, 13);
  return times.reduce((sum, ticks) => sum + Number(ticks), 0) / TICKS_PER_SECOND;
}

/** Sends one request after the other on one connection until `stop`; calls `answered` with the milliseconds of each. */
function ask(answered) {
  const socket = connect(Number(port), hostname).setNoDelay();
  let got = '';
  let sent;
  const next = () => { got = ''; sent = performance.now(); socket.write(REQUEST); };
  socket.setEncoding('latin1').on('connect', next).on('error', (error) => { throw error; });
  socket.on('data', (data) => {
    got += data;
    const head = got.indexOf('\r\n\r\n');
    if (head < 0) return;
    const [, status] = got.split(' ', 2);
    const length = /content-length: (\d+)/i.exec(got.slice(0, head));
    if (status !== '200' || !length) throw new Error(`an answer that is none: ${got.slice(0, 500)}`);
    if (got.length < head + 4 + Number(length[1])) return;
    answered(performance.now() - sent);
    next();
  });
  return () => { socket.removeAllListeners('data'); socket.destroy(); };
}

/** What `connections` get answered in the seconds: how long each took, and the server's CPU seconds. */
async function phase(connections) {
  const took = [];
  const before = cpu();
  const stops = Array.from({ length: connections }, () => ask((ms) => took.push(ms)));
  await pause(seconds * 1000);
  stops.forEach((stop) => stop());
  return { took: took.sort((a, b) => a - b), cpu: cpu() - before };
}

// Somebody has the room open: it is warm.
const person = new WebSocket(`${url}/yjs/${ROOM}`);
await new Promise((resolve, reject) => { person.on('message', resolve); person.on('error', reject); });
const alone = await phase(1);
const many = await phase(CONNECTIONS);
person.terminate();

const at = (part) => alone.took[Math.floor(part * alone.took.length)];
writeFileSync(file, JSON.stringify({
  verdict: { outcome: 'ok', lost: 0, notes: [] },
  latencies: { request: { p50_ms: at(0.5), p99_ms: at(0.99) } },
  figures: [{ name: 'requests a second of CPU', value: many.took.length / many.cpu, unit: '' }],
}));

// Many nodes: servers that share a database of their own on the Postgres server that TRIPROOM_TEST_DATABASE_URL
// names, and a Redis server of their own, which a test may kill and start again. `Balancer` is what stands before
// nodes: it sends each new connection to the node that it is told.

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { Server } from './server.mjs';

/** Between two looks at something that nobody announces. */
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** So many nodes for the test `t`, each of which hears the others. */
export async function serveNodes(t, count, options) {
  const house = new House();
  t.after(() => house.dispose());
  await house.redis.start();
  await Promise.all(Array.from({ length: count }, () => house.add(options)));
  await house.settle();
  return house;
}

class House {
  redis = new Redis();
  nodes = [];
  #database = new Database();

  async add({ args = [] } = {}) {
    const node = new Server({ args, env: { DATABASE_URL: this.#database.url, REDIS_URL: this.redis.url } });
    this.nodes.push(node);
    await node.start();
  }

  /** Resolves when every node hears every other one, and none that is no more. */
  async settle() {
    await looks('every node to hear every other one', async () => {
      const said = await Promise.all(this.nodes.map(async (node) => JSON.parse((await node.get('/readyz')).text)));
      const all = said.map(({ nodes }) => nodes.this.id).sort();
      return said.every(({ ready, nodes }) => (
        ready && isDeepStrictEqual([nodes.this, ...nodes.others].map(({ id }) => id).sort(), all)));
    });
  }

  async dispose() {
    try {
      await Promise.all(this.nodes.map((node) => node.dispose()));
    } finally {
      await this.redis.dispose();
      this.#database.drop();
    }
  }
}

async function looks(what, isSo) {
  const end = Date.now() + 30_000;
  while (!await isSo()) {
    if (Date.now() > end) throw new Error(`waited for ${what}`);
    await pause();
  }
}

class Database {
  #server = process.env.TRIPROOM_TEST_DATABASE_URL;
  #name = `triproom_${randomBytes(8).toString('hex')}`;

  constructor() {
    if (!this.#server) throw new Error('TRIPROOM_TEST_DATABASE_URL must name a Postgres server; run scripts/test, which starts one');
    this.#run(`CREATE DATABASE ${this.#name}`);
  }

  get url() {
    return this.#server.replace(/^([a-z]+:\/\/[^/]*)\/[^?]*/, `$1/${this.#name}`);
  }

  drop() {
    this.#run(`DROP DATABASE ${this.#name} WITH (FORCE)`);
  }

  #run(statement) {
    execFileSync('psql', ['--quiet', '--no-psqlrc', '--dbname', this.#server, '--command', statement], { stdio: 'inherit' });
  }
}

class Redis {
  #port = 0;
  #folder = mkdtempSync(join(tmpdir(), 'triproom-redis-'));
  #process = null;

  get url() {
    return `redis://127.0.0.1:${this.#port}`;
  }

  async start() {
    this.#port ||= await freePort();
    const program = process.env.TRIPROOM_TEST_REDIS_SERVER || 'redis-server';
    const args = ['--port', this.#port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no'];
    this.#process = spawn(program, args.map(String), { stdio: 'ignore', cwd: this.#folder });
    await looks('Redis to take connections', () => new Promise((resolve) => {
      const socket = connect(this.#port, '127.0.0.1');
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    }));
  }

  async kill() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    this.#process = null;
  }

  async dispose() {
    if (this.#process) await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Passes connections on to `node`, which may change. To clients it is a server. */
export class Balancer {
  #sockets = new Set();
  #server = createServer((client) => this.#pass(client));

  constructor(node) {
    this.node = node;
  }

  static async start(t, node) {
    const balancer = new Balancer(node);
    t.after(() => balancer.#end());
    balancer.#server.listen(0, '127.0.0.1');
    await once(balancer.#server, 'listening');
    return balancer;
  }

  get #address() {
    return `127.0.0.1:${this.#server.address().port}`;
  }

  get socketUrl() {
    return `ws://${this.#address}/yjs`;
  }

  get hocuspocusUrl() {
    return `ws://${this.#address}/hocuspocus`;
  }

  #pass(client) {
    const upstream = connect(this.node.port, '127.0.0.1');
    for (const [one, other] of [[client, upstream], [upstream, client]]) {
      this.#sockets.add(one);
      one.on('error', () => {});
      one.on('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
    }
    client.pipe(upstream).pipe(client);
  }

  #end() {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }
}

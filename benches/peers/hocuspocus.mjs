// Hocuspocus's own server as its documentation starts it: `node hocuspocus.mjs PORT [DATABASE]`. With a database it keeps
// documents in SQLite by its own extension, otherwise in memory.

import { Server } from '@hocuspocus/server';

const [port, database] = process.argv.slice(2);
const extensions = [];
if (database) {
  const { SQLite } = await import('@hocuspocus/extension-sqlite');
  extensions.push(new SQLite({ database }));
}
const server = new Server({ address: '127.0.0.1', port: Number(port), quiet: true, extensions, stopOnSignals: false });
await server.listen();

// What it still means to write is part of what it keeps.
process.on('SIGTERM', async () => {
  await server.destroy();
  process.exit();
});

// Hocuspocus's own server as a process of its own, started with triproom's options as far as they mean
// something to it: with `--jwt-secret` it asks for a token, reads its role, and lets viewers read only.
// Stateless messages go to the other clients of the document, as triproom passes them on.

import { parseArgs } from 'node:util';
import { Server } from '@hocuspocus/server';
import { verified } from './token.mjs';

const { values } = parseArgs({ strict: false, options: { port: { type: 'string' }, 'jwt-secret': { type: 'string' } } });
const secret = values['jwt-secret'];

const server = new Server({
  address: '127.0.0.1',
  port: Number(values.port),
  quiet: true,
  debounce: 100,
  async onAuthenticate({ token, documentName, connectionConfig }) {
    if (!secret) return;
    const claims = verified(token, secret);
    if (claims.room && claims.room !== documentName) throw new Error('another room');
    connectionConfig.readOnly = claims.role === 'viewer';
  },
  async onTokenSync({ token, connection }) {
    if (!secret) return;
    connection.readOnly = verified(token, secret).role === 'viewer';
  },
  async onStateless({ document, connection, payload }) {
    for (const other of document.getConnections()) {
      if (other !== connection) other.sendStateless(payload);
    }
  },
});
await server.listen();
console.log(`http://127.0.0.1:${server.address.port}`);

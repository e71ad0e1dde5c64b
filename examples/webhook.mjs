// A product's endpoint for --auth-webhook: it looks a session up and says who that is, and what they may in the room.
// Run it with the secret in WEBHOOK_SECRET. No packages are needed.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const sessions = { 'session-of-ada': { principal: 'ada', name: 'Ada', rooms: { lisbon: 'editor', porto: 'viewer' } } };

createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) body += chunk;
  const [, time, signature] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(request.headers['x-triproom-signature']) ?? [];
  const expected = createHmac('sha256', process.env.WEBHOOK_SECRET).update(`${time}.${body}`).digest('hex');
  const fresh = Math.abs(Date.now() / 1000 - Number(time)) < 300;
  if (!signature || !fresh || !timingSafeEqual(Buffer.from(signature), Buffer.from(expected))) {
    return response.writeHead(400).end();
  }
  const { token, room } = JSON.parse(body);
  const session = sessions[token];
  if (!session) return response.writeHead(401).end();
  const role = session.rooms[room];
  if (!role) return response.writeHead(403).end();
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ principal: session.principal, name: session.name, role }));
}).listen(Number(process.env.PORT ?? 4000), '127.0.0.1', function () {
  console.log(`listening on http://127.0.0.1:${this.address().port}`);
});

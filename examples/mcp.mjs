// A client of MCP in a trip room, without a model: it looks at the tools, reads the trip, and adds a dinner to its first day.
//   npm install @modelcontextprotocol/sdk && node mcp.mjs http://127.0.0.1:8080 lisbon [API key]
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const [server = 'http://127.0.0.1:8080', room = 'lisbon', key] = process.argv.slice(2);
const url = new URL('/mcp', server);
if (!key) url.searchParams.set('name', 'agent:Planner'); // works while authentication is off

const client = new Client({ name: 'mcp-example', version: '1.0.0' });
const headers = key ? { authorization: `Bearer ${key}` } : {};
await client.connect(new StreamableHTTPClientTransport(url, { requestInit: { headers } }));

/** What a tool answers; it throws what the tool says is wrong and what to do about it. */
async function call(name, args) {
  const { content, isError } = await client.callTool({ name, arguments: { room, ...args } });
  const answer = JSON.parse(content[0].text);
  if (isError) throw new Error(`${answer.message} ${answer.hint ?? ''}`);
  return answer;
}

const { tools } = await client.listTools();
console.log('tools', tools.map(({ name }) => name).join(' '));
const { value: trip } = await call('read_trip', { pointer: '/trip' });
const day = trip.start_date ?? '2026-05-01';
const { added } = await call('add_item', { item: { kind: 'meal', title: 'Dinner by the river', day } });
console.log('added', added[0].id);
const { warnings } = await call('trip_warnings');
warnings.forEach(({ text, suggestion }) => console.log('warning', text, suggestion));
await client.close();

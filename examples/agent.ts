// An agent in a trip room, in TypeScript: it reads the trip, says what it is doing, streams what it finds, plans a day, hears
// what people tell it, and comes back when the server restarts, without missing anything. No packages; Node 22.18 or newer:
//   node agent.ts ws://127.0.0.1:8080 lisbon [API key]

/** What is used here of `/v1/schema`, which has all of it. */
type Item = { kind: string; title: string; day?: string | null; by?: string };
type Trip = { trip: { start_date?: string }; items: Record<string, Item> };
type Party = { kind: 'user' | 'agent'; id: string; name?: string };
type Verb = { op: 'item.add'; item: Item } | { op: 'note.append'; text: string };
type Fault = { code: string; message: string; retryable: boolean; field?: string; hint?: string };
type Task = { task: string; title?: string; state: 'pending' | 'running' | 'completed' | 'failed' | 'cancelled'; client_id?: string };
type Told = { id?: string; ref?: string; from?: Party } & (
  | { type: 'room.welcome'; data: { me: Party; role: string; cursor: string } }
  | { type: 'chat.message'; data: { text: string } }
  | { type: 'agent.command'; data: { agent?: string; action: 'start' | 'pause' | 'resume' | 'cancel' | 'retry' } }
  | { type: 'doc.changed'; data: { pointers: string[]; by: string[] } }
  | { type: 'error' | 'doc.rejected'; data: Fault }
);
/** What can be asked, and what is answered. */
type Asks = {
  'doc.read': [{ pointer?: string }, { value: Trip; version: string }];
  'doc.patch': [{ operations: Verb[]; run?: string }, { version: string; added: { id: string }[] }];
  'agent.task': [Task, { id: string }];
  'agent.output': [{ message: string; chunk: string; done: true }, { id: string }];
};
declare const process: { argv: string[] };

const [server = 'ws://127.0.0.1:8080', room = 'lisbon', key] = process.argv.slice(2);
let cursor: string | undefined;
let me = '';
let count = 0;
let isStopped = false;
let socket: WebSocket;
const waiting = new Map<string, { resolve(answer: never): void; reject(fault: Fault | Error): void }>();

function say(type: string, data: object, ref?: string) {
  socket.send(JSON.stringify({ type, data, ref }));
}

function ask<Name extends keyof Asks>(type: Name, data: Asks[Name][0]): Promise<Asks[Name][1]> {
  return new Promise((resolve, reject) => {
    const ref = String(++count);
    waiting.set(ref, { resolve, reject });
    say(type, data, ref);
  });
}

async function plan() {
  const { value: trip } = await ask('doc.read', {});
  if (Object.values(trip.items).some(({ by }) => by === me)) return; // it has planned before
  const day = trip.trip.start_date ?? '2026-05-01';
  const titles = ['Breakfast', 'Aquarium', 'Dinner'];
  for (const [index, title] of titles.entries()) {
    if (isStopped) return;
    say('agent.status', { state: 'executing', progress: index / titles.length, message: `Planning ${title}` });
    say('agent.output', { message: `plan-${day}`, chunk: `${index + 1}. ${title}\n` });
    // People take all that is done in a run back at once, if they do not like it.
    await ask('doc.patch', { run: `plan-${day}`, operations: [{ op: 'item.add', item: { kind: 'activity', title, day } }] });
  }
  await ask('agent.output', { message: `plan-${day}`, chunk: 'What do you think?', done: true });
  await ask('agent.task', { task: `plan-${day}`, title: `Plan ${day}`, state: 'completed', client_id: `plan-${day}` });
}

async function hear(event: Told) {
  if (event.id) cursor = event.id;
  switch (event.type) {
    case 'room.welcome':
      ({ me: { id: me } } = event.data);
      cursor ??= event.data.cursor;
      console.log('welcome', event.data.role);
      await plan();
      say('agent.status', { state: isStopped ? 'paused' : 'completed' });
      return console.log('done');
    case 'agent.command':
      if ((event.data.agent ?? me) === me && event.data.action === 'cancel') isStopped = true;
      return;
    case 'chat.message':
      return console.log(event.from?.name, 'says', event.data.text);
    case 'doc.changed':
      return console.log('changed', event.data.pointers.join(' '), 'by', event.data.by.join(' '));
  }
}

function connect() {
  const url = new URL(`/v1/rooms/${encodeURIComponent(room)}/socket`, server);
  // Without a key it works while authentication is off.
  url.searchParams.set(key ? 'token' : 'name', key ?? 'agent:Explorer');
  if (cursor) url.searchParams.set('cursor', cursor);
  socket = new WebSocket(url);
  socket.onmessage = ({ data }) => {
    const event: Told = JSON.parse(data);
    const asked = event.ref && waiting.get(event.ref);
    if (!asked) return void hear(event).catch((fault: Fault) => console.error(fault.hint ?? fault.message));
    waiting.delete(event.ref!);
    if (event.type === 'error' || event.type === 'doc.rejected') asked.reject(event.data);
    else asked.resolve(event.data as never);
  };
  socket.onclose = ({ code }) => {
    waiting.forEach(({ reject }) => reject(new Error('the connection ended')));
    waiting.clear();
    // Codes from 4400 to 4499 say that coming back is of no use.
    if (code < 4400 || code > 4499) setTimeout(connect, 1000);
  };
}

connect();
export {};

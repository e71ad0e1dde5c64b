// An agent in a trip room: it reads the trip, says what it is doing, plans a day, and comes back when the server restarts.
//   node agent.mjs ws://127.0.0.1:8080 lisbon [API key]
import WebSocket from 'ws';

const [server = 'ws://127.0.0.1:8080', room = 'lisbon', key] = process.argv.slice(2);
const url = new URL(`/v1/rooms/${encodeURIComponent(room)}/socket`, server);
if (!key) url.searchParams.set('name', 'agent:Planner'); // works while authentication is off

let socket, count = 0;
const waiting = new Map();
const say = (type, data, ref) => socket.send(JSON.stringify({ type, data, ref }));
const ask = (type, data) =>
  new Promise((resolve, reject) => {
    const ref = String(++count);
    waiting.set(ref, { resolve, reject });
    say(type, data, ref);
  });

async function plan({ value: trip }) {
  const day = trip.trip.start_date ?? '2026-05-01';
  if (Object.values(trip.items).some((item) => item.by === 'agent:Planner')) return; // it has planned before
  for (const [index, title] of ['Breakfast', 'Castle', 'Dinner'].entries()) {
    say('agent.status', { state: 'executing', progress: index / 3, message: `Planning ${title}` });
    await ask('doc.patch', { operations: [{ op: 'item.add', item: { kind: 'activity', title, day } }] });
  }
  await ask('doc.patch', { operations: [{ op: 'note.append', text: `Planned ${day}.` }] });
}

function connect() {
  socket = new WebSocket(url, key && { headers: { authorization: `Bearer ${key}` } });
  socket.on('error', (error) => console.error(error.message));
  socket.on('close', (code) => {
    waiting.forEach(({ reject }) => reject(new Error('the connection ended')));
    waiting.clear();
    // Codes from 4400 to 4499 say that coming back is of no use.
    if (code < 4400 || code > 4499) setTimeout(connect, 1000);
  });
  socket.on('message', async (message) => {
    const event = JSON.parse(message);
    const asked = waiting.get(event.ref);
    if (asked) {
      waiting.delete(event.ref);
      return event.type === 'error' || event.type === 'doc.rejected' ? asked.reject(event.data) : asked.resolve(event.data);
    }
    if (event.type === 'doc.changed') console.log('changed', event.data.pointers.join(' '), 'by', event.data.by.join(' '));
    if (event.type === 'trip.warning') event.data.warnings.forEach(({ text }) => console.log('warning', text));
    if (event.type !== 'room.welcome') return;
    console.log('welcome', event.data.role, event.data.members.map(({ id }) => id).join(' '));
    try {
      await plan(await ask('doc.read', {}));
      say('agent.status', { state: 'completed', message: 'The day is planned' });
      console.log('done');
    } catch (error) {
      console.error(error.hint ?? error.message);
    }
  });
}

connect();

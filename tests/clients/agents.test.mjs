// Agents on the JSON socket, as the clients that people have already see them: unmodified, of every version.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import WebSocket from 'ws';
import { joined } from './harness/client.mjs';
import { tick, until } from './harness/events.mjs';
import { everyone } from './harness/everyone.mjs';
import { serve, serveSuite } from './harness/server.mjs';

/** An agent that says and hears. */
function agent(t, server, room, name) {
  const address = `${server.url.replace('http', 'ws')}/v1/rooms/${encodeURIComponent(room)}/socket?name=agent:${name}`;
  const socket = new WebSocket(address);
  const heard = [];
  socket.on('message', (message) => { heard.push(JSON.parse(message)); tick(); });
  t.after(() => socket.terminate());
  const say = (type, data) => socket.send(JSON.stringify({ type, data }));
  return { socket, heard, say, welcomed: until('the welcome', () => heard[0]?.type === 'room.welcome') };
}

describe('agents', () => {
  const server = serveSuite();

  for (const flavour of everyone) {
    test(`${flavour.name} shows an agent, what it says and that it is gone, and reads what it writes`, async (t) => {
      const room = `${flavour.name} agents`;
      const ada = await joined(t, flavour, server, room, { name: 'Ada' });
      const planner = agent(t, server, room, 'Planner');
      await planner.welcomed;
      const shown = () => [...ada.awareness.getStates().values()].find((state) => state?.user?.kind === 'agent');
      planner.say('agent.status', { state: 'thinking', message: 'Comparing hotels', progress: 0.5 });
      await until('the agent to be shown', () => shown()?.agent.status.message === 'Comparing hotels');
      assert.equal(shown().user.name, 'Planner');
      planner.say('doc.patch', { operations: [{ op: 'add', path: '/map', value: { dish: 'Pastéis' } }] });
      await until('what it wrote', () => ada.edits.get(ada.doc, 'dish') === 'Pastéis');
      // Told apart from what it wrote itself: both at once would be the one pointer that leads to both.
      await until('the agent to hear of that', () => planner.heard.some(({ type }) => type === 'doc.changed'));
      ada.edits.set(ada.doc, 'title', 'Lisbon');
      await until('the agent to hear of it', () =>
        planner.heard.some(({ type, data }) => type === 'doc.changed' && data.pointers.includes('/map/title')));
      planner.socket.close();
      await until('the agent to be gone', () => !shown());
    });
  }

  for (const flavour of everyone) {
    test(`${flavour.name} shows an agent that is back after the server was killed`, async (t) => {
      const own = await serve(t);
      const ada = await joined(t, flavour, own, 'lisbon', { name: 'Ada' });
      const shown = () => [...ada.awareness.getStates().values()].find((state) => state?.user?.kind === 'agent');
      const before = agent(t, own, 'lisbon', 'Planner');
      await before.welcomed;
      for (let step = 1; step <= 10; step += 1) {
        before.say('agent.status', { state: 'active', steps: step });
        await until('the step', () => shown()?.agent.status.steps === step);
      }
      await own.kill();
      await own.start();
      const after = agent(t, own, 'lisbon', 'Planner');
      await after.welcomed;
      after.say('agent.status', { state: 'waiting' });
      await until('the agent to be shown again', () => shown()?.agent.status.state === 'waiting', { within: 10_000 });
    });
  }
});

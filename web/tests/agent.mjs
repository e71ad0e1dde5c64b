// An agent in a room, as the tests play one: it speaks the JSON socket from a page of its own, and nothing else.

/** Comes into a room as this agent, with a key where one is wanted. */
export async function agentIn(browser, server, room, name, key) {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${server.url}/icon.svg`);
  const who = key ? `token=${key}` : `name=${encodeURIComponent(`agent:${name}`)}`;
  await page.evaluate((address) => {
    globalThis.heard = [];
    globalThis.socket = new WebSocket(address);
    globalThis.socket.onmessage = ({ data }) => globalThis.heard.push(JSON.parse(data));
  }, `${server.url.replace('http', 'ws')}/v1/rooms/${encodeURIComponent(room)}/socket?${who}`);
  const say = (type, data, ref) => page.evaluate((frame) => globalThis.socket.send(JSON.stringify(frame)), { type, data, ref });
  const find = async (what, ...about) => (await page.waitForFunction(what, ...about)).jsonValue();
  const agent = {
    say,
    /** Says it and waits until it is taken. */
    async ask(type, data) {
      const ref = String(Math.random());
      await say(type, data, ref);
      const answer = await find((mine) => globalThis.heard.find((event) => event.ref === mine), ref);
      if (['error', 'doc.rejected'].includes(answer.type)) throw new Error(JSON.stringify(answer.data));
      return answer.data;
    },
    status: (state, more = {}) => say('agent.status', { state, ...more }),
    patch: (...operations) => agent.ask('doc.patch', { operations }),
    /** Waits for an event of this type. */
    heard: (type) => find((wanted) => globalThis.heard.find((event) => event.type === wanted), type),
    leave: () => context.close(),
  };
  await agent.heard('room.welcome');
  return agent;
}

/** Opens a panel, from the header or from the bar, and waits for it. */
export async function openPanel(page, name) {
  const button = page.getByRole('button', { name: new RegExp(`^${name}(,|$)`) });
  if ((await button.getAttribute('aria-pressed')) !== 'true') await button.click();
  const panel = page.locator(`.panel[aria-label="${name}"]`);
  await panel.waitFor();
  return panel;
}

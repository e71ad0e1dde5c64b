// The REST interface as one caller sees it.

export class Caller {
  #server;
  #token;

  constructor(server, token) {
    this.#server = server;
    this.#token = token;
  }

  /** Asks, and gives `{ status, headers, text, body }`, `body` being the text as JSON if it is that. */
  async ask(method, path, body) {
    const isBinary = body instanceof Uint8Array;
    const answer = await fetch(this.#server.url + path, {
      method,
      headers: {
        ...this.#token && { authorization: `Bearer ${this.#token}` },
        ...body !== undefined && { 'content-type': typeOf(method, body) },
      },
      body: body === undefined || isBinary ? body : JSON.stringify(body),
    });
    const bytes = Buffer.from(await answer.arrayBuffer());
    const text = bytes.toString();
    const isJson = answer.headers.get('content-type')?.includes('json');
    return { status: answer.status, headers: answer.headers, bytes, text, body: isJson ? JSON.parse(text) : undefined };
  }

  /** The same, of which nothing but success is expected: gives the body. */
  async must(method, path, body) {
    const answer = await this.ask(method, path, body);
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body ?? answer.bytes;
  }

  /** Makes a room, with these roles by principal in it beside the caller as its owner. */
  async makeRoom(room, members = {}) {
    await this.must('POST', '/v1/rooms', { id: room });
    for (const [principal, role] of Object.entries(members)) await this.addMember(room, principal, role);
  }

  addMember(room, principal, role) {
    return this.must('POST', `${of(room)}/members`, { principal, role });
  }

  changeMember(room, principal, role) {
    return this.must('PATCH', `${of(room)}/members/${encodeURIComponent(principal)}`, { role });
  }

  removeMember(room, principal) {
    return this.must('DELETE', `${of(room)}/members/${encodeURIComponent(principal)}`);
  }

  /** A ticket for `room`, as text. */
  async ticket(room, wish = {}) {
    return (await this.must('POST', `${of(room)}/tickets`, wish)).ticket;
  }
}

/** A room's address. */
export const of = (room) => `/v1/rooms/${encodeURIComponent(room)}`;

function typeOf(method, body) {
  if (body instanceof Uint8Array) return 'application/octet-stream';
  return method === 'PATCH' && Array.isArray(body) ? 'application/json-patch+json' : 'application/json';
}

// What the status light may say, and why. Owns the count of local changes and what the server confirmed.
// Fed by the room (socket events, local changes, echoes); shown by the header.
// It never says "saved" unless the server has echoed a question asked after the last local change.

import type { UnsavedMarks } from './unsaved';

export type Light = 'connecting' | 'saving' | 'saved' | 'held' | 'offline' | 'restarting' | 'refused';

/** How long local changes gather before the server is asked about them. */
const GATHER_MS = 120;
/** How long after a planned restart the light says so, before it says offline. */
const RESTART_MS = 30_000;
const CODE_RESTART = 1012;
/** How long a socket may take to come back with a new ticket before anybody need know. */
const RENEWAL_MS = 3000;

export class SaveLight {
  #connected = false;
  /** This connection has exchanged documents both ways, so a question covers everything. */
  #settled = false;
  #everFailed = false;
  #restartUntil = 0;
  #renewalUntil = 0;
  /** What the light said when the socket closed. */
  #wasSaved = false;
  #refused = false;
  #held = false;

  #changes = 0;
  #confirmed = 0;
  #inherited: boolean;
  #version = 0;
  #question: { version: number; covers: number } | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listeners = new Set<() => void>();

  constructor(
    private readonly marks: UnsavedMarks,
    private readonly ask: (version: number) => void,
  ) {
    this.#inherited = marks.inherited;
  }

  get light(): Light {
    if (this.#refused) return 'refused';
    // Everything was confirmed before the socket closed, and nothing was changed since.
    if (Date.now() < this.#renewalUntil && !this.unsaved) return 'saved';
    if (!this.#connected) {
      if (Date.now() < this.#restartUntil) return 'restarting';
      return this.#everFailed ? 'offline' : 'connecting';
    }
    if (!this.#settled) return 'connecting';
    if (this.unsaved) return this.#held ? 'held' : 'saving';
    return this.#question || this.#version === 0 ? 'connecting' : 'saved';
  }

  /** Are there changes here that the server has not confirmed? */
  get unsaved(): boolean {
    return this.#inherited || this.#changes > this.#confirmed;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  socketOpened(): void {
    this.#connected = true;
    this.#settled = false;
    this.#refused = false;
    this.#held = false;
    this.#restartUntil = 0;
    this.#tell();
  }

  socketClosed(code: number | null): void {
    this.#wasSaved = this.light === 'saved';
    this.#renewalUntil = 0;
    this.#connected = false;
    this.#settled = false;
    this.#everFailed = true;
    this.#question = null;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (code === CODE_RESTART) {
      this.#restartUntil = Date.now() + RESTART_MS;
      setTimeout(() => this.#tell(), RESTART_MS + 1);
    }
    this.#tell();
  }

  /** Somebody asked to try again. */
  dialling(): void {
    this.#refused = false;
    this.#everFailed = false;
    this.#tell();
  }

  /** The socket has just closed to come back with a new ticket. What was saved stays saved meanwhile. */
  renewing(): void {
    this.#everFailed = false;
    if (this.#wasSaved) {
      this.#renewalUntil = Date.now() + RENEWAL_MS;
      setTimeout(() => this.#tell(), RENEWAL_MS + 1);
    }
    this.#tell();
  }

  refuse(): void {
    this.#refused = true;
    this.#tell();
  }

  /** The server takes no changes for now; it will ask for ours when it does. */
  hold(): void {
    this.#held = true;
    this.#tell();
  }

  /** Both sides have sent what the other lacked. */
  documentsExchanged(): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#askNow();
    this.#tell();
  }

  localChange(): void {
    this.#changes++;
    this.marks.set(this.#changes);
    if (this.#settled && !this.#question) this.#timer ??= setTimeout(() => this.#askNow(), GATHER_MS);
    this.#tell();
  }

  echoed(version: number): void {
    const question = this.#question;
    if (!question || version !== question.version) return;
    this.#question = null;
    this.#held = false;
    this.#confirmed = question.covers;
    this.#inherited = false;
    if (this.unsaved) this.#askNow();
    else this.marks.clear();
    this.#tell();
  }

  #askNow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#settled) return;
    this.#question = { version: ++this.#version, covers: this.#changes };
    this.ask(this.#version);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

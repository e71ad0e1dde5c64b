// One open trip: the document, its copy on this device, its socket, who is here, undo, the save light; and beside them
// the event line with what is heard on it.
// Opened and closed by the trip page; every view reads the document through it.
// It never keeps the trip's content anywhere but in the document, and writes nothing that its pass does not allow.

import * as Y from 'yjs';
import type { IndexeddbPersistence } from 'y-indexeddb';
import { WebsocketProvider } from 'y-websocket';
import { writeUpdate } from 'y-protocols/sync';
import * as decoding from 'lib0/decoding';
import * as encoding from 'lib0/encoding';
import { yjsAddress } from './address';
import { Agents } from './agents';
import { openDeviceCopy } from './device-copy';
import { EventLine } from './event-line';
import type { Line, Pass } from './pass';
import { People } from './people';
import { atLeast } from './role';
import { SaveLight } from './save-light';
import { Suggestions } from './suggestions';
import { Talk } from './talk';
import { TripWarnings } from './trip-warnings';
import { UnsavedMarks } from './unsaved';

/** Marks this tab's own edits, so that undo takes back nobody else's. */
export const MINE = { origin: 'this page' };

export interface Refusal {
  code: number;
  reason: string;
}

/** y-sweet's question "is everything I sent on disk?"; the server echoes the frame when it is. */
const MESSAGE_SAVED = 102;
const MESSAGE_SYNC = 0;
/** The server did not take a change, because it cannot now or because I may not; the socket stays. */
const MESSAGE_DENIED = 2;
const SYNC_STEP_1 = 0;
/** Closed because of who I am: what I may do has changed, or my ticket has run out. */
const CODES_OF_ACCESS = [4401, 4403, 4404];
/** A device whose storage does not answer must not keep anybody from their trip. */
const DEVICE_COPY_MS = 1500;

export class Room {
  readonly doc = new Y.Doc();
  readonly trip: Y.Map<unknown> = this.doc.getMap('trip');
  readonly items: Y.Map<unknown> = this.doc.getMap('items');
  readonly notes: Y.Text = this.doc.getText('notes');
  readonly people: People;
  readonly undo: Y.UndoManager;
  readonly light: SaveLight;
  readonly events: EventLine;
  readonly agents: Agents;
  readonly talk: Talk;
  readonly suggestions: Suggestions;
  readonly warnings: TripWarnings;
  /** Settles when the copy on this device is in the document. */
  readonly loaded: Promise<void>;
  refusal: Refusal | null = null;

  readonly #provider: WebsocketProvider;
  readonly #device: IndexeddbPersistence;
  readonly #ends: (() => void)[] = [];
  readonly #marks: UnsavedMarks;
  /** While true, what changes the document came from another tab of this device. */
  #fromOtherTab = false;
  #closed = false;
  #line: Line | null = null;
  /** The socket has turned a fresh ticket away. */
  #turnedAway = false;

  constructor(
    readonly id: string,
    readonly me: string,
    readonly pass: Pass,
  ) {
    this.people = new People(this.doc, () => pass.recheck());
    const roots = ['trip', 'budget', 'destinations', 'items', 'comments'].map((name) => this.doc.getMap(name));
    this.undo = new Y.UndoManager([...roots, this.notes], { trackedOrigins: new Set([MINE]) });
    this.people.nameMe(me, pass.memberId);

    this.events = new EventLine(id, me, pass);
    this.agents = new Agents(this.events);
    this.talk = new Talk(this.events, pass);
    this.suggestions = new Suggestions(this.events, pass);
    this.warnings = new TripWarnings(this.events);
    this.events.on('member.role', () => pass.recheck());

    this.#device = openDeviceCopy(id, this.doc);
    const { server, path } = yjsAddress(id, null);
    this.#provider = new WebsocketProvider(server, path, this.doc, { awareness: this.people.awareness, connect: false });
    this.#marks = new UnsavedMarks(id, String(this.doc.clientID));
    this.light = new SaveLight(this.#marks, (version) => this.#askWhetherSaved(version));
    this.#watchChanges();
    this.#watchSocket();
    this.#watchPass();
    this.loaded = this.#loadDeviceCopy();
    void this.loaded.then(() => this.reconnect());
  }

  /** Dials again at once, whatever happened before. */
  reconnect(): void {
    if (this.#closed) return;
    if (this.refusal) {
      this.refusal = null;
      this.light.dialling();
    }
    this.#provider.wsUnsuccessfulReconnects = 0;
    void this.#dial(null);
  }

  async #dial(used: string | null): Promise<void> {
    // Tabs of this device find each other also while the server cannot be reached.
    this.#provider.connectBc();
    const line = await this.pass.line(used);
    if (this.#closed || !line) return;
    this.#line = line;
    const { server, path } = yjsAddress(this.id, line.socket);
    this.#provider.serverUrl = server;
    this.#provider.roomname = path;
    this.#provider.params = { name: this.me, ...(line.ticket && { token: line.ticket }) };
    this.#provider.connect();
  }

  /** One step of mine, named so that undo can say what it took back. */
  edit(label: string, change: () => void): void {
    if (!this.pass.mayEdit) return;
    this.undo.stopCapturing();
    const steps = this.undo.undoStack.length;
    this.doc.transact(change, MINE);
    if (this.undo.undoStack.length > steps) this.undo.undoStack.at(-1)!.meta.set('label', label);
    this.undo.stopCapturing();
  }

  close(): void {
    this.#closed = true;
    for (const end of this.#ends) end();
    this.events.close();
    this.agents.close();
    this.warnings.close();
    this.people.awareness.setLocalState(null);
    this.#provider.destroy();
    void this.#device.destroy();
    this.doc.destroy();
  }

  /** Lets go of the copy on this device with all that was never saved. The room must be opened anew after it. */
  async forgetDeviceCopy(): Promise<void> {
    this.#marks.forget();
    await this.#device.clearData();
  }

  #loadDeviceCopy(): Promise<void> {
    const copy = this.#device.whenSynced.then(() => {});
    const patience = new Promise<void>((resolve) => setTimeout(resolve, DEVICE_COPY_MS));
    return Promise.race([copy, patience]);
  }

  #watchChanges(): void {
    this.doc.on('update', (update: Uint8Array, origin: unknown) => {
      if (origin === this.#provider) {
        if (!this.#fromOtherTab || !this.pass.mayEdit) return;
        // The provider keeps another tab's changes to this device; that tab's line may be dead, so ours passes them on.
        this.#sendUpdate(update);
      }
      // The copy on this device is no change: if it holds anything unconfirmed, a mark says so.
      // But one that loads after the socket opened is sent by itself and must be asked about.
      if (origin === this.#device && !this.#provider.wsconnected) return;
      this.light.localChange();
    });
  }

  #watchSocket(): void {
    const provider = this.#provider;
    let gaveOurs = false;
    let gotTheirs = false;
    const exchanged = () => {
      if (gaveOurs && gotTheirs) this.light.documentsExchanged();
    };

    const readSync = provider.messageHandlers[MESSAGE_SYNC]!;
    provider.messageHandlers[MESSAGE_SYNC] = (encoder, decoder, from, fromSocket, type) => {
      const asked = fromSocket && decoding.peekVarUint(decoder) === SYNC_STEP_1;
      this.#fromOtherTab = !fromSocket;
      try {
        readSync(encoder, decoder, from, fromSocket, type);
      } finally {
        this.#fromOtherTab = false;
      }
      if (!asked) return;
      // Asked once more out of the blue: what I may do may have changed.
      if (gaveOurs) this.pass.recheck();
      // Our answer is sent when this handler has returned; only then may the question follow it.
      queueMicrotask(() => {
        gaveOurs = true;
        exchanged();
      });
    };
    provider.messageHandlers[MESSAGE_DENIED] = () => {
      this.light.hold();
      this.pass.recheck();
    };
    provider.messageHandlers[MESSAGE_SAVED] = (_encoder, decoder) => {
      const body = decoding.readVarUint8Array(decoder);
      // The echo comes last: who is here was told before it.
      this.people.lineBack();
      this.light.echoed(decoding.readVarUint(decoding.createDecoder(body)));
    };

    provider.on('status', ({ status }) => {
      if (status !== 'connected') return;
      gaveOurs = gotTheirs = false;
      this.people.renew();
      this.light.socketOpened();
    });
    provider.on('sync', (synced) => {
      gotTheirs = synced;
      if (synced) this.#turnedAway = false;
      // The trip first; who works on it can wait until it is there.
      if (synced) this.events.start();
      exchanged();
    });
    provider.on('connection-close', (event) => {
      this.people.lineCut();
      this.light.socketClosed(event?.code ?? null);
    });
    provider.on('closed', (refusal) => {
      if (CODES_OF_ACCESS.includes(refusal.code) && this.pass.token !== null) this.#comeBack(refusal);
      else this.#refuse(refusal);
    });

    // A dead line can look open for half a minute; the device often knows at once.
    const redial = () => {
      if (!provider.shouldConnect) return;
      provider.disconnect();
      this.reconnect();
    };
    const dialIfAway = () => {
      if (provider.shouldConnect && !provider.wsconnected && document.visibilityState === 'visible') redial();
    };
    addEventListener('offline', redial);
    addEventListener('online', dialIfAway);
    document.addEventListener('visibilitychange', dialIfAway);
    this.#ends.push(() => {
      removeEventListener('offline', redial);
      removeEventListener('online', dialIfAway);
      document.removeEventListener('visibilitychange', dialIfAway);
    });
  }

  /** Once with a fresh ticket; the REST says what I may do now. Who is turned away then stays away. */
  #comeBack(refusal: Refusal): void {
    if (this.#turnedAway) return this.pass.barred(refusal.code === 4401 ? 'bad-token' : 'lost', refusal.reason);
    this.#turnedAway = true;
    this.light.renewing();
    void this.#dial(this.#line?.ticket ?? null);
  }

  #refuse(refusal: Refusal): void {
    if (refusal.code === 4401) return this.pass.barred('no-token', refusal.reason);
    this.refusal = refusal;
    this.light.refuse();
  }

  #watchPass(): void {
    this.pass.onMembersChanged = () => this.people.tellRightsChanged();
    this.#ends.push(
      this.pass.subscribe(() => {
        const { ticketRole, memberId, away } = this.pass;
        this.people.nameMe(this.me, memberId);
        // There is no ticket to dial with, and nobody who could give one: that is being offline.
        if (away && !this.#line) this.light.socketClosed(null);
        // A ticket holds no more than the role it was made for: more rights need another one.
        const held = this.#line?.role;
        if (!ticketRole || !held || atLeast(held, ticketRole)) return;
        this.#provider.disconnect();
        void this.#dial(this.#line!.ticket);
      }),
    );
  }

  #sendUpdate(update: Uint8Array): void {
    const frame = encoding.createEncoder();
    encoding.writeVarUint(frame, MESSAGE_SYNC);
    writeUpdate(frame, update);
    this.#send(frame);
  }

  #askWhetherSaved(version: number): void {
    const body = encoding.createEncoder();
    encoding.writeVarUint(body, version);
    const frame = encoding.createEncoder();
    encoding.writeVarUint(frame, MESSAGE_SAVED);
    encoding.writeVarUint8Array(frame, encoding.toUint8Array(body));
    this.#send(frame);
  }

  #send(frame: encoding.Encoder): void {
    if (this.#provider.wsconnected) this.#provider.ws?.send(encoding.toUint8Array(frame));
  }
}

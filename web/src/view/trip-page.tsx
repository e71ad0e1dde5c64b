// A trip's page: finds out who one is and may do, opens the room, and lays out header, plan and side panel.
// Owns the life of the pass and the room; everything below reads them through RoomContext.

import { useEffect, useMemo, useState } from 'preact/hooks';
import { recall, remember, rememberTrip } from '../room/device';
import { Pass } from '../room/pass';
import { Room } from '../room/room';
import { setTrip } from '../trip/plan';
import { attachAnnouncer } from './announcer';
import { Board } from './board';
import { BottomBar } from './bottom-bar';
import { Header, step } from './header';
import { Barred } from './barred';
import { RoomContext, useLight, useMap, useMedia, usePass, useRoom } from './hooks';
import { NamePage } from './name-page';
import { Notices } from './notice';
import { Panel, SHEET, isPanel, type PanelId } from './panel';
import { Refused } from './refused';
import { RoleLine } from './role-line';
import { Skeleton, SkeletonPage } from './skeleton';
import { AwayLine } from './status-light';

/** What the start page asked for, written into the new room. */
export interface FirstFields {
  title: string;
  start_date: string;
  end_date: string;
}

export function TripPage({ id, first }: { id: string; first: FirstFields | null }) {
  const pass = usePass(useMemo(() => new Pass(id), [id]));
  const [chosen, choose] = useState(recall('name'));
  const [visit, setVisit] = useState(0);
  useEffect(() => {
    pass.start();
    return () => pass.close();
  }, [pass]);

  const name = pass.name ?? chosen;
  if (pass.bar) return <Barred pass={pass} bar={pass.bar} />;
  if (pass.asking) return <SkeletonPage away={false} />;
  if (name) {
    const reopen = () => setVisit(visit + 1);
    return <OpenTrip key={`${visit} ${name}`} pass={pass} name={name} first={first} onRename={choose} onReopen={reopen} />;
  }
  // A sign-in may bring a name along: nobody is asked for it before that is known.
  if (pass.token !== null && !pass.standing) return <SkeletonPage away />;
  return (
    <NamePage
      onName={(given) => {
        remember('name', given);
        choose(given);
      }}
    />
  );
}

interface OpenProps {
  pass: Pass;
  name: string;
  first: FirstFields | null;
  onRename: (name: string) => void;
  onReopen: () => void;
}

function OpenTrip({ pass, name, first, onRename, onReopen }: OpenProps) {
  const [room, setRoom] = useState<Room | null>(null);
  useEffect(() => {
    const opened = new Room(pass.room, name, pass);
    setRoom(opened);
    if (first) {
      void opened.loaded.then(() => {
        if (opened.trip.size === 0) setTrip(opened, { ...first });
        opened.undo.clear(); // Starting a trip is not a step to take back.
      });
    }
    return () => opened.close();
  }, []);
  if (!room) return null;
  return (
    <RoomContext.Provider value={room}>
      <Trip onRename={onRename} onReopen={onReopen} />
      <Notices />
    </RoomContext.Provider>
  );
}

function Trip({ onRename, onReopen }: { onRename: (name: string) => void; onReopen: () => void }) {
  const room = useRoom();
  const light = useLight(room);
  const [panel, setPanel] = useState<PanelId | null>(rememberedPanel);
  const ready = useReady();
  const covered = useMedia(SHEET) && panel !== null;
  useRememberedTrip();
  useUndoKeys();
  useEffect(() => attachAnnouncer(room), [room]);

  const show = (next: PanelId | null) => {
    remember('panel', next);
    setPanel(next);
  };
  if (light === 'refused' && room.refusal) return <Refused refusal={room.refusal} />;
  return (
    <div class={`page ${panel ? 'page-with-panel' : ''}`} data-ready={ready}>
      <Header
        ready={ready}
        covered={covered}
        panel={panel}
        onPanel={show}
        onRename={onRename}
      >
        <AwayLine />
        <RoleLine onReopen={onReopen} />
      </Header>
      <main class="plan" aria-label="Plan" aria-busy={!ready} inert={covered}>
        {ready ? <Board /> : <Skeleton />}
      </main>
      {panel && <Panel id={panel} ready={ready} sheet={covered} onClose={() => show(null)} />}
      <BottomBar open={panel} onOpen={show} />
    </div>
  );
}

/** Is there something true to show: a copy on this device, or the server's answer? */
function useReady(): boolean {
  const room = useRoom();
  const [ready, setReady] = useState(false);
  useEffect(() => {
    if (ready) return;
    const look = () => {
      const answered = room.light.light === 'saved' || room.light.light === 'saving';
      if (answered || room.items.size > 0 || room.trip.size > 0) setReady(true);
    };
    void room.loaded.then(look);
    room.doc.on('update', look);
    const stop = room.light.subscribe(look);
    return () => {
      room.doc.off('update', look);
      stop();
    };
  }, [room, ready]);
  return ready;
}

function rememberedPanel(): PanelId | null {
  const kept = recall('panel');
  if (isPanel(kept)) return kept;
  // A first visit on a wide screen has room for the notes; on a phone they would cover the plan.
  return kept === null && matchMedia('(min-width: 1200px)').matches ? 'notes' : null;
}

/** Keeps the list of trips on the start page, and the window's title, true. */
function useRememberedTrip(): void {
  const room = useRoom();
  useMap(room.trip);
  const field = (name: string) => String(room.trip.get(name) ?? '');
  const [title, start, end] = ['title', 'start_date', 'end_date'].map(field) as [string, string, string];
  useEffect(() => {
    document.title = title ? `${title} – Triproom` : 'Triproom';
    if (title) rememberTrip({ room: room.id, title, start, end, opened: Date.now() });
  }, [title, start, end]);
}

function useUndoKeys(): void {
  const room = useRoom();
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
      // Text fields undo their own typing; the editor has the room's undo already.
      if ((event.target as HTMLElement).closest('input, textarea, select, .cm-editor')) return;
      const key = event.key.toLowerCase();
      const which = key === 'z' ? (event.shiftKey ? 'redo' : 'undo') : key === 'y' ? 'redo' : null;
      if (!which || !room.pass.mayEdit) return;
      event.preventDefault();
      step(room.undo, which);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [room]);
}

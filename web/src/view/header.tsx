// The header: the trip's name and dates, the light, who is here, undo, notes, share. One line when wide, two when narrow.

import { recall, remember } from '../room/device';
import { colorOf } from '../trip/palette';
import { dateRange } from '../trip/days';
import { setTrip } from '../trip/plan';
import { DatesForm } from './dates-form';
import { DraftField } from './draft-field';
import { Face, Faces } from './face';
import { useMap, useRoom, useUndo } from './hooks';
import { Icon } from './icon';
import { Logo } from './logo';
import { announce, notify } from './notice';
import { Popover } from './popover';
import { StatusLight } from './status-light';
import { THEMES, chooseTheme, currentTheme } from './theme';

interface Props {
  /** Is the trip there to be shown? Until then its name and dates are only outlined. */
  ready: boolean;
  /** A sheet lies over the page: nothing here can be reached. */
  covered: boolean;
  notesOpen: boolean;
  onNotes: () => void;
  onRename: (name: string) => void;
}

export function Header({ ready, covered, notesOpen, onNotes, onRename }: Props) {
  const room = useRoom();
  useMap(room.trip);
  const field = (name: string) => (room.trip.get(name) as string | undefined) ?? '';
  const dates = dateRange(field('start_date') || null, field('end_date') || null);
  return (
    <header class="header" inert={covered}>
      <a class="home" href="/" aria-label="All trips">
        <Logo />
      </a>
      <h1 class="trip-title">
        {ready ? (
          <DraftField
            label="Trip name"
            placeholder="Name this trip"
            maxLength={200}
            value={field('title')}
            onCommit={(title) => (title ? setTrip(room, { title }) : false)}
          />
        ) : (
          <span class="bone bone-title" />
        )}
      </h1>
      <div class="header-dates">
        {ready && (
          <Popover label={dates ? `Dates: ${dates}` : 'Choose dates'} buttonClass="button-quiet dates-button" face={dates || 'Choose dates'}>
            {(close) => <DatesForm onDone={close} />}
          </Popover>
        )}
      </div>
      <div class="header-people">
        <StatusLight />
        <Faces />
        <Popover label={`You: ${room.me}`} buttonClass="face-button" align="end" face={<Face person={mySelf(room.me)} />}>
          {(close) => <MeForm onDone={close} onRename={onRename} />}
        </Popover>
      </div>
      <div class="header-tools">
        <UndoButtons />
        <button class="button-icon only-wide" aria-pressed={notesOpen} onClick={onNotes} title="Notes">
          <Icon name="notes" size={18} />
          <span class="sr-only">Notes</span>
        </button>
        <button class="button-main share" onClick={() => void share(field('title'))}>
          <Icon name="share" />
          <span>Share</span>
        </button>
      </div>
    </header>
  );
}

const mySelf = (name: string) => ({ key: name, name, color: colorOf(name), agent: false, me: true });

function UndoButtons() {
  const room = useRoom();
  const can = useUndo(room);
  return (
    <>
      <button class="button-icon" disabled={!can.undo} onClick={() => step(room.undo, 'undo')} title="Undo my last step">
        <Icon name="undo" size={18} />
        <span class="sr-only">Undo my last step</span>
      </button>
      <button class="button-icon redo" disabled={!can.redo} onClick={() => step(room.undo, 'redo')} title="Redo">
        <Icon name="redo" size={18} />
        <span class="sr-only">Redo</span>
      </button>
    </>
  );
}

/** Takes back, or brings back, my own last step and says which it was. */
export function step(manager: ReturnType<typeof useRoom>['undo'], which: 'undo' | 'redo'): void {
  const stack = which === 'undo' ? manager.undoStack : manager.redoStack;
  const label = stack.at(-1)?.meta.get('label') as string | undefined;
  const done = manager[which]();
  if (!done) return;
  // The step moved to the other stack as a new entry; its name goes with it.
  const other = which === 'undo' ? manager.redoStack : manager.undoStack;
  if (label) other.at(-1)?.meta.set('label', label);
  announce(`${which === 'undo' ? 'Undid' : 'Did again'} ${label ?? 'my last step'}`);
}

async function share(title: string): Promise<void> {
  const url = location.href;
  if (matchMedia('(pointer: coarse)').matches && navigator.share) {
    await navigator.share({ title: title || 'A trip', url }).catch(() => {});
    return;
  }
  try {
    await navigator.clipboard.writeText(url);
    notify('Link copied. Whoever has it can join.');
  } catch {
    notify('Copy the link in the address bar: whoever has it can join.');
  }
}

function MeForm({ onDone, onRename }: { onDone: () => void; onRename: (name: string) => void }) {
  const room = useRoom();
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const name = new FormData(event.currentTarget).get('name');
        onDone();
        if (typeof name === 'string' && name.trim() && name.trim() !== room.me) {
          remember('name', name.trim());
          onRename(recall('name') ?? name.trim());
        }
      }}
    >
      <label class="labelled">
        <span>Your name</span>
        <input class="field" name="name" defaultValue={room.me} maxLength={40} required autocomplete="name" />
      </label>
      <fieldset class="choice">
        <legend>Colours</legend>
        {THEMES.map((theme) => (
          <label key={theme}>
            <input type="radio" name="theme" value={theme} defaultChecked={theme === currentTheme()} onChange={() => chooseTheme(theme)} />
            <span>{theme === 'system' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}</span>
          </label>
        ))}
      </fieldset>
      <button class="button-main">Done</button>
    </form>
  );
}

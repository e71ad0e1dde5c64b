// The header: the trip's name and dates, the light, who is here, undo, the panels, share. One line when wide, two when narrow.
// What somebody may not change is only shown, and what they may not do is not there.

import type { ComponentChildren } from 'preact';
import { colorOf } from '../trip/palette';
import { dateRange } from '../trip/days';
import { setTrip } from '../trip/plan';
import { DatesForm } from './dates-form';
import { DraftField } from './draft-field';
import { Face } from './face';
import { useMap, useMayEdit, useRoom, useUndo } from './hooks';
import { Icon } from './icon';
import { Logo } from './logo';
import { MeForm } from './me';
import { announce } from './notice';
import type { PanelId } from './panel';
import { PanelButtons } from './panel-buttons';
import { People } from './people-list';
import { Popover } from './popover';
import { Share } from './share';
import { StatusLight } from './status-light';

interface Props {
  /** Is the trip there to be shown? Until then its name and dates are only outlined. */
  ready: boolean;
  /** A sheet lies over the page: nothing here can be reached. */
  covered: boolean;
  panel: PanelId | null;
  onPanel: (id: PanelId | null) => void;
  onRename: (name: string) => void;
  /** The lines below it. */
  children: ComponentChildren;
}

export function Header({ ready, covered, panel, onPanel, onRename, children }: Props) {
  const room = useRoom();
  useMap(room.trip);
  const mayEdit = useMayEdit(room);
  const field = (name: string) => (room.trip.get(name) as string | undefined) ?? '';
  const dates = dateRange(field('start_date') || null, field('end_date') || null);
  return (
    <header class="top" inert={covered}>
      <div class="header">
        <a class="home" href="/" aria-label="All trips">
          <Logo />
        </a>
        <h1 class="trip-title">
          {!ready && <span class="bone bone-title" />}
          {ready && !mayEdit && (
            <span class="title-text" dir="auto" title={field('title')}>
              {field('title') || 'A trip without a name'}
            </span>
          )}
          {ready && mayEdit && (
            <DraftField
              label="Trip name"
              placeholder="Name this trip"
              maxLength={200}
              value={field('title')}
              onCommit={(title) => (title ? setTrip(room, { title }) : false)}
            />
          )}
        </h1>
        <div class="header-dates">
          {ready && !mayEdit && <span class="dates-text">{dates}</span>}
          {ready && mayEdit && (
            <Popover label={dates ? `Dates: ${dates}` : 'Choose dates'} buttonClass="button-quiet dates-button" face={dates || 'Choose dates'}>
              {(close) => <DatesForm onDone={close} />}
            </Popover>
          )}
        </div>
        <div class="header-people">
          <StatusLight />
          <People />
          <Popover label={`You: ${room.me}`} buttonClass="face-button" align="end" face={<Face person={mySelf(room.me)} />}>
            {(close) => <MeForm onDone={close} onRename={onRename} />}
          </Popover>
        </div>
        <div class="header-tools">
          {mayEdit && <UndoButtons />}
          <PanelButtons look="header" open={panel} onOpen={onPanel} />
          <Share title={field('title')} />
        </div>
      </div>
      {children}
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

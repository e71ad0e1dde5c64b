// The itinerary: Unplanned and one place a day, side by side when wide, one under another when narrow.
// Owns which card is open and lets cards be dragged by those who may; order comes from the document.

import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { longDay, today } from '../trip/days';
import { titleOf } from '../trip/item';
import { UNPLANNED, addTripDay, itemOf, moveItem, tripDays, type Plan, type Spot } from '../trip/plan';
import { Day } from './day';
import { DatesForm } from './dates-form';
import { attachDrag } from './drag';
import { EmptyTrip } from './empty-trip';
import { useMayEdit, usePlan, useRoom } from './hooks';
import { Icon } from './icon';
import { KeyboardMove } from './keyboard-move';
import { announce, notify } from './notice';

export function Board() {
  const room = useRoom();
  const plan = usePlan(room);
  const mayEdit = useMayEdit(room);
  const board = useRef<HTMLDivElement>(null);
  const [openId, setOpenId] = useState<string | null>(null);
  const keys = useMemo(() => new KeyboardMove(room), [room]);

  const toggle = useCallback((id: string) => setOpenId((open) => (open === id ? null : id)), []);
  const gripKey = useCallback(
    (id: string, event: KeyboardEvent) => {
      if (!keys.key(id, event.key)) return;
      event.preventDefault();
      event.stopPropagation();
    },
    [keys],
  );
  const drop = useCallback(
    (id: string, spot: Spot, from: DOMRect) => {
      const item = itemOf(room, id);
      if (!item) return;
      moveItem(room, id, spot);
      requestAnimationFrame(() => settle(id, from));
      announce(`Moved ${titleOf(item)} to ${spot.day ? longDay(spot.day) : 'Unplanned'}`);
    },
    [room],
  );

  useEffect(() => (mayEdit ? attachDrag(board.current!, drop) : undefined), [drop, mayEdit]);
  useEffect(() => () => keys.letGo(false), [keys, mayEdit]);
  useCloseWhenGone(openId, setOpenId);
  useStartAtToday(board, plan);
  useTellFocus(board);

  const days = [...plan.keys()].filter((day) => day !== UNPLANNED);
  const inTrip = tripDays(room);
  const inDay = (day: string) => {
    const ids = plan.get(day)!;
    return { ids, mayEdit, openId: openId !== null && ids.includes(openId) ? openId : null, onToggle: toggle, onGripKey: gripKey };
  };
  return (
    <div class="board" ref={board} onFocusOut={() => queueMicrotask(() => letGoOnLeave(keys))}>
      <p id="grip-help" class="sr-only">
        Press Space to lift, arrow keys to move, Space to drop, Escape to put back.
      </p>
      {room.items.size === 0 && <EmptyTrip mayEdit={mayEdit} onStart={setOpenId} />}
      <div class="days">
        <Day day={null} {...inDay(UNPLANNED)} />
        {days.map((day) => (
          <Day key={day} day={day} number={inTrip.indexOf(day) + 1} {...inDay(day)} />
        ))}
        {mayEdit && <MoreDays any={inTrip.length > 0} />}
      </div>
    </div>
  );
}

function MoreDays({ any }: { any: boolean }) {
  const room = useRoom();
  if (any) {
    return (
      <button class="add-day" onClick={() => addTripDay(room)}>
        <Icon name="plus" />
        Add a day
      </button>
    );
  }
  return (
    <section class="no-dates">
      <h2>When is it?</h2>
      <p class="quiet">Days to plan appear as soon as the trip has dates.</p>
      <DatesForm onDone={() => {}} />
    </section>
  );
}

/** The dropped card glides the last bit into its place, so that the eye can follow. */
function settle(id: string, from: DOMRect): void {
  const card = document.querySelector<HTMLElement>(`.card[data-id="${CSS.escape(id)}"]`);
  if (!card || matchMedia('(prefers-reduced-motion: reduce)').matches) return;
  const to = card.getBoundingClientRect();
  card.animate([{ translate: `${from.left - to.left}px ${from.top - to.top}px` }, { translate: '0' }], { duration: 160, easing: 'ease-out' });
}

/** A lifted card whose handle lost the focus is put back. */
function letGoOnLeave(keys: KeyboardMove): void {
  if (!keys.liftedId) return;
  const card = document.activeElement?.closest<HTMLElement>('.card');
  if (card?.dataset['id'] !== keys.liftedId) keys.letGo(true);
}

/** The open card may be deleted by somebody else. */
function useCloseWhenGone(openId: string | null, setOpenId: (id: string | null) => void): void {
  const room = useRoom();
  useEffect(() => {
    if (!openId) return;
    const title = () => {
      const item = itemOf(room, openId);
      return item && titleOf(item);
    };
    let last = title();
    const watch = (_events: unknown, transaction: { local: boolean }) => {
      if (room.items.has(openId)) {
        last = title();
        return;
      }
      setOpenId(null);
      if (!transaction.local) notify(`“${last ?? 'This item'}” was deleted by somebody else.`);
    };
    room.items.observeDeep(watch);
    return () => room.items.unobserveDeep(watch);
  }, [room, openId]);
}

/** On a trip under way, today is what one looks for. */
function useStartAtToday(board: { current: HTMLElement | null }, plan: Plan): void {
  useEffect(() => {
    if (!plan.has(today())) return;
    board.current?.querySelector(`.day[data-day="${today()}"]`)?.scrollIntoView({ block: 'start', inline: 'center' });
  }, []);
}

/** Tells the others which item I am at. */
function useTellFocus(board: { current: HTMLElement | null }): void {
  const room = useRoom();
  useEffect(() => {
    const node = board.current!;
    const tell = (event: FocusEvent) => {
      const card = (event.target as Element).closest<HTMLElement>('.card');
      room.people.focus(card ? `/items/${card.dataset['id']}` : null);
    };
    node.addEventListener('focusin', tell);
    return () => node.removeEventListener('focusin', tell);
  }, [room]);
}

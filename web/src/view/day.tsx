// One day, or Unplanned: its heading, its cards, its add line. Dragging finds it by `data-day`.

import { useEffect, useState } from 'preact/hooks';
import { dayAndMonth, longDay, today, weekday } from '../trip/days';
import { AddItem } from './add-item';
import { Card } from './card';
import { useRoom, useWarnings } from './hooks';
import { Icon } from './icon';
import { memo } from './memo';

interface Props {
  day: string | null;
  number?: number;
  ids: string[];
  mayEdit: boolean;
  /** The open card, when it is one of these. */
  openId: string | null;
  onToggle: (id: string) => void;
  onGripKey: (id: string, event: KeyboardEvent) => void;
}

/** So many cards a day are drawn at once; a crowded day grows by as many a frame, so that the page answers meanwhile. */
const BATCH = 40;

function useBatches(count: number): number {
  const [drawn, setDrawn] = useState(BATCH);
  useEffect(() => {
    if (drawn >= count) return;
    const frame = requestAnimationFrame(() => setDrawn(drawn + BATCH));
    return () => cancelAnimationFrame(frame);
  }, [drawn, count]);
  return drawn;
}

export const Day = memo(function Day({ day, number, ids, mayEdit, openId, onToggle, onGripKey }: Props) {
  const drawn = useBatches(ids.length);
  const name = day ? longDay(day) : 'Unplanned';
  const isToday = day === today();
  const room = useRoom();
  useWarnings(room);
  const odd = ids.some((id) => room.warnings.at(id).length > 0);
  return (
    <section
      class={`day ${day ? '' : 'day-unplanned'} ${isToday ? 'day-today' : ''} ${number === 0 ? 'day-outside' : ''}`}
      data-day={day ?? ''}
      aria-label={name}
    >
      <h2 class="day-heading">
        {day ? (
          <>
            <span class="day-name">{weekday(day)}</span>
            <span>{dayAndMonth(day)}</span>
            {odd && <OddMark />}
            <span class="day-note">{isToday ? 'Today' : number ? `Day ${number}` : 'Outside the trip'}</span>
          </>
        ) : (
          <>
            <Icon name="inbox" />
            <span>Unplanned</span>
            {odd && <OddMark />}
            <span class="day-note">{ids.length || ''}</span>
          </>
        )}
      </h2>
      <ul class="day-list">
        {ids.slice(0, drawn).map((id) => (
          <Card key={id} id={id} mayEdit={mayEdit} open={id === openId} onToggle={onToggle} onGripKey={onGripKey} />
        ))}
      </ul>
      {!day && ids.length === 0 && <p class="day-empty">Ideas without a day wait here.</p>}
      {mayEdit && <AddItem day={day} dayName={name} />}
    </section>
  );
});

function OddMark() {
  return (
    <span class="day-odd" title="Something here does not add up">
      <Icon name="warning" size={14} />
      <span class="sr-only">Something here does not add up</span>
    </span>
  );
}

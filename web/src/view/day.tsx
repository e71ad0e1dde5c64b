// One day, or Unplanned: its heading, its cards, its add line. Dragging finds it by `data-day`.

import { dayAndMonth, longDay, today, weekday } from '../trip/days';
import { AddItem } from './add-item';
import { Card } from './card';
import { Icon } from './icon';

interface Props {
  day: string | null;
  number?: number;
  ids: string[];
  openId: string | null;
  onToggle: (id: string) => void;
  onGripKey: (id: string, event: KeyboardEvent) => void;
}

export function Day({ day, number, ids, openId, onToggle, onGripKey }: Props) {
  const name = day ? longDay(day) : 'Unplanned';
  const isToday = day === today();
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
            <span class="day-note">{isToday ? 'Today' : number ? `Day ${number}` : 'Outside the trip'}</span>
          </>
        ) : (
          <>
            <Icon name="inbox" />
            <span>Unplanned</span>
            <span class="day-note">{ids.length || ''}</span>
          </>
        )}
      </h2>
      <ul class="day-list">
        {ids.map((id) => (
          <Card key={id} id={id} open={id === openId} onToggle={onToggle} onGripKey={onGripKey} />
        ))}
      </ul>
      {!day && ids.length === 0 && <p class="day-empty">Ideas without a day wait here.</p>}
      <AddItem day={day} dayName={name} />
    </section>
  );
}

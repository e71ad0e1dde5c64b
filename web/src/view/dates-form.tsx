// First and last day of a trip: the pair of fields, and the form that sets them on an open trip.

import { useRef } from 'preact/hooks';
import { setTrip } from '../trip/plan';
import { useRoom } from './hooks';

/** The two fields, named `start` and `end`. The last day's calendar opens where the first day is. */
export function DateFields({ start = '', end = '' }: { start?: string; end?: string }) {
  const last = useRef<HTMLInputElement>(null);
  return (
    <div class="pair">
      <label class="labelled">
        <span>First day</span>
        <input
          class="field"
          type="date"
          name="start"
          defaultValue={start}
          onChange={(event) => {
            const first = event.currentTarget.value;
            if (last.current && first && last.current.value < first) last.current.value = first;
          }}
        />
      </label>
      <label class="labelled">
        <span>Last day</span>
        <input ref={last} class="field" type="date" name="end" defaultValue={end} />
      </label>
    </div>
  );
}

/** The two days from a form, in order; a single one is both. */
export function readDates(form: FormData): { start_date: string; end_date: string } {
  const [start = '', end = start] = [form.get('start'), form.get('end')].map((day) => String(day ?? '')).filter(Boolean).sort();
  return { start_date: start, end_date: end };
}

export function DatesForm({ onDone }: { onDone: () => void }) {
  const room = useRoom();
  const field = (name: string) => (room.trip.get(name) as string | undefined) ?? '';
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        setTrip(room, readDates(new FormData(event.currentTarget)));
        onDone();
      }}
    >
      <DateFields start={field('start_date')} end={field('end_date')} />
      <button class="button-main">Set dates</button>
    </form>
  );
}

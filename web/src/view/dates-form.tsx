// First and last day of the trip, set together. Used by the header and by a trip that has no dates yet.

import { setTrip } from '../trip/plan';
import { useRoom } from './hooks';

export function DatesForm({ onDone }: { onDone: () => void }) {
  const room = useRoom();
  const field = (name: string) => (room.trip.get(name) as string | undefined) ?? '';
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const [start, end] = [form.get('start'), form.get('end')].map(String).filter(Boolean).sort();
        setTrip(room, { start_date: start ?? '', end_date: end ?? start ?? '' });
        onDone();
      }}
    >
      <div class="pair">
        <label class="labelled">
          <span>First day</span>
          <input class="field" type="date" name="start" defaultValue={field('start_date')} />
        </label>
        <label class="labelled">
          <span>Last day</span>
          <input class="field" type="date" name="end" defaultValue={field('end_date')} />
        </label>
      </div>
      <button class="button-main">Set dates</button>
    </form>
  );
}

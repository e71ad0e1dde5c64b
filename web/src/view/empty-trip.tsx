// A trip with nothing in it: three things to start with. Each makes a real item and opens it.
// Who may not change the trip is told that it is empty.

import { addItem, tripDays, type NewItem } from '../trip/plan';
import { iconOf } from '../trip/item';
import { useRoom } from './hooks';
import { Icon } from './icon';

const SUGGESTIONS: (NewItem & { hint: string; last?: boolean })[] = [
  { title: 'Getting there', kind: 'flight', hint: 'A flight, a train, a drive' },
  { title: 'Where we stay', kind: 'accommodation', hint: 'A hotel, a flat, a friend’s sofa' },
  { title: 'The first dinner', kind: 'meal', hint: 'Something to look forward to' },
];

export function EmptyTrip({ mayEdit, onStart }: { mayEdit: boolean; onStart: (id: string) => void }) {
  const room = useRoom();
  if (!mayEdit) {
    return (
      <section class="empty">
        <p class="empty-lead">Nothing is planned yet.</p>
        <p class="quiet">What the others add shows up here by itself.</p>
      </section>
    );
  }
  const start = ({ title, kind }: NewItem) => {
    const id = addItem(room, tripDays(room)[0] ?? null, { title, kind });
    onStart(id);
    requestAnimationFrame(() => {
      document.querySelector<HTMLTextAreaElement>('.title-field')?.select();
    });
  };
  return (
    <section class="empty" aria-label="Suggestions to start with">
      <p class="empty-lead">A blank trip. Start with one of these, or add your own below.</p>
      <ul>
        {SUGGESTIONS.map((suggestion) => (
          <li key={suggestion.title}>
            <button class="suggestion" onClick={() => start(suggestion)}>
              <span class="card-kind">
                <Icon name={iconOf(suggestion.kind)} />
              </span>
              <span>
                <strong>{suggestion.title}</strong>
                <span class="quiet">{suggestion.hint}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

// Everything that does not add up in the trip, the most severe first, with what to do about it and the way there.

import type { TripWarning } from '../room/trip-warnings';
import { titleOf } from '../trip/item';
import { plainWords } from '../trip/plain-words';
import { itemOf } from '../trip/plan';
import { useWarnings, useRoom } from './hooks';
import { Icon } from './icon';
import type { PanelProps } from './panel';

/** From this severity on, something does not work as it is booked. */
export const SERIOUS = 0.75;
const MINOR = 0.45;

export function WarningsPanel({ onLeave }: PanelProps) {
  const warnings = useWarnings(useRoom());
  if (warnings.length === 0) {
    return (
      <div class="panel-empty">
        <Icon name="check" size={28} />
        <p>Everything adds up.</p>
        <p class="quiet">Times that overlap, money beyond the budget and the like are shown here.</p>
      </div>
    );
  }
  return (
    <ul class="panel-scroll warnings">
      {warnings.map((warning) => (
        <Row key={warning.key} warning={warning} onLeave={onLeave} />
      ))}
    </ul>
  );
}

function Row({ warning, onLeave }: { warning: TripWarning; onLeave: () => void }) {
  const room = useRoom();
  const items = warning.items.filter((id) => itemOf(room, id));
  return (
    <li class="warning-row">
      <WarningWords warning={warning} />
      {items.length > 0 && (
        <div class="warning-ways">
          {items.map((id) => (
            <button
              key={id}
              class="button-quiet"
              onClick={() => {
                onLeave();
                requestAnimationFrame(() => goTo(id));
              }}
            >
              <span class="sr-only">Go to </span>
              <bdi class="warning-way">{titleOf(itemOf(room, id)!)}</bdi>
            </button>
          ))}
        </div>
      )}
    </li>
  );
}

/** One warning in words; also inside an open card. */
export function WarningWords({ warning }: { warning: TripWarning }) {
  const serious = warning.severity >= SERIOUS;
  const weight = serious ? 'Important' : warning.severity < MINOR ? 'Good to know' : '';
  return (
    <div class={`warning-words ${serious ? 'warning-serious' : ''}`}>
      <Icon name="warning" />
      <div>
        {weight && <p class="warning-weight">{weight}</p>}
        <p dir="auto">{plainWords(warning.text)}</p>
        {warning.suggestion && (
          <p class="quiet" dir="auto">
            {plainWords(warning.suggestion)}
          </p>
        )}
      </div>
    </div>
  );
}

function goTo(id: string): void {
  const card = document.querySelector<HTMLElement>(`.card[data-id="${CSS.escape(id)}"]`);
  card?.scrollIntoView({ block: 'center', inline: 'center' });
  card?.querySelector<HTMLElement>('.card-face, .card-edit-title button')?.focus({ preventScroll: true });
}

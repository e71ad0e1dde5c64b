// One item as a card: what, when, where, how much, who is looking at it, which agent has just changed it, what is suggested
// for it and what does not add up about it. Opens in place, to edit or to read.
// Drawn a thousand times, so it listens only to what is about its own item.

import { useEffect, useRef } from 'preact/hooks';
import type { Suggestion } from '../room/suggestions';
import type { TripWarning } from '../room/trip-warnings';
import { itemOf, removeItem } from '../trip/plan';
import { BOOKING_WORDS, KIND_WORDS, bookingOf, iconOf, kindOf, placeName, priceText, timeSpan, titleOf, type Booking } from '../trip/item';
import { plainWords } from '../trip/plain-words';
import { itemPointer } from '../trip/pointer';
import { CardDetails, CardTitle } from './card-details';
import { CardFacts, CardHeading } from './card-facts';
import { ChangedMark } from './changed-mark';
import { Face } from './face';
import { useChangedBy, useMap, usePeopleAt, useRoom, useSuggestionsAt, useWarningsAt } from './hooks';
import { Icon, type IconName } from './icon';
import { memo } from './memo';
import { notify } from './notice';
import { SuggestionRow } from './suggestion';
import { headlineOf } from './suggestion-words';
import { WarningWords } from './warnings-panel';

/** Planned is the rule and needs no mark; a struck title says cancelled. */
const BOOKING_MARK: Partial<Record<Booking, IconName>> = { reserved: 'clock', booked: 'check', completed: 'check' };

interface Props {
  id: string;
  open: boolean;
  mayEdit: boolean;
  onToggle: (id: string) => void;
  onGripKey: (id: string, event: KeyboardEvent) => void;
}

export const Card = memo(function Card(props: Props) {
  const item = itemOf(useRoom(), props.id);
  return item ? <LiveCard {...props} item={item} /> : null;
});

function LiveCard({ id, item, open, mayEdit, onToggle, onGripKey }: Props & { item: NonNullable<ReturnType<typeof itemOf>> }) {
  const room = useRoom();
  useMap(item);
  const watchers = usePeopleAt(room, `/items/${id}`);
  const changedBy = useChangedBy(room, itemPointer(id));
  const warnings = useWarningsAt(room, id);
  const suggestions = useSuggestionsAt(room, id);
  const title = titleOf(item);
  const kind = kindOf(item);
  const booking = bookingOf(item);
  const time = timeSpan(item);
  const place = placeName(item);
  const price = priceText(item, (room.trip.get('currency') as string | undefined) ?? '');

  const root = useRef<HTMLLIElement>(null);
  const wasOpen = useRef(open);
  useEffect(() => {
    if (wasOpen.current === open) return;
    wasOpen.current = open;
    if (open) root.current?.scrollIntoView({ block: 'nearest' });
    // The button that had the focus is gone; the one in its place takes over.
    if (document.activeElement !== document.body) return;
    root.current?.querySelector<HTMLElement>('.card-face, .card-edit-title button')?.focus({ preventScroll: true });
  }, [open]);

  const remove = () => {
    const bringBack = removeItem(room, id);
    notify(`“${title}” deleted.`, { label: 'Undo', run: bringBack });
  };

  return (
    <li
      ref={root}
      class={`card ${open ? 'card-open' : ''} ${booking === 'cancelled' ? 'card-cancelled' : ''}`}
      data-id={id}
      data-watched={watchers.length > 0 || undefined}
      data-changed={changedBy !== null || undefined}
      style={{ ...(watchers[0] && { '--watcher': watchers[0].color }), ...(changedBy && { '--changer': changedBy.color }) }}
      onKeyDown={(event) => {
        if (open && event.key === 'Escape') onToggle(id);
      }}
    >
      <div class="card-row">
        {open && mayEdit && <CardTitle item={item} onClose={() => onToggle(id)} />}
        {open && !mayEdit && <CardHeading item={item} onClose={() => onToggle(id)} />}
        {!open && (
          <button class="card-face" aria-expanded="false" onClick={() => onToggle(id)}>
            <span class="card-kind" title={KIND_WORDS[kind]}>
              <Icon name={iconOf(kind)} />
              <span class="sr-only">{KIND_WORDS[kind]}: </span>
            </span>
            <span class="card-main">
              <span class="card-top">
                <span class="card-title" dir="auto">
                  {title}
                </span>
                {warnings.length > 0 && <WarningMark warnings={warnings} />}
                {suggestions.length > 0 && <SuggestionMark suggestions={suggestions} />}
                {BOOKING_MARK[booking] && (
                  <span class={`booking booking-${booking}`} title={BOOKING_WORDS[booking]}>
                    <Icon name={BOOKING_MARK[booking]} size={14} />
                    <span class="sr-only">{BOOKING_WORDS[booking]}</span>
                  </span>
                )}
              </span>
              {(time || place || price) && (
                <span class="card-facts">
                  {time && <span class="card-time">{time}</span>}
                  {place && (
                    <span class="card-place" dir="auto">
                      {place}
                    </span>
                  )}
                  {price && <span class="card-price">{price}</span>}
                </span>
              )}
            </span>
          </button>
        )}
        {mayEdit && (
          <button
            class="grip"
            aria-label={`Move ${title}`}
            aria-describedby="grip-help"
            aria-pressed="false"
            onKeyDown={(event) => onGripKey(id, event)}
            onKeyUp={(event) => event.key === ' ' && event.preventDefault()}
          >
            <Icon name="grip" />
          </button>
        )}
      </div>
      {watchers.length > 0 && (
        <div class="watchers" data-test="watchers">
          <span class="sr-only">Looking at this: {watchers.map((person) => person.name).join(', ')}</span>
          {watchers.slice(0, 3).map((person) => (
            <Face key={person.key} person={person} small />
          ))}
        </div>
      )}
      {changedBy && <ChangedMark by={changedBy} what="changed this" />}
      {open && warnings.length > 0 && (
        <div class="card-warnings">
          {warnings.map((warning) => (
            <WarningWords key={warning.key} warning={warning} />
          ))}
        </div>
      )}
      {open && suggestions.length > 0 && (
        <ul class="card-suggestions" aria-label="Suggestions for this item">
          {suggestions.map((suggestion) => (
            <SuggestionRow key={suggestion.id} suggestion={suggestion} />
          ))}
        </ul>
      )}
      {open && mayEdit && <CardDetails id={id} item={item} onClose={() => onToggle(id)} onRemove={remove} />}
      {open && !mayEdit && <CardFacts item={item} />}
    </li>
  );
}

function WarningMark({ warnings }: { warnings: TripWarning[] }) {
  const words = warnings.map((warning) => plainWords(warning.text)).join(' ');
  return (
    <span class="card-warning" title={words} data-test="warning">
      <Icon name="warning" size={14} />
      <span class="sr-only">Warning: {words}</span>
    </span>
  );
}

function SuggestionMark({ suggestions }: { suggestions: Suggestion[] }) {
  const room = useRoom();
  const words = suggestions.map((suggestion) => `${suggestion.from.name} suggests: ${headlineOf(room, suggestion)}`).join('. ');
  return (
    <span class="card-suggested" title={words} data-test="suggested">
      <Icon name="idea" size={14} />
      <span class="sr-only">{words}</span>
    </span>
  );
}

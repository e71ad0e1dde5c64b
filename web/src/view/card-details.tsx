// The open card: every field of an item, edited in place, and its notes. Listens through its card.
// Each field writes only itself, so that two people in one card disturb each other as little as can be.

import * as Y from 'yjs';
import type { ComponentChildren } from 'preact';
import { clock, dayAndMonth, weekday } from '../trip/days';
import { BOOKING, BOOKING_WORDS, KINDS, KIND_WORDS, bookingOf, dayOf, iconOf, kindOf, placeName, safeUrl, text, type Item } from '../trip/item';
import { moveItem, setField, setTimes, tripDays } from '../trip/plan';
import { DraftField } from './draft-field';
import { useRoom } from './hooks';
import { Icon } from './icon';
import { LazyEditor } from './lazy-editor';

interface Props {
  id: string;
  item: Item;
  onClose: () => void;
  onRemove: () => void;
}

export function CardDetails({ id, item, onClose, onRemove }: Props) {
  const room = useRoom();
  const set = (field: string) => (value: string) => setField(room, item, field, value || null);
  const day = dayOf(item);
  const days = tripDays(room);
  if (day && !days.includes(day)) days.push(day);
  const url = safeUrl(item);

  return (
    <div class="details">
      <div class="details-grid">
        <Choice label="Kind" value={kindOf(item)} words={KIND_WORDS} options={KINDS} onChoose={set('kind')} />
        <Labelled label="Day">
          <select
            class="field"
            aria-label="Day"
            value={day ?? ''}
            onChange={(event) => moveItem(room, id, { day: event.currentTarget.value || null, index: Infinity })}
          >
            <option value="">Unplanned</option>
            {days.sort().map((one) => (
              <option key={one} value={one}>
                {weekday(one)} {dayAndMonth(one)}
              </option>
            ))}
          </select>
        </Labelled>
        <Labelled label="Starts">
          <DraftField label="Starts" type="time" value={clock(item.get('start'))} onCommit={(start) => setTimes(room, item, { start })} />
        </Labelled>
        <Labelled label="Ends">
          <DraftField label="Ends" type="time" value={clock(item.get('end'))} onCommit={(end) => setTimes(room, item, { end })} />
        </Labelled>
        <Labelled label="Place" wide>
          <DraftField
            label="Place"
            value={placeName(item)}
            placeholder="Where is it?"
            onCommit={(name) => {
              if (name !== placeName(item)) setField(room, item, 'place', name ? { name } : null);
            }}
          />
        </Labelled>
        <Labelled label="Price">
          <DraftField label="Price" inputMode="decimal" value={text(item, 'price')} placeholder="0" onCommit={(value) => setPrice(value, set('price'))} />
        </Labelled>
        <Labelled label="Currency">
          <DraftField
            label="Currency"
            value={text(item, 'currency')}
            placeholder={(room.trip.get('currency') as string | undefined) ?? 'EUR'}
            maxLength={3}
            onCommit={(value) => (/^([a-z]{3})?$/i.test(value) ? set('currency')(value.toUpperCase()) : false)}
          />
        </Labelled>
        <Choice label="Booking" value={bookingOf(item)} words={BOOKING_WORDS} options={BOOKING} onChoose={set('booking_status')} />
        <Labelled label="Link">
          <span class="with-action">
            <DraftField label="Link" type="url" value={text(item, 'url')} placeholder="https://" onCommit={set('url')} />
            {url && (
              <a class="button-icon" href={url} target="_blank" rel="noopener noreferrer" title="Open the link">
                <Icon name="link" />
                <span class="sr-only">Open the link</span>
              </a>
            )}
          </span>
        </Labelled>
      </div>
      <Labelled label="Notes" wide>
        <ItemNotes item={item} />
      </Labelled>
      <div class="details-end">
        <button class="button-quiet button-danger" onClick={onRemove}>
          <Icon name="trash" />
          Delete
        </button>
        <button class="button-plain" onClick={onClose}>
          Done
        </button>
      </div>
    </div>
  );
}

/** The open card's first line: the title, edited where it stands. */
export function CardTitle({ item, onClose }: { item: Item; onClose: () => void }) {
  const room = useRoom();
  return (
    <div class="card-edit-title">
      <span class="card-kind">
        <Icon name={iconOf(kindOf(item))} />
      </span>
      <DraftField
        multiline
        class="title-field"
        label="Title"
        value={text(item, 'title')}
        maxLength={200}
        onCommit={(value) => (value ? setField(room, item, 'title', value) : false)}
      />
      <button class="button-icon" aria-expanded="true" onClick={onClose} title="Close">
        <Icon name="chevron" />
        <span class="sr-only">Close {text(item, 'title')}</span>
      </button>
    </div>
  );
}

function setPrice(value: string, set: (value: string) => void): void | false {
  const amount = value.replace(/\s/g, '').replace(',', '.');
  if (amount && !/^\d{1,12}(\.\d{1,4})?$/.test(amount)) return false;
  set(amount);
}

/** An item that another client made may have no notes yet, or plain ones; they become shared text when opened. */
function ItemNotes({ item }: { item: Item }) {
  const room = useRoom();
  const notes = item.get('notes');
  if (notes instanceof Y.Text) return <LazyEditor key={notes._item?.id.clock} notes={notes} label="Notes for this item" placeholder="Anything worth knowing" mayEdit compact />;
  const start = () => room.edit('adding notes', () => item.set('notes', new Y.Text(typeof notes === 'string' ? notes : '')));
  return (
    <button class="field field-button" onClick={start}>
      {typeof notes === 'string' && notes ? notes : 'Add notes'}
    </button>
  );
}

function Labelled({ label, wide, children }: { label: string; wide?: boolean; children: ComponentChildren }) {
  return (
    <div class={`labelled ${wide ? 'labelled-wide' : ''}`}>
      <span aria-hidden="true">{label}</span>
      {children}
    </div>
  );
}

interface ChoiceProps<T extends string> {
  label: string;
  value: T;
  options: readonly T[];
  words: Record<T, string>;
  onChoose: (value: T) => void;
}

function Choice<T extends string>({ label, value, options, words, onChoose }: ChoiceProps<T>) {
  return (
    <Labelled label={label}>
      <select class="field" aria-label={label} value={value} onChange={(event) => onChoose(event.currentTarget.value as T)}>
        {options.map((option) => (
          <option key={option} value={option}>
            {words[option]}
          </option>
        ))}
      </select>
    </Labelled>
  );
}

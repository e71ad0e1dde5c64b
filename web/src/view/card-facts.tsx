// The open card of somebody who may look and not change: what is known about an item, and nothing that is not.

import * as Y from 'yjs';
import type { ComponentChildren } from 'preact';
import { longDay } from '../trip/days';
import { BOOKING_WORDS, KIND_WORDS, bookingOf, dayOf, iconOf, kindOf, placeName, priceText, safeUrl, text, timeSpan, titleOf, type Item } from '../trip/item';
import { useRoom } from './hooks';
import { Icon } from './icon';
import { LazyEditor } from './lazy-editor';

/** The open card's first line. */
export function CardHeading({ item, onClose }: { item: Item; onClose: () => void }) {
  return (
    <div class="card-edit-title">
      <span class="card-kind">
        <Icon name={iconOf(kindOf(item))} />
      </span>
      <h3 class="title-text" dir="auto">
        {titleOf(item)}
      </h3>
      <button class="button-icon" aria-expanded="true" onClick={onClose} title="Close">
        <Icon name="chevron" />
        <span class="sr-only">Close {titleOf(item)}</span>
      </button>
    </div>
  );
}

export function CardFacts({ item }: { item: Item }) {
  const room = useRoom();
  const day = dayOf(item);
  const url = safeUrl(item);
  return (
    <div class="details">
      <dl class="facts">
        <Fact name="Kind">{KIND_WORDS[kindOf(item)]}</Fact>
        <Fact name="Day">{day ? longDay(day) : 'Unplanned'}</Fact>
        <Fact name="Time">{timeSpan(item)}</Fact>
        <Fact name="Place">{placeName(item)}</Fact>
        <Fact name="Price">{priceText(item, (room.trip.get('currency') as string | undefined) ?? '')}</Fact>
        <Fact name="Booking">{BOOKING_WORDS[bookingOf(item)]}</Fact>
        <Fact name="Link">
          {url ? (
            <a href={url} target="_blank" rel="noopener noreferrer">
              {url.replace(/^https?:\/\//i, '').replace(/\/$/, '')}
            </a>
          ) : (
            text(item, 'url')
          )}
        </Fact>
      </dl>
      <ItemNotes notes={item.get('notes')} />
    </div>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  if (!children) return null;
  return (
    <>
      <dt>{name}</dt>
      <dd dir="auto">{children}</dd>
    </>
  );
}

/** An item that another client made may have plain notes, or none. */
function ItemNotes({ notes }: { notes: unknown }) {
  if (typeof notes === 'string' && notes) return <p dir="auto">{notes}</p>;
  if (!(notes instanceof Y.Text) || notes.length === 0) return null;
  return <LazyEditor key={notes._item?.id.clock} notes={notes} label="Notes for this item" placeholder="" mayEdit={false} compact />;
}

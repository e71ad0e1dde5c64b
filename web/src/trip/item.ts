// One item of the itinerary: its fields as the document holds them, and words for them.
// Reads leniently (agents and other clients write too, and may leave fields out); never writes.

import * as Y from 'yjs';
import type { IconName } from '../view/icon';
import { clock, isDay, spokenClock } from './days';

export type Item = Y.Map<unknown>;

export const KINDS = ['flight', 'accommodation', 'transport', 'activity', 'meal', 'event', 'note', 'other'] as const;
export type Kind = (typeof KINDS)[number];

export const BOOKING = ['planned', 'reserved', 'booked', 'completed', 'cancelled'] as const;
export type Booking = (typeof BOOKING)[number];

export const KIND_WORDS: Record<Kind, string> = {
  flight: 'Flight',
  accommodation: 'Stay',
  transport: 'Getting around',
  activity: 'Activity',
  meal: 'Food and drink',
  event: 'Event',
  note: 'Note',
  other: 'Other',
};

export const BOOKING_WORDS: Record<Booking, string> = {
  planned: 'Planned',
  reserved: 'Reserved',
  booked: 'Booked',
  completed: 'Done',
  cancelled: 'Cancelled',
};

export const text = (item: Item, field: string): string => {
  const value = item.get(field);
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
};

export const kindOf = (item: Item): Kind => {
  const value = item.get('kind') as Kind;
  return KINDS.includes(value) ? value : 'other';
};

export const bookingOf = (item: Item): Booking => {
  const value = item.get('booking_status') as Booking;
  return BOOKING.includes(value) ? value : 'planned';
};

export const iconOf = (kind: Kind): IconName => kind;

export const dayOf = (item: Item): string | null => {
  const day = item.get('day');
  return isDay(day) ? day : null;
};

export const titleOf = (item: Item): string => text(item, 'title') || 'Untitled';

/** A place is written as an object, but a Map or a bare name is understood too. */
export function placeName(item: Item): string {
  const place = item.get('place');
  if (typeof place === 'string') return place;
  const name: unknown = place instanceof Y.Map ? place.get('name') : (place as { name?: unknown } | null)?.name;
  return typeof name === 'string' ? name : '';
}

export function timeSpan(item: Item): string {
  const start = spokenClock(clock(item.get('start')));
  const end = spokenClock(clock(item.get('end')));
  if (!start || !end) return start || (end && `until ${end}`);
  const sameHalf = /[ap]m$/.test(start) && start.slice(-2) === end.slice(-2);
  return `${sameHalf ? start.slice(0, -2) : start}–${end}`;
}

export const priceText = (item: Item, tripCurrency: string): string => moneyText(text(item, 'price'), text(item, 'currency') || tripCurrency);

/** "€140"; what is no number stays as it was written. */
export function moneyText(written: string, currency: string): string {
  const price = written.trim();
  if (!price || !Number.isFinite(Number(price))) return price;
  try {
    const whole = Number.isInteger(Number(price));
    return new Intl.NumberFormat('en-GB', {
      style: 'currency',
      currency,
      currencyDisplay: 'narrowSymbol',
      minimumFractionDigits: whole ? 0 : 2,
    }).format(Number(price));
  } catch {
    return currency ? `${price} ${currency}` : price;
  }
}

/** Only addresses that a browser may open safely. */
export function safeUrl(item: Item): string | null {
  const url = text(item, 'url').trim();
  return /^https?:\/\/\S+$/i.test(url) ? url : null;
}

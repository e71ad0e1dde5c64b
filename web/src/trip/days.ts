// Calendar arithmetic and words for dates. Used by every view that shows or moves a day.
// Days are ISO dates without a zone; times are shown as they were written, in nobody's zone but their own.

const DAY_MS = 86_400_000;
/** The page speaks English; which English, the device says. */
const LOCALE = typeof navigator !== 'undefined' && /^en\b/.test(navigator.language) ? navigator.language : 'en-GB';
const TWELVE_HOURS = new Intl.DateTimeFormat(LOCALE, { hour: 'numeric' }).resolvedOptions().hour12 ?? false;
/** A typing slip in a date must not build a thousand columns. */
const MAX_DAYS = 180;

export function isDay(value: unknown): value is string {
  return typeof value === 'string' && /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(utc(value));
}

export function addDays(day: string, count: number): string {
  return new Date(utc(day) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Every day from first to last, both included; none when they are not in order. */
export function daysBetween(first: string, last: string): string[] {
  const count = Math.min(Math.round((utc(last) - utc(first)) / DAY_MS) + 1, MAX_DAYS);
  return Array.from({ length: Math.max(count, 0) }, (_, i) => addDays(first, i));
}

export function today(): string {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
}

const format = (options: Intl.DateTimeFormatOptions) => {
  const formatter = new Intl.DateTimeFormat(LOCALE, { ...options, timeZone: 'UTC' });
  return (day: string) => formatter.format(utc(day));
};

export const weekday = format({ weekday: 'short' });
export const dayAndMonth = format({ day: 'numeric', month: 'short' });
export const longDay = format({ weekday: 'long', day: 'numeric', month: 'long' });
const withYearFormat = new Intl.DateTimeFormat(LOCALE, { day: 'numeric', month: 'short', year: 'numeric', timeZone: 'UTC' });
const withYear = (day: string) => withYearFormat.format(utc(day));

/** "4 – 9 May 2026", as short as it can be said. */
export function dateRange(first: string | null, last: string | null): string {
  if (!first || !last) return first || last ? withYear((first ?? last)!) : '';
  if (first === last) return withYear(first);
  return withYearFormat.formatRange(utc(first), utc(last));
}

/** A clock time as this device writes it: 19:30, or 7:30pm. */
export function spokenClock(time: string): string {
  if (!time || !TWELVE_HOURS) return time;
  const hour = Number(time.slice(0, 2));
  return `${hour % 12 || 12}${time.slice(2)}${hour < 12 ? 'am' : 'pm'}`;
}

/** The clock time in an RFC 3339 string, as it was written. */
export function clock(moment: unknown): string {
  return typeof moment === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(moment) ? moment.slice(11, 16) : '';
}

/** That clock time on that day. The zone is kept from what stood there before, else it is this device's. */
export function moment(day: string, time: string, previous: unknown): string {
  const zone = typeof previous === 'string' ? /(Z|[+-]\d\d:\d\d)$/.exec(previous)?.[1] : undefined;
  return `${day}T${time}:00${zone ?? zoneHere(day, time)}`;
}

/** The same clock time on another day; `from` is the day that counted before. */
export function onDay(value: unknown, from: string | null, to: string): unknown {
  if (typeof value !== 'string' || !clock(value)) return value;
  const nights = from ? Math.round((utc(value.slice(0, 10)) - utc(from)) / DAY_MS) : 0;
  return addDays(to, nights) + value.slice(10);
}

const CLOCK = { hour: TWELVE_HOURS ? 'numeric' : '2-digit', minute: '2-digit' } as const;
const clockFormat = new Intl.DateTimeFormat(LOCALE, CLOCK);
const dayFormat = new Intl.DateTimeFormat(LOCALE, { weekday: 'long', day: 'numeric', month: 'long' });
const momentFormat = new Intl.DateTimeFormat(LOCALE, { weekday: 'long', day: 'numeric', month: 'long', ...CLOCK });

/** A moment's clock time on this device. */
export const clockWords = (at: number): string => clockFormat.format(at);

/** The day of a moment on this device: "Today", or its date. */
export function dayWords(at: number, now = Date.now()): string {
  const day = new Date(at);
  return day.toDateString() === new Date(now).toDateString() ? 'Today' : dayFormat.format(day);
}

/** A moment (ms since 1970) in this device's time: "today, 14:05", or with its day. */
export function momentWords(at: number, now = Date.now()): string {
  const sameDay = new Date(at).toDateString() === new Date(now).toDateString();
  return sameDay ? `today, ${clockFormat.format(at)}` : momentFormat.format(at);
}

function zoneHere(day: string, time: string): string {
  const minutes = -new Date(`${day}T${time}:00`).getTimezoneOffset();
  const two = (n: number) => String(n).padStart(2, '0');
  return `${minutes < 0 ? '-' : '+'}${two(Math.trunc(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`;
}

function utc(day: string): number {
  return Date.parse(`${day}T00:00:00Z`);
}

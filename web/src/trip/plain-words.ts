// The server writes its warnings for people and programs alike: moments as RFC 3339 has them, fields by their names. This
// page writes them as it writes everything else. Used by the views of warnings; words that it does not know stay.

import { dayAndMonth, isDay, spokenClock } from './days';

const MOMENT = /\b(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::\d\d)?(Z|[+-]\d\d:\d\d)?/g;
const DAY = /\b\d{4}-\d\d-\d\d\b/g;

const FIELDS: [RegExp, string][] = [
  [/(\/trip\/|\b)start_date\b/g, 'the trip’s first day'],
  [/(\/trip\/|\b)end_date\b/g, 'the trip’s last day'],
  [/\barrival_date\b/g, 'arrival'],
  [/\bdeparture_date\b/g, 'departure'],
  [/\bbooking_reference\b/g, 'booking reference'],
  [/\bexternal_id\b/g, 'reference'],
  [/'/g, '’'],
];

export function plainWords(sentence: string): string {
  const zones = new Set([...sentence.matchAll(MOMENT)].map(([, , , zone]) => zone ?? ''));
  let words = sentence.replace(MOMENT, (written, day: string, time: string, zone: string | undefined) => {
    if (!isDay(day)) return written;
    // Where clocks differ, a time without its zone would mislead.
    const where = zones.size > 1 && zone ? ` (UTC${zone === 'Z' ? '' : zone})` : '';
    return `${spokenClock(time)}${where} on ${dayAndMonth(day)}`;
  });
  words = words.replace(DAY, (day) => (isDay(day) ? dayAndMonth(day) : day));
  return FIELDS.reduce((said, [field, name]) => said.replace(field, name), words);
}

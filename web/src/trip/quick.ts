// Reads what somebody types into "add": a leading time, and a guess at the kind from common words.
// A guess only: the kind stands in the open card and is changed there.

import { moment } from './days';
import type { Kind } from './item';
import type { NewItem } from './plan';

const WORDS: [Kind, RegExp][] = [
  ['flight', /\b(flight|fly|flying|airport)\b/i],
  ['accommodation', /\b(hotel|hostel|airbnb|check[- ]?in|check[- ]?out|apartment|camping|stay)\b/i],
  ['transport', /\b(train|bus|ferry|taxi|tram|metro|drive|car|transfer)\b/i],
  ['meal', /\b(breakfast|brunch|lunch|dinner|coffee|restaurant|drinks|café|cafe|bar|picnic)\b/i],
  ['event', /\b(concert|festival|match|wedding|show|opera|conference)\b/i],
];

export function readQuick(typed: string, day: string | null): NewItem | null {
  const match = /^\s*(?:([01]?\d|2[0-3])[:.]([0-5]\d)\s+)?(.*\S)\s*$/s.exec(typed);
  if (!match) return null;
  const [, hour, minute, title] = match;
  const kind = WORDS.find(([, words]) => words.test(title!))?.[0] ?? 'activity';
  const what: NewItem = { title: title!.slice(0, 200), kind };
  if (hour && minute && day) what.start = moment(day, `${hour.padStart(2, '0')}:${minute}`, null);
  return what;
}

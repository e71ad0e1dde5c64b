// The token that lets this tab into a trip. It comes in an address's fragment, which no server ever sees, is taken out
// of the address bar at once and lives in the tab's own storage, by trip. Used by the entry and the pass.
// Never in localStorage, never in a page's query.

import { recallInTab, rememberInTab } from './tab';

/** Where a sign-in that is good for more than one trip is kept too. No trip has this name. */
const ANY_TRIP = '';

/** Takes a token out of the address bar and keeps it for this trip (null: the start page). Says whether there was one. */
export function takeToken(room: string | null): boolean {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (token === null) return false;
  fragment.delete('token');
  const rest = fragment.toString();
  history.replaceState(history.state, '', location.pathname + location.search + (rest && `#${rest}`));
  if (token === '') return false;
  keepToken(room, token);
  return true;
}

export function keepToken(room: string | null, token: string): void {
  rememberInTab(key(room ?? ANY_TRIP), token);
  if (isSignIn(token)) rememberInTab(key(ANY_TRIP), token);
}

/** The token for this trip, or else this tab's sign-in. */
export const tokenFor = (room: string | null): string | null => recallInTab(key(room ?? ANY_TRIP)) ?? recallInTab(key(ANY_TRIP));

export const linkWithToken = (page: string, token: string): string => `${page}#token=${encodeURIComponent(token)}`;

/** A person's own token is good wherever they are a member; a ticket, or a token that names a room, is for that room. */
function isSignIn(token: string): boolean {
  const [header, claims] = token.split('.', 2).map(readJson);
  return !!header && !!claims && !String(header['typ'] ?? '').includes('ticket') && claims['room'] === undefined;
}

function readJson(part: string): Record<string, unknown> | null {
  try {
    return JSON.parse(atob(part.replace(/-/g, '+').replace(/_/g, '/')));
  } catch {
    return null;
  }
}

const key = (room: string) => `token.${encodeURIComponent(room)}`;

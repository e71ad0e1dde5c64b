// What this device remembers between visits: who I am, the theme, the open panel, recent trips, how far I have read.
// Used by the pages. Storage may be full or forbidden: then nothing is remembered and nothing breaks.

export interface RecentTrip {
  room: string;
  title: string;
  start: string;
  end: string;
  opened: number;
}

const RECENT_LIMIT = 8;

export function recall(key: string): string | null {
  try {
    return localStorage.getItem(`triproom.${key}`);
  } catch {
    return null;
  }
}

export function remember(key: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(`triproom.${key}`);
    else localStorage.setItem(`triproom.${key}`, value);
  } catch {
    // Nothing to do: the page works without memory.
  }
}

export function recentTrips(): RecentTrip[] {
  try {
    const list: unknown = JSON.parse(recall('recent') ?? '[]');
    return Array.isArray(list) ? (list as RecentTrip[]) : [];
  } catch {
    return [];
  }
}

export function rememberTrip(trip: RecentTrip): void {
  const others = recentTrips().filter((other) => other.room !== trip.room);
  remember('recent', JSON.stringify([trip, ...others].slice(0, RECENT_LIMIT)));
}

export function forgetTrip(room: string): void {
  remember('recent', JSON.stringify(recentTrips().filter((trip) => trip.room !== room)));
  remember(readKey(room), null);
}

/** The newest event of a trip's log that I have read; null on a first visit. */
export function recallRead(room: string): number | null {
  const kept = Number(recall(readKey(room)) ?? NaN);
  return Number.isNaN(kept) ? null : kept;
}

export const rememberRead = (room: string, id: number): void => remember(readKey(room), String(id));

const readKey = (room: string) => `read.${encodeURIComponent(room)}`;

// The copy of a trip on this device: opened with the room, forgotten when somebody says so.

import { IndexeddbPersistence, clearDocument } from 'y-indexeddb';
import type * as Y from 'yjs';
import { forgetTrip } from './device';
import { UnsavedMarks } from './unsaved';

const copyName = (room: string) => `triproom/${room}`;

export const openDeviceCopy = (room: string, doc: Y.Doc): IndexeddbPersistence => new IndexeddbPersistence(copyName(room), doc);

/** Takes a trip off this device: its copy, what was never saved of it, and its place among recent trips. */
export function forgetOnDevice(room: string): void {
  forgetTrip(room);
  new UnsavedMarks(room, '').forget();
  void clearDocument(copyName(room)).catch(() => {});
}

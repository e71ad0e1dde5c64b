// How a view listens: to a piece of the document, to who is here, to the save light, to what one may do.
// A hook only says "draw again"; the view then reads the document itself, so there is no second copy.

import { createContext } from 'preact';
import { useContext, useLayoutEffect, useReducer, useRef, useState } from 'preact/hooks';
import type * as Y from 'yjs';
import type { Room } from '../room/room';
import type { Pass } from '../room/pass';
import type { Light } from '../room/save-light';
import type { Agent } from '../room/agents';
import type { Person } from '../room/people';
import type { Suggestion } from '../room/suggestions';
import type { Talk } from '../room/talk';
import type { TripWarning } from '../room/trip-warnings';
import { readPlan, type Plan } from '../trip/plan';

const useRedraw = (): (() => void) => useReducer((count: number) => count + 1, 0)[1] as () => void;

/** Follows a media query. */
export function useMedia(query: string): boolean {
  const redraw = useRedraw();
  useLayoutEffect(() => {
    const list = matchMedia(query);
    list.addEventListener('change', redraw);
    return () => list.removeEventListener('change', redraw);
  }, [query]);
  return matchMedia(query).matches;
}

export const RoomContext = createContext<Room | null>(null);

export function useRoom(): Room {
  const room = useContext(RoomContext);
  if (!room) throw new Error('a trip view was drawn outside a trip');
  return room;
}

/** Draws again when this map's own keys change. */
export function useMap(map: Y.Map<unknown>): void {
  const redraw = useRedraw();
  useLayoutEffect(() => {
    map.observe(redraw);
    return () => map.unobserve(redraw);
  }, [map]);
}

/** The itinerary's order; read anew only when an item comes, goes or moves, or the trip's dates change. */
export function usePlan(room: Room): Plan {
  const redraw = useRedraw();
  const plan = useRef<Plan | undefined>(undefined);
  useLayoutEffect(() => {
    const again = () => {
      plan.current = undefined;
      redraw();
    };
    const onItems = (events: Y.YEvent<Y.AbstractType<unknown>>[]) => {
      if (events.some((event) => event.target === room.items || movesItem(event))) again();
    };
    const onTrip = (event: Y.YMapEvent<unknown>) => {
      if (event.keysChanged.has('start_date') || event.keysChanged.has('end_date')) again();
    };
    room.items.observeDeep(onItems);
    room.trip.observe(onTrip);
    return () => {
      room.items.unobserveDeep(onItems);
      room.trip.unobserve(onTrip);
    };
  }, [room]);
  return (plan.current ??= readPlan(room));
}

function movesItem(event: Y.YEvent<Y.AbstractType<unknown>>): boolean {
  return event.path.length === 1 && (event.changes.keys.has('day') || event.changes.keys.has('rank'));
}

export function useLight(room: Room): Light {
  const redraw = useRedraw();
  useLayoutEffect(() => room.light.subscribe(redraw), [room]);
  return room.light.light;
}

/** Draws again when what I may do here changes, or who belongs to the trip. */
export function usePass(pass: Pass): Pass {
  const redraw = useRedraw();
  useLayoutEffect(() => pass.subscribe(redraw), [pass]);
  return pass;
}

/** May I change the plan? Draws again only when that changes. */
export function useMayEdit(room: Room): boolean {
  const [may, setMay] = useState(room.pass.mayEdit);
  useLayoutEffect(() => room.pass.subscribe(() => setMay(room.pass.mayEdit)), [room]);
  return may;
}

export function usePeople(room: Room): Person[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.people.subscribe('', redraw), [room]);
  return room.people.all;
}

export function usePeopleAt(room: Room, pointer: string): Person[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.people.subscribe(pointer, redraw), [room, pointer]);
  return room.people.at(pointer);
}

export function useAgents(room: Room): Agent[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.agents.subscribe('', redraw), [room]);
  return room.agents.all;
}

/** The agent that changed what is at this pointer a moment ago. */
export function useChangedBy(room: Room, pointer: string): Person | null {
  const redraw = useRedraw();
  useLayoutEffect(() => room.agents.subscribe(pointer, redraw), [room, pointer]);
  return room.agents.at(pointer);
}

export function useTalk(room: Room): Talk {
  const redraw = useRedraw();
  useLayoutEffect(() => room.talk.subscribe(redraw), [room]);
  return room.talk;
}

export function useWarnings(room: Room): TripWarning[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.warnings.subscribe('', redraw), [room]);
  return room.warnings.all;
}

export function useWarningsAt(room: Room, item: string): TripWarning[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.warnings.subscribe(item, redraw), [room, item]);
  return room.warnings.at(item);
}

/** The suggestions that wait; draws again also when one is decided on. */
export function useSuggestions(room: Room): Suggestion[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.suggestions.subscribe('', redraw), [room]);
  return room.suggestions.waiting;
}

/** Those that wait and are about this item. */
export function useSuggestionsAt(room: Room, item: string): Suggestion[] {
  const redraw = useRedraw();
  useLayoutEffect(() => room.suggestions.subscribe(item, redraw), [room, item]);
  return room.suggestions.at(item);
}

/** Draws again when there is more or less to undo. */
export function useUndo(room: Room): { undo: boolean; redo: boolean } {
  const redraw = useRedraw();
  useLayoutEffect(() => {
    const events = ['stack-item-added', 'stack-item-popped', 'stack-cleared'] as const;
    for (const event of events) room.undo.on(event, redraw);
    return () => {
      for (const event of events) room.undo.off(event, redraw);
    };
  }, [room]);
  return { undo: room.undo.canUndo(), redo: room.undo.canRedo() };
}

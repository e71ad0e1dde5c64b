// Words for agents: how one is, what it is editing, and why it could not be reached. Used by the views that show them.

import type { Agent, AgentState } from '../room/agents';
import { EventFailure } from '../room/event-line';
import type { Room } from '../room/room';
import { clockWords, longDay } from '../trip/days';
import { dayOf } from '../trip/item';
import { itemOf, tripDays } from '../trip/plan';
import { itemIn } from '../trip/pointer';

export const STATE_WORDS: Record<AgentState, string> = {
  idle: 'Ready',
  initializing: 'Getting ready',
  active: 'Working',
  thinking: 'Thinking',
  executing: 'Working',
  waiting: 'Waiting',
  paused: 'Paused',
  error: 'Has a problem',
  completed: 'Done',
  offline: 'Left',
};

const ROOTS: Record<string, string> = {
  '/notes': 'the notes',
  '/budget': 'the budget',
  '/comments': 'the comments',
  '/destinations': 'the destinations',
  '/trip': 'the trip’s details',
};

/** "Day 3": what this pointer is called by people. */
export function placeWords(room: Room, pointer: string): string {
  const id = itemIn(pointer);
  if (id === null) return ROOTS[pointer] ?? 'the trip';
  const item = itemOf(room, id);
  if (!item) return 'the plan';
  const day = dayOf(item);
  if (!day) return 'Unplanned';
  const number = tripDays(room).indexOf(day) + 1;
  return number > 0 ? `Day ${number}` : longDay(day);
}

/** "Step 2 of 5", and until when. */
export function stepWords({ step, steps, eta }: Agent): string {
  const numbered = /^\d+$/.test(step) ? `Step ${step}` : step;
  const at = numbered && steps ? `${numbered} of ${steps}` : numbered;
  return [at, eta === null ? '' : `until about ${clockWords(eta)}`].filter(Boolean).join(', ');
}

const WHY: Record<string, string> = {
  unreachable: 'The server does not answer just now. Try again in a moment.',
  permission_denied: 'That is not yours to do any more.',
  unknown_type: 'This server cannot do that.',
};

export function failureWords(failure: unknown): string {
  if (!(failure instanceof EventFailure)) throw failure;
  return WHY[failure.code] ?? (failure.message || 'That did not work.');
}

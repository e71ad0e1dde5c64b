// Says in words which agent has just changed something. Lies over the edge of what it marks, so that nothing moves under
// a finger when it comes and goes.

import type { Person } from '../room/people';
import { Face } from './face';

export function ChangedMark({ by, what }: { by: Person; what: string }) {
  return (
    <div class="changed" style={{ '--changer': by.color }} data-test="changed">
      <Face person={by} small />
      <span dir="auto">
        {by.name} {what}
      </span>
    </div>
  );
}

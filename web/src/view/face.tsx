// One person's face: initials on their colour, round for people and square for agents.

import type { Person } from '../room/people';
import { initialsOf } from '../trip/palette';

export function Face({ person, small }: { person: Person; small?: boolean }) {
  return (
    <span
      class={`face ${person.agent ? 'face-agent' : ''} ${small ? 'face-small' : ''}`}
      style={{ backgroundColor: person.color }}
      title={person.me ? `${person.name} (you)` : person.name}
      aria-hidden="true"
      data-initials={initialsOf(person.name)}
    />
  );
}

// One person's face: initials on their colour, round for people and square for agents. And a row of them.

import type { Person } from '../room/people';
import { initialsOf } from '../trip/palette';
import { useMedia, usePeople, useRoom } from './hooks';

const MOST_FACES = 4;
const MOST_FACES_NARROW = 2;

export function Face({ person, small }: { person: Person; small?: boolean }) {
  return (
    <span
      class={`face ${person.agent ? 'face-agent' : ''} ${small ? 'face-small' : ''}`}
      style={{ backgroundColor: person.color }}
      title={person.me ? `${person.name} (you)` : person.name}
      aria-hidden="true"
    >
      {initialsOf(person.name)}
    </span>
  );
}

/** Everybody else who is here; I have my own button beside them. */
export function Faces() {
  const others = usePeople(useRoom()).filter((person) => !person.me);
  const most = useMedia('(max-width: 399px)') ? MOST_FACES_NARROW : MOST_FACES;
  const shown = others.slice(0, others.length > most ? most - 1 : most);
  if (others.length === 0) return null;
  return (
    <div class="faces" role="group" aria-label={`Here now: ${others.map((person) => person.name).join(', ')}`} data-test="faces">
      {shown.map((person) => (
        <Face key={person.key} person={person} />
      ))}
      {others.length > shown.length && <span class="face face-more">+{others.length - shown.length}</span>}
    </div>
  );
}

// The row of faces in the header, and behind it everybody who is here now or belongs to the trip, with what each may do.

import type { Person } from '../room/people';
import { ROLE_WORDS, type Member } from '../room/role';
import { Face } from './face';
import { useMedia, usePass, usePeople, useRoom } from './hooks';
import { Icon } from './icon';
import { memberFace, memberName } from './members';
import { Popover } from './popover';

const MOST_FACES = 4;
const MOST_FACES_NARROW = 2;
/** Where the header's one line, or its second, is short. */
const LITTLE_ROOM = '(max-width: 399px), (min-width: 720px) and (max-width: 899px)';

/** Everybody else who is here; I have my own button beside them. */
export function People() {
  const room = useRoom();
  const people = usePeople(room);
  const members = usePass(room.pass).standing?.members ?? [];
  const others = people.filter((person) => !person.me);
  if (others.length === 0 && members.length < 2) return null;
  const label = others.length > 0 ? `Here now: ${others.map((person) => person.name).join(', ')}` : 'Who is on this trip';
  return (
    <div data-test="faces">
      <Popover label={label} buttonClass="faces" popoverClass="people-popover" align="end" face={<Faces others={others} />}>
        {() => <PeopleList people={people} members={members} />}
      </Popover>
    </div>
  );
}

function Faces({ others }: { others: Person[] }) {
  const most = useMedia(LITTLE_ROOM) ? MOST_FACES_NARROW : MOST_FACES;
  const shown = others.slice(0, others.length > most ? most - 1 : most);
  return (
    <>
      {others.length === 0 && (
        <span class="face face-more">
          <Icon name="people" />
        </span>
      )}
      {shown.map((person) => (
        <Face key={person.key} person={person} />
      ))}
      {others.length > shown.length && <span class="face face-more" data-initials={`+${others.length - shown.length}`} />}
    </>
  );
}

function PeopleList({ people, members }: { people: Person[]; members: Member[] }) {
  const memberOf = (person: Person) => members.find((member) => member.principal === person.id);
  const away = members.filter((member) => !people.some((person) => person.id === member.principal));
  return (
    <div class="stack people-list" tabIndex={-1}>
      <section>
        <h2>Here now</h2>
        <ul>
          {people.map((person) => (
            <Row key={person.key} person={person} member={memberOf(person)} />
          ))}
        </ul>
      </section>
      {away.length > 0 && (
        <section>
          <h2>Also on this trip</h2>
          <ul>
            {away.map((member) => (
              <Row key={member.principal} person={memberFace(member, false)} member={member} />
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}

function Row({ person, member }: { person: Person; member: Member | undefined }) {
  return (
    <li class="member">
      <Face person={person} />
      <span class="member-name" dir="auto">
        {member ? memberName(member) : person.name}
        {person.me && ' (you)'}
      </span>
      {member && <span class="member-role">{ROLE_WORDS[member.role]}</span>}
    </li>
  );
}

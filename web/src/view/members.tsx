// Who belongs to the trip and with which role; for those who look after it, changed and taken off here.

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiFailure } from '../room/api';
import type { Pass } from '../room/pass';
import { ROLE_WORDS, grantableTo, mayRemove, type Member, type Role, type Standing } from '../room/role';
import { colorOf } from '../trip/palette';
import { Face } from './face';
import { Icon } from './icon';
import { announce } from './notice';

/** What an id says when nobody gave a name. */
export const memberName = (member: Member): string => member.name ?? member.principal.replace(/^(agent|guest):/, '');

export const memberFace = (member: Member, me: boolean) => {
  const name = memberName(member);
  return { key: name, name, color: colorOf(name), agent: member.kind === 'agent', me };
};

export function MemberList({ pass, standing }: { pass: Pass; standing: Standing }) {
  const [failure, setFailure] = useState('');
  const list = useRef<HTMLElement>(null);
  const run: Run = async (what, done) => {
    setFailure('');
    try {
      await what();
      announce(done);
      // The row that had the focus may be gone.
      requestAnimationFrame(() => document.activeElement === document.body && list.current?.focus());
    } catch (why) {
      setFailure(wordsFor(why));
    }
  };
  return (
    <section class="members" aria-labelledby="members-title" tabIndex={-1} ref={list}>
      <h2 id="members-title">On this trip</h2>
      <ul>
        {standing.members.map((member) => (
          <MemberRow key={member.principal} pass={pass} standing={standing} member={member} run={run} />
        ))}
      </ul>
      <p class="failure" role="alert">
        {failure}
      </p>
    </section>
  );
}

/** Does something in the server and says so, or why not. */
type Run = (what: () => Promise<void>, done: string) => Promise<void>;

interface RowProps {
  pass: Pass;
  standing: Standing;
  member: Member;
  run: Run;
}

function MemberRow({ pass, standing, member, run }: RowProps) {
  const [asking, setAsking] = useState(false);
  const backToButton = useRef(false);
  const name = memberName(member);
  const mine = member.principal === standing.me.id;
  if (asking) {
    const remove = () => run(() => pass.remove(member), `${name} is no longer on this trip`);
    const keep = () => {
      backToButton.current = true;
      setAsking(false);
    };
    return <AskRemove name={name} onRemove={() => void remove()} onKeep={keep} />;
  }
  return (
    <li class="member">
      <Face person={memberFace(member, mine)} />
      <span class="member-name" dir="auto">
        {name}
        {mine && ' (you)'}
      </span>
      <MemberRole standing={standing} member={member} onChoose={(role) => run(() => pass.changeRole(member, role), `${name}: ${ROLE_WORDS[role]}`)} />
      {mayRemove(standing, member) && (
        <button
          class="button-icon"
          title={`Take ${name} off this trip`}
          onClick={() => setAsking(true)}
          ref={(node) => {
            if (node && backToButton.current) node.focus();
            if (node) backToButton.current = false;
          }}
        >
          <Icon name="close" />
          <span class="sr-only">Take {name} off this trip</span>
        </button>
      )}
    </li>
  );
}

function MemberRole({ standing, member, onChoose }: { standing: Standing; member: Member; onChoose: (role: Role) => Promise<void> }) {
  const roles = grantableTo(standing, member);
  /** Shown until the server has answered; keys walk through a list and choose each role on their way. */
  const [wanted, want] = useState<Role | null>(null);
  const newest = useRef<Role | null>(null);
  const now = useRef(member.role);
  now.current = member.role;
  const before = useRef(Promise.resolve());
  const choose = (role: Role) => {
    want(role);
    newest.current = role;
    before.current = before.current.then(async () => {
      if (newest.current !== role) return;
      if (role !== now.current) await onChoose(role);
      if (newest.current === role) want(null);
    });
  };
  if (roles.length === 0) return <span class="member-role">{ROLE_WORDS[member.role]}</span>;
  return (
    <select
      class="field member-role"
      aria-label={`What ${memberName(member)} may do`}
      value={wanted ?? member.role}
      onChange={(event) => choose(event.currentTarget.value as Role)}
    >
      {roles.map((role) => (
        <option key={role} value={role}>
          {ROLE_WORDS[role]}
        </option>
      ))}
    </select>
  );
}

function AskRemove({ name, onRemove, onKeep }: { name: string; onRemove: () => void; onKeep: () => void }) {
  const keep = useRef<HTMLButtonElement>(null);
  useEffect(() => keep.current?.focus(), []);
  return (
    <li class="member member-ask">
      <span class="member-name">
        Take <bdi>{name}</bdi> off this trip?
      </span>
      <button class="button-quiet button-danger" onClick={onRemove}>
        Take off
      </button>
      <button ref={keep} class="button-quiet" onClick={onKeep}>
        Keep
      </button>
    </li>
  );
}

const WORDS: Record<string, string> = {
  last_owner: 'A trip always keeps an owner. Make somebody else an owner first.',
  own_role: 'Nobody changes their own role.',
  permission_denied: 'That is not yours to change any more.',
  member_not_found: 'They are no longer on this trip.',
};

/** A sentence for what the server would not do. */
export function wordsFor(failure: unknown): string {
  if (!(failure instanceof ApiFailure)) throw failure;
  if (failure.passing) return 'The server does not answer just now. Nothing was changed; try again.';
  return WORDS[failure.code] ?? (failure.detail || 'That did not work.');
}

// The line under the header that says what somebody may do here when it is less than editing, and whom to ask.
// Also tells of changes: that one may do more or less now, that changes were not taken, that the way in runs out.

import { useEffect, useRef } from 'preact/hooks';
import type { Pass } from '../room/pass';
import { ownerName, type Role, type Standing } from '../room/role';
import { momentWords } from '../trip/days';
import { useLight, usePass, useRoom } from './hooks';
import { Icon, type IconName } from './icon';
import { announce, notify } from './notice';

const LINE: Partial<Record<Role, [icon: IconName, words: string]>> = {
  viewer: ['eye', 'You can look, not change.'],
  commenter: ['comment', 'You can comment, not change the plan.'],
};

const NOW: Record<Role, string> = {
  viewer: 'You can look at this trip now, not change it.',
  commenter: 'You can comment on this trip now, not change the plan.',
  editor: 'You can edit this trip now.',
  admin: 'You look after this trip now.',
  owner: 'This trip is yours too now.',
};

export function RoleLine({ onReopen }: { onReopen: () => void }) {
  const pass = usePass(useRoom().pass);
  useTellChange(pass);
  const line = pass.standing && LINE[pass.standing.role];
  return (
    <>
      {line && (
        <p class="role-line" data-test="role">
          <Icon name={line[0]} />
          <span>
            {line[1]} <WhomToAsk standing={pass.standing!} />
          </span>
        </p>
      )}
      {line && <NotTaken onReopen={onReopen} />}
      {pass.ends !== null && (
        <p class="away-line" data-test="ends">
          Your way in ends {momentWords(pass.ends)}. Open a new link or sign in again before that.
        </p>
      )}
    </>
  );
}

function WhomToAsk({ standing }: { standing: Standing }) {
  const owner = ownerName(standing);
  return <span class="role-ask">To edit, ask {owner ? <bdi>{owner}</bdi> : 'whoever invited you'}.</span>;
}

/** Somebody's last changes came after they could no longer make them. They stay here until let go of. */
function NotTaken({ onReopen }: { onReopen: () => void }) {
  const room = useRoom();
  if (useLight(room) !== 'held') return null;
  return (
    <p class="away-line" data-test="not-taken">
      Changes made on this device were not taken and are seen by you alone.{' '}
      <button class="button-quiet" onClick={() => void room.forgetDeviceCopy().then(onReopen)}>
        Show the trip without them
      </button>
    </p>
  );
}

/** Says so when I may do more or less than before. */
function useTellChange(pass: Pass): void {
  const role = pass.standing?.role ?? null;
  const before = useRef(role);
  useEffect(() => {
    if (before.current !== null && role !== null && before.current !== role) {
      notify(NOW[role]);
      announce(NOW[role]);
    }
    before.current = role;
  }, [role]);
}

// Sharing. Where nobody signs in, the address is the invitation. Where people do, those who may invite choose what a
// link lets its holder do, and find everybody who belongs to the trip below it.

import { useRef, useState } from 'preact/hooks';
import { pathOfRoom } from '../room/address';
import type { Pass } from '../room/pass';
import { linkRoles, type Role } from '../room/role';
import { linkWithToken } from '../room/tokens';
import { momentWords } from '../trip/days';
import { usePass, useRoom } from './hooks';
import { Icon } from './icon';
import { MemberList, wordsFor } from './members';
import { announce, notify } from './notice';
import { Popover } from './popover';

export function Share({ title }: { title: string }) {
  const pass = usePass(useRoom().pass);
  if (!pass.standing) {
    return (
      <button class="button-main share" onClick={() => void shareAddress(title)}>
        <ShareFace />
      </button>
    );
  }
  const { standing } = pass;
  const roles = linkRoles(standing);
  if (roles.length === 0) return null;
  return (
    <Popover label="Share" buttonClass="button-main share" popoverClass="share-popover" align="end" face={<ShareFace />}>
      {() => (
        <div class="stack">
          <LinkForm pass={pass} roles={roles} title={title} />
          {standing.members.length > 0 && <MemberList pass={pass} standing={standing} />}
        </div>
      )}
    </Popover>
  );
}

function ShareFace() {
  return (
    <>
      <Icon name="share" />
      <span>Share</span>
    </>
  );
}

const BY_LINK: Partial<Record<Role, [choice: string, meaning: string]>> = {
  viewer: ['Look', 'Whoever has the link can look at everything and change nothing.'],
  commenter: ['Comment', 'Whoever has the link can look and comment, and not change the plan.'],
  editor: ['Edit', 'Whoever has the link can change the plan with you.'],
};

type Handed = 'copied' | 'sent' | 'shown';
type Made = { is: 'none' } | { is: 'making' } | { is: Handed; link: string; expires: number } | { is: 'failed'; words: string };

const ALOUD: Record<Handed, string> = { copied: 'Link copied', sent: 'Link sent', shown: 'The link is ready to be copied' };

/** Phones have a sheet of their own for sending links. */
const hasSheet = () => matchMedia('(pointer: coarse)').matches && 'share' in navigator;

function LinkForm({ pass, roles, title }: { pass: Pass; roles: Role[]; title: string }) {
  const [role, setRole] = useState<Role>(roles.at(-1)!);
  const [made, setMade] = useState<Made>({ is: 'none' });
  const chosen = roles.includes(role) ? role : roles.at(-1)!;

  const make = async (event: Event) => {
    event.preventDefault();
    setMade({ is: 'making' });
    const ticket = pass.share(chosen).then(({ ticket, expires }) => ({
      link: linkWithToken(location.origin + pathOfRoom(pass.room), ticket),
      expires,
    }));
    try {
      const handed = await handOver(ticket.then(({ link }) => link), title);
      const { link, expires } = await ticket;
      setMade({ is: handed, link, expires });
      announce(ALOUD[handed]);
    } catch (failure) {
      setMade({ is: 'failed', words: wordsFor(failure) });
    }
  };

  return (
    <form class="stack link-form" onSubmit={(event) => void make(event)}>
      <fieldset class="choice">
        <legend>Invite by a link that lets people</legend>
        {roles.map((one) => (
          <label key={one}>
            <input
              type="radio"
              name="role"
              value={one}
              checked={one === chosen}
              onChange={() => {
                setRole(one);
                setMade({ is: 'none' });
              }}
            />
            <span>{BY_LINK[one]![0]}</span>
          </label>
        ))}
      </fieldset>
      <p class="quiet">{BY_LINK[chosen]![1]}</p>
      <button class="button-main" disabled={made.is === 'making'}>
        <Icon name={made.is === 'copied' ? 'check' : 'link'} />
        {made.is === 'copied' ? 'Link copied' : hasSheet() ? 'Send link' : 'Copy link'}
      </button>
      <LinkWords made={made} />
    </form>
  );
}

function LinkWords({ made }: { made: Made }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <div class="link-words" role="status">
      {made.is === 'shown' && (
        <label class="labelled">
          <span>Copy this link</span>
          <input ref={field} class="field" readOnly value={made.link} onFocus={() => field.current?.select()} />
        </label>
      )}
      {'expires' in made && <p class="quiet">It works until {momentWords(made.expires)}.</p>}
      {made.is === 'failed' && <p class="failure">{made.words}</p>}
    </div>
  );
}

/** Gives a link that is still being made to the phone's sheet, or puts it where it can be pasted; else it has to be shown. */
async function handOver(link: Promise<string>, title: string): Promise<Handed> {
  if (hasSheet()) {
    const url = await link;
    return navigator.share({ title: title || 'A trip', url }).then(() => 'sent', () => 'shown');
  }
  try {
    // Some browsers let a page write only at the very click: they take a promise and wait for the text.
    const text = link.then((url) => new Blob([url], { type: 'text/plain' }));
    await navigator.clipboard.write([new ClipboardItem({ 'text/plain': text })]);
    return 'copied';
  } catch {
    await link; // When there is none, that is what went wrong.
    return 'shown';
  }
}

async function shareAddress(title: string): Promise<void> {
  const url = location.href;
  if (hasSheet()) {
    await navigator.share({ title: title || 'A trip', url }).catch(() => {});
    return;
  }
  try {
    await navigator.clipboard.writeText(url);
    notify('Link copied. Whoever has it can join.');
  } catch {
    notify('Copy the link in the address bar: whoever has it can join.');
  }
}

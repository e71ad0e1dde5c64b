// Not let in, or not any more: says why in plain words, what to do about it, and whom to ask.

import { useEffect, useRef, useState } from 'preact/hooks';
import { forgetOnDevice } from '../room/device-copy';
import type { Bar, Barred as Why, Pass } from '../room/pass';
import { ownerName } from '../room/role';
import { UnsavedMarks } from '../room/unsaved';
import { Icon } from './icon';

const TITLE: Record<Why, string> = {
  'no-token': 'This trip is by invitation',
  'run-out': 'Your way in has run out',
  'bad-token': 'This link does not work',
  'not-yours': 'This trip cannot be opened',
  lost: 'You are no longer on this trip',
  left: 'You have left this trip',
};

const help = (owner: string): Record<Why, string> => ({
  'no-token': 'Open it with the link that you were sent. No link? Ask whoever plans this trip for one.',
  'run-out': `Sign in again where you came from, or ask ${owner} for a new link.`,
  'bad-token': 'A part of it may be missing, or it was taken back. Open it once more, or ask for a new one.',
  'not-yours': 'It is not there, or you are not on it. Check the link, or ask whoever sent it to let you in.',
  lost: `You were taken off it, or it was deleted. If that comes as a surprise, ask ${owner}.`,
  left: 'Somebody who looks after it can invite you again.',
});

export function Barred({ pass, bar }: { pass: Pass; bar: Bar }) {
  const owner = (pass.standing && ownerName(pass.standing)) ?? 'whoever invited you';
  const gone = bar.why === 'lost' || bar.why === 'left';
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => title.current?.focus(), [bar.why]);
  return (
    <main class="lone" data-test="barred" data-why={bar.why}>
      <Icon name="door" size={32} />
      <h1 ref={title} tabIndex={-1}>
        {TITLE[bar.why]}
      </h1>
      <p>{help(owner)[bar.why]}</p>
      {!gone && new UnsavedMarks(pass.room, '').inherited && <p>Changes of yours that were not saved yet are kept on this device.</p>}
      <div class="lone-actions">
        {!gone && (
          <button class="button-main" onClick={() => pass.start()}>
            Try again
          </button>
        )}
        <a class={gone ? 'button-main' : 'button-plain'} href="/">
          All trips
        </a>
        {gone && <Forget room={pass.room} />}
      </div>
    </main>
  );
}

function Forget({ room }: { room: string }) {
  const [forgotten, setForgotten] = useState(false);
  if (forgotten) return <p role="status">It is no longer on this device.</p>;
  return (
    <button
      class="button-plain"
      onClick={() => {
        forgetOnDevice(room);
        setForgotten(true);
      }}
    >
      Forget it on this device
    </button>
  );
}

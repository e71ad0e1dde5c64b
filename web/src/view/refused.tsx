// The server closed this trip's socket for good, for another reason than who we are (see barred.tsx): says why, in its
// own words where it gave some, and what to do.

import type { Refusal } from '../room/room';
import { useRoom } from './hooks';
import { Icon } from './icon';

const SENTENCES: Record<number, [title: string, help: string]> = {
  4403: ['You have no access to this trip', 'Ask whoever sent you the link to let you in.'],
  4404: ['There is no such trip', 'Check the link; a letter may be missing at its end.'],
  4409: ['This trip’s room is full', 'Too many windows are open here. Close one, then try again.'],
  4413: ['That was too large to send', 'Your changes are kept on this device. Make the last one smaller, then try again.'],
};

export function Refused({ refusal }: { refusal: Refusal }) {
  const room = useRoom();
  const [title, help] = SENTENCES[refusal.code] ?? ['The trip cannot be opened', 'Try again in a while.'];
  return (
    <main class="lone" data-test="refused">
      <Icon name="door" size={32} />
      <h1>{title}</h1>
      <p>{help}</p>
      {refusal.reason && <p class="quiet">The server says: {refusal.reason}</p>}
      <div class="lone-actions">
        <button class="button-main" onClick={() => room.reconnect()}>
          Try again
        </button>
        <a class="button-plain" href="/">
          All trips
        </a>
      </div>
    </main>
  );
}

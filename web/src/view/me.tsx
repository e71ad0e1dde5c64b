// Behind my own face: my name (or who I am signed in as), the colours of the page, and leaving the trip.

import { useState } from 'preact/hooks';
import { remember } from '../room/device';
import type { Pass } from '../room/pass';
import { ROLE_WORDS, mayLeave } from '../room/role';
import { usePass, useRoom } from './hooks';
import { wordsFor } from './members';
import { THEMES, chooseTheme, currentTheme } from './theme';

export function MeForm({ onDone, onRename }: { onDone: () => void; onRename: (name: string) => void }) {
  const room = useRoom();
  const pass = usePass(room.pass);
  return (
    <form
      class="stack"
      onSubmit={(event) => {
        event.preventDefault();
        const name = new FormData(event.currentTarget).get('name');
        onDone();
        if (typeof name === 'string' && name.trim() && name.trim() !== room.me) {
          remember('name', name.trim());
          onRename(name.trim());
        }
      }}
    >
      {pass.name === null ? (
        <label class="labelled">
          <span>Your name</span>
          <input class="field" name="name" defaultValue={room.me} maxLength={40} required autocomplete="name" />
        </label>
      ) : (
        <p class="signed-in">
          <span class="quiet">Signed in as</span>
          <strong dir="auto">{pass.name}</strong>
          <span class="quiet">{ROLE_WORDS[pass.standing!.role]}</span>
        </p>
      )}
      <fieldset class="choice">
        <legend>Colours</legend>
        {THEMES.map((theme) => (
          <label key={theme}>
            <input type="radio" name="theme" value={theme} defaultChecked={theme === currentTheme()} onChange={() => chooseTheme(theme)} />
            <span>{theme === 'system' ? 'Auto' : theme === 'light' ? 'Light' : 'Dark'}</span>
          </label>
        ))}
      </fieldset>
      <button class="button-main">Done</button>
      {pass.standing && mayLeave(pass.standing) && <Leave pass={pass} />}
    </form>
  );
}

/** Asked twice, because one does not come back by oneself. */
function Leave({ pass }: { pass: Pass }) {
  const [asking, setAsking] = useState(false);
  const [failure, setFailure] = useState('');
  if (!asking) {
    return (
      <button type="button" class="button-quiet button-danger" onClick={() => setAsking(true)}>
        Leave this trip
      </button>
    );
  }
  return (
    <div class="leave">
      <p>Leave this trip? Somebody has to invite you again to come back.</p>
      <button type="button" class="button-quiet button-danger" onClick={() => void pass.leave().catch((why) => setFailure(wordsFor(why)))}>
        Leave
      </button>
      <button type="button" class="button-quiet" ref={(node) => node?.focus()} onClick={() => setAsking(false)}>
        Stay
      </button>
      <p class="failure" role="alert">
        {failure}
      </p>
    </div>
  );
}

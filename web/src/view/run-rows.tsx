// The chat's rows about changes: what an agent changed in a run, with a way to take it back; that somebody did, and what
// stayed; and what became of a suggestion. They draw what they are given and keep nothing.

import { useRef, useState } from 'preact/hooks';
import { bareName } from '../room/event';
import type { Run, Undone } from '../room/runs';
import type { Decided } from '../room/talk';
import { clockWords } from '../trip/days';
import { useHandOver } from './hand-over';
import { useMayEdit, useRoom, useSuggestions } from './hooks';
import { Icon } from './icon';
import { notify } from './notice';
import { countWords, decisionFailure, headlineOf, keptWords, thingWords } from './suggestion-words';

/** So many things are named. */
const NAMED = 3;

export function RunRow({ run }: { run: Run }) {
  const room = useRoom();
  const mayEdit = useMayEdit(room);
  const { from, things, more, at, undone, undoable } = run;
  const names = things.map((thing) => thingWords(room, thing)).filter((name) => name !== null);
  const rest = things.length - Math.min(names.length, NAMED);
  return (
    <li class="run" data-test="run" data-undone={undone}>
      <span class="task-icon">
        <Icon name="pencil" />
      </span>
      <div class="said-main">
        <p class="run-what">
          <bdi>{from.name}</bdi> changed {countWords(things.length, more)}
        </p>
        <p class="task-state" dir="auto">
          {undone ? 'Taken back' : names.slice(0, NAMED).join(', ')}
          {!undone && names.length > 0 && rest > 0 && ` and ${rest} more`}
          {(undone || names.length > 0) && ' · '}
          <time>{clockWords(at)}</time>
        </p>
      </div>
      {mayEdit && undoable && !undone && <UndoButton run={run} />}
    </li>
  );
}

function UndoButton({ run }: { run: Run }) {
  const room = useRoom();
  const button = useRef<HTMLButtonElement>(null);
  const [busy, setBusy] = useState(false);
  useHandOver(button, '.chat', '.chat-scroll');
  const undo = async () => {
    if (busy) return;
    setBusy(true);
    try {
      const { count, kept, more } = await room.talk.undo(run);
      const stays = kept.length > 0 ? ` ${keptWords(room, kept[0]!)} and stays${kept.length > 1 ? `, with ${kept.length - 1} more` : ''}.` : '';
      notify(`${count > 0 ? `Took back ${countWords(count, more)}` : 'Nothing was taken back'}.${stays}`);
    } catch (failure) {
      notify(decisionFailure(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <button
      ref={button}
      class="button-plain agent-stop"
      aria-disabled={busy}
      aria-label={busy ? 'Undoing…' : `Undo what ${run.from.name} changed`}
      onClick={() => void undo()}
    >
      {busy ? 'Undoing…' : 'Undo'}
    </button>
  );
}

export function UndoneRow({ undone: { from, agent, count, kept, more, at }, mine }: { undone: Undone; mine: boolean }) {
  const room = useRoom();
  const whose = room.agents.get(agent)?.name ?? bareName(agent);
  return (
    <li class="deed" data-test="undone">
      <p>
        <bdi>{mine ? 'You' : from.name}</bdi> took back {count > 0 ? countWords(count, more) : 'nothing'} of what <bdi>{whose}</bdi> did{' '}
        <time class="said-time">{clockWords(at)}</time>
      </p>
      {kept.slice(0, NAMED).map((one) => (
        <p key={one.thing} dir="auto">
          {keptWords(room, one)} and stays
        </p>
      ))}
      {kept.length > NAMED && <p>{kept.length - NAMED} more stay</p>}
    </li>
  );
}

export function DecidedRow({ decided: { from, suggestion, by, accepted, at }, mine }: { decided: Decided; mine: boolean }) {
  const room = useRoom();
  useSuggestions(room); // What it was about may be read later than that it was decided.
  const made = room.suggestions.get(suggestion);
  return (
    <li class="deed" data-test="decided">
      <bdi>{mine ? 'You' : from.name}</bdi> {accepted ? 'accepted' : 'rejected'} what <bdi>{made?.from.name ?? bareName(by)}</bdi> suggested
      {made && <span dir="auto">: {headlineOf(room, made)}</span>} <time class="said-time">{clockWords(at)}</time>
    </li>
  );
}

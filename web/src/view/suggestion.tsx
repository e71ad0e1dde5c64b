// A change that somebody put forward and that waits: who, what it would change, and for those who may, the decision. In the
// chat all of them, in an open card those about its item.

import { useRef, useState } from 'preact/hooks';
import type { Suggestion } from '../room/suggestions';
import { clockWords, dayWords } from '../trip/days';
import { colorOf } from '../trip/palette';
import { Face } from './face';
import { useHandOver } from './hand-over';
import { useMayEdit, useRoom, useSuggestions } from './hooks';
import { Icon } from './icon';
import { announce, notify } from './notice';
import { decisionFailure, differencesOf, headlineOf, type WouldBe } from './suggestion-words';

/** Those that wait, above what was said, so that none is scrolled out of mind. */
export function WaitingSuggestions() {
  const waiting = useSuggestions(useRoom());
  if (waiting.length === 0) return null;
  const count = waiting.length === 1 ? '1 suggestion waits' : `${waiting.length} suggestions wait`;
  return (
    <details class="waiting" open data-test="waiting">
      <summary>{count}</summary>
      <div class="waiting-scroll" role="region" aria-label={count} tabIndex={0}>
        <ul>
          {waiting.map((suggestion) => (
            <SuggestionRow key={suggestion.id} suggestion={suggestion} />
          ))}
        </ul>
      </div>
    </details>
  );
}

/** The list item of one; its place decides where the focus goes when it is decided. */
export function SuggestionRow({ suggestion }: { suggestion: Suggestion }) {
  const room = useRoom();
  const mayEdit = useMayEdit(room);
  const root = useRef<HTMLLIElement>(null);
  useHandOver(root, '.chat, .card', '.proposal button', '.chat-scroll', '.card-edit-title button');
  const { from, at } = suggestion;
  const headline = headlineOf(room, suggestion);
  const today = dayWords(at) === 'Today';
  return (
    <li ref={root} class="proposal" data-test="suggestion" data-id={suggestion.id}>
      <Face person={{ key: from.id, name: from.name, color: colorOf(from.name), agent: from.agent, me: false }} />
      <div class="said-main">
        <p class="said-top">
          <strong dir="auto">{from.name}</strong> <span class="said-time">suggests, {today ? clockWords(at) : dayWords(at)}</span>
        </p>
        <p class="proposal-what" dir="auto">
          {headline}
        </p>
        <Differences suggestion={suggestion} />
        {mayEdit ? <Ways suggestion={suggestion} headline={headline} /> : <p class="quiet proposal-note">Those who can edit the trip decide.</p>}
      </div>
    </li>
  );
}

/** So many changes are shown at once; more are a tap away. */
const FEW = 4;

function Differences({ suggestion }: { suggestion: Suggestion }) {
  const all = differencesOf(useRoom(), suggestion);
  const rest = all.length - FEW;
  return (
    <>
      <DifferenceList all={rest > 1 ? all.slice(0, FEW) : all} />
      {rest > 1 && (
        <details class="proposal-note">
          <summary>{rest} more</summary>
          <DifferenceList all={all.slice(FEW)} />
        </details>
      )}
      {suggestion.leftOut > 0 && <p class="quiet proposal-note">And {suggestion.leftOut} more that are too many to show.</p>}
    </>
  );
}

function DifferenceList({ all }: { all: WouldBe[] }) {
  if (all.length === 0) return null;
  return (
    <ul class="would">
      {all.map(({ key, name, before, after }) => (
        <li key={key}>
          <bdi class="would-name">{name}</bdi>{' '}
          <span class="would-values">
            {before && (
              <>
                <del dir="auto">
                  <span class="sr-only">now </span>
                  {before}
                </del>
                <Icon name="arrow" size={14} />
                <span class="sr-only"> then </span>
              </>
            )}
            <ins dir="auto">{after || 'nothing'}</ins>
          </span>
        </li>
      ))}
    </ul>
  );
}

function Ways({ suggestion, headline }: { suggestion: Suggestion; headline: string }) {
  const room = useRoom();
  const [busy, setBusy] = useState(false);
  const decide = async (how: 'accept' | 'reject') => {
    if (busy) return;
    setBusy(true);
    try {
      await room.suggestions.decide(suggestion, how);
      announce(`${how === 'accept' ? 'Accepted' : 'Rejected'}: ${headline}`);
    } catch (failure) {
      notify(decisionFailure(failure));
    } finally {
      setBusy(false);
    }
  };
  return (
    <div class="proposal-ways">
      <button class="button-main" aria-disabled={busy} aria-label={`Accept: ${headline}`} onClick={() => void decide('accept')}>
        Accept
      </button>
      <button class="button-plain" aria-disabled={busy} aria-label={`Reject: ${headline}`} onClick={() => void decide('reject')}>
        Reject
      </button>
    </div>
  );
}

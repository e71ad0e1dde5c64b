// The status light: one word, true to what the server confirmed, and a sentence for those who ask.

import { useEffect, useState } from 'preact/hooks';
import type { Light } from '../room/save-light';
import { useLight, useMayEdit, useRoom } from './hooks';
import { announce } from './notice';

const WORD: Record<Light, string> = {
  connecting: 'Connecting…',
  saving: 'Saving…',
  saved: 'Saved',
  held: 'On hold',
  offline: 'Offline',
  restarting: 'Back soon',
  refused: 'Closed',
};

const SENTENCE: Record<Light, string> = {
  connecting: 'Connecting to the trip.',
  saving: 'Your last changes are on their way.',
  saved: 'Every change is kept safely.',
  held: 'Changes cannot be taken just now. Yours are kept on this device and go out by themselves.',
  offline: 'Offline. Your changes are kept on this device.',
  restarting: 'A short break for maintenance. This page comes back by itself; your changes are kept on this device.',
  refused: 'This trip is closed to you for now.',
};

/** Who changes nothing has nothing to be saved. */
const READING: Partial<Record<Light, [word: string, sentence: string]>> = {
  saved: ['Up to date', 'You see the trip as it is now.'],
  held: ['Not taken', 'Changes made on this device were not taken.'],
  offline: ['Offline', 'Offline. You see the trip as this device last knew it.'],
  restarting: ['Back soon', 'A short break for maintenance. This page comes back by itself.'],
};

const wordsFor = (light: Light, mayEdit: boolean): [word: string, sentence: string] =>
  (!mayEdit && READING[light]) || [WORD[light], SENTENCE[light]];

/** A line that is back within this time is not worth moving the page for. */
const BLINK_MS = 1500;

export function StatusLight() {
  const room = useRoom();
  const light = useLight(room);
  const [word, sentence] = wordsFor(light, useMayEdit(room));
  return (
    <span class={`light light-${light}`} title={sentence} data-light={light} data-unsaved={room.light.unsaved}>
      <span class="light-dot" aria-hidden="true" />
      <span aria-hidden="true">{word}</span>
      <span class="sr-only">{sentence}</span>
    </span>
  );
}

/** The calm line under the header while changes stay on this device. */
export function AwayLine() {
  const room = useRoom();
  const light = useLight(room);
  const mayEdit = useMayEdit(room);
  const [, sentence] = wordsFor(light, mayEdit);
  // What a reader's device could not send has a line of its own (role-line.tsx).
  const away = (light === 'held' && mayEdit) || light === 'offline' || light === 'restarting';
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!away) return;
    const timer = setTimeout(() => {
      setLong(true);
      announce(sentence);
    }, BLINK_MS);
    return () => clearTimeout(timer);
  }, [away]);
  // Screen readers hear of being away and of being back, never of every save.
  useEffect(() => {
    if (!long || light !== 'saved') return;
    setLong(false);
    announce(mayEdit ? 'Every change is kept safely again.' : 'You see the trip as it is now.');
  }, [long, light]);
  if (!away || !long) return null;
  return (
    <p class="away-line" data-test="away">
      {sentence}
      {light === 'offline' && mayEdit && room.light.unsaved && ' They go out when you are back.'}
    </p>
  );
}

// The status light: one word, true to what the server confirmed, and a sentence for those who ask.

import { useEffect, useState } from 'preact/hooks';
import type { Light } from '../room/save-light';
import { useLight, useRoom } from './hooks';
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

/** A line that is back within this time is not worth moving the page for. */
const BLINK_MS = 1500;

export function StatusLight() {
  const room = useRoom();
  const light = useLight(room);
  return (
    <span class={`light light-${light}`} title={SENTENCE[light]} data-light={light} data-unsaved={room.light.unsaved}>
      <span class="light-dot" aria-hidden="true" />
      <span aria-hidden="true">{WORD[light]}</span>
      <span class="sr-only">{SENTENCE[light]}</span>
    </span>
  );
}

/** The calm line under the header while changes stay on this device. */
export function AwayLine() {
  const room = useRoom();
  const light = useLight(room);
  const away = light === 'held' || light === 'offline' || light === 'restarting';
  const [long, setLong] = useState(false);
  useEffect(() => {
    if (!away) return;
    const timer = setTimeout(() => {
      setLong(true);
      announce(SENTENCE[light]);
    }, BLINK_MS);
    return () => clearTimeout(timer);
  }, [away]);
  // Screen readers hear of being away and of being back, never of every save.
  useEffect(() => {
    if (!long || light !== 'saved') return;
    setLong(false);
    announce('Every change is kept safely again.');
  }, [long, light]);
  if (!away || !long) return null;
  return (
    <p class="away-line" data-test="away">
      {SENTENCE[light]}
      {light === 'offline' && room.light.unsaved && ' They go out when you are back.'}
    </p>
  );
}

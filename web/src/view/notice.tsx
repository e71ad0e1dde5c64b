// What the page says in passing: a short message with at most one action, and words for screen readers.
// Anybody may call `notify` and `announce`; the trip page shows them once. Never used for errors that stay.

import { useEffect, useState } from 'preact/hooks';

interface Message {
  text: string;
  action?: { label: string; run: () => void };
}

const SHOW_MS = 6000;

let showMessage: (message: Message | null) => void = () => {};
let sayAloud: (text: string) => void = () => {};

export function notify(text: string, action?: Message['action']): void {
  showMessage(action ? { text, action } : { text });
}

/** Said by screen readers when they have finished what they are saying. */
export function announce(text: string): void {
  sayAloud(text);
}

export function Notices() {
  const [message, setMessage] = useState<Message | null>(null);
  const [spoken, setSpoken] = useState('');
  showMessage = setMessage;
  // A screen reader ignores a region whose text did not change; a space makes a repeat audible.
  sayAloud = (text) => setSpoken((last) => (last === text ? `${text} ` : text));

  useEffect(() => {
    if (!message) return;
    const timer = setTimeout(() => setMessage(null), SHOW_MS);
    return () => clearTimeout(timer);
  }, [message]);

  return (
    <>
      <div class="sr-only" role="log" aria-live="polite" data-test="spoken">
        {spoken}
      </div>
      <div class="toast-place" role="status">
        {message && (
          <div class="toast">
            <span dir="auto">{message.text}</span>
            {message.action && (
              <button
                class="button-quiet"
                onClick={() => {
                  message.action!.run();
                  setMessage(null);
                }}
              >
                {message.action.label}
              </button>
            )}
          </div>
        )}
      </div>
    </>
  );
}

// An input for one plain value of the document. While somebody types, what they type is theirs;
// it is written when they pause, leave or press Enter. Others' changes show as soon as nothing waits to be written,
// and leaving a field never writes again what was written before.

import { useEffect, useRef, useState } from 'preact/hooks';

interface Props {
  value: string;
  /** Called with trimmed text; returns false to refuse it. */
  onCommit: (value: string) => void | false;
  label: string;
  type?: 'text' | 'time' | 'date' | 'url';
  multiline?: boolean;
  inputMode?: 'decimal';
  placeholder?: string;
  maxLength?: number;
  class?: string;
  list?: string;
}

const PAUSE_MS = 600;

export function DraftField({ value, onCommit, label, multiline, class: className, type = 'text', ...rest }: Props) {
  const [draft, setDraft] = useState<string | null>(null);
  const [refused, setRefused] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  const commit = useRef(onCommit);
  commit.current = onCommit;
  /** Typed and not yet written. */
  const waiting = useRef<string | null>(null);

  /** False when what was typed cannot be written. */
  const write = (): boolean => {
    clearTimeout(timer.current);
    const typed = waiting.current;
    if (typed === null) return true;
    const accepted = commit.current(typed.trim()) !== false;
    if (accepted) waiting.current = null;
    setRefused(!accepted);
    return accepted;
  };
  const leave = () => {
    if (write()) setDraft(null);
  };
  // Somebody else's value comes while mine is written already: theirs is the newer one. My own comes back as I typed it.
  useEffect(() => {
    if (waiting.current === null) setDraft((mine) => (mine?.trim() === value ? mine : null));
  }, [value]);
  // A card may close under the cursor: what was typed is kept.
  useEffect(() => () => void write(), []);

  const shared = {
    class: `field ${className ?? ''}`,
    value: draft ?? value,
    'aria-label': label,
    'aria-invalid': refused || undefined,
    dir: type === 'text' ? ('auto' as const) : undefined,
    autocomplete: 'off',
    onInput: (event: Event) => {
      const typed = (event.currentTarget as HTMLInputElement).value;
      waiting.current = typed;
      setDraft(typed);
      setRefused(false);
      clearTimeout(timer.current);
      timer.current = setTimeout(write, PAUSE_MS);
    },
    onBlur: leave,
    onKeyDown: (event: KeyboardEvent) => {
      if (event.key !== 'Enter' || event.isComposing) return;
      event.preventDefault();
      (event.currentTarget as HTMLElement).blur();
    },
    ...rest,
  };
  return multiline ? <textarea rows={1} {...shared} /> : <input type={type} {...shared} />;
}

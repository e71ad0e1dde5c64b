// A small sheet under a button. Closes on Escape, on a click elsewhere, and when focus leaves it.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

interface Props {
  /** What the button shows; `label` is what it is called. */
  face: ComponentChildren;
  label: string;
  buttonClass: string;
  popoverClass?: string;
  align?: 'start' | 'end';
  children: (close: () => void) => ComponentChildren;
}

export function Popover({ face, label, buttonClass, popoverClass = '', align = 'start', children }: Props) {
  const [open, setOpen] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open) return;
    firstField(root.current)?.focus();
    const outside = (event: Event) => {
      if (!root.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    document.addEventListener('focusin', outside);
    return () => {
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('focusin', outside);
    };
  }, [open]);

  const close = () => {
    setOpen(false);
    button.current?.focus();
  };

  return (
    <div
      class="popover-root"
      ref={root}
      onKeyDown={(event) => {
        if (event.key !== 'Escape' || !open) return;
        event.stopPropagation();
        close();
      }}
    >
      <button ref={button} class={buttonClass} aria-label={label} aria-expanded={open} onClick={() => setOpen(!open)}>
        {face}
      </button>
      {open && (
        <div class={`popover popover-${align} ${popoverClass}`} role="dialog" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

/** The first thing to use; of a choice, what is chosen. */
function firstField(root: HTMLElement | null): HTMLElement | null | undefined {
  const first = root?.querySelector<HTMLInputElement>('.popover input, .popover select, .popover button');
  return first?.type === 'radio' ? root?.querySelector<HTMLElement>('.popover input:checked') : first;
}

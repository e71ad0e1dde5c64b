// "Add" at the end of a day: one line, Enter adds and stays for the next, Escape leaves.

import { useRef, useState } from 'preact/hooks';
import { addItem } from '../trip/plan';
import { readQuick } from '../trip/quick';
import { useRoom } from './hooks';
import { Icon } from './icon';
import { announce } from './notice';

export function AddItem({ day, dayName }: { day: string | null; dayName: string }) {
  const room = useRoom();
  const [open, setOpen] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  const add = () => {
    const what = readQuick(input.current?.value ?? '', day);
    if (!what) return;
    addItem(room, day, what);
    input.current!.value = '';
    announce(`Added ${what.title} to ${dayName}`);
    input.current?.scrollIntoView({ block: 'nearest' });
  };

  if (!open) {
    return (
      <button ref={button} class="add-button" onClick={() => setOpen(true)} aria-label={`Add to ${dayName}`}>
        <Icon name="plus" />
        Add
      </button>
    );
  }
  return (
    <form
      class="add-form"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        setOpen(false);
        requestAnimationFrame(() => button.current?.focus());
      }}
      onFocusOut={(event) => {
        if (event.currentTarget.contains(event.relatedTarget as Node | null)) return;
        add();
        setOpen(false);
      }}
    >
      <input
        ref={(node) => {
          input.current = node;
          if (node && document.activeElement !== node) node.focus();
        }}
        class="field"
        dir="auto"
        maxLength={200}
        enterkeyhint="done"
        autocomplete="off"
        aria-label={`What to add to ${dayName}`}
        placeholder={day ? '19:30 Dinner at…' : 'An idea for later'}
      />
      <button class="button-icon" title="Add">
        <Icon name="plus" />
        <span class="sr-only">Add</span>
      </button>
    </form>
  );
}

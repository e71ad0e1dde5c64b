// The side: one panel open at a time, at the right when wide, a sheet from below when narrow.
// A new panel is one more entry in PANELS; the frame around it stays.

import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon, type IconName } from './icon';
import { NotesPanel } from './notes-panel';

export const PANELS = { notes: { name: 'Notes', icon: 'notes', View: NotesPanel } } as const satisfies Record<
  string,
  { name: string; icon: IconName; View: ComponentType }
>;

export type PanelId = keyof typeof PANELS;

export const isPanel = (id: string | null): id is PanelId => id !== null && Object.hasOwn(PANELS, id);

export function Panel({ id, onClose }: { id: PanelId; onClose: () => void }) {
  const { name, View } = PANELS[id];
  const root = useRef<HTMLElement>(null);

  // As a sheet it covers the plan: the page behind must not scroll under the finger.
  useEffect(() => {
    document.documentElement.setAttribute('data-sheet', '');
    return () => document.documentElement.removeAttribute('data-sheet');
  }, []);

  return (
    <>
      <div class="sheet-shade" onClick={onClose} />
      <aside
        class="panel"
        ref={root}
        aria-label={name}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onClose();
        }}
      >
        <header class="panel-head">
          <h2>{name}</h2>
          <button class="button-icon" onClick={onClose} title="Close">
            <Icon name="close" size={18} />
            <span class="sr-only">Close {name}</span>
          </button>
        </header>
        <View />
      </aside>
    </>
  );
}

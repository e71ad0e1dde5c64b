// The side: one panel open at a time, at the right when there is room, else a sheet over the plan.
// A new panel is one more entry in PANELS; the frame around it stays.

import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { AgentsPanel } from './agents-panel';
import { ChatPanel } from './chat-panel';
import { Icon, type IconName } from './icon';
import { NotesPanel } from './notes-panel';
import { WarningsPanel } from './warnings-panel';

export interface PanelProps {
  /** Goes to the plan: what lies over it closes. */
  onLeave: () => void;
}

export const PANELS = {
  notes: { name: 'Notes', icon: 'notes', View: NotesPanel },
  chat: { name: 'Chat', icon: 'comment', View: ChatPanel },
  agents: { name: 'Agents', icon: 'agent', View: AgentsPanel },
  warnings: { name: 'Warnings', icon: 'warning', View: WarningsPanel },
} as const satisfies Record<string, { name: string; icon: IconName; View: ComponentType<PanelProps> }>;

export type PanelId = keyof typeof PANELS;

/** The width from which a panel stands beside the plan; styles/panel.css agrees. */
export const SHEET = '(max-width: 1099px)';

export const isPanel = (id: string | null): id is PanelId => id !== null && Object.hasOwn(PANELS, id);

interface Props {
  id: PanelId;
  /** Until the trip is there the panel is an empty frame. */
  ready: boolean;
  /** Over the plan, not beside it: takes the focus, and Escape closes it. */
  sheet: boolean;
  onClose: () => void;
}

export function Panel({ id, ready, sheet, onClose }: Props) {
  const { name, View } = PANELS[id];
  const closer = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!sheet) return;
    const opener = document.activeElement as HTMLElement | null;
    return () => opener?.focus();
  }, [sheet]);
  // Also when another panel takes this one's place.
  useEffect(() => {
    if (sheet) closer.current?.focus();
  }, [sheet, id]);

  return (
    <>
      {sheet && <div class="sheet-shade" onClick={onClose} />}
      <aside
        class="panel"
        aria-label={name}
        onKeyDown={(event) => {
          if (sheet && event.key === 'Escape') onClose();
        }}
      >
        <header class="panel-head">
          <h2>{name}</h2>
          <button ref={closer} class="button-icon" onClick={onClose} title="Close">
            <Icon name="close" size={18} />
            <span class="sr-only">Close {name}</span>
          </button>
        </header>
        {ready && <View onLeave={() => sheet && onClose()} />}
      </aside>
    </>
  );
}

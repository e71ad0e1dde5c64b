// Narrow screens' bar: jump to Unplanned (and drop on it while dragging), open a panel as a sheet.

import { UNPLANNED } from '../trip/plan';
import { usePlan, useRoom } from './hooks';
import { Icon } from './icon';
import { PANELS, type PanelId } from './panel';
import { placeOf } from './drop-target';

export function BottomBar({ open, onOpen }: { open: PanelId | null; onOpen: (id: PanelId | null) => void }) {
  const room = useRoom();
  const waiting = usePlan(room).get(UNPLANNED)!.length;
  return (
    <nav class="bottom-bar" aria-label="More">
      <button data-day="" onClick={() => placeOf(null)?.scrollIntoView({ block: 'start' })}>
        <Icon name="inbox" size={20} />
        <span>Unplanned{waiting > 0 && ` (${waiting})`}</span>
      </button>
      {Object.entries(PANELS).map(([id, { name, icon }]) => (
        <button key={id} aria-pressed={open === id} onClick={() => onOpen(open === id ? null : (id as PanelId))}>
          <Icon name={icon} size={20} />
          <span>{name}</span>
        </button>
      ))}
    </nav>
  );
}

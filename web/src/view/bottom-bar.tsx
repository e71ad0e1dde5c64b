// Narrow screens' bar: jump to Unplanned (and drop on it while dragging), open a panel as a sheet.

import { UNPLANNED } from '../trip/plan';
import { usePlan, useRoom } from './hooks';
import { Icon } from './icon';
import type { PanelId } from './panel';
import { Count, PanelButtons } from './panel-buttons';
import { placeOf } from './drop-target';

export function BottomBar({ open, onOpen }: { open: PanelId | null; onOpen: (id: PanelId | null) => void }) {
  const room = useRoom();
  const waiting = usePlan(room).get(UNPLANNED)!.length;
  return (
    <nav class="bottom-bar" aria-label="More">
      <button class="bar-button" aria-label={`Unplanned${waiting > 0 ? `, ${waiting}` : ''}`} data-day="" onClick={() => placeOf(null)?.scrollIntoView({ block: 'start' })}>
        <span class="badged">
          <Icon name="inbox" size={20} />
          {waiting > 0 && <Count count={waiting} look="quiet" />}
        </span>
        <span>Unplanned</span>
      </button>
      <PanelButtons look="bar" open={open} onOpen={onOpen} />
    </nav>
  );
}

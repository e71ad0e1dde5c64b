// The shared notes. Tells the others that I am here while I write.

import { useRoom } from './hooks';
import { LazyEditor } from './lazy-editor';

export function NotesPanel() {
  const room = useRoom();
  return (
    <div class="notes" onFocusIn={() => room.people.focus('/notes')} onFocusOut={() => room.people.focus(null)}>
      <LazyEditor notes={room.notes} label="Shared notes" placeholder="Write together: ideas, links, what to pack. Markdown works." />
    </div>
  );
}

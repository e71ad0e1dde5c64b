// The shared notes. Tells the others that I am here while I write.

import { useMayEdit, useRoom } from './hooks';
import { LazyEditor } from './lazy-editor';

export function NotesPanel() {
  const room = useRoom();
  const mayEdit = useMayEdit(room);
  const placeholder = mayEdit ? 'Write together: ideas, links, what to pack. Markdown works.' : 'Nobody has written anything yet.';
  return (
    <div class="notes" onFocusIn={() => room.people.focus('/notes')} onFocusOut={() => room.people.focus(null)}>
      <LazyEditor notes={room.notes} label="Shared notes" placeholder={placeholder} mayEdit={mayEdit} />
    </div>
  );
}

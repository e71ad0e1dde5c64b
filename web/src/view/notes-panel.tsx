// The shared notes. Tells the others that I am here while I write, and me when an agent has just written.

import { ChangedMark } from './changed-mark';
import { useChangedBy, useMayEdit, useRoom } from './hooks';
import { LazyEditor } from './lazy-editor';

export function NotesPanel() {
  const room = useRoom();
  const mayEdit = useMayEdit(room);
  const changedBy = useChangedBy(room, '/notes');
  const placeholder = mayEdit ? 'Write together: ideas, links, what to pack. Markdown works.' : 'Nobody has written anything yet.';
  return (
    <div class="notes" onFocusIn={() => room.people.focus('/notes')} onFocusOut={() => room.people.focus(null)}>
      <LazyEditor notes={room.notes} label="Shared notes" placeholder={placeholder} mayEdit={mayEdit} />
      {changedBy && <ChangedMark by={changedBy} what="wrote here" />}
    </div>
  );
}

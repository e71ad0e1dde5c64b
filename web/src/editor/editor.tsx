// The text editor: Markdown as plain text, with everybody's cursors and names. A chunk of its own.
// Bound to one shared text; undo is the room's, so it takes back only what I wrote.

import { defaultKeymap, indentWithTab } from '@codemirror/commands';
import { Language, defineLanguageFacet, syntaxHighlighting } from '@codemirror/language';
import { EditorState } from '@codemirror/state';
import { EditorView, drawSelection, keymap, placeholder as placeholderText } from '@codemirror/view';
import { GFM, parser } from '@lezer/markdown';
import { useEffect, useRef } from 'preact/hooks';
import { yCollab, yUndoManagerKeymap } from 'y-codemirror.next';
import type * as Y from 'yjs';
import { useRoom } from '../view/hooks';
import { editorTheme, markdownStyle } from './editor-style';

export interface EditorProps {
  notes: Y.Text;
  label: string;
  placeholder: string;
  /** Else it is read, with everybody's cursors in it. */
  mayEdit: boolean;
  /** Inside a card: as high as its text. */
  compact?: boolean;
}

const WRITTEN = { spellcheck: 'true', autocapitalize: 'sentences' };
/** Not editable, yet reached and scrolled by keys. */
const READ = { tabindex: '0', 'aria-readonly': 'true' };

const markdown = new Language(defineLanguageFacet(), parser.configure([GFM]), [], 'markdown');

export function Editor({ notes, label, placeholder, mayEdit, compact }: EditorProps) {
  const room = useRoom();
  const place = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const view = new EditorView({
      parent: place.current!,
      state: EditorState.create({
        doc: notes.toString(),
        extensions: [
          keymap.of([...yUndoManagerKeymap, ...defaultKeymap, ...(compact ? [] : [indentWithTab])]),
          drawSelection(),
          EditorView.lineWrapping,
          EditorView.contentAttributes.of({ 'aria-label': label, dir: 'auto', ...(mayEdit ? WRITTEN : READ) }),
          EditorView.editable.of(mayEdit),
          EditorState.readOnly.of(!mayEdit),
          EditorView.perLineTextDirection.of(true),
          placeholderText(placeholder),
          markdown,
          syntaxHighlighting(markdownStyle),
          editorTheme,
          yCollab(notes, room.people.awareness, { undoManager: room.undo }),
        ],
      }),
    });
    return () => {
      view.destroy();
      room.people.awareness.setLocalStateField('cursor', null);
    };
  }, [notes, mayEdit]);

  return <div ref={place} class={`editor ${compact ? 'editor-compact' : ''} ${mayEdit ? '' : 'editor-read'}`} data-test="editor" />;
}

// How text looks in the editor: Markdown's marks recede, its meaning shows. Colours come from the page's theme.

import { HighlightStyle } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

export const markdownStyle = HighlightStyle.define([
  { tag: tags.heading1, fontSize: 'var(--text-large)', fontWeight: 'var(--bold)' },
  { tag: tags.heading, fontWeight: 'var(--bold)' },
  { tag: tags.strong, fontWeight: 'var(--bold)' },
  { tag: tags.emphasis, fontStyle: 'italic' },
  { tag: tags.strikethrough, textDecoration: 'line-through' },
  { tag: [tags.link, tags.url], color: 'var(--accent-text)' },
  { tag: tags.monospace, fontFamily: 'ui-monospace, monospace' },
  { tag: tags.quote, color: 'var(--ink-quiet)' },
  { tag: tags.processingInstruction, color: 'var(--ink-quiet)', fontWeight: 'var(--regular)' },
]);

export const editorTheme = EditorView.theme({
  '&': { height: '100%', fontSize: 'var(--text-body)', color: 'var(--ink)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'inherit', lineHeight: '1.55' },
  // Room above the first line for the name over somebody's cursor.
  '.cm-content': { padding: 'var(--s5) var(--s4) var(--s6)', caretColor: 'var(--accent)' },
  '.cm-line': { padding: '0' },
  '.cm-placeholder': { color: 'var(--ink-quiet)' },
  '.cm-cursor': { borderLeftColor: 'var(--accent)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    background: 'var(--accent-soft)',
  },
  '.cm-ySelectionInfo': {
    opacity: '1',
    padding: '1px var(--s1)',
    borderRadius: '4px 4px 4px 0',
    fontFamily: 'inherit',
    fontSize: '11px',
    lineHeight: '14px',
    fontWeight: 'var(--bold)',
    top: '-16px',
    userSelect: 'none',
    pointerEvents: 'none',
    // The name gives the line above back after a while; the cursor stays, and pointing at it tells again.
    animation: 'cursor-name-rests 200ms 8s forwards',
  },
  '.cm-ySelectionCaret:hover > .cm-ySelectionInfo': { animation: 'none' },
  '.cm-ySelectionCaretDot': { display: 'none' },
});

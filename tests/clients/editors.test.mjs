// Real editors on real bindings: ProseMirror (and so Tiptap), CodeMirror and Quill. Two people type in one
// room at once, one of them goes away and returns, and both editors show the same.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mount } from './harness/window.mjs';
import { EditorState as CodeState } from '@codemirror/state';
import { EditorView as CodeView } from '@codemirror/view';
import { Schema } from 'prosemirror-model';
import { EditorState as ProseState } from 'prosemirror-state';
import { EditorView as ProseView } from 'prosemirror-view';
import { yCollab } from 'y-codemirror.next';
import { yCursorPlugin, ySyncPlugin, yUndoPlugin, undo } from 'y-prosemirror';
import { joined } from './harness/client.mjs';
import { until } from './harness/events.mjs';
import { current } from './harness/flavours.mjs';
import { serveSuite } from './harness/server.mjs';

const { default: Quill } = await import('quill');
const { QuillBinding } = await import('y-quill');

const schema = new Schema({
  nodes: {
    doc: { content: 'paragraph+' },
    paragraph: { content: 'text*', toDOM: () => ['p', 0] },
    text: {},
  },
  marks: { strong: { toDOM: () => ['strong', 0] } },
});

/** Each kind: opens an editor on a client, says what it shows, types at its start. */
const kinds = {
  ProseMirror(client) {
    const view = new ProseView(mount(), {
      state: ProseState.create({
        schema,
        plugins: [ySyncPlugin(client.doc.getXmlFragment('prosemirror')), yCursorPlugin(client.awareness), yUndoPlugin()],
      }),
    });
    return {
      text: () => view.state.doc.textContent,
      type: (text) => view.dispatch(view.state.tr.insertText(text, 1)),
      undo: () => undo(view.state),
      close: () => view.destroy(),
    };
  },
  CodeMirror(client) {
    const text = client.doc.getText('codemirror');
    const view = new CodeView({ parent: mount(), state: CodeState.create({ doc: text.toString(), extensions: [yCollab(text, client.awareness)] }) });
    return {
      text: () => view.state.doc.toString(),
      type: (words) => view.dispatch({ changes: { from: 0, insert: words } }),
      close: () => view.destroy(),
    };
  },
  Quill(client) {
    const quill = new Quill(mount());
    const binding = new QuillBinding(client.doc.getText('quill'), quill);
    return {
      text: () => quill.getText().trimEnd(),
      type: (words) => quill.insertText(0, words, { bold: words.length % 2 === 0 }, 'user'),
      close: () => binding.destroy(),
    };
  },
};

const timersRan = () => new Promise((resolve) => setTimeout(resolve, 1));

describe('editors', () => {
  const server = serveSuite();

  for (const [name, open] of Object.entries(kinds)) {
    test(`${name}: two editors in one room show the same`, async (t) => {
      const editors = [];
      const clients = await Promise.all(['Ada', 'Bo'].map((who) => joined(t, current, server, name, { name: who })));
      t.after(async () => {
        for (const client of clients) client.leave();
        await timersRan(); // ProseMirror draws cursors in a timer, and not after it was closed
        for (const editor of editors) editor.close();
      });
      editors.push(...clients.map(open));
      const [ada, bo] = editors;
      const same = (...parts) => until(`both to show ${parts}`, () => ada.text() === bo.text() && parts.every((part) => ada.text().includes(part)), {
        detail: () => JSON.stringify([ada.text(), bo.text()]),
      });
      ada.type('Lisbon ');
      await same('Lisbon');
      for (let n = 0; n < 10; n += 1) {
        ada.type(`a${n} `);
        bo.type(`b${n} `);
      }
      await same('a0', 'a9', 'b0', 'b9');
      clients[1].offline();
      bo.type('tunnel ');
      ada.type('beach ');
      clients[1].online();
      await same('tunnel', 'beach');
      if (ada.undo) {
        ada.undo();
        await until('Ada’s last words to be undone, and only hers', () => !bo.text().includes('beach') && bo.text().includes('tunnel'));
      }
      assert.equal(ada.text(), bo.text());
    });
  }
});

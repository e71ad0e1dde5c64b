// What a client can do to a document, the same verbs for yjs 13 and for the pre-release 14, whose shared
// types became one. Both write into the roots `map`, `array`, `text` and `xml`.

import * as Y13 from 'yjs';
import * as Y14 from '@y/y';

/** Verbs for documents of yjs 13. */
export const edits13 = {
  set: (doc, key, value) => doc.getMap('map').set(key, value),
  unset: (doc, key) => doc.getMap('map').delete(key),
  get: (doc, key) => doc.getMap('map').get(key),
  keys: (doc) => [...doc.getMap('map').keys()],
  insert: (doc, index, ...values) => doc.getArray('array').insert(index, values),
  remove: (doc, index) => doc.getArray('array').delete(index, 1),
  size: (doc) => doc.getArray('array').length,
  type: (doc, index, text) => doc.getText('text').insert(index, text),
  erase: (doc, index, length) => doc.getText('text').delete(index, length),
  mark: (doc, index, length, marks) => doc.getText('text').format(index, length, marks),
  length: (doc) => doc.getText('text').length,
  text: (doc) => doc.getText('text').toString(),
  /** Puts a map with a list and a text in it under `key`. */
  nest: (doc, key) => doc.getMap('map').set(key, new Y13.Map([['list', new Y13.Array()], ['words', new Y13.Text('-')]])),
  deepen: (doc, key, word) => {
    const nested = doc.getMap('map').get(key);
    nested.get('list').push([word]);
    nested.get('words').insert(0, word);
  },
  /** Adds a paragraph that says `text` at the top of `xml`. */
  paragraph: (doc, text) => {
    const element = new Y13.XmlElement('p');
    element.insert(0, [new Y13.XmlText(text)]);
    element.setAttribute('by', text);
    doc.getXmlFragment('xml').insert(0, [element]);
  },
  xml: (doc) => doc.getXmlFragment('xml').toString(),
};

/** Verbs for documents of yjs 14. */
export const edits14 = {
  set: (doc, key, value) => doc.get('map').setAttr(key, value),
  unset: (doc, key) => doc.get('map').deleteAttr(key),
  get: (doc, key) => doc.get('map').getAttr(key),
  keys: (doc) => [...doc.get('map').attrKeys()],
  insert: (doc, index, ...values) => doc.get('array').insert(index, values),
  remove: (doc, index) => doc.get('array').delete(index, 1),
  size: (doc) => doc.get('array').length,
  type: (doc, index, text) => doc.get('text').insert(index, text),
  erase: (doc, index, length) => doc.get('text').delete(index, length),
  mark: (doc, index, length, marks) => doc.get('text').format(index, length, marks),
  length: (doc) => doc.get('text').length,
  text: (doc) => doc.get('text').toString(),
  nest: (doc, key) => doc.transact(() => {
    const nested = new Y14.Type();
    doc.get('map').setAttr(key, nested);
    nested.setAttr('list', new Y14.Type());
    nested.setAttr('words', new Y14.Type());
  }),
  deepen: (doc, key, word) => {
    const nested = doc.get('map').getAttr(key);
    nested.getAttr('list').push([word]);
    nested.getAttr('words').insert(0, word);
  },
  paragraph: (doc, text) => {
    const element = new Y14.Type('p');
    doc.get('xml').insert(0, [element]);
    element.insert(0, text);
    element.setAttr('by', text);
  },
  xml: (doc) => doc.get('xml').toString(),
};

/** A place in `text` that splits no character in two, which no editor does. */
const place = (random, text) => [...text].slice(0, random.between(0, [...text].length)).join('').length;

/** One random edit somewhere in the document. */
export function scribble(random, edits, doc) {
  const word = random.text(random.between(1, 6));
  const text = edits.text(doc);
  const at = place(random, text);
  const next = [...text.slice(at)][0]?.length ?? 0;
  switch (random.between(0, 9)) {
    case 0: return edits.set(doc, `key ${random.between(0, 9)}`, word);
    case 1: return edits.set(doc, word, { by: doc.clientID, list: [1, null, 2.5, word] });
    case 2: return edits.unset(doc, random.pick([...edits.keys(doc), 'none']));
    case 3: return edits.insert(doc, random.between(0, edits.size(doc)), word, random.u32());
    case 4: return edits.size(doc) > 0 ? edits.remove(doc, random.between(0, edits.size(doc) - 1)) : edits.insert(doc, 0, word);
    case 5: return next > 0 ? edits.erase(doc, at, next) : edits.type(doc, at, word);
    case 6: return next > 0 ? edits.mark(doc, at, next, { bold: random.oneIn(2) ? true : null }) : edits.type(doc, at, word);
    case 7: return edits.paragraph(doc, word);
    default: return edits.type(doc, at, word);
  }
}

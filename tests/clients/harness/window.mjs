// Just enough of a browser for the editors: a document, and the few measures that they ask of a layout.
// Import it before any editor.

import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<!doctype html><body></body>', { pretendToBeVisual: true });
const rectangle = { x: 0, y: 0, left: 0, top: 0, right: 0, bottom: 0, width: 0, height: 0 };
window.Range.prototype.getBoundingClientRect = () => rectangle;
window.Range.prototype.getClientRects = () => [];
window.document.getSelection ??= () => window.getSelection();

const names = ['Window', 'document', 'navigator', 'Node', 'Element', 'HTMLElement', 'Text', 'Range', 'Selection', 'MutationObserver', 'DOMParser', 'getSelection', 'requestAnimationFrame', 'cancelAnimationFrame', 'getComputedStyle'];
for (const name of ['window', ...names]) {
  Object.defineProperty(globalThis, name, { value: name === 'window' ? window : window[name], configurable: true, writable: true });
}

/** An element in the page to mount an editor on. */
export function mount() {
  return document.body.appendChild(document.createElement('div'));
}

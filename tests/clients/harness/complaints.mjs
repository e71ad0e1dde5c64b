// What the clients' libraries could not read. They catch it, say so on the console and go on without it:
// whoever was sent such a thing has lost a part of the document, or of the conversation.

import assert from 'node:assert/strict';

const complaints = [];
const say = console.error;
console.error = (...words) => {
  if (/^Caught error|unknown type/.test(String(words[0]))) complaints.push(words.join(' '));
  say(...words);
};

/** Notes that a client threw on what it was sent. */
export const complain = (text) => complaints.push(text);

/** Nothing was complained of since the last time this was asked. */
export const assertAllWasReadable = () => assert.deepEqual(complaints.splice(0), [], 'a client was sent what it cannot read');

// Every client that works with the server under test, whatever protocol it speaks.

import { flavours } from './flavours.mjs';
import { hocuspocus } from './hocuspocus.mjs';
import { isReference } from './server.mjs';

export const everyone = isReference ? hocuspocus : [...flavours, ...hocuspocus];

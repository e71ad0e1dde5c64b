// Writes .br and .gz beside every text file over 1 kB of a built page, at the highest level.
// Run after the build; the server sends these as they are.

import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const TEXT = /\.(html|js|css|svg|json|md|webmanifest)$/;
const SMALLEST = 1024;

const root = process.argv[2] ?? 'dist';
for (const name of readdirSync(root, { recursive: true })) {
  const path = join(root, name);
  if (!TEXT.test(path) || statSync(path).size <= SMALLEST) continue;
  const bytes = readFileSync(path);
  const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
  writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params }));
  writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
}

// Does web/dist hold what the source builds? Builds into a temporary folder and compares every file.
// Compressed copies are compared by what they unpack to, so that another Node's zlib is no difference.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const fresh = mkdtempSync(join(tmpdir(), 'triproom-dist-'));
try {
  execFileSync('node_modules/.bin/vite', ['build', '--outDir', fresh, '--emptyOutDir', '--logLevel', 'error'], { stdio: 'inherit' });
  execFileSync(process.execPath, ['scripts/compress.mjs', fresh], { stdio: 'inherit' });
  const differences = compare(read('dist'), read(fresh));
  if (differences.length > 0) {
    console.error(`web/dist is not what web/src builds:\n${differences.join('\n')}\nRun \`npm run build\` in web/ and commit web/dist.`);
    process.exitCode = 1;
  } else {
    console.log('web/dist is what web/src builds.');
  }
} finally {
  rmSync(fresh, { recursive: true, force: true });
}

function read(root) {
  const files = new Map();
  for (const name of readdirSync(root, { recursive: true })) {
    const path = join(root, name);
    if (!statSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    files.set(name, name.endsWith('.br') ? brotliDecompressSync(bytes) : name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
  return files;
}

function compare(committed, built) {
  const names = [...new Set([...committed.keys(), ...built.keys()])].sort();
  return names.flatMap((name) => {
    if (!built.has(name)) return [`  left over: ${name}`];
    if (!committed.has(name)) return [`  missing: ${name}`];
    return built.get(name).equals(committed.get(name)) ? [] : [`  different: ${name}`];
  });
}

// Loads the page's TypeScript for tests that need no browser, through the bundler that builds it.

import { join } from 'node:path';
import { runnerImport } from 'vite';
import { WEB } from './harness.mjs';

export async function source(path) {
  const { module } = await runnerImport(join(WEB, 'src', path), { root: WEB, configFile: false, logLevel: 'error' });
  return module;
}

// The page's build: one shell, one editor chunk, and a service worker that knows their names.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { defineConfig, type Plugin } from 'vite';

/** Writes sw.js with the list of files it keeps, and a version that changes when any of them does. */
function serviceWorker(): Plugin {
  const kept = ['icon.svg', 'manifest.webmanifest'];
  return {
    name: 'service-worker',
    apply: 'build',
    enforce: 'post',
    generateBundle(_options, bundle) {
      const hash = createHash('sha256');
      const files = Object.values(bundle).sort((a, b) => (a.fileName < b.fileName ? -1 : 1));
      for (const file of files) hash.update(file.fileName).update(file.type === 'chunk' ? file.code : file.source);
      for (const name of kept) hash.update(name).update(readFileSync(`public/${name}`));
      const template = readFileSync('src/sw.js', 'utf8');
      hash.update(template).update(readFileSync('index.html', 'utf8'));
      const paths = [...files.map((file) => file.fileName).filter((name) => name.startsWith('assets/')), ...kept];
      this.emitFile({
        type: 'asset',
        fileName: 'sw.js',
        source: template
          .replace('__VERSION__', `triproom-${hash.digest('hex').slice(0, 16)}`)
          .replace('__FILES__', JSON.stringify(paths.map((path) => `/${path}`))),
      });
    },
  };
}

export default defineConfig({
  plugins: [serviceWorker()],
  build: {
    target: 'es2022',
    sourcemap: false,
    license: { fileName: 'licenses.md' },
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/yjs': { target: 'ws://127.0.0.1:8080', ws: true }, '/v1': 'http://127.0.0.1:8080' } },
});

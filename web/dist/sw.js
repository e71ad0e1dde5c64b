// The service worker: keeps the page's own files, so that a reload in a tunnel works.
// Built by vite.config.ts, which fills in the version and the file list. Pages ask the network first and
// fall back fast; hashed files come from the copy. It never touches sockets, health, metrics or the API.

const VERSION = 'triproom-97b9e9b7c1751ea2';
const FILES = ["/assets/editor-CNC52ue-.js","/assets/index-9O5L39gQ.js","/assets/index-gS-bVw6g.css","/icon.svg","/manifest.webmanifest"];
const SHELL = '/';
/** A train's wifi that answers nothing must not hold the page longer than this. */
const PATIENCE_MS = 2000;

self.addEventListener('install', (event) => {
  event.waitUntil(caches.open(VERSION).then((cache) => cache.addAll([SHELL, ...FILES])));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) if (name !== VERSION) await caches.delete(name);
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== self.location.origin) return;
  const isPage = request.mode === 'navigate' && (url.pathname === SHELL || url.pathname.startsWith('/trip/'));
  if (isPage) event.respondWith(page(request));
  else if (FILES.includes(url.pathname)) event.respondWith(file(request));
});

async function page(request) {
  const patience = new AbortController();
  const timer = setTimeout(() => patience.abort(), PATIENCE_MS);
  try {
    const answer = await fetch(request, { signal: patience.signal });
    if (answer.status < 500) return answer;
  } catch {
    // Away, or too slow: the copy will do.
  } finally {
    clearTimeout(timer);
  }
  return (await caches.match(SHELL)) ?? Response.error();
}

async function file(request) {
  return (await caches.match(request)) ?? fetch(request);
}

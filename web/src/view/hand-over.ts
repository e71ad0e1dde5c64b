// Where the focus goes when what has it goes away: to something that does the same, so that nobody at a keyboard starts anew
// at the top of the page. Used by rows that are done with.

import { useLayoutEffect } from 'preact/hooks';

/** When `node` goes while it holds the focus, the first of these in `within` gets it. */
export function useHandOver(node: { current: HTMLElement | null }, within: string, ...next: string[]): void {
  useLayoutEffect(() => {
    const place = node.current?.closest(within);
    return () => {
      if (!place || !node.current?.contains(document.activeElement)) return;
      requestAnimationFrame(() => {
        if (document.activeElement !== document.body) return;
        const heirs = next.map((selector) => place.querySelector<HTMLElement>(selector));
        heirs.find((heir) => heir !== null)?.focus({ preventScroll: true });
      });
    };
  }, []);
}

// What this tab remembers while it is open, also over a reload: its tokens and what they turned out to be good for.
// Used by the tokens and the pass. Where a tab may not store, it is remembered as long as the page.

const unstored = new Map<string, string>();

export function recallInTab(key: string): string | null {
  try {
    return sessionStorage.getItem(`triproom.${key}`) ?? unstored.get(key) ?? null;
  } catch {
    return unstored.get(key) ?? null;
  }
}

export function rememberInTab(key: string, value: string | null): void {
  unstored.delete(key);
  try {
    if (value === null) sessionStorage.removeItem(`triproom.${key}`);
    else sessionStorage.setItem(`triproom.${key}`, value);
  } catch {
    if (value !== null) unstored.set(key, value);
  }
}

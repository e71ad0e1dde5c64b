// Marks on this device that say "this trip holds changes the server has not confirmed".
// Used by the save light alone. One mark a tab, so that tabs do not clear each other's; the value
// counts changes, so that a mark is cleared only when nothing was changed since it was read.
// A mark is written before the change can be on disk: it may warn too often, never too seldom.

const PREFIX = 'triproom.unsaved.';

export class UnsavedMarks {
  readonly #prefix: string;
  readonly #own: string;
  readonly #inherited = new Map<string, string>();
  #held = false;

  constructor(room: string, tab: string) {
    this.#prefix = `${PREFIX}${encodeURIComponent(room)}.`;
    this.#own = this.#prefix + tab;
    for (const key of this.#all()) this.#inherited.set(key, this.#read(key) ?? '');
  }

  /** Did an earlier visit, or another tab, leave changes that nobody confirmed? */
  get inherited(): boolean {
    return this.#inherited.size > 0;
  }

  set(count: number): void {
    this.#held = true;
    this.#write(this.#own, String(count));
  }

  /** Everything this document holds is on the server's disk. */
  clear(): void {
    if (this.#held) this.#write(this.#own, null);
    this.#held = false;
    for (const [key, value] of this.#inherited) {
      if (this.#read(key) === value) this.#write(key, null);
    }
    this.#inherited.clear();
  }

  /** Every tab's marks: what they stood for is given up. */
  forget(): void {
    for (const key of this.#all()) this.#write(key, null);
    this.#inherited.clear();
    this.#held = false;
  }

  #all(): string[] {
    try {
      const keys = Array.from({ length: localStorage.length }, (_, i) => localStorage.key(i));
      return keys.filter((key) => key !== null && key.startsWith(this.#prefix)) as string[];
    } catch {
      return []; // Without storage there is no copy on this device either, so nothing unsaved is inherited.
    }
  }

  #read(key: string): string | null {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  }

  #write(key: string, value: string | null): void {
    try {
      if (value === null) localStorage.removeItem(key);
      else localStorage.setItem(key, value);
    } catch {
      // Storage is full or forbidden: the light still knows within this visit.
    }
  }
}

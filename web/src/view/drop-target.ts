// Where a lifted card would land, and the line that shows it. Shared by pointer and keyboard dragging.
// Reads the page's layout only: days carry `data-day` ('' is unplanned), cards carry `data-id`.

import type { Spot } from '../trip/plan';

/** The spot under a point, or null when no day is there. */
export function spotAt(x: number, y: number, movingId: string): { spot: Spot; place: HTMLElement } | null {
  const place = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-day]');
  if (!place) return null;
  const cards = cardsIn(place, movingId);
  const below = cards.findIndex((card) => {
    const box = card.getBoundingClientRect();
    return y < box.top + box.height / 2;
  });
  const index = below === -1 ? cards.length : below;
  return { spot: { day: place.dataset['day'] || null, index: hasCards(place) ? index : Infinity }, place };
}

export function placeOf(day: string | null): HTMLElement | null {
  return document.querySelector<HTMLElement>(`.day[data-day="${day ?? ''}"]`);
}

export class DropLine {
  readonly #line = document.createElement('div');
  #over: HTMLElement | null = null;

  constructor() {
    this.#line.className = 'drop-line';
  }

  show(place: HTMLElement, index: number, movingId: string): void {
    if (this.#over !== place) {
      this.#over?.removeAttribute('data-over');
      this.#over = place;
      place.setAttribute('data-over', '');
    }
    const box = gap(place, index, movingId);
    if (!box) {
      this.#line.remove();
      return;
    }
    if (!this.#line.isConnected) document.body.append(this.#line);
    this.#line.style.transform = `translate(${box.left}px, ${box.top}px)`;
    this.#line.style.width = `${box.width}px`;
  }

  hide(): void {
    this.#line.remove();
    this.#over?.removeAttribute('data-over');
    this.#over = null;
  }
}

/** A button that stands for a day (the bottom bar's) has no cards to land between. */
const hasCards = (place: HTMLElement): boolean => place.classList.contains('day');

const cardsIn = (place: HTMLElement, movingId: string): HTMLElement[] =>
  [...place.querySelectorAll<HTMLElement>('.card')].filter((card) => card.dataset['id'] !== movingId);

function gap(place: HTMLElement, index: number, movingId: string): { left: number; top: number; width: number } | null {
  const list = place.querySelector('.day-list');
  if (!list) return null;
  const outer = list.getBoundingClientRect();
  const cards = cardsIn(place, movingId);
  const above = cards[Math.min(index, cards.length) - 1]?.getBoundingClientRect();
  const below = cards[index]?.getBoundingClientRect();
  const top = below ? (above ? (above.bottom + below.top) / 2 : below.top - 4) : above ? above.bottom + 4 : outer.top + 4;
  const inside = Math.max(outer.top, Math.min(top, outer.bottom));
  return { left: (above ?? below ?? outer).left, top: inside - 1, width: (above ?? below ?? outer).width };
}

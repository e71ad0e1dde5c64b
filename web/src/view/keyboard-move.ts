// Moving a card by keys: Space lifts, arrows choose the spot, Space drops, Escape lets go. Owned by the board.
// The document changes once, on the drop; until then a line and a spoken sentence say where it would land.

import type { Room } from '../room/room';
import { longDay } from '../trip/days';
import { dayOf, titleOf } from '../trip/item';
import { UNPLANNED, itemOf, moveItem, readPlan, type Spot } from '../trip/plan';
import { DropLine, placeOf } from './drop-target';
import { announce } from './notice';

export class KeyboardMove {
  readonly #line = new DropLine();
  #lifted: { id: string; spot: Spot } | null = null;

  constructor(private readonly room: Room) {}

  get liftedId(): string | null {
    return this.#lifted?.id ?? null;
  }

  /** True when the key was for us. */
  key(id: string, key: string): boolean {
    if (this.#lifted?.id !== id) {
      if (key !== ' ') return false;
      this.#lift(id);
      return true;
    }
    if (key === ' ' || key === 'Enter') this.#drop();
    else if (key === 'Escape') this.letGo(true);
    else if (key === 'ArrowUp' || key === 'ArrowDown') this.#along(key === 'ArrowDown' ? 1 : -1);
    else if (key === 'ArrowLeft' || key === 'ArrowRight') {
      const rtl = getComputedStyle(document.documentElement).direction === 'rtl';
      this.#across((key === 'ArrowRight') !== rtl ? 1 : -1);
    } else return key !== 'Tab' && key !== 'Shift';
    return true;
  }

  letGo(say: boolean): void {
    if (!this.#lifted) return;
    this.#mark(this.#lifted.id, false);
    this.#lifted = null;
    this.#line.hide();
    if (say) announce('Put back where it was.');
  }

  #lift(id: string): void {
    this.letGo(false);
    const item = itemOf(this.room, id);
    if (!item) return;
    const day = dayOf(item);
    const index = (readPlan(this.room).get(day ?? UNPLANNED) ?? []).indexOf(id);
    this.#lifted = { id, spot: { day, index } };
    this.#mark(id, true);
    this.#show();
    announce(`${titleOf(item)} lifted. Arrow keys move it, Space drops it, Escape puts it back.`);
  }

  #along(step: 1 | -1): void {
    const { id, spot } = this.#lifted!;
    const count = this.#others(spot.day, id);
    spot.index = Math.max(0, Math.min(count, spot.index + step));
    this.#say();
  }

  #across(step: 1 | -1): void {
    const { id, spot } = this.#lifted!;
    const days = [...readPlan(this.room).keys()];
    const next = days[days.indexOf(spot.day ?? UNPLANNED) + step];
    if (next === undefined) return;
    spot.day = next || null;
    spot.index = Math.min(spot.index, this.#others(spot.day, id));
    this.#say();
  }

  #drop(): void {
    const { id, spot } = this.#lifted!;
    this.letGo(false);
    moveItem(this.room, id, spot);
    announce(`Dropped on ${dayName(spot.day)}, place ${spot.index + 1}.`);
    // The card may have been drawn anew in another day; the focus follows it.
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`.card[data-id="${CSS.escape(id)}"] .grip`)?.focus());
  }

  #others(day: string | null, id: string): number {
    return (readPlan(this.room).get(day ?? UNPLANNED) ?? []).filter((other) => other !== id).length;
  }

  #say(): void {
    const { id, spot } = this.#lifted!;
    this.#show();
    announce(`${dayName(spot.day)}, place ${spot.index + 1} of ${this.#others(spot.day, id) + 1}.`);
  }

  #show(): void {
    const { id, spot } = this.#lifted!;
    const place = placeOf(spot.day);
    if (!place) return;
    place.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    const neighbours = [...place.querySelectorAll<HTMLElement>('.card')].filter((card) => card.dataset['id'] !== id);
    (neighbours[spot.index] ?? neighbours.at(-1))?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
    this.#line.show(place, spot.index, id);
  }

  #mark(id: string, lifted: boolean): void {
    const card = document.querySelector(`.card[data-id="${CSS.escape(id)}"]`);
    card?.toggleAttribute('data-lifted', lifted);
    card?.querySelector('.grip')?.setAttribute('aria-pressed', String(lifted));
  }
}

const dayName = (day: string | null): string => (day ? longDay(day) : 'Unplanned');

// Dragging a card with mouse, pen or finger. Attached once to the board; tells where a card was dropped.
// A mouse lifts after a few pixels, a finger at once on the handle or after a long press on the card,
// so that scrolling and tapping stay what they are. Writes nothing itself.

import type { Spot } from '../trip/plan';
import { DropLine, spotAt } from './drop-target';

const LIFT_AFTER_PX = 5;
const LONG_PRESS_MS = 350;
const EDGE_PX = 56;
const SCROLL_PX = 14;

interface Held {
  card: HTMLElement;
  id: string;
  pointer: number;
  startX: number;
  startY: number;
  x: number;
  y: number;
  touch: boolean;
  ghost: HTMLElement | null;
  timer: ReturnType<typeof setTimeout> | undefined;
}

export function attachDrag(board: HTMLElement, drop: (id: string, spot: Spot, from: DOMRect) => void): () => void {
  const line = new DropLine();
  let held: Held | null = null;
  let spot: Spot | null = null;
  let frame = 0;

  const down = (event: PointerEvent) => {
    if (held || event.button !== 0 || !event.isPrimary) return;
    const from = event.target as HTMLElement;
    const card = from.closest<HTMLElement>('.card');
    const grip = from.closest('.grip');
    if (!card || !(grip || from.closest('.card-face'))) return;
    const touch = event.pointerType === 'touch';
    const { clientX: x, clientY: y, pointerId: pointer } = event;
    held = { card, id: card.dataset['id']!, pointer, startX: x, startY: y, x, y, touch, ghost: null, timer: undefined };
    if (touch) held.timer = setTimeout(lift, grip ? 0 : LONG_PRESS_MS);
    addEventListener('pointermove', move);
    addEventListener('pointerup', up);
    addEventListener('pointercancel', cancel);
    addEventListener('keydown', escape, true);
  };

  const move = (event: PointerEvent) => {
    if (!held || event.pointerId !== held.pointer) return;
    held.x = event.clientX;
    held.y = event.clientY;
    const far = Math.hypot(held.x - held.startX, held.y - held.startY) > LIFT_AFTER_PX;
    if (!held.ghost && far) {
      if (held.touch) return cancel(); // A finger that moves before the press was long is scrolling.
      lift();
    }
    if (held?.ghost) event.preventDefault();
  };

  const lift = () => {
    if (!held) return;
    const box = held.card.getBoundingClientRect();
    const ghost = held.card.cloneNode(true) as HTMLElement;
    ghost.className = 'card ghost';
    ghost.removeAttribute('data-id');
    ghost.setAttribute('aria-hidden', 'true');
    ghost.inert = true;
    ghost.style.width = `${box.width}px`;
    ghost.style.left = `${box.left}px`;
    ghost.style.top = `${box.top}px`;
    document.body.append(ghost);
    held.ghost = ghost;
    held.card.setAttribute('data-lifted', '');
    document.documentElement.setAttribute('data-dragging', '');
    if (held.touch) navigator.vibrate?.(10);
    frame = requestAnimationFrame(follow);
  };

  /** Once a frame: the ghost follows, edges scroll, the line shows where it would land. */
  const follow = () => {
    if (!held?.ghost) return;
    held.ghost.style.transform = `translate(${held.x - held.startX}px, ${held.y - held.startY}px) rotate(1deg)`;
    scrollAtEdges(board, held.x, held.y);
    aim();
    frame = requestAnimationFrame(follow);
  };

  const aim = () => {
    const found = held && spotAt(held.x, held.y, held.id);
    if (!held || !found) return;
    spot = found.spot;
    line.show(found.place, spot.index, held.id);
  };

  const up = (event: PointerEvent) => {
    if (!held || event.pointerId !== held.pointer) return;
    held.x = event.clientX;
    held.y = event.clientY;
    const { id, ghost } = held;
    if (ghost) {
      aim();
      addEventListener('click', swallow, { capture: true, once: true });
      setTimeout(() => removeEventListener('click', swallow, true), 0);
    }
    const target = spot;
    const from = ghost?.getBoundingClientRect();
    end();
    if (from && target) drop(id, target, from);
  };

  const cancel = () => end();
  const escape = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !held?.ghost) return;
    event.stopPropagation();
    end();
  };

  const end = () => {
    cancelAnimationFrame(frame);
    clearTimeout(held?.timer);
    held?.ghost?.remove();
    held?.card.removeAttribute('data-lifted');
    document.documentElement.removeAttribute('data-dragging');
    line.hide();
    held = spot = null;
    removeEventListener('pointermove', move);
    removeEventListener('pointerup', up);
    removeEventListener('pointercancel', cancel);
    removeEventListener('keydown', escape, true);
  };

  const swallow = (event: Event) => {
    event.stopPropagation();
    event.preventDefault();
  };
  // Must be there before a finger comes down: else the browser scrolls without asking.
  const holdStill = (event: TouchEvent) => {
    if (held?.ghost && event.cancelable) event.preventDefault();
  };
  const noMenu = (event: Event) => {
    if (held?.touch) event.preventDefault();
  };

  board.addEventListener('pointerdown', down);
  board.addEventListener('touchmove', holdStill, { passive: false });
  board.addEventListener('contextmenu', noMenu);
  board.addEventListener('dragstart', swallow);
  return () => {
    end();
    board.removeEventListener('pointerdown', down);
    board.removeEventListener('touchmove', holdStill);
    board.removeEventListener('contextmenu', noMenu);
    board.removeEventListener('dragstart', swallow);
  };
}

function scrollAtEdges(board: HTMLElement, x: number, y: number): void {
  const speed = (at: number, low: number, high: number) => (at < low + EDGE_PX ? -SCROLL_PX : at > high - EDGE_PX ? SCROLL_PX : 0);
  const sideways = board.scrollWidth > board.clientWidth;
  if (sideways) {
    const box = board.getBoundingClientRect();
    const over = document.elementFromPoint(x, y)?.closest('.day-unplanned');
    if (!over) board.scrollLeft += speed(x, box.left, box.right);
  }
  // Wide, a day scrolls by itself; narrow, the whole plan does.
  const under = document.elementFromPoint(x, y);
  const scroller = [under?.closest('.day-list'), under?.closest('.plan')].find((box) => box && box.scrollHeight > box.clientHeight + 1);
  if (!scroller) return;
  const box = scroller.getBoundingClientRect();
  scroller.scrollTop += speed(y, box.top, box.bottom);
}

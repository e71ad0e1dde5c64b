// The shape of a trip while it loads; and plain words when it cannot load because the device is away.

import { useLight, useRoom } from './hooks';

export function Skeleton() {
  const light = useLight(useRoom());
  if (light === 'offline') {
    return (
      <div class="empty" data-test="not-here-yet">
        <p class="empty-lead">This trip is not on this device yet.</p>
        <p class="quiet">It opens by itself as soon as you are back online.</p>
      </div>
    );
  }
  return (
    <div class="days skeleton" aria-label="Loading the trip" role="img">
      {[3, 2, 4, 1].map((cards, day) => (
        <div class="day" key={day}>
          <div class="bone bone-heading" />
          {Array.from({ length: cards }, (_, card) => (
            <div class="bone bone-card" key={card} />
          ))}
        </div>
      ))}
    </div>
  );
}

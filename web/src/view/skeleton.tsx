// The shape of a trip while it loads; and plain words when it cannot load because the device is away.

import { useLight, useRoom } from './hooks';
import { Logo } from './logo';

export function Skeleton() {
  const light = useLight(useRoom());
  if (light === 'offline') return <NotHereYet />;
  return <SkeletonDays />;
}

export function SkeletonDays() {
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

function NotHereYet() {
  return (
    <div class="empty" data-test="not-here-yet">
      <p class="empty-lead">This trip is not on this device yet.</p>
      <p class="quiet">It opens by itself as soon as you are back online.</p>
    </div>
  );
}

/** Before it is known who comes in: the page's outline alone. */
export function SkeletonPage({ away }: { away: boolean }) {
  return (
    <div class="page">
      <header class="header">
        <a class="home" href="/" aria-label="All trips">
          <Logo />
        </a>
        <h1 class="trip-title">
          <span class="sr-only">Your trip</span>
          <span class="bone bone-title" />
        </h1>
      </header>
      <main class="plan" aria-label="Plan" aria-busy={!away}>
        {away ? <NotHereYet /> : <SkeletonDays />}
      </main>
    </div>
  );
}

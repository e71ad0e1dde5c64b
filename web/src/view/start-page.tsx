// The first page: name a trip, be in it. Below, the trips this device has opened before.

import { useState } from 'preact/hooks';
import { newRoomId, pathOfRoom } from '../room/address';
import { forgetTrip, recall, recentTrips, remember } from '../room/device';
import { dateRange } from '../trip/days';
import { DateFields, readDates } from './dates-form';
import { Icon } from './icon';
import { Logo } from './logo';
import { StartScene } from './start-scene';
import type { FirstFields } from './trip-page';

export function StartPage({ onStart }: { onStart: (room: string, first: FirstFields) => void }) {
  const [recent, setRecent] = useState(recentTrips);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string) => String(form.get(name) ?? '').trim();
    const title = value('title');
    if (!title) return;
    if (value('name')) remember('name', value('name'));
    onStart(newRoomId(title), { title, ...readDates(form) });
  };
  return (
    <main class="start">
      <StartScene />
      <p class="brand">
        <Logo size={28} />
        Triproom
      </p>
      <h1>Plan a trip together</h1>
      <p class="start-lead">One page for everybody who comes along. Share its link, and plan at the same time.</p>
      <form class="start-form" onSubmit={submit}>
        <label class="labelled">
          <span>Where to?</span>
          <input class="field" name="title" maxLength={200} required autocomplete="off" placeholder="Lisbon with the four of us" dir="auto" />
        </label>
        <DateFields />
        {!recall('name') && (
          <label class="labelled">
            <span>Your name</span>
            <input class="field" name="name" maxLength={40} required autocomplete="name" placeholder="What the others call you" />
          </label>
        )}
        <button class="button-main">Start planning</button>
      </form>
      {recent.length > 0 && (
        <section class="recent" aria-label="Your trips">
          <h2>Your trips</h2>
          <ul>
            {recent.map((trip) => (
              <li key={trip.room}>
                <a href={pathOfRoom(trip.room)}>
                  <span class="recent-title" dir="auto">
                    {trip.title}
                  </span>
                  <span class="quiet">{dateRange(trip.start || null, trip.end || null)}</span>
                </a>
                <button
                  class="button-icon"
                  title="Take off this list"
                  onClick={() => {
                    forgetTrip(trip.room);
                    setRecent(recentTrips());
                  }}
                >
                  <Icon name="close" />
                  <span class="sr-only">Take {trip.title} off this list</span>
                </button>
              </li>
            ))}
          </ul>
        </section>
      )}
      <footer class="start-foot">
        <a href="/licenses.md">Open-source licences</a>
      </footer>
    </main>
  );
}

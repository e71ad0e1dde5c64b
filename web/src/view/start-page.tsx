// The first page: name a trip, be in it. Below, the trips this device has opened before.
// Where people sign in, a trip is made over the REST and needs this tab's sign-in; without one it is said how to get in.

import { useEffect, useRef, useState } from 'preact/hooks';
import { newRoomId, pathOfRoom } from '../room/address';
import { ApiFailure, createRoom, wantsToken } from '../room/api';
import { forgetTrip, recall, recentTrips, remember } from '../room/device';
import { keepToken, tokenFor } from '../room/tokens';
import { dateRange } from '../trip/days';
import { DateFields, readDates } from './dates-form';
import { Icon } from './icon';
import { Logo } from './logo';
import { StartScene } from './start-scene';
import type { FirstFields } from './trip-page';

interface Props {
  /** In a room that the server has already, there is nothing to write first. */
  onStart: (room: string, first: FirstFields | null) => void;
}

export function StartPage({ onStart }: Props) {
  const [recent, setRecent] = useState(recentTrips);
  const token = tokenFor(null);
  const locked = useLocked(token);
  return (
    <main class="start">
      <StartScene />
      <p class="brand">
        <Logo size={28} />
        Triproom
      </p>
      <h1>Plan a trip together</h1>
      <p class="start-lead">One page for everybody who comes along. Share its link, and plan at the same time.</p>
      {locked ? <HowToGetIn /> : <StartForm token={token} onStart={onStart} />}
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

/** Does the server want a sign-in that this tab does not have? While nobody knows, no. */
function useLocked(token: string | null): boolean {
  const [locked, setLocked] = useState(false);
  useEffect(() => {
    if (token === null) void wantsToken().then((wants) => setLocked(wants === true));
  }, [token]);
  return locked;
}

function HowToGetIn() {
  return (
    <section class="start-form" data-test="locked">
      <h2>Sign in to start a trip</h2>
      <p>Trips are planned here by people who are signed in. Open this page from where you sign in, and it knows you.</p>
      <p class="quiet">Were you invited? The link that you were sent opens the trip.</p>
    </section>
  );
}

function StartForm({ token, onStart }: Props & { token: string | null }) {
  const [failure, setFailure] = useState('');
  const [busy, setBusy] = useState(false);
  /** The name of a trip that was asked for and not confirmed: asking again makes no second one. */
  const asked = useRef<{ what: string; room: string } | null>(null);

  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const value = (name: string) => String(form.get(name) ?? '').trim();
    const title = value('title');
    if (!title || busy) return;
    if (value('name')) remember('name', value('name'));
    const first = { title, ...readDates(form) };
    if (token === null) return onStart(newRoomId(title), first);
    const what = JSON.stringify(first);
    if (asked.current?.what !== what) asked.current = { what, room: newRoomId(title) };
    const { room } = asked.current;
    setBusy(true);
    setFailure('');
    try {
      await createRoom(token, room, first);
      keepToken(room, token);
      onStart(room, null);
    } catch (why) {
      setBusy(false);
      setFailure(wordsFor(why));
    }
  };

  return (
    <form class="start-form" onSubmit={(event) => void submit(event)}>
      <label class="labelled">
        <span>Where to?</span>
        <input class="field" name="title" maxLength={200} required autocomplete="off" placeholder="Lisbon with the four of us" dir="auto" />
      </label>
      <DateFields />
      {token === null && !recall('name') && (
        <label class="labelled">
          <span>Your name</span>
          <input class="field" name="name" maxLength={40} required autocomplete="name" placeholder="What the others call you" />
        </label>
      )}
      <button class="button-main" disabled={busy}>
        {busy ? 'One moment…' : 'Start planning'}
      </button>
      <p class="failure" role="alert">
        {failure}
      </p>
    </form>
  );
}

function wordsFor(failure: unknown): string {
  if (!(failure instanceof ApiFailure)) throw failure;
  if (failure.passing) return 'The server does not answer just now. Your trip is not started yet; try again.';
  if (failure.status === 401) return 'Your sign-in has run out. Open this page again from where you sign in.';
  if (failure.status === 403) return 'Your sign-in is not meant for starting trips.';
  return failure.detail || 'The trip could not be started.';
}

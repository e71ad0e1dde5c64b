// The page's entry: takes a token out of the address, picks what to show by it, applies the theme, keeps a copy of
// the shell.

import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { pathOfRoom, roomFromPath } from './room/address';
import { takeToken } from './room/tokens';
import { StartPage } from './view/start-page';
import { applyTheme } from './view/theme';
import { TripPage, type FirstFields } from './view/trip-page';
import './styles/tokens.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/header.css';
import './styles/empty.css';
import './styles/board.css';
import './styles/card.css';
import './styles/panel.css';
import './styles/people.css';
import './styles/agents.css';
import './styles/changes.css';
import './styles/chat.css';
import './styles/pages.css';

interface Place {
  room: string | null;
  first: FirstFields | null;
  /** Grows with every token that comes: a new one is a new way in. */
  arrival: number;
}

let arrivals = 0;

function placeHere(first: FirstFields | null = null): Place {
  const room = roomFromPath(location.pathname);
  if (takeToken(room)) arrivals++;
  return { room, first, arrival: arrivals };
}

function App() {
  const [place, setPlace] = useState<Place>(placeHere);
  useEffect(() => {
    // Going back, and a link to the same trip pasted over this one.
    const onMove = () => setPlace(placeHere());
    addEventListener('popstate', onMove);
    return () => removeEventListener('popstate', onMove);
  }, []);

  const key = `${place.arrival} ${place.room ?? ''}`;
  if (place.room !== null) return <TripPage key={key} id={place.room} first={place.first} />;
  return (
    <StartPage
      key={key}
      onStart={(room, first) => {
        history.pushState(null, '', pathOfRoom(room));
        setPlace(placeHere(first));
      }}
    />
  );
}

applyTheme();
render(<App />, document.getElementById('app')!);

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  addEventListener('load', () => void navigator.serviceWorker.register('/sw.js').catch(() => {}));
}

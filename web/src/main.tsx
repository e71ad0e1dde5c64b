// The page's entry: picks what to show by the address, applies the theme, keeps a copy of the shell.

import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { pathOfRoom, roomFromPath } from './room/address';
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
import './styles/pages.css';

interface Place {
  room: string | null;
  first: FirstFields | null;
}

function App() {
  const [place, setPlace] = useState<Place>({ room: roomFromPath(location.pathname), first: null });
  useEffect(() => {
    const onBack = () => setPlace({ room: roomFromPath(location.pathname), first: null });
    addEventListener('popstate', onBack);
    return () => removeEventListener('popstate', onBack);
  }, []);

  if (place.room !== null) return <TripPage key={place.room} id={place.room} first={place.first} />;
  return (
    <StartPage
      onStart={(room, first) => {
        history.pushState(null, '', pathOfRoom(room));
        setPlace({ room, first });
      }}
    />
  );
}

applyTheme();
render(<App />, document.getElementById('app')!);

if (import.meta.env.PROD && 'serviceWorker' in navigator) {
  addEventListener('load', () => void navigator.serviceWorker.register('/sw.js').catch(() => {}));
}

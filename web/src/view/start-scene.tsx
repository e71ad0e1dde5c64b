// What a plan looks like, beside the start form on wide screens. A picture made of cards; nothing in it can be used.

import { colorOf } from '../trip/palette';
import { Face } from './face';
import { Icon, type IconName } from './icon';

interface Scene {
  day: [name: string, date: string];
  cards: { icon: IconName; title: string; time: string; place: string; booked?: boolean; watcher?: string }[];
}

const SCENES: Scene[] = [
  {
    day: ['Mon', '4 May'],
    cards: [
      { icon: 'flight', title: 'Flight to Lisbon', time: '07:20', place: 'Munich', booked: true },
      { icon: 'accommodation', title: 'Casa do Bairro', time: '14:00', place: 'Alfama', booked: true },
      { icon: 'meal', title: 'Dinner at Ramiro', time: '19:30', place: 'Intendente', watcher: 'Mia' },
    ],
  },
  {
    day: ['Tue', '5 May'],
    cards: [
      { icon: 'transport', title: 'Tram 28, early', time: '08:30', place: 'Martim Moniz' },
      { icon: 'activity', title: 'Castelo de São Jorge', time: '10:00', place: 'Castelo', watcher: 'Tom' },
      { icon: 'event', title: 'Fado in Mouraria', time: '21:00', place: 'Mouraria' },
    ],
  },
];

export function StartScene() {
  return (
    <div class="scene" aria-hidden="true">
      {SCENES.map(({ day: [name, date], cards }) => (
        <div class="scene-day" key={date}>
          <h2>
            <span class="day-name">{name}</span>
            {date}
          </h2>
          {cards.map((card) => (
            <SceneCard key={card.title} {...card} />
          ))}
        </div>
      ))}
    </div>
  );
}

function SceneCard({ icon, title, time, place, booked, watcher }: Scene['cards'][number]) {
  return (
    <div class="card" data-watched={watcher} style={watcher && { '--watcher': colorOf(watcher) }}>
      <div class="card-face">
        <span class="card-kind">
          <Icon name={icon} />
        </span>
        <span class="card-main">
          <span class="card-top">
            <span class="card-title">{title}</span>
            {booked && (
              <span class="booking booking-booked">
                <Icon name="check" size={14} />
              </span>
            )}
          </span>
          <span class="card-facts">
            <span class="card-time">{time}</span>
            <span class="card-place">{place}</span>
          </span>
        </span>
      </div>
      {watcher && (
        <div class="watchers">
          <Face person={{ key: watcher, name: watcher, color: colorOf(watcher), agent: false, me: false }} small />
        </div>
      )}
    </div>
  );
}

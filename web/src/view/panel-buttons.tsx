// The buttons that open the panels, in the header of wide screens and in the bar of narrow ones, each with what waits
// behind it. Warnings have a button only while there are any.

import { isWorking } from '../room/agents';
import { useAgents, useMayEdit, useRoom, useSuggestions, useTalk, useWarnings } from './hooks';
import { Icon } from './icon';
import { PANELS, type PanelId } from './panel';

interface Props {
  look: 'header' | 'bar';
  open: PanelId | null;
  onOpen: (id: PanelId | null) => void;
}

interface Badge {
  count: number;
  /** What the number says to those who do not see it. */
  words: string;
}

export function PanelButtons({ look, open, onOpen }: Props) {
  const badges = useBadges();
  const ids = (Object.keys(PANELS) as PanelId[]).filter((id) => id !== 'warnings' || open === id || badges.warnings!.count > 0);
  return (
    <>
      {ids.map((id) => (
        <PanelButton key={id} id={id} look={look} badge={badges[id]} open={open === id} onClick={() => onOpen(open === id ? null : id)} />
      ))}
    </>
  );
}

function useBadges(): Partial<Record<PanelId, Badge>> {
  const room = useRoom();
  const working = useAgents(room).filter(isWorking).length;
  const { unread } = useTalk(room);
  // Who may not decide is not asked to.
  const waiting = useSuggestions(room).length * Number(useMayEdit(room));
  const chat = [unread > 0 && `${unread} new`, waiting > 0 && `${waiting} to decide`].filter(Boolean).join(', ');
  return {
    chat: { count: unread + waiting, words: chat },
    agents: { count: working, words: `${working} at work` },
    warnings: { count: useWarnings(room).length, words: `${room.warnings.all.length}` },
  };
}

interface ButtonProps {
  id: PanelId;
  look: 'header' | 'bar';
  badge: Badge | undefined;
  open: boolean;
  onClick: () => void;
}

function PanelButton({ id, look, badge, open, onClick }: ButtonProps) {
  const { name, icon } = PANELS[id];
  const waits = badge && badge.count > 0 ? badge : null;
  const inHeader = look === 'header';
  return (
    <button
      class={inHeader ? 'button-icon only-wide' : 'bar-button'}
      aria-label={waits ? `${name}, ${waits.words}` : name}
      aria-pressed={open}
      onClick={onClick}
      title={inHeader ? name : undefined}
    >
      <span class="badged">
        <Icon name={icon} size={inHeader ? 18 : 20} />
        {waits && <Count count={waits.count} look={id} />}
      </span>
      {!inHeader && <span>{name}</span>}
    </button>
  );
}

const MOST = 99;

/** A mark, not words: the button's name says it. */
export function Count({ count, look }: { count: number; look: PanelId | 'quiet' }) {
  return <span class={`badge badge-${look}`} data-count={count > MOST ? `${MOST}+` : count} aria-hidden="true" />;
}

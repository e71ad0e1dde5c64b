// What people and agents say to each other and what agents do, in one stream; above it what waits for a decision, below it,
// for those who may, a field to say something. It stays at the newest as long as its reader does.

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { Entry, Talk } from '../room/talk';
import { ownerName } from '../room/role';
import { dayWords } from '../trip/days';
import { DeedRow, MessageRow, TaskRow, UnsentRow, WritingRow } from './chat-rows';
import { usePass, useRoom, useTalk } from './hooks';
import { Icon } from './icon';
import { memo } from './memo';
import { DecidedRow, RunRow, UndoneRow } from './run-rows';
import { WaitingSuggestions } from './suggestion';

/** So near to the end one reads along. */
const NEAR_PX = 48;
/** What one says in one breath has one heading. */
const BREATH_MS = 5 * 60_000;

export function ChatPanel() {
  const room = useRoom();
  const talk = useTalk(room);
  const pass = usePass(room.pass);
  const scroller = useRef<HTMLDivElement>(null);
  useFollow(scroller, talk);
  useSeen(talk);
  const { entries, writing, unsent } = talk;
  const nothing = entries.length + writing.length + unsent.length === 0 && !talk.loading && !talk.more;
  return (
    <div class="chat">
      <WaitingSuggestions />
      <div class="chat-scroll" ref={scroller} role="region" aria-label="What was said" tabIndex={0}>
        {talk.more && (
          <button class="button-quiet chat-earlier" aria-disabled={talk.loading} onClick={() => void talk.earlier()}>
            {talk.loading ? 'Looking…' : 'Show earlier'}
          </button>
        )}
        {nothing && (
          <div class="panel-empty">
            <Icon name="comment" size={28} />
            <p>Nothing was said yet.</p>
            <p class="quiet">What you all write, and what agents do, is kept here.</p>
          </div>
        )}
        <ul class="chat-list">
          {entries.map((entry, i) => (
            <Row key={entry.key} entry={entry} before={entries[i - 1]} talk={talk} />
          ))}
          {writing.map((text) => (
            <WritingRow key={text.message} writing={text} />
          ))}
          {unsent.map((one) => (
            <UnsentRow key={one.id} unsent={one} talk={talk} waiting={!room.events.open} />
          ))}
        </ul>
      </div>
      {pass.mayComment ? (
        <Composer talk={talk} />
      ) : (
        <p class="chat-closed quiet">You can read along. To write, ask {(pass.standing && ownerName(pass.standing)) || 'whoever invited you'}.</p>
      )}
    </div>
  );
}

const Row = memo(function Row({ entry, before, talk }: { entry: Entry; before: Entry | undefined; talk: Talk }) {
  const day = dayWords(entry.at);
  const newDay = !before || dayWords(before.at) !== day;
  const follows = !newDay && before?.is === 'message' && before.from.id === entry.from.id && entry.at - before.at < BREATH_MS;
  return (
    <>
      {newDay && <li class="chat-day">{day}</li>}
      {entry.is === 'message' && <MessageRow message={entry} mine={talk.isMine(entry)} follows={follows} />}
      {entry.is === 'task' && <TaskRow task={entry} />}
      {entry.is === 'run' && <RunRow run={entry} />}
      {entry.is === 'undone' && <UndoneRow undone={entry} mine={talk.isMine(entry)} />}
      {entry.is === 'decided' && <DecidedRow decided={entry} mine={talk.isMine(entry)} />}
      {(entry.is === 'command' || entry.is === 'handoff') && <DeedRow deed={entry} mine={talk.isMine(entry)} />}
    </>
  );
});

function Composer({ talk }: { talk: Talk }) {
  const [words, setWords] = useState(talk.draft);
  const write = (next: string) => {
    talk.draft = next;
    setWords(next);
  };
  const say = () => {
    if (words.trim() === '') return;
    talk.say(words.trim());
    write('');
  };
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault();
        say();
      }}
    >
      <textarea
        class="field"
        rows={1}
        dir="auto"
        maxLength={8000}
        aria-label="Message to everybody"
        placeholder="Write to everybody"
        enterkeyhint="send"
        value={words}
        onInput={(event) => write(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          say();
        }}
      />
      <button class="button-icon composer-send" title="Send" aria-disabled={words.trim() === ''}>
        <Icon name="send" size={18} />
        <span class="sr-only">Send</span>
      </button>
    </form>
  );
}

/** Stays at the end while its reader is there, and where its reader is when earlier things come in above. */
function useFollow(scroller: { current: HTMLElement | null }, talk: Talk): void {
  const atEnd = useRef(true);
  const last = useRef({ first: '', height: 0, said: 0 });
  useEffect(() => {
    const node = scroller.current!;
    const look = () => (atEnd.current = node.scrollHeight - node.scrollTop - node.clientHeight < NEAR_PX);
    node.addEventListener('scroll', look, { passive: true });
    // A keyboard that comes up, or a window made smaller, must not hide the newest.
    const sizes = new ResizeObserver(() => atEnd.current && node.scrollTo(0, node.scrollHeight));
    sizes.observe(node);
    return () => {
      node.removeEventListener('scroll', look);
      sizes.disconnect();
    };
  }, []);
  useLayoutEffect(() => {
    const node = scroller.current!;
    const first = talk.entries[0]?.key ?? '';
    const saidMore = talk.unsent.length > last.current.said;
    if (atEnd.current || saidMore) node.scrollTop = node.scrollHeight;
    else if (last.current.first && first !== last.current.first) node.scrollTop += node.scrollHeight - last.current.height;
    last.current = { first, height: node.scrollHeight, said: talk.unsent.length };
  });
}

/** What is on the screen of somebody who looks is read. */
function useSeen(talk: Talk): void {
  useEffect(() => {
    const look = () => document.visibilityState === 'visible' && talk.seen();
    look();
    document.addEventListener('visibilitychange', look);
    const stop = talk.subscribe(look);
    return () => {
      document.removeEventListener('visibilitychange', look);
      stop();
    };
  }, [talk]);
}

// The kinds of rows of the chat: a message, text that is still being written, a task, what somebody asked an agent to do,
// and what I said and the server has not taken yet. They draw what they are given and keep nothing.

import type { ComponentChildren } from 'preact';
import { bareName, type Party } from '../room/event';
import type { Deed, Message, Talk, Task, TaskState, Unsent, Writing } from '../room/talk';
import { clockWords } from '../trip/days';
import { colorOf } from '../trip/palette';
import { Face } from './face';
import { useRoom } from './hooks';
import { Icon, type IconName } from './icon';
import { Progress } from './progress';

const faceOf = ({ id, name, agent }: Party) => ({ key: id, name, color: colorOf(name), agent, me: false });

export function MessageRow({ message, mine, follows }: { message: Message; mine: boolean; follows: boolean }) {
  const { from, at, text, attachments } = message;
  return (
    <li class={`said ${follows ? 'said-follows' : ''}`} data-test="said">
      {!follows && <Face person={faceOf(from)} />}
      <div class="said-main">
        <p class={follows ? 'sr-only' : 'said-top'}>
          <strong dir="auto">{mine ? 'You' : from.name}</strong> <time class="said-time">{clockWords(at)}</time>
        </p>
        <Words text={text} />
        {attachments.map(({ name, url }) => (
          <a key={url} class="said-file" href={url} target="_blank" rel="noopener noreferrer">
            <Icon name="link" size={14} />
            {name}
          </a>
        ))}
      </div>
    </li>
  );
}

export function WritingRow({ writing: { from, text } }: { writing: Writing }) {
  return (
    <li class="said" data-test="writing">
      <Face person={faceOf(from)} />
      <div class="said-main">
        <p class="said-top">
          <strong dir="auto">{from.name}</strong> <span class="said-time">is writing…</span>
        </p>
        <Words text={text}>
          <span class="caret" aria-hidden="true" />
        </Words>
      </div>
    </li>
  );
}

interface UnsentProps {
  unsent: Unsent;
  talk: Talk;
  /** The line is cut. */
  waiting: boolean;
}

export function UnsentRow({ unsent: { id, text, failure }, talk, waiting }: UnsentProps) {
  return (
    <li class="said said-unsent" data-test="unsent">
      <div class="said-main">
        <p class="said-top">
          <strong>You</strong>{' '}
          {!failure && <span class="said-time">{waiting ? 'Goes out when you are back' : 'Sending…'}</span>}
        </p>
        <Words text={text} />
        {failure && (
          <p class="said-failed" role="alert">
            <Icon name="warning" size={14} />
            <span>{failure}</span>
            <button class="button-quiet" onClick={() => talk.sayAgain(id)}>
              Send again
            </button>
            <button class="button-quiet" onClick={() => talk.letGo(id)}>
              Remove
            </button>
          </p>
        )}
      </div>
    </li>
  );
}

const TASK_WORDS: Record<TaskState, string> = {
  pending: 'Waits',
  running: 'At work',
  completed: 'Done',
  failed: 'Did not work',
  cancelled: 'Stopped',
};
const TASK_ICONS: Partial<Record<TaskState, IconName>> = { pending: 'clock', completed: 'check', failed: 'warning', cancelled: 'close' };
/** A result of so many characters is shown at once; more is a tap away. */
const SHORT = 200;

export function TaskRow({ task }: { task: Task }) {
  const { from, tool, state, progress, result, error } = task;
  const title = task.title || (tool ? 'A tool' : 'A task');
  return (
    <li class={`task task-${state}`} data-test="task" data-state={state}>
      <span class="task-icon">
        <Icon name={TASK_ICONS[state] ?? (tool ? 'tool' : 'agent')} />
      </span>
      <div class="said-main">
        <p class="task-title" dir="auto">
          {title}
        </p>
        <p class="task-state">
          <bdi>{from.name}</bdi>: {TASK_WORDS[state]}
        </p>
        {state === 'running' && progress !== null && <Progress label={`How far “${title}” is`} value={progress} />}
        {error && (
          <p class="task-error" dir="auto">
            {error}
          </p>
        )}
        {result && result.length <= SHORT && (
          <p class="task-result" dir="auto">
            {result}
          </p>
        )}
        {result.length > SHORT && (
          <details class="task-result">
            <summary>What came of it</summary>
            <p dir="auto">{result}</p>
          </details>
        )}
      </div>
    </li>
  );
}

const ACTION_WORDS: Record<string, string> = {
  start: 'to start',
  pause: 'to pause',
  resume: 'to go on',
  cancel: 'to stop',
  retry: 'to try again',
};

export function DeedRow({ deed: { is, from, agent, action, reason, at }, mine }: { deed: Deed; mine: boolean }) {
  const { agents } = useRoom();
  const whom = agent === null ? 'all agents' : (agents.get(agent)?.name ?? bareName(agent));
  return (
    <li class="deed">
      <bdi>{mine ? 'You' : from.name}</bdi> {is === 'command' ? 'asked' : 'handed over to'} <bdi>{whom}</bdi>{' '}
      {is === 'command' && (ACTION_WORDS[action] ?? 'for something')}
      {reason && <span dir="auto">: {reason}</span>} <time class="said-time">{clockWords(at)}</time>
    </li>
  );
}

const ADDRESS = /(https?:\/\/[^\s<>"']*[^\s<>"'.,:;!?)\]])/i;

/** Plain words with their line breaks; addresses can be opened. */
function Words({ text, children }: { text: string; children?: ComponentChildren }) {
  return (
    <p class="words" dir="auto">
      {text.split(ADDRESS).map((part, i) =>
        i % 2 === 1 ? (
          <a key={i} href={part} target="_blank" rel="noopener noreferrer">
            {part}
          </a>
        ) : (
          part
        ),
      )}
      {children}
    </p>
  );
}

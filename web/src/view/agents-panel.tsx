// The agents of the room: who is here, how each is and how far, what it is editing; and, for those who may, stopping them.

import { isGone, isWorking, type Agent } from '../room/agents';
import { STATE_WORDS, failureWords, placeWords, stepWords } from './agent-words';
import { Face } from './face';
import { useAgents, useLight, usePass, useRoom, useTalk } from './hooks';
import { Icon } from './icon';
import { announce, notify } from './notice';
import { Progress } from './progress';

export function AgentsPanel() {
  const room = useRoom();
  const agents = useAgents(room);
  const light = useLight(room);
  useTalk(room); // Their tasks have their titles from there.
  const { mayEdit, mayLookAfter } = usePass(room.pass);
  const anyHere = agents.some((agent) => !isGone(agent));
  if (agents.length === 0) {
    return (
      <div class="panel-empty">
        <Icon name="agent" size={28} />
        <p>No agents here just now.</p>
        <p class="quiet">When one comes to help, you see here what it does and how far it is.</p>
      </div>
    );
  }
  return (
    <div class="panel-scroll agents">
      {(light === 'offline' || light === 'restarting') && <p class="agent-note">This is how it was when you were last connected.</p>}
      <ul>
        {agents.map((agent) => (
          <AgentRow key={agent.id} agent={agent} mayStop={mayEdit} />
        ))}
      </ul>
      {mayLookAfter && anyHere && (
        <button class="button-quiet button-danger" onClick={() => void stop(room.agents, null)}>
          <Icon name="stop" size={14} />
          Stop all agents
        </button>
      )}
    </div>
  );
}

function AgentRow({ agent, mayStop }: { agent: Agent; mayStop: boolean }) {
  const room = useRoom();
  const gone = isGone(agent);
  const edited = gone ? [] : room.agents.editedBy(agent.id);
  const stoppable = isWorking(agent) || agent.state === 'paused' || agent.state === 'error' || edited.length > 0;
  const steps = stepWords(agent);
  const task = gone ? null : room.talk.task(agent.id, agent.task);
  return (
    <li class={`agent ${gone ? 'agent-gone' : ''}`} data-agent={agent.id} data-state={agent.state}>
      <Face person={agent} />
      <div class="agent-main">
        <p class="agent-top">
          <strong class="agent-name" dir="auto">
            {agent.name}
          </strong>
          <span class={`agent-state agent-state-${agent.state}`}>
            {agent.state === 'error' && <Icon name="warning" size={14} />}
            {agent.state === 'completed' && <Icon name="check" size={14} />}
            {STATE_WORDS[agent.state]}
          </span>
        </p>
        {task?.title && (
          <p class="agent-note" dir="auto">
            {task.title}
          </p>
        )}
        {agent.message && (
          <p class="agent-message" dir="auto">
            {agent.message}
          </p>
        )}
        {agent.progress !== null && <Progress label={`How far ${agent.name} is`} value={agent.progress} />}
        {steps && <p class="agent-note">{steps}</p>}
        {edited.length > 0 && (
          <p class="agent-note">
            <Icon name="pencil" size={14} />
            Editing {placeWords(room, edited.at(-1)!)}
          </p>
        )}
      </div>
      {mayStop && stoppable && (
        <button
          class="button-plain agent-stop"
          aria-disabled={agent.stopping}
          aria-label={agent.stopping ? `${agent.name} is stopping` : `Stop ${agent.name}`}
          onClick={() => agent.stopping || void stop(room.agents, agent)}
        >
          {agent.stopping ? 'Stopping…' : 'Stop'}
        </button>
      )}
    </li>
  );
}

async function stop(agents: ReturnType<typeof useRoom>['agents'], agent: Agent | null): Promise<void> {
  try {
    await agents.stop(agent);
    if (agent) announce(`${agent.name} was asked to stop`);
    else notify('All agents were asked to stop.');
  } catch (failure) {
    notify(failureWords(failure));
  }
}

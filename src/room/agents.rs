//! The agents that are in a room by JSON sockets and what each says of itself: the latest, told at most so often, as a
//! presence state that every client and every node understands. People who are here by such a socket and say where they look
//! are shown in the same way. The part of `Room` that speaks for them.
//! Each is one, by however many sockets it is here, and gone with the last. It must never show what nobody says.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use super::effects::Effects;
use super::event::attention::{Attention, Shown};
use super::event::status::{AgentState, AgentStatus};
use super::event::{AgentNow, Event, Party};
use super::id::ConnectionId;
use super::presence::{EXPIRY, PresenceChange};
use super::principal::{Principal, PrincipalId, PrincipalKind};
use super::room::Room;
use crate::wire::awareness::ClientId;

/// An agent's status is told at most so often: of those that come in between, the latest.
const TELL_EVERY: Duration = Duration::from_millis(100);
/// In that time all agents together are told of so often: then at the end of it, all at once.
const TELLS_MAX: u32 = 4;
/// Clocks of presence count tenths of a second from here on, which is as fast as statuses are told: so they rise over restarts,
/// too. They are 32 bits wide on their way to other nodes, which is enough for 136 years.
const CLOCKS_SINCE: i64 = 1_767_225_600_000;
/// The most agents that are remembered after they went.
const KNOWN_MAX: usize = 4_096;
/// Of an agent's states so many are kept: at most one in this time.
const KEEP_EVERY: Duration = Duration::from_secs(5);
/// Clients forget whoever was silent for 30 s.
const RENEW_EVERY: Duration = Duration::from_secs(15);
/// Agents are drawn in one of these.
const COLORS: [&str; 8] = ["#7c5cff", "#0f9d8a", "#d9480f", "#c2255c", "#1971c2", "#5f8c1a", "#9c36b5", "#a8650b"];

/// See the module. Owned by `Room`.
#[derive(Default)]
pub(super) struct Agents {
    here: BTreeMap<PrincipalId, Here>,
    /// Which agent each client id stands for, of those that are or were here or on other nodes. Nobody else speaks under it.
    known: HashMap<ClientId, PrincipalId>,
    /// Those of whom others have not heard the latest.
    untold: BTreeSet<PrincipalId>,
    tells: Tells,
    renewed: Option<Instant>,
}

/// How often others were told of agents, since when.
#[derive(Debug, Default)]
struct Tells {
    since: Option<Instant>,
    count: u32,
}

impl Tells {
    /// When others may be told, if not at once.
    fn next(&self) -> Option<Instant> {
        self.since.filter(|_| self.count >= TELLS_MAX).map(|since| since + TELL_EVERY)
    }

    fn note(&mut self, now: Instant) {
        if self.since.is_none_or(|since| now.duration_since(since) >= TELL_EVERY) {
            (self.since, self.count) = (Some(now), 0);
        }
        self.count += 1;
    }
}

struct Here {
    principal: Arc<Principal>,
    /// The client id that stands for it in presence.
    client: ClientId,
    connections: SmallVec<[ConnectionId; 1]>,
    /// What it says of itself; nothing: it is a person's program.
    status: Option<AgentStatus>,
    /// When it said so.
    at: String,
    /// When others were told of it.
    told: Option<Instant>,
    attention: Attention,
    /// Until when that counts, if it says anything.
    attentive_until: Option<Instant>,
    /// The last of its statuses that was kept, and when.
    kept: Option<(Instant, AgentState)>,
    /// When it said something last.
    said: Instant,
}

/// The presence state of an agent. Browsers draw `user`, as of any client.
#[derive(Debug, Serialize, Deserialize)]
struct State {
    user: User,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agent: Option<Said>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    focus: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cursor: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    typing: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    active: Option<bool>,
}

#[derive(Debug, Serialize, Deserialize)]
struct User {
    name: String,
    color: String,
    kind: String,
    id: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Said {
    at: String,
    status: AgentStatus,
}

impl Room {
    /// An agent has come by one more JSON socket.
    pub(super) fn agent_comes(&mut self, connection: ConnectionId, principal: &Arc<Principal>) {
        if principal.id.kind() != PrincipalKind::Agent {
            return;
        }
        self.program_comes(connection, principal, Some(AgentStatus::of(AgentState::Idle)));
    }

    fn program_comes(&mut self, connection: ConnectionId, principal: &Arc<Principal>, status: Option<AgentStatus>) {
        let (at, now) = (self.moment(), self.now);
        let client = client_of(&principal.id);
        self.agents.know(&principal.id);
        let shown = self.presence.state_of(client).filter(|_| self.speaks_for_itself(client, &principal.id)).cloned();
        let here = self.agents.here.entry(principal.id.clone()).or_insert_with(|| {
            let mut here = Here {
                principal: Arc::clone(principal),
                client,
                connections: SmallVec::new(),
                status,
                // Whatever it has said by another node counts more than that it is here, too.
                at: String::new(),
                told: None,
                attention: Attention::default(),
                attentive_until: None,
                kept: None,
                said: now,
            };
            if let Some(shown) = shown {
                here.adopt(now, &shown);
            }
            if here.at.is_empty() {
                here.at = at;
            }
            here
        });
        if !here.connections.contains(&connection) {
            here.connections.push(connection);
        }
        here.principal = Arc::clone(principal);
        self.agents.untold.insert(principal.id.clone());
    }

    /// Somebody who is here by a JSON socket says where they look.
    pub(super) fn program_attends(&mut self, from: ConnectionId, attention: Attention) {
        let Some(principal) = self.clients.get(&from).map(|client| Arc::clone(&client.principal)) else { return };
        if principal.id.kind() == PrincipalKind::User {
            self.program_comes(from, &principal, None);
        }
        let until = (attention != Attention::default()).then(|| self.now + EXPIRY);
        if let Some(here) = self.agents.here.get_mut(&principal.id) {
            (here.attention, here.attentive_until) = (attention, until);
            self.agents.untold.insert(principal.id.clone());
        }
    }

    /// Where nobody has said for a while that they look, they look no more.
    fn forget_attention(&mut self, now: Instant) {
        let Agents { here, untold, .. } = &mut self.agents;
        let stale = here.iter_mut().filter(|(_, here)| here.attentive_until.is_some_and(|until| until <= now));
        for (id, here) in stale {
            (here.attention, here.attentive_until) = (Attention::default(), None);
            untold.insert(id.clone());
        }
    }

    /// An agent says how it is.
    pub(super) fn agent_says(&mut self, from: ConnectionId, status: AgentStatus) {
        let (at, now) = (self.moment(), self.now);
        let Some(id) = self.clients.get(&from).map(|client| client.principal.id.clone()) else { return };
        if let Some(here) = self.agents.here.get_mut(&id) {
            (here.status, here.at, here.said) = (Some(status), at, now);
            self.agents.untold.insert(id);
        }
    }

    /// A connection is gone, perhaps an agent's: another one of the same agent speaks for it from now on.
    pub(super) fn agent_goes(&mut self, connection: ConnectionId, principal: &PrincipalId) {
        let Some(here) = self.agents.here.get_mut(principal) else { return };
        here.connections.retain(|other| *other != connection);
        if let Some(other) = here.connections.first() {
            self.presence.hand_over(here.client, connection, *other);
        } else {
            // Its presence goes with the connection.
            self.agents.here.remove(principal);
            self.agents.untold.remove(principal);
        }
    }

    /// Tells everybody the latest of those agents who have said something, if it is time.
    pub(super) fn show_agents(&mut self, now: Instant) {
        if self.agents.here.is_empty() {
            return;
        }
        self.forget_attention(now);
        let wall = self.wall();
        let Agents { here, untold, tells, renewed, .. } = &mut self.agents;
        if renewed.is_none_or(|renewed| now.duration_since(renewed) >= RENEW_EVERY) {
            *renewed = Some(now);
            untold.extend(here.keys().cloned());
        }
        if tells.next().is_some_and(|next| now < next) {
            return;
        }
        let is_due =
            |id: &PrincipalId| here.get(id).is_none_or(|agent| agent.may_be_told().is_none_or(|next| next <= now));
        let due: Vec<PrincipalId> = untold.extract_if(.., is_due).collect();
        if due.is_empty() {
            return;
        }
        tells.note(now);
        let least = least_clock(wall);
        for id in due {
            let Some(agent) = here.get_mut(&id) else { continue };
            agent.told = Some(now);
            let speaker = *agent.connections.first().expect("an agent is here by a connection");
            self.presence.put(now, speaker, (agent.client, least), agent.state());
        }
    }

    /// Keeps the statuses of agents that are otherwise than before, not too many.
    pub(super) fn keep_timeline(&mut self, now: Instant, effects: &mut Effects) {
        let due = self.agents.here.values_mut().filter(|here| here.timeline_due().is_some_and(|due| due <= now));
        let statuses: Vec<_> = due
            .filter_map(|here| {
                let status = here.status.clone()?;
                here.kept = Some((now, status.state));
                Some((Arc::clone(&here.principal), status))
            })
            .collect();
        for (principal, status) in statuses {
            self.keep(None, None, &Event::AgentStatus(Box::new(status)), &principal, effects);
        }
    }

    /// When `keep_timeline` has something to do.
    pub(super) fn next_timeline(&self) -> Option<Instant> {
        let now = self.now;
        self.agents.here.values().filter_map(|here| Some(here.timeline_due()?.max(now))).min()
    }

    /// When `show_agents` has something to do.
    pub fn next_showing(&self) -> Option<Instant> {
        let Agents { here, untold, tells, renewed, .. } = &self.agents;
        let due = untold.iter().filter_map(|id| here.get(id)).map(|agent| agent.may_be_told().unwrap_or(self.now));
        let untold = due.min().map(|due| tells.next().map_or(due, |next| next.max(due)));
        let renewal = (!here.is_empty()).then(|| renewed.map(|renewed| renewed + RENEW_EVERY)).flatten();
        let stale = here.values().filter_map(|here| here.attentive_until).min();
        untold.into_iter().chain(renewal).chain(stale).chain(self.next_attention()).min()
    }

    /// What those who are here say by way of other nodes: what was said last counts, wherever it was. Whom another node no longer
    /// shows is shown from here.
    pub(super) fn hear_agents(&mut self, changes: &PresenceChange) {
        let now = self.now;
        let Agents { known, here, untold, .. } = &mut self.agents;
        for entry in &changes.entries {
            let Some(id) = known.get(&entry.client) else { continue };
            let Some(here) = here.get_mut(id) else { continue };
            if let Some(state) = &entry.state {
                here.adopt(now, state);
            } else {
                here.told = None;
                untold.insert(id.clone());
            }
        }
    }

    /// What a client's presence state says of an agent, if the client stands for one.
    pub(super) fn agent_in(&self, client: ClientId, state: Option<&Bytes>) -> Option<(PrincipalId, AgentStatus)> {
        let id = self.agents.known.get(&client).filter(|id| id.kind() == PrincipalKind::Agent)?;
        let status = match state {
            Some(state) if self.speaks_for_itself(client, id) => {
                serde_json::from_slice::<State>(state).ok()?.agent?.status
            }
            Some(_) => return None,
            // It is shown again from here.
            None if self.agents.has(id) => return None,
            None => AgentStatus::of(AgentState::Offline),
        };
        Some((id.clone(), status))
    }

    /// Where a program looks, by what its state says.
    pub(super) fn shown_program(&self, client: ClientId, id: &PrincipalId, state: &Bytes) -> Option<Shown> {
        let said = self.speaks_for_itself(client, id).then(|| serde_json::from_slice::<State>(state).ok())??;
        let State { user, focus, cursor, typing, active, .. } = said;
        Some(Shown::of_program(Attention { focus, cursor, typing, active }, user.color))
    }

    /// Whether it is an agent that speaks under its client id, here or by another node.
    fn speaks_for_itself(&self, client: ClientId, id: &PrincipalId) -> bool {
        let Some(speaker) = self.presence.speaker_of(client.0) else { return false };
        match self.clients.get(&speaker) {
            Some(here) => here.principal.id == *id,
            None => self.connected_elsewhere().any(|there| there.principal.id == *id),
        }
    }

    /// Whether an agent is shown, or is about to be.
    pub(super) fn is_shown(&self, id: &PrincipalId) -> bool {
        self.agents.has(id) || self.presence.state_of(client_of(id)).is_some()
    }

    /// The agent that a client id stands for: nobody else speaks under it.
    pub(super) fn agent_of(&self, client: ClientId) -> Option<&PrincipalId> {
        self.agents.known.get(&client)
    }

    /// Somebody is on another node, perhaps an agent, or perhaps by a program that says where they look: people do not drive out
    /// agents.
    pub(super) fn agent_is_elsewhere(&mut self, id: &PrincipalId) {
        if id.kind() == PrincipalKind::Agent || self.agents.known.len() < KNOWN_MAX / 2 {
            self.agents.know(id);
        }
    }

    /// The agents that are here, by whichever node, and the latest that each said.
    pub(super) fn agents_now(&self) -> Vec<AgentNow> {
        let entries = self.presence.everyone(None);
        let mut agents: Vec<AgentNow> = (entries.iter())
            .filter_map(|entry| {
                let (id, status) = self.agent_in(entry.client, entry.state.as_ref())?;
                Some(AgentNow { agent: self.party(&id), status })
            })
            .collect();
        agents.sort_by(|one, other| one.agent.id.cmp(&other.agent.id));
        agents
    }

    /// Somebody, with what is known of them.
    pub(super) fn party(&self, id: &PrincipalId) -> Party {
        let here = self.agents.here.get(id).map(|here| &here.principal);
        let anywhere = || self.principals().chain(self.connected_elsewhere().map(|there| &there.principal));
        let known = here.or_else(|| anywhere().find(|principal| principal.id == *id));
        known.map_or_else(|| Party::from(id), |principal| Party::from(&**principal))
    }
}

impl Agents {
    /// Whether a client id stands for an agent, and not for this principal.
    pub(super) fn is_anothers(&self, client: ClientId, principal: &PrincipalId) -> bool {
        self.known.get(&client).is_some_and(|agent| agent != principal)
    }

    /// Whether an agent is here, on this node.
    pub(super) fn has(&self, agent: &PrincipalId) -> bool {
        self.here.contains_key(agent)
    }

    fn know(&mut self, id: &PrincipalId) {
        if self.known.len() >= KNOWN_MAX
            && let Some(gone) =
                self.known.iter().find(|(_, id)| !self.here.contains_key(*id)).map(|(client, _)| *client)
        {
            self.known.remove(&gone);
        }
        self.known.insert(client_of(id), id.clone());
    }
}

/// The least clock that browsers cannot have seen before.
fn least_clock(at: Timestamp) -> u64 {
    // A clock of 0 they take no notice of.
    u64::try_from((at.as_millisecond() - CLOCKS_SINCE) / 100).unwrap_or_default().max(1)
}

impl Here {
    /// Takes over what it says by way of another node, if that was said later. It is kept where it was said.
    fn adopt(&mut self, now: Instant, state: &Bytes) {
        if let Ok(State { agent: Some(agent), .. }) = serde_json::from_slice::<State>(state)
            && agent.at > self.at
        {
            self.kept = Some((now, agent.status.state));
            (self.status, self.at) = (Some(agent.status), agent.at);
        }
    }

    /// When others may be told of it again, if not at once.
    fn may_be_told(&self) -> Option<Instant> {
        self.told.map(|told| told + TELL_EVERY)
    }

    /// When its status may be kept, if it is another state than the last that was. That an agent is here and has nothing to
    /// do is not worth keeping.
    fn timeline_due(&self) -> Option<Instant> {
        let status = self.status.as_ref()?;
        match self.kept {
            None => (status.state != AgentState::Idle).then_some(self.said),
            Some((at, state)) => (state != status.state).then_some(at + KEEP_EVERY),
        }
    }

    fn state(&self) -> Bytes {
        let id = self.principal.id.as_str();
        let name = self.principal.name.as_deref().unwrap_or_else(|| id.split_once(':').map_or(id, |(_, name)| name));
        let color = COLORS[usize::try_from(self.client.0).unwrap_or_default() % COLORS.len()];
        let kind = self.principal.id.kind().as_str().to_owned();
        let user = User { name: name.to_owned(), color: color.to_owned(), kind, id: id.to_owned() };
        let agent = self.status.clone().map(|status| Said { at: self.at.clone(), status });
        let Attention { focus, cursor, typing, active } = self.attention.clone();
        let state = State { user, agent, focus, cursor, typing, active };
        serde_json::to_vec(&state).expect("a state has text keys alone").into()
    }
}

/// The client id that stands for an agent: the same on every node, and like those that Yjs draws.
pub(super) fn client_of(agent: &PrincipalId) -> ClientId {
    let hash = Sha256::digest(agent.as_str());
    ClientId(u64::from(u32::from_le_bytes(hash[..4].try_into().expect("a SHA-256 is longer"))))
}

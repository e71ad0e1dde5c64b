//! One room: takes what its clients say, a turn at a time, and says what follows.
//! Driven by `hub`'s room task, or by a test from a seed. Everything that is queued goes into one turn, and one turn
//! is one update for everybody: load makes updates bigger, not queues longer.
//! A room never waits, reads no clock and does no I/O.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;
use jiff::Timestamp;

use super::agents::Agents;
use super::client::{Arrival, Client, Debt, Receipt};
use super::conflicts::Conflicts;
use super::document::Document;
use super::durability::{Durability, LogPosition, Telling};
use super::effects::Effects;
use super::event::moment;
use super::guests::Guests;
use super::id::{ConnectionId, RoomId};
use super::input::{Admission, Input, UpdateKind};
use super::kept::EventSeq;
use super::listeners::Listeners;
use super::once::Outcomes;
use super::outputs::Outputs;
use super::posting::Posting;
use super::presence::{Presence, PresenceChange, Whose};
use super::principal::Principal;
use super::questions::{Question, Questions};
use super::request::Requests;
use super::role::Writes;
use super::sharing::Sharing;
use super::suggesting::Decided;
use super::taking::{Said, Unwritten};
use super::undoing::Undoing;
use super::version::Version;
use super::view::{DocumentView, ViewLimits};
use super::writers::Writers;
use crate::wire::awareness::{AwarenessEntry, ClientId};
use crate::wire::close::CloseReason;
use crate::wire::{ServerMessage, SyncStatus};

/// The encoded state is given back when nobody joined for so long.
const STATE_KEPT: Duration = Duration::from_mins(1);
/// Documents below this are encoded in no time worth speaking of.
pub(super) const SMALL_DOCUMENT: usize = 64 * 1024;

/// Limits of one room.
#[derive(Debug, Clone, Copy)]
pub struct RoomLimits {
    /// Bytes that the encoded document may have.
    pub document_bytes: usize,
    /// Clients that one connection may speak for.
    pub presence_clients: usize,
    /// Bytes that are kept of what one patch of an agent changed; one that changed more cannot be taken back.
    pub undo_bytes: usize,
    /// How much JSON the document may come to for those who read or patch it.
    pub json: ViewLimits,
}

/// A live room.
pub struct Room {
    pub(super) document: Document,
    pub(super) presence: Presence,
    pub(super) durability: Durability,
    pub(super) clients: HashMap<ConnectionId, Client>,
    pub(super) writers: Writers,
    pub(super) questions: Questions,
    pub(super) requests: Requests,
    /// The document for readers, until it changes.
    pub(super) view: Option<Arc<DocumentView>>,
    pub(super) view_limits: ViewLimits,
    /// The document's version, until it changes.
    pub(super) known_version: Option<Version>,
    /// Other nodes, when there can be any.
    pub(super) sharing: Option<Box<Sharing>>,
    pub(super) agents: Agents,
    pub(super) listeners: Listeners,
    pub(super) guests: Guests,
    pub(super) outputs: Outputs,
    pub(super) posting: Posting,
    pub(super) undoing: Undoing,
    pub(super) decided: Decided,
    pub(super) outcomes: Outcomes,
    pub(super) conflicts: Conflicts,
    /// As events name it.
    pub(super) name: Option<RoomId>,
    /// The time of the last turn,
    pub(super) now: Instant,
    /// and a moment by both clocks.
    clocks: (Instant, Timestamp),
    /// Some client asked who is here.
    curious: bool,
    /// So many of the next updates are applied one by one: one of them broke the document.
    pub(super) suspects: usize,
    last_join: Instant,
}

impl Room {
    /// Opens a room around its loaded document.
    pub fn new(now: Instant, document: Document, limits: RoomLimits) -> Self {
        Self {
            document,
            presence: Presence::new(now, limits.presence_clients),
            durability: Durability::default(),
            clients: HashMap::new(),
            writers: Writers::default(),
            questions: Questions::default(),
            requests: Requests::default(),
            view: None,
            view_limits: limits.json,
            known_version: None,
            sharing: None,
            agents: Agents::default(),
            listeners: Listeners::default(),
            guests: Guests::default(),
            outputs: Outputs::default(),
            posting: Posting::new(EventSeq(0)),
            undoing: Undoing::new(limits.undo_bytes),
            decided: Decided::default(),
            outcomes: Outcomes::default(),
            conflicts: Conflicts::default(),
            name: None,
            now,
            clocks: (now, Timestamp::UNIX_EPOCH),
            curious: false,
            suspects: 0,
            last_join: now,
        }
    }

    /// Says how events name the room, and what time it is.
    pub fn introduce(&mut self, name: RoomId, now: Instant, at: Timestamp) {
        (self.name, self.clocks) = (Some(name), (now, at));
    }

    /// The time of the last turn by the clock on the wall.
    pub(super) fn wall(&self) -> Timestamp {
        let (then, at) = self.clocks;
        at.saturating_add(self.now.saturating_duration_since(then)).unwrap_or(at)
    }

    /// The same as events write it.
    pub(super) fn moment(&self) -> String {
        moment(self.wall())
    }

    /// Takes everything from `inputs`, or stops early when the document is lost (see [`Effects::document_lost`]);
    /// what was not taken is still in `inputs`.
    pub fn turn(&mut self, now: Instant, inputs: &mut VecDeque<Input>, admission: Admission) -> Effects {
        let mut effects = Effects::default();
        self.note_time(now);
        if self.take_from_nodes(inputs, &mut effects).is_err() {
            effects.document_lost = true;
            return effects;
        }
        let mut updates = VecDeque::new();
        for input in std::mem::take(inputs) {
            match input {
                Input::Update { from, .. } if self.clients.get(&from).is_some_and(|client| client.refused) => {}
                Input::Update { from, update, kind } => match admission {
                    Admission::Open => updates.push_back((from, update, kind)),
                    Admission::ReadOnly => {
                        self.note_read_only(&mut effects);
                        self.refuse_update(from, kind, Unwritten::ForNow, &mut effects);
                    }
                },
                // Those who come are there before anything they say is looked at.
                Input::Join(arrival) => self.welcome(&arrival, &mut effects),
                Input::Step1 { from, known } => {
                    self.count_anew(from, &mut updates, &mut effects);
                    inputs.push_back(Input::Step1 { from, known });
                }
                Input::Permit { to, writes } => self.permit(to, writes, &mut effects),
                other => inputs.push_back(other),
            }
        }
        effects.document_lost = self.take_updates(updates, inputs, &mut effects).is_err();
        for (connection, reason) in std::mem::take(&mut effects.closes) {
            self.refuse(connection, reason, &mut effects);
        }
        if effects.document_lost {
            return effects;
        }
        while let Some(input) = inputs.pop_front() {
            self.take(now, input, &mut effects);
        }
        self.tell_who_is_here(&mut effects);
        self.rest_alone();
        effects
    }

    pub(super) fn welcome(&mut self, arrival: &Arrival, effects: &mut Effects) {
        // Hocuspocus says who is here before anything else; y-websocket when the document was sent.
        if arrival.receipt == Receipt::Status && !self.presence.is_empty() {
            let everyone = ServerMessage::Presence(self.presence.everyone(None));
            effects.replies.push((arrival.connection, everyone));
        }
        self.clients.insert(arrival.connection, Client::new(arrival));
        self.count_people(&arrival.principal.id);
        if let Some(greeting) = &arrival.greeting {
            self.listener_comes(arrival.connection, &arrival.principal, greeting, effects);
        }
    }

    /// A client that counts begins anew: whatever it sent before is in its new count.
    fn count_anew(&mut self, from: ConnectionId, updates: &mut VecDeque<Said>, effects: &mut Effects) {
        let Some(client) = self.clients.get_mut(&from).filter(|client| client.receipt == Receipt::Status) else {
            return;
        };
        client.starts_anew();
        for (_, _, kind) in updates.iter_mut().filter(|(author, ..)| *author == from) {
            *kind = UpdateKind::Overtaken;
        }
        let overtaken = self.durability.forget_statuses(from);
        let status = (from, ServerMessage::SyncStatus(SyncStatus::Refused));
        effects.replies.extend((0..overtaken).map(|_| status.clone()));
    }

    /// A client that may write more than before is asked for what it could not write; one that may write less is told.
    /// y-websocket has no word for more: its clients are asked for what they have, whatever it is.
    fn permit(&mut self, connection: ConnectionId, writes: Writes, effects: &mut Effects) {
        let Some(client) = self.clients.get_mut(&connection) else { return };
        if writes > client.writes && client.debt == Debt::Forbidden {
            client.debt = Debt::ForNow;
        } else if client.receipt == Receipt::Echo {
            let message = if writes >= client.writes {
                ServerMessage::Step1(self.document.state_vector())
            } else {
                let why = if writes == Writes::Nothing { Unwritten::ReadOnly } else { Unwritten::OnlyComments };
                ServerMessage::Denied(why.text())
            };
            effects.replies.push((connection, message));
        }
        client.writes = writes;
    }

    /// Answers those who asked who is here: once a turn, however often they asked.
    fn tell_who_is_here(&mut self, effects: &mut Effects) {
        if !std::mem::take(&mut self.curious) {
            return;
        }
        let everyone = self.presence.everyone(None);
        for (connection, client) in self.clients.iter_mut().filter(|(_, client)| client.curious) {
            client.curious = false;
            effects.replies.push((*connection, ServerMessage::Presence(everyone.clone())));
        }
    }

    pub(super) fn take(&mut self, now: Instant, input: Input, effects: &mut Effects) {
        match input {
            Input::Leave(connection) => {
                if let Some(client) = self.clients.remove(&connection) {
                    self.count_people(&client.principal.id);
                    self.agent_goes(connection, &client.principal.id);
                    if !self.agents.has(&client.principal.id) {
                        self.forget_outputs(&client.principal.id, effects);
                    }
                    self.listener_goes(connection);
                }
                self.questions.forget(connection);
                self.durability.forget(connection);
                self.presence.leave(now, connection);
            }
            Input::Step1 { from, known } => {
                self.last_join = now;
                self.questions.ask(from, Question::Step1(known));
            }
            Input::Heal { to, .. } if self.has_listener(to) => self.listener_resyncs(to, effects),
            Input::Heal { to, known } => self.questions.ask(to, Question::Heal(known)),
            Input::Status { from, status } => self.agent_says(from, *status),
            Input::Attend { from, attention } => self.program_attends(from, *attention),
            Input::Subscribe { from, wanted } => self.listener_subscribes(from, wanted),
            Input::Presence { from, entries } => {
                self.hear(now, from, entries, effects);
            }
            Input::QueryPresence(from) => {
                if let Some(client) = self.clients.get_mut(&from) {
                    client.curious = true;
                    self.curious = true;
                }
            }
            Input::Probe { from, probe } => {
                let Some(client) = self.clients.get_mut(&from) else { return };
                if client.refused || client.debt != Debt::None {
                    client.probe = Some(Box::new(probe));
                    return;
                }
                effects.replies.extend(self.durability.probe(from, probe).map(|message| (from, message)));
            }
            Input::Request(request) => self.requests.push(request),
            Input::Stateless { from, text } => {
                self.tell_text(&text, effects);
                effects.texts.push((from, text));
            }
            Input::Node(news) => self.hear_node(now, news, effects),
            Input::Join(_) | Input::Permit { .. } | Input::Update { .. } => unreachable!("they were taken first"),
        }
    }

    /// Whoever speaks for a client first keeps others from speaking and from writing in its name, also when they are
    /// away.
    fn hear(&mut self, now: Instant, from: ConnectionId, entries: Vec<AwarenessEntry>, effects: &mut Effects) {
        let Self { presence, clients, writers, agents, .. } = self;
        let Some(principal) = clients.get(&from).map(|client| &client.principal.id) else { return };
        if let [said] = &entries[..]
            && said.state.is_some()
            && !presence.knows(from)
        {
            writers.announces(said.client.0, principal);
        }
        let whose = |client: ClientId, speaker: Option<ConnectionId>| {
            let speaker = speaker.and_then(|speaker| clients.get(&speaker)).map(|client| &client.principal.id);
            if agents.is_anothers(client, principal) {
                return Whose::Others;
            }
            match writers.owner(client.0) {
                None => Whose::Nobodys,
                Some((owner, _)) if owner != principal => Whose::Others,
                Some(_) if speaker.is_some_and(|speaker| speaker != principal) => Whose::Taken,
                Some(_) => Whose::Own,
            }
        };
        let heard = presence.hear(now, from, entries, whose);
        match heard {
            Ok(heard) => {
                if !heard.cures.is_empty() {
                    self.cure(from, heard.cures, effects);
                }
                for (to, entry) in heard.peers {
                    self.cure(to, vec![entry], effects);
                }
                if heard.returned.is_some() {
                    self.ask_elsewhere(effects);
                }
                effects.challenges.extend(heard.challenged);
            }
            Err(refusal) => self.refuse(from, refusal.into(), effects),
        }
    }

    /// Makes a client announce itself with a higher clock. Hocuspocus clients since version 4 raise it and say nothing, so
    /// they are asked.
    pub(super) fn cure(&self, to: ConnectionId, entries: Vec<AwarenessEntry>, effects: &mut Effects) {
        effects.replies.push((to, ServerMessage::Presence(entries)));
        if self.clients.get(&to).is_some_and(|client| client.receipt == Receipt::Status) {
            effects.replies.push((to, ServerMessage::QueryPresence));
        }
    }

    /// The connection is closed for what it sent, and nothing that it sent is called saved from here on.
    fn refuse(&mut self, connection: ConnectionId, reason: CloseReason, effects: &mut Effects) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.refused = true;
        }
        effects.closes.push((connection, reason));
    }

    /// Presence that changed since this was last asked.
    pub fn take_presence(&mut self, now: Instant) -> Option<PresenceChange> {
        self.show_agents(now);
        let changes = self.presence.take_changes();
        if let Some(changes) = &changes {
            self.hear_agents(changes);
        }
        changes
    }

    /// The log is on disk up to `position`: what to tell to whom.
    pub fn durable(&mut self, position: LogPosition) -> Effects {
        let (replies, answers) = (self.durability.reached(position), self.answers_due());
        let mut effects = Effects { replies, answers, ..Effects::default() };
        self.tell_saved(position, &mut effects);
        self.note_saved();
        effects
    }

    /// When what becomes durable is to be told.
    pub fn telling(&self, now: Instant) -> Telling {
        let others_wait = self.requests.has_unsaved() || !self.posting.is_settled() || self.has_untold();
        if others_wait || self.has_listeners() { Telling::AtOnce } else { self.durability.telling(now) }
    }

    /// Time passes: presence expires, memory is given back, and those whose changes were refused in a read-only
    /// room are asked for them when it is open again.
    pub fn tick(&mut self, now: Instant, admission: Admission) -> Vec<(ConnectionId, ServerMessage)> {
        self.note_time(now);
        self.listen(now);
        self.presence.sweep(now);
        if now.duration_since(self.last_join) > STATE_KEPT {
            self.document.forget_state();
        }
        self.document.forget_unasked();
        let mut messages = Vec::new();
        if admission == Admission::Open {
            let mut vector = None;
            for (connection, client) in self.clients.iter_mut().filter(|(_, client)| client.debt == Debt::ForNow) {
                client.debt = Debt::Asked;
                client.asked();
                let vector = vector.get_or_insert_with(|| self.document.state_vector());
                messages.push((*connection, ServerMessage::Step1(vector.clone())));
            }
        }
        messages
    }

    /// When `tick` has something to do, at the earliest.
    pub fn next_tick(&self) -> Option<Instant> {
        self.presence.next_expiry()
    }

    /// Whether somebody's change was refused and is to be asked for.
    pub fn owes(&self) -> bool {
        self.clients.values().any(|client| client.debt == Debt::ForNow)
    }

    /// Goes on with a document that was loaded anew after [`Effects::document_lost`]. Other nodes may have put more into
    /// the log than they have told this one by now, and what is known already is not passed on when they do: it is now.
    pub fn replace_document(&mut self, document: Document) -> Effects {
        let broken = std::mem::replace(&mut self.document, document);
        self.changed();
        let mut effects = Effects::default();
        if self.is_shared() {
            self.pass_on_untold(&broken, &mut effects);
        }
        effects
    }

    /// The document's state vector.
    pub fn state_vector(&self) -> Bytes {
        self.document.state_vector()
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// The document is another one than before.
    pub(super) fn changed(&mut self) {
        (self.view, self.known_version) = (None, None);
    }

    /// Who is behind each connection.
    pub(super) fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.clients.values().map(|client| &client.principal)
    }

    /// One more row goes to the log.
    pub(super) fn append(&mut self) {
        self.durability.append();
    }

    /// How many rows this room gave to the log.
    pub fn appended(&self) -> LogPosition {
        self.durability.appended()
    }

    /// Whether all of them are durable.
    pub fn is_settled(&self) -> bool {
        self.durability.is_settled() && self.posting.is_settled()
    }

    /// How many clients are present.
    pub fn present(&self) -> usize {
        self.presence.len()
    }
}

impl From<super::presence::PresenceRefusal> for CloseReason {
    fn from(refusal: super::presence::PresenceRefusal) -> Self {
        match refusal {
            super::presence::PresenceRefusal::NotJson => Self::Malformed,
            super::presence::PresenceRefusal::TooManyClients => Self::TooLarge,
        }
    }
}

#[cfg(test)]
mod tests;

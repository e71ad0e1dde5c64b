//! One room: takes what its clients say, a turn at a time, and says what follows.
//! Driven by `hub`'s room task, or by a test from a seed. Everything that is queued goes into one turn, and one turn
//! is one update for everybody: load makes updates bigger, not queues longer.
//! A room never waits, reads no clock and does no I/O.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::change::{Finished, Outcome, Poisoned, Refusal};
use super::client::{Arrival, Client, Debt, Receipt};
use super::document::Document;
use super::durability::{Durability, LogPosition};
use super::effects::{Effects, Fanout};
use super::id::ConnectionId;
use super::input::{Admission, Input, UpdateKind};
use super::presence::{Presence, PresenceChange};
use super::questions::{Question, Questions};
use super::role::Writes;
use super::update::CheckedUpdate;
use crate::wire::close::CloseReason;
use crate::wire::{ServerMessage, SyncStatus};

/// The encoded state is given back when nobody joined for so long.
const STATE_KEPT: Duration = Duration::from_mins(1);
/// So many bytes of differences are made before they are sent.
const ANSWER_BYTES: usize = 4 << 20;
/// Documents below this are encoded in no time worth speaking of.
const SMALL_DOCUMENT: usize = 64 * 1024;

/// Limits of one room.
#[derive(Debug, Clone, Copy)]
pub struct RoomLimits {
    /// Bytes that the encoded document may have.
    pub document_bytes: usize,
    /// Clients that one connection may speak for.
    pub presence_clients: usize,
}

/// A live room.
pub struct Room {
    document: Document,
    presence: Presence,
    durability: Durability,
    clients: HashMap<ConnectionId, Client>,
    questions: Questions,
    /// Some client asked who is here.
    curious: bool,
    /// So many of the next updates are applied one by one: one of them broke the document.
    suspects: usize,
    last_join: Instant,
}

/// The root that those who only comment may write.
const COMMENTS: &str = "comments";

/// The author of what no connection wrote.
const NOBODY: ConnectionId = ConnectionId(0);

type Said = (ConnectionId, Box<CheckedUpdate>, UpdateKind);

impl Room {
    /// Opens a room around its loaded document.
    pub fn new(now: Instant, document: Document, limits: RoomLimits) -> Self {
        Self {
            document,
            presence: Presence::new(now, limits.presence_clients),
            durability: Durability::default(),
            clients: HashMap::new(),
            questions: Questions::default(),
            curious: false,
            suspects: 0,
            last_join: now,
        }
    }

    /// Takes everything from `inputs`, or stops early when the document is lost (see [`Effects::document_lost`]);
    /// what was not taken is still in `inputs`.
    pub fn turn(&mut self, now: Instant, inputs: &mut VecDeque<Input>, admission: Admission) -> Effects {
        let mut effects = Effects::default();
        let mut updates = VecDeque::new();
        for input in std::mem::take(inputs) {
            match input {
                Input::Update { from, update, kind } => match admission {
                    Admission::Open => updates.push_back((from, update, kind)),
                    Admission::ReadOnly => self.refuse_update(from, kind, Unwritten::ForNow, &mut effects),
                },
                // Those who come are there before anything they say is looked at.
                Input::Join(arrival) => self.welcome(&arrival, &mut effects),
                Input::Permit { to, writes } => self.permit(to, writes),
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
        effects
    }

    fn welcome(&mut self, arrival: &Arrival, effects: &mut Effects) {
        // Hocuspocus says who is here before anything else; y-websocket when the document was sent.
        if arrival.receipt == Receipt::Status && !self.presence.is_empty() {
            let everyone = ServerMessage::Presence(self.presence.everyone(None));
            effects.replies.push((arrival.connection, everyone));
        }
        self.clients.insert(arrival.connection, Client::new(arrival));
    }

    /// A client that may write more than before is asked for what it could not write.
    fn permit(&mut self, connection: ConnectionId, writes: Writes) {
        let Some(client) = self.clients.get_mut(&connection) else { return };
        if writes > client.writes && client.debt == Debt::Forbidden {
            client.debt = Debt::ForNow;
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

    fn take(&mut self, now: Instant, input: Input, effects: &mut Effects) {
        match input {
            Input::Leave(connection) => {
                self.clients.remove(&connection);
                self.questions.forget(connection);
                self.durability.forget(connection);
                self.presence.leave(now, connection);
            }
            Input::Step1 { from, known } => {
                self.last_join = now;
                if let Some(client) = self.clients.get_mut(&from) {
                    client.starts_anew();
                    self.durability.forget_statuses(from);
                }
                self.questions.ask(from, Question::Step1(known));
            }
            Input::Heal { to, known } => self.questions.ask(to, Question::Heal(known)),
            Input::Presence { from, entries } => match self.presence.hear(now, from, entries) {
                Ok(heard) => {
                    if !heard.cures.is_empty() {
                        effects.replies.push((from, ServerMessage::Presence(heard.cures)));
                    }
                    let peers = heard.peers.into_iter();
                    effects.replies.extend(peers.map(|(to, entry)| (to, ServerMessage::Presence(vec![entry]))));
                    effects.challenges.extend(heard.challenged);
                }
                Err(refusal) => self.refuse(from, refusal.into(), effects),
            },
            Input::QueryPresence(from) => {
                if let Some(client) = self.clients.get_mut(&from) {
                    client.curious = true;
                    self.curious = true;
                }
            }
            Input::Probe { from, probe } => {
                let Some(client) = self.clients.get_mut(&from) else { return };
                if client.refused || client.debt != Debt::None {
                    client.probe = Some(probe);
                    return;
                }
                effects.replies.extend(self.durability.probe(from, probe).map(|message| (from, message)));
            }
            Input::Stateless { from, text } => effects.texts.push((from, text)),
            Input::Join(_) | Input::Permit { .. } | Input::Update { .. } => unreachable!("they were taken first"),
        }
    }

    /// The connection is closed for what it sent, and nothing that it sent is called saved from here on.
    fn refuse(&mut self, connection: ConnectionId, reason: CloseReason, effects: &mut Effects) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.refused = true;
        }
        effects.closes.push((connection, reason));
    }

    /// An update is not taken, and its sender is told so once, or each time when it counts.
    fn refuse_update(&mut self, from: ConnectionId, kind: UpdateKind, why: Unwritten, effects: &mut Effects) {
        let Some(client) = self.clients.get_mut(&from) else { return };
        let debt = if why == Unwritten::ForNow { Debt::ForNow } else { Debt::Forbidden };
        let known = std::mem::replace(&mut client.debt, debt);
        match client.receipt {
            Receipt::Echo if known != debt => effects.replies.push((from, ServerMessage::Denied(why.text()))),
            Receipt::Echo => {}
            Receipt::Status => {
                let count = client.statuses(kind);
                client.refuse_statuses(count);
                let refused = (0..count).map(|_| (from, ServerMessage::SyncStatus(SyncStatus::Refused)));
                effects.replies.extend(refused);
            }
        }
    }

    /// Whether the sender of an update may write it. What it says is in the document already is no write.
    fn unwritten(&mut self, from: ConnectionId, update: &CheckedUpdate, kind: UpdateKind) -> Option<Unwritten> {
        match self.clients.get(&from).map_or(Writes::Everything, |client| client.writes) {
            Writes::Everything => None,
            // An answer carries all that its client ever deleted or saw deleted.
            Writes::Nothing if kind == UpdateKind::Answer && self.document.brings_nothing(update) => None,
            Writes::Nothing => Some(Unwritten::ReadOnly),
            Writes::Comments if self.document.only_touches(update, COMMENTS) && self.is_own(from, update) => None,
            Writes::Comments => Some(Unwritten::OnlyComments),
        }
    }

    /// Whether nobody else who is here speaks for the clients whose blocks these are: blocks in their name would make
    /// everybody ignore what they write themselves.
    fn is_own(&self, from: ConnectionId, update: &CheckedUpdate) -> bool {
        update.clients().all(|client| self.presence.speaker_of(client).is_none_or(|speaker| speaker == from))
    }

    /// The update was taken, or said nothing new: its sender hears of it when all of it is durable.
    fn acknowledge(&mut self, from: ConnectionId, kind: UpdateKind, effects: &mut Effects) {
        let Some(client) = self.clients.get_mut(&from).filter(|client| !client.refused) else { return };
        let mut count = client.statuses(kind);
        let mut probe = None;
        if kind == UpdateKind::Answer && client.debt == Debt::Asked {
            client.debt = Debt::None;
            count += client.take_refused();
            probe = client.probe.take();
        }
        let statuses = self.durability.statuses(from, count);
        effects.replies.extend(statuses.into_iter().map(|message| (from, message)));
        let probe = probe.and_then(|probe| self.durability.probe(from, probe));
        effects.replies.extend(probe.map(|message| (from, message)));
    }

    /// Applies updates in as few changes as possible. On `Poisoned`, what was not applied is back in `inputs`.
    fn take_updates(
        &mut self,
        mut updates: VecDeque<Said>,
        inputs: &mut VecDeque<Input>,
        effects: &mut Effects,
    ) -> Result<(), Poisoned> {
        while let Some(first) = updates.pop_front() {
            if let Some(why) = self.unwritten(first.0, &first.1, first.2) {
                self.refuse_update(first.0, first.2, why, effects);
                continue;
            }
            // Nobody is refused on an estimate.
            let mut outlook = self.document.outlook();
            if !outlook.with(&first.1) && self.document.is_estimated() {
                self.document.measure();
                outlook = self.document.outlook();
                outlook.with(&first.1);
            }
            let together = self.goes_with_others(&first) && self.suspects == 0;
            let mut group: SmallVec<[Said; 1]> = smallvec::smallvec![first];
            while together
                && let Some(next) = updates.front()
                && self.goes_with_others(next)
                && outlook.with(&next.1)
            {
                group.extend(updates.pop_front());
            }
            self.suspects = self.suspects.saturating_sub(1);
            if let Err(back) = self.apply(group, effects) {
                self.suspects = back.len();
                let rest = updates.into_iter().map(|(from, update, kind)| Input::Update { from, update, kind });
                for input in back.into_iter().chain(rest).rev().collect::<Vec<_>>() {
                    inputs.push_front(input);
                }
                return Err(Poisoned);
            }
        }
        Ok(())
    }

    /// Whether an update may be applied together with others. One that is looked at more closely is applied alone,
    /// so that the document is as it was when it was looked at.
    fn goes_with_others(&self, (from, _, kind): &Said) -> bool {
        let writes = self.clients.get(from).map_or(Writes::Everything, |client| client.writes);
        *kind == UpdateKind::Live && writes == Writes::Everything
    }

    /// Applies a group of updates as one change. When that breaks the document, a single update is the culprit and
    /// its sender is closed; of several, all come back to be tried one by one.
    fn apply(&mut self, group: SmallVec<[Said; 1]>, effects: &mut Effects) -> Result<(), Vec<Input>> {
        let senders: SmallVec<[(ConnectionId, Bytes, UpdateKind); 1]> =
            group.iter().map(|(from, update, kind)| (*from, update.raw.clone(), *kind)).collect();
        let mut applied = Applied::default();
        match apply_all(&mut self.document, group, &mut applied) {
            Ok(finished) => {
                self.note(applied, finished, effects);
                Ok(())
            }
            Err(Poisoned) if senders.len() == 1 => {
                effects.closes.push((senders[0].0, CloseReason::Malformed));
                Err(Vec::new())
            }
            Err(Poisoned) => Err(senders.into_iter().map(again).collect()),
        }
    }

    fn note(&mut self, mut applied: Applied, finished: Finished, effects: &mut Effects) {
        if let Finished { update: Some(update), partial: true, .. } = &finished {
            // Of a refused update something is in the document: everybody hears of it, and so does the log.
            let sender = applied.refused.first().map_or(NOBODY, |(sender, _)| *sender);
            applied.authors.push((sender, update.clone()));
        }
        // What one author wrote in one turn comes back to it as the one update that it became for all.
        let sole = match (&applied.authors[..], &finished.update) {
            ([(first, _), rest @ ..], Some(update))
                if applied.orphans.is_empty() && rest.iter().all(|(author, _)| author == first) =>
            {
                Some((*first, update.clone()))
            }
            _ => None,
        };
        for (from, raw) in applied.authors.iter().chain(&applied.orphans) {
            effects.log.push(raw.clone());
            self.durability.append();
            if sole.is_none() && self.hears_echoes(*from) {
                self.durability.echo(*from, raw.clone());
            }
        }
        if let Some((author, update)) = sole
            && self.hears_echoes(author)
        {
            self.durability.echo(author, update);
        }
        for (from, kind) in std::mem::take(&mut applied.taken) {
            self.acknowledge(from, kind, effects);
        }
        if let Some(update) = finished.update {
            effects.fanouts.push(Fanout { update, authors: applied.authors });
        }
        for (from, raw) in applied.orphans {
            effects.fanouts.push(Fanout { update: raw.clone(), authors: smallvec::smallvec![(from, raw)] });
            let asked = |(to, message): &(ConnectionId, ServerMessage)| {
                *to == from && matches!(message, ServerMessage::Step1(_))
            };
            if !effects.replies.iter().any(asked) {
                effects.replies.push((from, ServerMessage::Step1(self.document.state_vector())));
                if let Some(client) = self.clients.get_mut(&from) {
                    client.asked();
                }
            }
        }
        effects.closes.extend(applied.refused);
    }

    fn hears_echoes(&self, connection: ConnectionId) -> bool {
        self.clients.get(&connection).is_some_and(|client| client.receipt == Receipt::Echo)
    }

    /// Answers those who asked for the document's state, as many as fit into some megabytes; call it again while
    /// `has_questions`. Apart from `turn` because it may be dear, and everybody else's news go first.
    pub fn answer(&mut self) -> Vec<(ConnectionId, Vec<ServerMessage>)> {
        let mut differences: HashMap<Bytes, Bytes> = HashMap::new();
        let mut vector = None;
        let mut answers = Vec::new();
        let mut bytes = 0;
        while bytes < ANSWER_BYTES
            && let Some((connection, question)) = self.questions.pop()
        {
            if !self.clients.contains_key(&connection) {
                continue;
            }
            let known = question.known();
            let mut state: Vec<ServerMessage> = if is_nothing(known) {
                // Shared by all who ask for it, so it counts for nothing.
                let (first, full) = self.document.full_state();
                first.map(ServerMessage::Update).into_iter().chain([ServerMessage::Step2(full)]).collect()
            } else {
                let document = &self.document;
                let difference = differences.entry(known.clone()).or_insert_with(|| document.difference(known)).clone();
                bytes += difference.len();
                vec![ServerMessage::Step2(difference)]
            };
            state.extend(self.document.orphans().map(|orphan| ServerMessage::Update(orphan.raw.clone())));
            let client = self.clients.get_mut(&connection).expect("it was just looked up");
            let first = !std::mem::replace(&mut client.greeted, true);
            let is_heal = matches!(question, Question::Heal(_));
            let counts = client.receipt == Receipt::Status;
            let mut messages = Vec::with_capacity(state.len() + 2);
            if first || is_heal || counts || self.document.lacks(known) {
                let vector = vector.get_or_insert_with(|| self.document.state_vector());
                messages.push(ServerMessage::Step1(vector.clone()));
                if is_heal {
                    client.asked();
                }
            }
            if counts {
                messages.append(&mut state);
            } else {
                messages.splice(0..0, state);
                if first && !self.presence.is_empty() {
                    messages.push(ServerMessage::Presence(self.presence.everyone(Some(connection))));
                }
            }
            answers.push((connection, messages));
        }
        answers
    }

    /// Whether somebody waits for `answer`.
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// Whether `answer` will take long enough to be kept away from other rooms' tasks.
    pub fn answer_is_heavy(&self) -> bool {
        let encodes = |known: &Bytes| !is_nothing(known) || !self.document.state_is_ready();
        self.document.size() > SMALL_DOCUMENT && self.questions.known().any(encodes)
    }

    /// Presence that changed since this was last asked.
    pub fn take_presence(&mut self) -> Option<PresenceChange> {
        self.presence.take_changes()
    }

    /// The log is on disk up to `position`: what to tell to whom.
    pub fn durable(&mut self, position: LogPosition) -> Vec<(ConnectionId, ServerMessage)> {
        self.durability.reached(position)
    }

    /// Time passes: presence expires, memory is given back, and those whose changes were refused in a read-only
    /// room are asked for them when it is open again.
    pub fn tick(&mut self, now: Instant, admission: Admission) -> Vec<(ConnectionId, ServerMessage)> {
        self.presence.sweep(now);
        if now.duration_since(self.last_join) > STATE_KEPT {
            self.document.forget_state();
        }
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

    /// Goes on with a document that was loaded anew.
    pub fn replace_document(&mut self, document: Document) {
        self.document = document;
    }

    /// The document's state vector.
    pub fn state_vector(&self) -> Bytes {
        self.document.state_vector()
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// How many rows this room gave to the log.
    pub fn appended(&self) -> LogPosition {
        self.durability.appended()
    }

    /// Whether all of them are durable.
    pub fn is_settled(&self) -> bool {
        self.durability.is_settled()
    }

    /// How many clients are present.
    pub fn present(&self) -> usize {
        self.presence.len()
    }
}

/// What became of the updates of one change.
#[derive(Default)]
struct Applied {
    authors: SmallVec<[(ConnectionId, Bytes); 1]>,
    orphans: Vec<(ConnectionId, Bytes)>,
    refused: Vec<(ConnectionId, CloseReason)>,
    /// Whose updates were not refused, one by one.
    taken: SmallVec<[(ConnectionId, UpdateKind); 1]>,
}

/// Why an update is not taken although there is nothing wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwritten {
    /// Too much is unsaved.
    ForNow,
    /// Its sender may write nothing.
    ReadOnly,
    /// Its sender may write comments, and this is something else.
    OnlyComments,
}

impl Unwritten {
    fn text(self) -> &'static str {
        match self {
            Self::ForNow => "changes cannot be saved at the moment; they are asked for again when they can",
            Self::ReadOnly => "read-only: changes are not taken",
            Self::OnlyComments => "only comments are taken",
        }
    }
}

fn apply_all(document: &mut Document, group: SmallVec<[Said; 1]>, applied: &mut Applied) -> Result<Finished, Poisoned> {
    let mut change = document.change();
    for (from, update, kind) in group {
        let raw = update.raw.clone();
        match change.apply(*update, from.0)? {
            Outcome::Applied => applied.authors.push((from, raw)),
            Outcome::Orphaned => applied.orphans.push((from, raw)),
            Outcome::Refused(refusal) => {
                applied.refused.push((from, refusal.into()));
                continue;
            }
            Outcome::Known => {}
        }
        applied.taken.push((from, kind));
    }
    change.finish()
}

/// An update to be tried once more.
fn again((from, raw, kind): (ConnectionId, Bytes, UpdateKind)) -> Input {
    let update = CheckedUpdate::parse_stored(raw).expect("it was parsed when it came");
    Input::Update { from, update: Box::new(update), kind }
}

/// Whether a state vector says "I have nothing": one that is missing, or counts no client.
fn is_nothing(vector: &[u8]) -> bool {
    matches!(vector, [] | [0, ..])
}

impl From<Refusal> for CloseReason {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooLarge => Self::TooLarge,
            Refusal::TooDeep | Refusal::TooManyOrphans | Refusal::Impossible => Self::Malformed,
        }
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

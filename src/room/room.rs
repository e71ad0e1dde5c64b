//! One room: takes what its clients say, a turn at a time, and says what follows.
//! Driven by `hub`'s room task, or by a test from a seed. Everything that is queued goes into one turn, and one turn
//! is one update for everybody: load makes updates bigger, not queues longer.
//! A room never waits, reads no clock and does no I/O.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::SmallVec;

use super::change::{Finished, Outcome, Poisoned, Refusal};
use super::document::Document;
use super::durability::{Durability, LogPosition};
use super::effects::{Effects, Fanout};
use super::id::ConnectionId;
use super::input::{Admission, Input, UpdateKind};
use super::presence::{Presence, PresenceChange};
use super::questions::{Question, Questions};
use super::update::CheckedUpdate;
use crate::wire::ServerMessage;
use crate::wire::close::CloseReason;

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

#[derive(Debug, Default)]
struct Client {
    /// Its first Step1 was answered, and it was told who is here.
    greeted: bool,
    debt: Debt,
    /// It asked who is here.
    curious: bool,
    /// It is being closed for what it sent: nothing that it sent is called saved any more.
    refused: bool,
    /// A probe that came while the room had not taken all that the client sent before it.
    probe: Option<Bytes>,
}

/// What a client has that the room refused to take while it was read-only.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Debt {
    /// Nothing.
    #[default]
    None,
    /// An update; the client will be asked for what it has.
    Refused,
    /// An update, and the client was asked.
    Asked,
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
                    Admission::ReadOnly => self.refuse_for_now(from, &mut effects),
                },
                // Those who come are there before anything they say is looked at.
                Input::Join(connection) => drop(self.clients.insert(connection, Client::default())),
                other => inputs.push_back(other),
            }
        }
        let mut answered: SmallVec<[ConnectionId; 4]> =
            updates.iter().filter(|(.., kind)| *kind == UpdateKind::Answer).map(|(from, ..)| *from).collect();
        effects.document_lost = self.take_updates(updates, inputs, &mut effects).is_err();
        if effects.document_lost {
            answered.retain(|from| !inputs.iter().any(|input| is_answer_of(input, *from)));
        }
        for (connection, reason) in std::mem::take(&mut effects.closes) {
            self.refuse(connection, reason, &mut effects);
        }
        self.settle_debts(&answered, &mut effects);
        if effects.document_lost {
            return effects;
        }
        while let Some(input) = inputs.pop_front() {
            self.take(now, input, &mut effects);
        }
        self.tell_who_is_here(&mut effects);
        effects
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
            Input::Join(_) | Input::Update { .. } => unreachable!("they were taken first"),
        }
    }

    /// The connection is closed for what it sent, and nothing that it sent is called saved from here on.
    fn refuse(&mut self, connection: ConnectionId, reason: CloseReason, effects: &mut Effects) {
        if let Some(client) = self.clients.get_mut(&connection) {
            client.refused = true;
        }
        effects.closes.push((connection, reason));
    }

    fn refuse_for_now(&mut self, from: ConnectionId, effects: &mut Effects) {
        if let Some(client) = self.clients.get_mut(&from)
            && std::mem::replace(&mut client.debt, Debt::Refused) == Debt::None
        {
            let reason = "changes cannot be saved at the moment; they are asked for again when they can";
            effects.replies.push((from, ServerMessage::Denied(reason)));
        }
    }

    /// Clients that were asked for what was refused have answered: a probe that waited for that goes on.
    fn settle_debts(&mut self, answered: &[ConnectionId], effects: &mut Effects) {
        for from in answered {
            let Some(client) =
                self.clients.get_mut(from).filter(|client| client.debt == Debt::Asked && !client.refused)
            else {
                continue;
            };
            client.debt = Debt::None;
            let Some(probe) = client.probe.take() else { continue };
            effects.replies.extend(self.durability.probe(*from, probe).map(|message| (*from, message)));
        }
    }

    /// Applies updates in as few changes as possible. On `Poisoned`, what was not applied is back in `inputs`.
    fn take_updates(
        &mut self,
        mut updates: VecDeque<Said>,
        inputs: &mut VecDeque<Input>,
        effects: &mut Effects,
    ) -> Result<(), Poisoned> {
        while let Some(first) = updates.pop_front() {
            // Nobody is refused on an estimate.
            let mut outlook = self.document.outlook();
            if !outlook.with(&first.1) && self.document.is_estimated() {
                self.document.measure();
                outlook = self.document.outlook();
                outlook.with(&first.1);
            }
            let together = first.2 == UpdateKind::Live && self.suspects == 0;
            let mut group: SmallVec<[Said; 1]> = smallvec::smallvec![first];
            while together
                && let Some(next) = updates.front()
                && next.2 == UpdateKind::Live
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
            if sole.is_none() {
                self.durability.append_for(*from, raw.clone());
            } else {
                self.durability.append();
            }
        }
        if let Some((author, update)) = sole {
            self.durability.echo(author, update);
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
            }
        }
        effects.closes.extend(applied.refused);
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
            let mut messages = if is_nothing(known) {
                // Shared by all who ask for it, so it counts for nothing.
                let (first, full) = self.document.full_state();
                first.map(ServerMessage::Update).into_iter().chain([ServerMessage::Step2(full)]).collect()
            } else {
                let document = &self.document;
                let difference = differences.entry(known.clone()).or_insert_with(|| document.difference(known)).clone();
                bytes += difference.len();
                vec![ServerMessage::Step2(difference)]
            };
            messages.extend(self.document.orphans().map(|orphan| ServerMessage::Update(orphan.raw.clone())));
            let client = self.clients.get_mut(&connection).expect("it was just looked up");
            let first = !std::mem::replace(&mut client.greeted, true);
            let asks_back = first || matches!(question, Question::Heal(_)) || self.document.lacks(known);
            if asks_back {
                let vector = vector.get_or_insert_with(|| self.document.state_vector());
                messages.push(ServerMessage::Step1(vector.clone()));
            }
            if first && !self.presence.is_empty() {
                messages.push(ServerMessage::Presence(self.presence.everyone(Some(connection))));
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
            for (connection, client) in self.clients.iter_mut().filter(|(_, client)| client.debt == Debt::Refused) {
                client.debt = Debt::Asked;
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
        self.clients.values().any(|client| client.debt == Debt::Refused)
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
}

fn apply_all(document: &mut Document, group: SmallVec<[Said; 1]>, applied: &mut Applied) -> Result<Finished, Poisoned> {
    let mut change = document.change();
    for (from, update, _) in group {
        let raw = update.raw.clone();
        match change.apply(*update, from.0)? {
            Outcome::Applied => applied.authors.push((from, raw)),
            Outcome::Orphaned => applied.orphans.push((from, raw)),
            Outcome::Refused(refusal) => applied.refused.push((from, refusal.into())),
            Outcome::Known => {}
        }
    }
    change.finish()
}

/// An update to be tried once more.
fn again((from, raw, kind): (ConnectionId, Bytes, UpdateKind)) -> Input {
    let update = CheckedUpdate::parse_stored(raw).expect("it was parsed when it came");
    Input::Update { from, update: Box::new(update), kind }
}

fn is_answer_of(input: &Input, connection: ConnectionId) -> bool {
    matches!(input, Input::Update { from, kind: UpdateKind::Answer, .. } if *from == connection)
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
mod tests {
    use super::*;
    use crate::wire::awareness::{AwarenessEntry, ClientId};
    use yrs::{Array, Doc, Map, ReadTxn, Text, Transact, WriteTxn};

    const ADA: ConnectionId = ConnectionId(1);
    const BOB: ConnectionId = ConnectionId(2);
    const MALLORY: ConnectionId = ConnectionId(3);
    const LIMITS: RoomLimits = RoomLimits { document_bytes: 1 << 20, presence_clients: 2 };

    fn update(from: ConnectionId, raw: Bytes) -> Input {
        let update = Box::new(CheckedUpdate::parse(raw).expect("well-formed"));
        Input::Update { from, update, kind: UpdateKind::Live }
    }

    fn letter(client: u64) -> Bytes {
        let doc = Doc::with_client_id(client);
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
        txn.encode_update_v1().into()
    }

    fn room(now: Instant) -> Room {
        let mut room = Room::new(now, Document::new(LIMITS.document_bytes), LIMITS);
        let mut joins = [ADA, BOB, MALLORY].map(Input::Join).into();
        room.turn(now, &mut joins, Admission::Open);
        room
    }

    #[test]
    fn the_author_of_a_turn_hears_of_it_when_it_is_durable() {
        let now = Instant::now();
        let mut room = room(now);
        let effects = room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
        assert_eq!(effects.fanouts[0].authors[0], (ADA, letter(7)));
        assert_eq!(effects.fanouts[0].update, letter(7), "one update goes out as it came");
        assert_eq!(effects.log, [letter(7)]);
        assert_eq!(room.durable(LogPosition(1)), [(ADA, ServerMessage::Update(letter(7)))]);
    }

    #[test]
    fn an_honest_bulk_edit_is_never_refused_on_an_estimate() {
        let now = Instant::now();
        let mut room = room(now);
        let doc = Doc::with_client_id(7);
        let items = doc.get_or_insert_map("items");
        // Each hangs on its neighbour's place, so that its depth can only be estimated.
        let list = items.insert(&mut doc.transact_mut(), "list", yrs::ArrayPrelim::default());
        let add = || {
            let mut txn = doc.transact_mut();
            let item = yrs::MapPrelim::from([("title", yrs::In::from(yrs::TextPrelim::new("x")))]);
            list.push_back(&mut txn, item);
            txn.encode_update_v1()
        };
        let first = doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
        let mut inputs: VecDeque<Input> = [update(ADA, first.into())].into();
        inputs.extend((0..1_200).map(|_| update(ADA, add().into())));
        let effects = room.turn(now, &mut inputs, Admission::Open);
        assert_eq!((effects.closes, effects.log.len()), (Vec::new(), 1_201));
    }

    #[test]
    fn nothing_that_a_refused_client_sent_is_called_saved() {
        let now = Instant::now();
        let mut room = room(now);
        let state = Some(Bytes::from_static(b"{no json"));
        let entry = AwarenessEntry { client: ClientId(9), clock: 1, state };
        let probe = Input::Probe { from: MALLORY, probe: Bytes::from_static(&[102, 1, 1]) };
        let presence = Input::Presence { from: MALLORY, entries: vec![entry] };
        let effects = room.turn(now, &mut [presence, probe].into(), Admission::Open);
        assert_eq!(effects.closes, [(MALLORY, CloseReason::Malformed)]);
        assert!(effects.replies.is_empty());
    }

    #[test]
    fn a_connection_has_one_question_at_a_time() {
        let now = Instant::now();
        let mut room = room(now);
        room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
        let step = |number| Input::Step1 { from: BOB, known: Bytes::from(vec![1, number, 1]) };
        room.turn(now, &mut (1..100).map(step).collect(), Admission::Open);
        assert_eq!(room.answer().len(), 1);
        assert!(!room.has_questions());
    }

    #[test]
    fn what_is_known_is_no_news() {
        let now = Instant::now();
        let mut room = room(now);
        room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
        let effects = room.turn(now, &mut [update(BOB, letter(7))].into(), Admission::Open);
        assert!(effects.fanouts.is_empty() && effects.log.is_empty());
    }

    #[test]
    fn an_update_that_breaks_the_library_costs_its_sender_the_socket_and_nobody_anything() {
        let now = Instant::now();
        let mut room = room(now);
        room.document.panic_on_client(9);
        let broken = || update(MALLORY, letter(9));
        let mut log = Vec::new();
        let mut closes = Vec::new();
        // Together with others it makes all of them come back, to be tried one by one; alone it is the culprit.
        for mut inputs in
            [vec![update(ADA, letter(7)), broken(), update(BOB, letter(8))], vec![broken()]].map(VecDeque::from)
        {
            loop {
                let effects = room.turn(now, &mut inputs, Admission::Open);
                log.extend(effects.log);
                closes.extend(effects.closes);
                if !effects.document_lost {
                    break;
                }
                let loaded = super::super::fold::open(None, &log, LIMITS.document_bytes).expect("a good log").document;
                room.replace_document(loaded);
                room.document.panic_on_client(9);
            }
        }
        assert_eq!(closes, [(MALLORY, CloseReason::Malformed); 2]);
        assert_eq!(log, [letter(7), letter(8)]);
    }

    #[test]
    fn a_read_only_room_asks_for_what_it_refused_when_it_is_open_again() {
        let now = Instant::now();
        let mut room = room(now);
        let effects = room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::ReadOnly);
        assert!(effects.log.is_empty() && effects.fanouts.is_empty());
        assert!(matches!(effects.replies[..], [(ADA, ServerMessage::Denied(_))]));
        assert!(room.tick(now, Admission::ReadOnly).is_empty());
        let probe = Bytes::from_static(&[102, 1, 1]);
        let asks = || [Input::Probe { from: ADA, probe: Bytes::from_static(&[102, 1, 1]) }].into();
        assert!(room.turn(now, &mut asks(), Admission::Open).replies.is_empty(), "what was refused is not saved");
        assert!(matches!(room.tick(now, Admission::Open)[..], [(ADA, ServerMessage::Step1(_))]));
        let answer = CheckedUpdate::parse(letter(7)).expect("well-formed");
        let answer = Input::Update { from: ADA, update: Box::new(answer), kind: UpdateKind::Answer };
        let effects = room.turn(now, &mut [answer].into(), Admission::Open);
        assert!(effects.replies.is_empty() && effects.log.len() == 1);
        assert!(room.durable(LogPosition(1)).contains(&(ADA, ServerMessage::Probe(probe))));
    }

    #[test]
    fn a_heal_is_one_difference_and_a_question() {
        let now = Instant::now();
        let mut room = room(now);
        let before = room.state_vector();
        room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
        room.turn(now, &mut [Input::Heal { to: BOB, known: before }].into(), Admission::Open);
        let answers = room.answer();
        assert!(matches!(&answers[0].1[..], [ServerMessage::Step2(_), ServerMessage::Step1(_)]));
    }
}

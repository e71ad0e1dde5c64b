//! One person of a crowd: connects, joins, hears what the others write, and writes when the pacer says so. Lives on one thread and
//! shares that thread's meter and decoded messages with everybody there, so a delivery takes no lock. It never builds a document:
//! what came is known by its clocks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use humantime::format_duration;
use tokio::sync::OwnedSemaphorePermit;

use super::client::outgoing::Outgoing;
use super::client::socket::{Closed, ConnectError, Message};
use super::client::{self, Dialect, Say, events, socket};
use super::coverage::Coverage;
use super::decoded::{Decoded, Kind};
use super::hearing::Hearing;
use super::meter::{Measure, Meter};
use super::plan::Plan;
use super::presence::Said;
use super::schedule::nanoseconds;
use super::stage::{RoomHere, Stage};
use super::writer::EDIT;
use crate::wire::lib0::{Reader, put_number};

/// How long a person waits before coming back.
const COME_BACK: Duration = Duration::from_millis(100);

/// Where a person stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Not connected, or not joined yet.
    Away,
    /// Joined.
    Here,
}

/// Somebody in a room.
#[derive(Debug)]
pub struct Person {
    /// The number among all people, which decides about the node.
    index: usize,
    /// Where.
    pub room: Rc<RoomHere>,
    /// The number in the room; the first ones are its writers.
    pub place: usize,
    /// What has come.
    pub coverage: RefCell<Coverage>,
    newest_moves: RefCell<Vec<u32>>,
    hearing: RefCell<Hearing>,
    /// When it was last told the document.
    here_since: Cell<u64>,
    next_message: Cell<u64>,
    outgoing: RefCell<Option<Rc<Outgoing>>>,
    presence: Cell<Presence>,
    joins: Cell<u32>,
    /// How many edits were made.
    pub made: Cell<u32>,
    /// How many of them went by this connection, or were known; nothing until the server has asked.
    offered: Cell<Option<u32>>,
    moved: Cell<u32>,
    /// Until when nothing is read.
    pub reads_again: Cell<Option<Instant>>,
    opening: RefCell<Option<OwnedSemaphorePermit>>,
    /// The storms that it has not come back from, and when each was.
    storms: RefCell<Vec<(usize, Instant)>>,
}

/// Why a connection is over.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error(transparent)]
    Refused(#[from] ConnectError),
    #[error(transparent)]
    Closed(#[from] Closed),
    #[error("the document has not come after {}", format_duration(*.0))]
    NoDocument(Duration),
}

impl Person {
    /// The person with this number, in its room.
    pub fn new(plan: &Plan, index: usize, room: Rc<RoomHere>) -> Self {
        Self {
            index,
            place: index % plan.crowd.clients,
            coverage: RefCell::new(Coverage::new(plan.crowd.writers)),
            newest_moves: RefCell::new(vec![0; plan.movers()]),
            hearing: RefCell::default(),
            here_since: Cell::new(0),
            next_message: Cell::new(0),
            outgoing: RefCell::new(None),
            presence: Cell::new(Presence::Away),
            joins: Cell::new(0),
            made: Cell::new(0),
            offered: Cell::new(None),
            moved: Cell::new(0),
            reads_again: Cell::new(None),
            opening: RefCell::new(None),
            storms: RefCell::default(),
            room,
        }
    }

    /// Whether it ever was in the room.
    pub fn has_joined(&self) -> bool {
        self.joins.get() > 0
    }

    /// Whether it was in the room, and is not now.
    pub fn is_away(&self) -> bool {
        self.has_joined() && self.presence.get() == Presence::Away
    }

    /// How many others there are whose newest moves and statuses it should have seen, and of how many it has not, or has seen one
    /// that they never told. Those who are not here should see nothing.
    pub fn statuses(&self, newest: impl Iterator<Item = u32>) -> (u64, u64) {
        if self.presence.get() == Presence::Away {
            return (0, 0);
        }
        let seen = self.newest_moves.borrow();
        let told = newest.enumerate().filter(|(place, told)| *place != self.place && *told > 0);
        told.fold((0, 0), |(expected, lost), (place, told)| (expected + 1, lost + u64::from(seen[place] != told)))
    }

    /// Whether it has a connection.
    pub fn is_connected(&self) -> bool {
        self.outgoing.borrow().is_some()
    }

    /// What it has, as a Yjs state vector.
    fn vector(&self) -> Vec<u8> {
        let (coverage, made) = (self.coverage.borrow(), self.made.get() * EDIT);
        let seen = |writer| if writer == self.place { made } else { coverage.seen(writer) };
        let has: Vec<_> =
            (0..self.room.edits.len()).map(|writer| (writer, seen(writer))).filter(|has| has.1 > 0).collect();
        let mut vector = Vec::with_capacity(1 + 10 * has.len());
        put_number(&mut vector, has.len() as u64);
        for (writer, clock) in has {
            put_number(&mut vector, self.room.authors.writers[writer].client);
            put_number(&mut vector, clock.into());
        }
        vector
    }

    /// Makes the next edit, and sends it if there is a way: else it goes with the answer when the server asks.
    pub fn edit(&self, stage: &Stage, meant: u64) {
        let number = self.made.get();
        if self.is_away() && !stage.plan.comes_back() {
            return;
        }
        self.made.set(number + 1);
        stage.made.add(self.room.index, self.place);
        let mut meter = stage.meter.borrow_mut();
        meter.counts.sent_at_all += 1;
        if self.room.edits[self.place].measured().contains(&number) {
            meter.counts.sent += 1;
            meter.record(Measure::SendLag, stage.now().saturating_sub(meant));
        }
        drop(meter);
        // What was made before goes with the answer to the server's question, and nothing goes before it.
        let is_in_step = self.offered.get().is_some() || self.joins.get() <= 1 || self.room.dialect.never_asks();
        if self.presence.get() == Presence::Here && is_in_step {
            self.send_edit(stage, number);
            self.offered.set(self.offered.get().map(|_| number + 1));
        }
    }

    fn send_edit(&self, stage: &Stage, number: u32) {
        let writer = &self.room.authors.writers[self.place];
        let outgoing = self.outgoing.borrow();
        let Some(outgoing) = outgoing.as_ref() else { return };
        let mut message = Vec::with_capacity(256);
        // A socket that fails is noticed by its reader.
        let _ = if let Dialect::Events = self.room.dialect {
            events::edit(&stage.plan.run, self.place, number, writer, &mut message);
            outgoing.send_text(&message)
        } else {
            let mut update = Vec::with_capacity(64);
            writer.update(number * EDIT..(number + 1) * EDIT, &mut update);
            self.room.dialect.write(Say::Update(&update), &mut message);
            stage.keep(outgoing, &message)
        };
    }

    /// Sends what was made since the server's question was answered.
    fn catch_up(&self) {
        let (Some(offered), made) = (self.offered.get(), self.made.get()) else { return };
        if offered < made {
            let mut update = Vec::new();
            self.room.authors.writers[self.place].update(offered * EDIT..made * EDIT, &mut update);
            self.say(Say::Update(&update));
            self.offered.set(Some(made));
        }
    }

    /// Moves the cursor.
    pub fn step(&self, stage: &Stage, meant: u64) {
        let number = self.moved.get();
        self.moved.set(number + 1);
        if self.presence.get() == Presence::Away {
            return;
        }
        self.announce(stage, number + 1);
        let mut meter = stage.meter.borrow_mut();
        meter.counts.moves += 1;
        meter.record(Measure::SendLag, stage.now().saturating_sub(meant));
    }

    /// Says that it is here, and where its cursor is.
    fn announce(&self, stage: &Stage, number: u32) {
        let place = u32::try_from(self.place).expect("fewer fit on a machine");
        let said = Said { room: self.room.index, place, number };
        let presence = said.by_person(stage.plan.first_client() + u64::from(place), number);
        if self.say(Say::Presence(&presence)) && number > 0 {
            stage.made.tell(self.room.index, self.place, number);
        }
    }

    /// Says something, if there is a way and the protocol has it; whether it does.
    fn say(&self, say: Say<'_>) -> bool {
        let (outgoing, message) = (self.outgoing.borrow(), self.room.dialect.message(say));
        let (Some(outgoing), Some(message)) = (outgoing.as_ref(), message) else { return false };
        // A socket that fails is noticed by its reader.
        let _ = outgoing.send_binary(&message);
        true
    }

    /// Says goodbye.
    pub fn leave(&self) {
        if let Some(outgoing) = self.outgoing.borrow_mut().take() {
            outgoing.close();
        }
    }

    /// Loses its connection in a storm, with everybody else. Who has not come back from the one before has to come back from both.
    pub fn be_hit(&self, stage: &Stage, storm: usize, at: Instant) {
        self.fall(stage);
        if self.has_joined() {
            self.storms.borrow_mut().push((storm, at));
        }
    }

    /// The storms that it has not come back from have lasted until now, whether it comes back now or never. When the first was.
    pub fn outlast(&self, stage: &Stage) -> Option<Instant> {
        let storms = self.storms.take();
        for (number, hit) in &storms {
            stage.storm_lasts(*number, nanoseconds(hit.elapsed()));
        }
        storms.first().map(|(_, hit)| *hit)
    }

    /// The connection is gone without a word.
    pub fn fall(&self, stage: &Stage) {
        self.outgoing.borrow_mut().take();
        self.opening.borrow_mut().take();
        self.offered.set(None);
        self.hearing.borrow_mut().end();
        if self.presence.replace(Presence::Away) == Presence::Here {
            stage.meter.borrow_mut().counts.left += 1;
            if self.moved.get() > 0 {
                // Others may have been told that it is gone before they saw its last move.
                stage.made.tell(self.room.index, self.place, 0);
            }
        }
    }
}

/// Lives through one connection, or through one after the other where people come back.
pub async fn live(stage: Rc<Stage>, person: Rc<Person>) {
    loop {
        let was_here = person.has_joined();
        if !was_here {
            let permit = Arc::clone(&stage.opening).acquire_owned().await.expect("nobody closes it");
            person.opening.replace(Some(permit));
        }
        let ended = attend(&stage, &person).await;
        let joined = person.has_joined() && person.presence.get() == Presence::Here;
        person.fall(&stage);
        if let Err(ended) = ended {
            let mut meter = stage.meter.borrow_mut();
            if joined {
                stage.reason(&format_args!("somebody lost the connection: {ended}"));
                meter.counts.closed += 1;
            } else {
                stage.reason(&ended);
                meter.counts.refused += 1;
                if !was_here {
                    drop(meter);
                    stage.settle();
                    return;
                }
            }
        }
        if !stage.plan.comes_back() {
            return;
        }
        tokio::time::sleep(COME_BACK).await;
    }
}

/// One connection, from its beginning to its end.
async fn attend(stage: &Stage, person: &Person) -> Result<(), Ended> {
    let began = Instant::now();
    let room = &person.room;
    let address = client::locate(&stage.plan.target, &room.name, person.index).await?;
    let (mut incoming, outgoing) = socket::connect(&address).await?;
    for message in room.dialect.opening(&person.vector()) {
        outgoing.send_binary(&message)?;
    }
    person.outgoing.replace(Some(outgoing));
    let joining = async {
        while person.presence.get() == Presence::Away {
            let bytes = incoming.read(|message| hear(stage, person, message)).await?;
            stage.meter.borrow_mut().counts.bytes_in += bytes as u64;
        }
        Ok::<_, Closed>(())
    };
    let patience = address.patience;
    tokio::time::timeout(patience, joining).await.map_err(|_| Ended::NoDocument(patience))??;
    arrive(stage, person, began);
    loop {
        let bytes = incoming.read(|message| hear(stage, person, message)).await?;
        stage.meter.borrow_mut().counts.bytes_in += bytes as u64;
        if let Some(until) = person.reads_again.take() {
            tokio::select! {
                () = tokio::time::sleep_until(until.into()) => {}
                () = stage.calm.notified() => {}
            }
        }
    }
}

/// The document is there.
fn arrive(stage: &Stage, person: &Person, began: Instant) {
    let joins = person.joins.get();
    person.joins.set(joins + 1);
    person.opening.borrow_mut().take();
    if stage.plan.presence {
        person.announce(stage, person.moved.get());
    }
    let measure = if joins == 0 { Measure::Join } else { Measure::Reconnect };
    let took = nanoseconds(person.outlast(stage).unwrap_or(began).elapsed());
    let mut meter = stage.meter.borrow_mut();
    meter.counts.joined += 1;
    meter.record(measure, took);
    drop(meter);
    if joins == 0 {
        stage.settle();
    }
}

fn hear(stage: &Stage, person: &Person, message: Message<'_>) {
    let (Message::Binary(bytes) | Message::Text(bytes)) = message;
    let room = &person.room;
    let mut latest = room.latest.borrow_mut();
    let mut next = person.next_message.get();
    let decoded = latest.read(bytes, &mut next, &room.dialect, &room.authors);
    person.next_message.set(next);
    let mut meter = stage.meter.borrow_mut();
    meter.counts.messages_in += 1;
    if decoded.is_wrong {
        meter.counts.corrupted += 1;
    }
    if !decoded.pieces.is_empty() {
        take_pieces(stage, person, decoded, &mut meter);
    }
    if !decoded.moves.is_empty() {
        take_moves(stage, person, decoded, &mut meter);
    }
    match decoded.kind {
        Kind::State => {
            if person.presence.replace(Presence::Here) == Presence::Away {
                person.here_since.set(stage.now());
                person.hearing.borrow_mut().has_document(room.edits.len());
            }
            person.catch_up();
        }
        Kind::Asks => answer(person, decoded.body()),
        Kind::Denied => {
            meter.counts.denied += 1;
            stage.reason(&format_args!("the server refuses: {}", String::from_utf8_lossy(decoded.body())));
        }
        Kind::Update | Kind::Presence | Kind::Saved | Kind::Gap | Kind::Nothing => {}
    }
}

/// Counts what somebody else wrote and this person now sees.
fn take_pieces(stage: &Stage, person: &Person, decoded: &Decoded, meter: &mut Meter) {
    let (now, load) = (stage.now(), nanoseconds(stage.plan.times.load()));
    let (mut coverage, mut hearing) = (person.coverage.borrow_mut(), person.hearing.borrow_mut());
    for piece in &decoded.pieces {
        let writer = piece.writer as usize;
        if let Some(number) = decoded.number {
            stage.made.hear(person.room.index, writer, number);
        }
        if writer == person.place {
            continue;
        }
        let taken = coverage.take(piece);
        // Around its first join a server may say things by news and by the state, in whatever order. A state that comes later heals
        // what was dropped for a client that read too slowly, and may have more in it than that.
        let is_calm = person.presence.get() == Presence::Here && person.has_joined();
        if decoded.kind == Kind::Update
            && is_calm
            && let Some(held) = hearing.judge(piece, &taken)
        {
            meter.counts.out_of_order += u64::from(held.is_late);
            meter.counts.doubled += u64::from(held.repeated.div_ceil(EDIT));
        }
        let edits = &person.room.edits[writer];
        let measured = edits.measured();
        for number in taken.shown.start / EDIT..taken.shown.end / EDIT {
            meter.counts.deliveries_at_all += 1;
            if measured.contains(&number) {
                meter.counts.deliveries += 1;
                meter.counts.in_drain += u64::from(now > load);
                meter.record(Measure::Delivery, now.saturating_sub(edits.moment(number)));
            }
        }
    }
}

/// Counts the moves that somebody else made and this person now sees. The newest of each replaces those before, which are seen with
/// it: how late, by the moment of each. What was made while the person was away is not late.
fn take_moves(stage: &Stage, person: &Person, decoded: &Decoded, meter: &mut Meter) {
    let now = stage.now();
    let mut newest = person.newest_moves.borrow_mut();
    for (place, clock) in &decoded.moves {
        let place = *place as usize;
        let Some(known) = newest.get_mut(place).filter(|known| place != person.place && *clock > **known) else {
            continue;
        };
        let (moves, news) = (&person.room.moves[place], *known..*clock);
        *known = *clock;
        let measured = moves.measured();
        for number in measured.start.max(news.start)..measured.end.min(news.end) {
            let moment = moves.moment(number);
            if moment >= person.here_since.get() {
                meter.counts.moves_seen += 1;
                meter.record(Measure::Status, now.saturating_sub(moment));
            }
        }
    }
}

/// Sends what the server lacks of what this person wrote.
fn answer(person: &Person, vector: &[u8]) {
    let mut update = Vec::new();
    match person.room.authors.writers.get(person.place) {
        Some(writer) => {
            let made = person.made.get() * EDIT;
            let has = clock_of(vector, writer.client).unwrap_or(0).min(made);
            writer.update(has..made, &mut update);
            person.offered.set(Some(person.made.get()));
        }
        None => update.extend_from_slice(&[0, 0]),
    }
    person.say(Say::State(&update));
}

/// What a state vector says of a client.
fn clock_of(vector: &[u8], client: u64) -> Option<u32> {
    let mut reader = Reader::new(vector);
    for _ in 0..reader.count().ok()? {
        let (id, clock) = (reader.number().ok()?, reader.number().ok()?);
        if id == client {
            return u32::try_from(clock).ok();
        }
    }
    None
}

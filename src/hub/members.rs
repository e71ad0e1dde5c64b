//! The connections of one room, as its task sees them: their lines, what each of them is told and surely has, and
//! whether they still live. Owned by the room task.
//! Timers are the room's, not the connections': a quiet room wakes once for all of them.

use std::cell::LazyCell;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use hashbrown::HashMap;

use smallvec::SmallVec;

use super::line::Line;
use super::outbox::Delivered;
use crate::room::effects::Audience;
use crate::room::id::ConnectionId;
use crate::telemetry::Metrics;
use crate::wire::close::CloseReason;
use crate::wire::frame::Frame;
use crate::wire::{Protocol, ServerMessage};

/// Clients reconnect after 30 s without a message; half of that leaves time for a slow network.
pub const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long a challenged connection has to show that it lives.
const CHALLENGE: Duration = Duration::from_secs(5);
/// Checks are at least so far apart.
const CHECK_MIN: Duration = Duration::from_secs(1);

/// How long a connection may be silent or slow.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// After so long without a byte it is asked whether it lives; after three times as long it is closed.
    pub ping: Duration,
    /// So long it may take nothing of what it is sent.
    pub slow: Duration,
}

/// All connections of a room.
pub struct Members {
    /// Boxed, because a map has room for more than are in it.
    all: HashMap<ConnectionId, Box<Member>>,
    /// The lines of those who were shown out, for as long as their sockets want to hear what became of what they wrote.
    shown_out: HashMap<ConnectionId, Weak<Line>>,
    patience: Patience,
    next_check: Instant,
    metrics: Arc<Metrics>,
}

/// One connection. Its line stands first, for that is what a fan-out goes through.
#[repr(C)]
pub struct Member {
    /// Where it is answered.
    pub line: Line,
    /// A state vector that it surely has: a difference from there heals whatever it missed.
    pub base: Bytes,
    /// It is stale and has asked to be healed.
    pub healing: bool,
    challenged: Option<Challenge>,
}

/// A connection was asked to show that it lives.
struct Challenge {
    at: Instant,
    /// How often it had been heard then.
    heard: u64,
}

impl Members {
    /// Nobody yet.
    pub fn new(now: Instant, patience: Patience, metrics: Arc<Metrics>) -> Self {
        Self { all: HashMap::new(), shown_out: HashMap::new(), patience, next_check: now + CHECK_MIN, metrics }
    }

    /// A connection joins.
    pub fn insert(&mut self, now: Instant, line: Line) {
        let member = Member { base: Bytes::new(), healing: false, challenged: None, line };
        self.next_check = self.next_check.min(now + self.patience.ping.min(KEEP_ALIVE));
        self.all.insert(member.line.id(), Box::new(member));
    }

    /// A connection is gone.
    pub fn remove(&mut self, connection: ConnectionId) {
        if let Some(member) = self.all.remove(&connection) {
            // Its socket may go on with other documents.
            member.line.outbox().forget_line(connection);
        }
    }

    /// A connection has to go, and its socket stays.
    pub fn show_out(&mut self, connection: ConnectionId, line: Weak<Line>) {
        self.remove(connection);
        self.shown_out.retain(|_, line| line.strong_count() > 0);
        self.shown_out.insert(connection, line);
    }

    /// Tells somebody who was shown out what became of what they wrote, and nothing else.
    pub fn tell_shown_out(&self, now: Instant, connection: ConnectionId, message: &ServerMessage) {
        let line = self.shown_out.get(&connection).and_then(Weak::upgrade);
        if let (Some(line), ServerMessage::SyncStatus(_)) = (line, message) {
            line.control(now, message);
        }
    }

    /// One connection.
    pub fn get_mut(&mut self, connection: ConnectionId) -> Option<&mut Member> {
        self.all.get_mut(&connection).map(Box::as_mut)
    }

    /// All lines.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.all.values().map(|member| &member.line)
    }

    /// All connections.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.all.keys().copied()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Says something to one connection.
    pub fn send(&mut self, now: Instant, to: ConnectionId, message: &ServerMessage) {
        let Some(line) = self.all.get(&to).map(|member| &member.line) else {
            return self.tell_shown_out(now, to, message);
        };
        let Some(frame) = line.protocol().frame(message) else { return };
        let bytes = frame.len();
        // A difference makes up for everything but these.
        let delivered = if matches!(message, ServerMessage::Probe(_) | ServerMessage::SyncStatus(_)) {
            line.outbox().control(now, &frame);
            Delivered::Written
        } else {
            line.deliver(now, &[frame], None)
        };
        self.count(now, delivered, bytes);
    }

    /// Answers a connection that asked for the document; one that was stale is whole again.
    pub fn answer(&mut self, now: Instant, to: ConnectionId, messages: &[ServerMessage]) {
        let Some(member) = self.all.get_mut(&to) else { return };
        let line = &mut member.line;
        let frames: Vec<Frame> = messages.iter().filter_map(|message| line.protocol().frame(message)).collect();
        let delivered = if std::mem::take(&mut member.healing) {
            self.metrics.heals.increment(1);
            line.heal(now, &frames)
        } else {
            line.deliver(now, &frames, None)
        };
        self.count(now, delivered, frames.iter().map(Frame::len).sum());
    }

    /// Says a client's text to all others who speak a protocol that has such a thing.
    pub fn pass_on(&mut self, now: Instant, from: ConnectionId, text: Bytes) {
        let message = ServerMessage::Stateless(text);
        for line in self.lines().filter(|line| line.id() != from) {
            line.control(now, &message);
        }
        self.watch(now);
    }

    /// Tells JSON sockets what there is for them, each all of it in one write.
    pub fn tell_events(&mut self, now: Instant, events: &[(Audience, Bytes)]) {
        let mut everybodys = Vec::new();
        let mut own: HashMap<ConnectionId, Vec<usize>> = HashMap::new();
        for (at, (audience, _)) in events.iter().enumerate() {
            match audience {
                Audience::Everybody => everybodys.push(at),
                Audience::One(connection) => own.entry(*connection).or_default().push(at),
            }
        }
        let frame = |(_, json): &(_, Bytes)| {
            Protocol::Events.frame(&ServerMessage::Event(json.clone())).expect("it has events")
        };
        let frames: Vec<Frame> = events.iter().map(frame).collect();
        let mut delivered = Vec::new();
        for (connection, member) in &mut self.all {
            let own = own.get(connection);
            if *member.line.protocol() != Protocol::Events || (everybodys.is_empty() && own.is_none()) {
                continue;
            }
            let mut places: SmallVec<[usize; 4]> =
                everybodys.iter().chain(own.into_iter().flatten()).copied().collect();
            places.sort_unstable();
            let mine: SmallVec<[Frame; 4]> = places.into_iter().map(|at| frames[at].clone()).collect();
            // One that was stale is whole again with what is for it alone.
            let result = if own.is_some() && std::mem::take(&mut member.healing) {
                self.metrics.heals.increment(1);
                member.line.heal(now, &mine)
            } else {
                member.line.deliver(now, &mine, None)
            };
            delivered.push((result, mine.iter().map(Frame::len).sum()));
        }
        for (result, bytes) in delivered {
            self.count(now, result, bytes);
        }
    }

    /// Counts one delivery to one connection, and keeps an eye on that connection if it did not take all of it.
    fn count(&mut self, now: Instant, delivered: Delivered, bytes: usize) {
        match delivered {
            Delivered::Dropped => return,
            Delivered::Written => {}
            Delivered::Queued => self.watch(now),
            Delivered::Overflowed => {
                self.metrics.overflows.increment(1);
                self.watch(now);
            }
        }
        self.metrics.deliveries.increment(1);
        self.metrics.bytes_out.increment(bytes as u64);
    }

    /// Somebody else says to be this connection's client: it is closed unless it is heard of soon.
    pub fn challenge(&mut self, now: Instant, connection: ConnectionId) {
        if let Some(member) = self.all.get_mut(&connection) {
            let outbox = member.line.outbox();
            member.challenged.get_or_insert(Challenge { at: now, heard: outbox.pulse().heard_count() });
            outbox.ask(now);
            self.next_check = self.next_check.min(now + CHALLENGE);
        }
    }

    /// Some connection did not take all that it was sent: it is looked at in time.
    pub fn watch(&mut self, now: Instant) {
        self.next_check = self.next_check.min(now + self.patience.slow);
    }

    /// When `check` is due; nothing when nobody is there.
    pub fn next_check(&self) -> Option<Instant> {
        (!self.all.is_empty()).then_some(self.next_check)
    }

    /// Keeps clients' watchdogs quiet, finds out who is dead or slow, and notes what idle connections surely have.
    pub fn check(&mut self, now: Instant, vector: impl FnOnce() -> Bytes) {
        if now < self.next_check {
            return;
        }
        let vector = LazyCell::new(vector);
        let mut next = now + KEEP_ALIVE.min(self.patience.ping);
        for member in self.all.values_mut() {
            if let Some(due) = member.check(now, self.patience) {
                next = next.min(due);
            }
            if member.line.is_current() {
                member.base = vector.clone();
            }
        }
        self.next_check = next.max(now + CHECK_MIN);
    }
}

impl Member {
    /// Checks one connection; returns when it wants to be checked again.
    fn check(&mut self, now: Instant, patience: Patience) -> Option<Instant> {
        let outbox = self.line.outbox();
        if outbox.stalled_since().is_some_and(|since| now.duration_since(since) >= patience.slow) {
            outbox.abort(CloseReason::SlowClient);
            return None;
        }
        let heard = outbox.pulse().heard();
        if let Some(challenge) = &self.challenged {
            if outbox.pulse().heard_count() != challenge.heard {
                self.challenged = None;
            } else if now.duration_since(challenge.at) >= CHALLENGE {
                outbox.abort(CloseReason::Silent);
                return None;
            } else {
                return Some(challenge.at + CHALLENGE);
            }
        }
        let silence = now.saturating_duration_since(heard);
        if silence >= patience.ping * 3 {
            outbox.abort(CloseReason::Silent);
            return None;
        }
        let unanswered =
            outbox.pulse().asked() > heard && now.saturating_duration_since(outbox.pulse().asked()) < patience.ping;
        if silence >= patience.ping && !unanswered {
            outbox.ask(now);
        }
        if now.saturating_duration_since(outbox.pulse().said()) >= KEEP_ALIVE {
            self.line.deliver(now, &[self.line.protocol().keep_alive()], None);
        }
        let stalled = outbox.stalled_since().map(|since| since + patience.slow);
        let due = (heard + patience.ping).max(now + patience.ping / 2).min(outbox.pulse().said() + KEEP_ALIVE);
        Some(stalled.map_or(due, |stalled| stalled.min(due)))
    }
}

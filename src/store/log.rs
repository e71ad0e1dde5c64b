//! The append handle of one open room.
//! The room's task owns it: it appends what a turn accepted, updates, events and latest values, and waits here until that
//! is durable. It must never block or wait to append, and it knows nothing of the database.

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::watch;

use super::error::AppendError;
use super::events::waiting::QueuedLatest;
use super::ledger::Ledger;
use super::life::Life;
use crate::room::durability::LogPosition;
use crate::room::id::RoomId;
use crate::room::kept::{CommittedEvent, EventKind, EventPosition, LatestKey, NewEvent};
use crate::room::node::Incarnation;

/// The most events of one handle that wait to be committed or to be heard of.
pub const UNHEARD_EVENTS: u64 = 16_384;

/// Where the writer announces what of one handle is durable.
pub(super) type Progress = watch::Sender<Announced>;

/// How far one handle's rows are durable, and which of its events are that it has not heard of.
#[derive(Debug, Default)]
pub(super) struct Announced {
    pub(super) durable: LogPosition,
    pub(super) events: Vec<CommittedEvent>,
}

/// What has become durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// All rows up to here are on the disk.
    pub durable: LogPosition,
    /// Events that are there, too, since the last time: in order, each once.
    pub events: Vec<CommittedEvent>,
}

/// Appends rows to one room. Dropping it loses nothing: what it queued is still written.
#[derive(Debug)]
pub struct RoomLog {
    life: Arc<Life>,
    appended: LogPosition,
    events: EventPosition,
    heard_events: u64,
    announced: watch::Receiver<Announced>,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
}

impl RoomLog {
    pub(super) fn new(room: &RoomId, ledger: Arc<Ledger>) -> Self {
        let (progress, announced) = watch::channel(Announced::default());
        Self {
            life: ledger.life(room),
            appended: LogPosition(0),
            events: EventPosition(0),
            heard_events: 0,
            announced,
            progress: Arc::new(progress),
            ledger,
        }
    }

    /// Queues `rows` for the writer, all of them or none. Never blocks and never waits.
    ///
    /// The bytes stay in memory until they are durable: a slice of a big buffer keeps all of that buffer.
    pub fn append(&mut self, rows: impl IntoIterator<Item = Bytes>) -> Result<LogPosition, AppendError> {
        let rows: Vec<Bytes> = rows.into_iter().collect();
        let count = rows.len() as u64;
        self.ledger.append(&self.life, rows, &self.progress, self.appended)?;
        self.appended.0 += count;
        Ok(self.appended)
    }

    /// Queues an event for the writer, never waiting. It gets its number when it is committed, which
    /// [`changed`](Self::changed) tells. What it speaks of has to be appended before it: rows that were are on the disk
    /// before it is.
    pub fn append_event(&mut self, event: NewEvent) -> Result<EventPosition, AppendError> {
        if self.events.0 - self.heard_events >= UNHEARD_EVENTS {
            return Err(AppendError::TooManyEvents);
        }
        let position = EventPosition(self.events.0 + 1);
        self.ledger.append_event(&self.life, event, &self.progress, position)?;
        self.events = position;
        Ok(position)
    }

    /// Queues a value in the place of the latest one of this kind and key, never waiting. One that is older than what is there,
    /// whoever wrote it, changes nothing. Nobody is told when it is durable.
    pub fn put_latest(&self, kind: EventKind, key: LatestKey, at: SystemTime, body: Bytes) -> Result<(), AppendError> {
        self.ledger.put_latest(QueuedLatest::new(&self.life, kind, key, at, Some(body)))
    }

    /// The same for no value: the one that is there goes, unless it is newer.
    pub fn remove_latest(&self, kind: EventKind, key: LatestKey, at: SystemTime) -> Result<(), AppendError> {
        self.ledger.put_latest(QueuedLatest::new(&self.life, kind, key, at, None))
    }

    /// The room that it belongs to.
    pub fn room(&self) -> &RoomId {
        self.life.room()
    }

    /// Whether the room was deleted: nothing more that is said in it is kept.
    pub fn has_ended(&self) -> bool {
        self.life.has_ended()
    }

    /// The room was deleted by somebody else, who may have made another one of its name: nothing more of this one is written.
    pub fn end(&self) {
        self.ledger.end(&self.life);
    }

    /// Which room of its name it is, as far as that is known.
    pub fn incarnation(&self) -> Option<Incarnation> {
        self.life.id().map(Incarnation)
    }

    /// It is this one; says whether that fits with what was known.
    pub fn is_of(&self, incarnation: Incarnation) -> bool {
        self.life.is_of(incarnation.0)
    }

    /// All rows up to here are on the disk.
    pub fn durable(&self) -> LogPosition {
        self.announced.borrow().durable
    }

    /// All rows up to here were queued.
    pub fn appended(&self) -> LogPosition {
        self.appended
    }

    /// Events up to here were queued.
    pub fn appended_events(&self) -> EventPosition {
        self.events
    }

    /// Events up to here are on the disk, and were told by [`changed`](Self::changed).
    pub fn heard_events(&self) -> EventPosition {
        EventPosition(self.heard_events)
    }

    /// Waits until there is something durable that the last call that returned did not tell, and says what.
    /// Cancel-safe. While the store fails, after it was closed, and after the room was deleted, this waits without end.
    /// It makes the writer hurry, which takes its time as long as nobody waits here.
    pub async fn changed(&mut self) -> Saved {
        if self.is_waiting() {
            self.ledger.hurry.begin();
        }
        self.announced.changed().await.expect("this handle holds the sender");
        self.take_announced()
    }

    /// The same without waiting, if there is something.
    pub fn changed_by_now(&mut self) -> Option<Saved> {
        let has_changed = self.announced.has_changed().expect("this handle holds the sender");
        has_changed.then(|| self.take_announced())
    }

    fn is_waiting(&self) -> bool {
        self.appended > self.durable() || self.events.0 > self.heard_events
    }

    fn take_announced(&mut self) -> Saved {
        let (durable, has_events) = {
            let announced = self.announced.borrow_and_update();
            (announced.durable, !announced.events.is_empty())
        };
        let mut events = Vec::new();
        if has_events {
            // What comes between the two is told now, and the next call returns once with nothing new.
            self.progress.send_if_modified(|announced| {
                events = std::mem::take(&mut announced.events);
                false
            });
        }
        self.heard_events += events.len() as u64;
        Saved { durable, events }
    }
}

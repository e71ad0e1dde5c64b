//! The append handle of one open room.
//! The room's task owns it: it appends what a turn accepted and waits here until that is durable. It must never
//! block or wait to append, and it knows nothing of the database.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::watch;

use super::error::AppendError;
use super::ledger::Ledger;
use super::life::Life;
use crate::room::durability::LogPosition;
use crate::room::id::RoomId;
use crate::room::node::Incarnation;

/// Where the writer announces how far one handle's rows are durable.
pub(super) type Progress = watch::Sender<LogPosition>;

/// Appends rows to one room. Dropping it loses nothing: what it queued is still written.
#[derive(Debug)]
pub struct RoomLog {
    life: Arc<Life>,
    appended: LogPosition,
    durable: watch::Receiver<LogPosition>,
    progress: Arc<Progress>,
    ledger: Arc<Ledger>,
}

impl RoomLog {
    pub(super) fn new(room: &RoomId, ledger: Arc<Ledger>) -> Self {
        let (progress, durable) = watch::channel(LogPosition(0));
        Self { life: ledger.life(room), appended: LogPosition(0), durable, progress: Arc::new(progress), ledger }
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

    /// The room that it belongs to.
    pub fn room(&self) -> &RoomId {
        self.life.room()
    }

    /// Whether the room was deleted: nothing more that is said in it is kept.
    pub fn has_ended(&self) -> bool {
        self.life.has_ended()
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
        *self.durable.borrow()
    }

    /// All rows up to here were queued.
    pub fn appended(&self) -> LogPosition {
        self.appended
    }

    /// Waits until [`durable`](Self::durable) moved since the last call that returned, and says where it is.
    /// Cancel-safe. While the store fails, after it was closed, and after the room was deleted, this waits without end.
    pub async fn changed(&mut self) -> LogPosition {
        self.durable.changed().await.expect("this handle holds the sender");
        *self.durable.borrow_and_update()
    }
}

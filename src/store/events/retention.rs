//! Deleting the oldest events of a room. [`Store::retain_events`](crate::store::Store::retain_events) asks for it, the writer
//! does it between two batches, a few events at a time. It must never leave a hole among those that are kept.

use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};

use crate::room::id::RoomId;
use crate::room::kept::EventSeq;
use crate::store::error::StoreError;
use crate::store::job::Job;
use crate::store::moment::millis;

/// Events that are deleted in one transaction: the writer does nothing else meanwhile.
pub(super) const RETAIN_EVENTS: usize = 1_000;

/// Which events of a room are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// The most, the newest.
    pub most: u64,
    /// Of these, those that are not older than this, and all behind one of them. `Duration::MAX`: however old.
    pub age: Duration,
}

/// A retention on its way to the writer.
#[derive(Debug)]
pub(in crate::store) struct RetentionJob {
    pub(in crate::store) room: RoomId,
    pub(in crate::store) retention: Retention,
    /// How many events went.
    pub(in crate::store) reply: oneshot::Sender<Result<u64, StoreError>>,
}

/// See [`Store::retain_events`](crate::store::Store::retain_events).
pub(in crate::store) async fn retain_events(
    room: &RoomId,
    retention: Retention,
    jobs: &mpsc::Sender<Job>,
) -> Result<u64, StoreError> {
    let mut deleted = 0;
    loop {
        let (reply, answer) = oneshot::channel();
        let job = RetentionJob { room: room.clone(), retention, reply };
        jobs.send(Job::Retain(job)).await.map_err(|_| StoreError::Closed)?;
        let batch = answer.await.map_err(|_| StoreError::Closed)??;
        deleted += batch;
        if batch < RETAIN_EVENTS as u64 {
            return Ok(deleted);
        }
    }
}

impl Retention {
    /// The last event to delete, if any, of the room's `oldest` (which rise, with their times).
    pub(super) fn bound(self, oldest: &[(EventSeq, i64)], last: EventSeq) -> Option<EventSeq> {
        let since = SystemTime::now().checked_sub(self.age).map_or(0, millis);
        let surplus = last.0.saturating_sub(self.most);
        oldest.iter().take_while(|(seq, at)| seq.0 <= surplus || *at < since).last().map(|(seq, _)| *seq)
    }
}

//! How much of a room's log of events is kept: the oldest go as new ones come. Owned by the room task. It must never hold up
//! the room, nor ask twice at a time.

use tokio::task::JoinHandle;

use crate::room::id::RoomId;
use crate::room::kept::EventSeq;
use crate::store::{Retention, Store};

/// The oldest events go after so many new ones.
const EVERY: usize = 256;

/// See the module.
pub(super) struct Retaining {
    store: Store,
    room: RoomId,
    retention: Retention,
    /// Events that came since the oldest went.
    come: usize,
    running: Option<JoinHandle<()>>,
}

impl Retaining {
    /// Of a room that opens, in whose log `last` is the newest event.
    pub fn new(store: Store, room: RoomId, retention: Retention, last: EventSeq) -> Self {
        // What grew old while nobody was here goes with the first event that comes.
        let come = if last == EventSeq(0) { 0 } else { EVERY };
        Self { store, room, retention, come, running: None }
    }

    /// Events have come.
    pub fn grown(&mut self, events: usize) {
        self.come += events;
        if self.come < EVERY || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.come = 0;
        let (store, room, retention) = (self.store.clone(), self.room.clone(), self.retention);
        self.running = Some(tokio::spawn(async move {
            match store.retain_events(&room, retention).await {
                Ok(0) => {}
                Ok(gone) => tracing::debug!(gone, "old events of the room are deleted"),
                Err(error) => tracing::warn!(%error, "old events of the room are not deleted yet"),
            }
        }));
    }
}

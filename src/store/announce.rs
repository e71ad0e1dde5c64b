//! Telling the handles of rooms what a commit made durable: how far their rows are, and which numbers their events got.
//! The ledger calls it once a commit is settled. It must never wait for a handle, nor tell one of what it did not append.

use std::sync::Arc;

use hashbrown::HashMap;

use super::ledger::Batch;
use super::log::Progress;
use super::sink::Committed;
use crate::room::durability::LogPosition;
use crate::room::id::RoomId;
use crate::room::kept::CommittedEvent;

/// What one handle hears of a commit.
struct Announcement<'a> {
    progress: &'a Progress,
    room: &'a RoomId,
    durable: Option<LogPosition>,
    events: Vec<CommittedEvent>,
}

impl<'a> Announcement<'a> {
    fn new(progress: &'a Progress, room: &'a RoomId) -> Self {
        Self { progress, room, durable: None, events: Vec::new() }
    }
}

/// One announcement a handle and commit. Whoever waits for what was said in a room that is gone looks up and sees that it is.
pub(super) fn announce(batch: &Batch, committed: &Committed) {
    let mut all: HashMap<*const Progress, Announcement<'_>> = HashMap::new();
    for row in &batch.rows {
        let handle = all.entry(Arc::as_ptr(&row.progress));
        handle.or_insert_with(|| Announcement::new(&row.progress, row.life.room())).durable = Some(row.position);
    }
    for (event, numbered) in batch.news.events.iter().zip(&committed.events) {
        let handle = all.entry(Arc::as_ptr(&event.progress));
        let announcement = handle.or_insert_with(|| Announcement::new(&event.progress, event.life.room()));
        announcement.events.extend(numbered.map(|numbered| CommittedEvent {
            position: event.position,
            seq: numbered.seq,
            standing: numbered.standing,
        }));
    }
    for Announcement { progress, room, durable, events } in all.into_values() {
        let durable = durable.filter(|_| committed.ids.contains_key(room));
        progress.send_modify(|announced| {
            announced.durable = durable.unwrap_or(announced.durable);
            announced.events.extend(events);
        });
    }
}

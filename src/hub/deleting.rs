//! Rooms whose documents are being deleted: everybody is sent away, nobody gets in, and it goes on until the store has
//! done it. `api` begins it when nothing is left of a room but its document. It must never stop half-way while the
//! server runs; after that the store does the rest when it is opened again.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::StreamExt;
use hashbrown::HashMap;
use tokio::sync::watch;
use tokio::time::timeout;
use tracing::Instrument;

use super::mail::Mail;
use super::{Hub, Shared};
use crate::bus::{Announcement, Bus};
use crate::room::id::RoomId;
use crate::store::StoreError;

/// Between two tries while the store fails.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a deletion waits for other nodes that have the room open to close it, and how often it looks.
const EVICTION: Duration = Duration::from_secs(1);
const EVICTION_LOOK: Duration = Duration::from_millis(10);
/// Rooms that the store is asked of at a time.
const LOOKS: usize = 8;

/// See the module. Each room with a channel that is closed when it is done.
#[derive(Debug, Default)]
pub(super) struct Deleting {
    rooms: Mutex<HashMap<RoomId, watch::Receiver<()>>>,
}

impl Hub {
    /// Deletes a room's document for good, and returns when that is durable, however long the store takes, and other nodes
    /// have closed it, or do not within a second. It goes on
    /// whether or not its caller waits. Of many who ask at once one does it, and all wait for it.
    pub async fn delete(&self, room: &RoomId) {
        let (done, mut waiting) = watch::channel(());
        let others = self.shared.deleting.rooms().entry(room.clone()).or_insert_with(|| waiting.clone()).clone();
        if others.same_channel(&waiting) {
            let (shared, room) = (Arc::clone(&self.shared), room.clone());
            tokio::spawn(async move { delete(&shared, &room, done).await }.in_current_span());
        } else {
            waiting = others;
        }
        // It ends with an error, when the sender is gone.
        let _ = waiting.changed().await;
    }
}

impl Hub {
    /// Another node may have deleted a room: whoever is in it here is sent away, unless it is a later one of the same name.
    /// Asks the store until it answers.
    pub async fn look_after(&self, room: &RoomId) {
        while let Some(mailbox) = self.shared.registry.mailbox(room) {
            match self.shared.store.is_replaced(room).await {
                Ok(false) | Err(StoreError::Closed) => return,
                Ok(true) => {
                    // A room that failed at this moment has ended, too.
                    let _ = mailbox.send(Box::new(Mail::Verify)).await;
                    return;
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    /// Other nodes may have deleted any rooms.
    pub async fn look_after_all(&self) {
        let rooms = self.shared.registry.rooms();
        let look = |room: RoomId| async move { self.look_after(&room).await };
        futures_util::stream::iter(rooms).map(look).buffer_unordered(LOOKS).collect::<()>().await;
    }
}

impl Deleting {
    /// Whether nobody may get into this room now.
    pub(super) fn has(&self, room: &RoomId) -> bool {
        self.rooms().contains_key(room)
    }

    fn rooms(&self) -> MutexGuard<'_, HashMap<RoomId, watch::Receiver<()>>> {
        self.rooms.lock().expect("nothing panics while it holds the rooms")
    }
}

async fn delete(shared: &Shared, room: &RoomId, done: watch::Sender<()>) {
    evict(shared, room).await;
    while let Err(error) = shared.store.delete_room(room).await {
        if matches!(error, StoreError::Closed) {
            // The room stays closed, too.
            return;
        }
        tracing::warn!(room = %room.for_log(), %error, "a room is not deleted yet");
        tokio::time::sleep(PAUSE).await;
    }
    // Somebody may have been on the way in when it began.
    evict(shared, room).await;
    if let Some(bus) = &shared.bus {
        bus.announce(Announcement::Deleted(room.clone()));
        let _ = timeout(EVICTION, deserted(bus, room)).await;
    }
    shared.deleting.rooms().remove(room);
    drop(done);
}

/// Returns when no other node has the room open: from then on everybody who comes finds the next one of its name.
async fn deserted(bus: &Bus, room: &RoomId) {
    while bus.sit(room).await.others() > 0 {
        tokio::time::sleep(EVICTION_LOOK).await;
    }
}

/// Ends the room's task, if it is live.
async fn evict(shared: &Shared, room: &RoomId) {
    if let Some(mailbox) = shared.registry.take(room) {
        // A room that failed at this moment has ended, too.
        let _ = mailbox.send(Box::new(Mail::Delete)).await;
    }
}

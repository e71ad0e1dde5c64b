//! How a room comes to life: its task is started while mail already waits for it, loads the document, and turns
//! everybody away when that fails. Called by the registry's first lease of a room.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use futures_util::FutureExt;
use tokio::sync::watch;
use tracing::Instrument;

use super::loading::load_document;
use super::mail::{Inbox, Mail};
use super::registry::{Generation, Opening};
use super::saving::Saving;
use super::task::{Opened, RoomTask};
use super::{Drain, Shared};
use crate::room::id::RoomId;
use crate::wire::close::CloseReason;

/// Starts the task of a room that was just put into the registry.
pub(super) fn start(shared: Arc<Shared>, room: RoomId, opening: Opening) {
    let span = tracing::info_span!("room", room = %room.for_log());
    // Taken here and not in the task: a drain waits for every receiver.
    let drain = shared.drain.subscribe();
    let task = async move {
        shared.metrics.rooms.increment(1.0);
        let Opening { generation, mail } = opening;
        let life = AssertUnwindSafe(live(&shared, &room, generation, mail, drain));
        if life.catch_unwind().await.is_err() {
            shared.metrics.room_failures.increment(1);
            tracing::error!("the room failed; its clients are told to come back");
        }
        shared.registry.remove_failed(&room, generation);
        shared.metrics.rooms.decrement(1.0);
    };
    tokio::spawn(task.instrument(span));
}

async fn live(
    shared: &Arc<Shared>,
    room: &RoomId,
    generation: Generation,
    mail: Inbox,
    drain: watch::Receiver<Option<Arc<Drain>>>,
) {
    // Boxed, because a room that lives should not keep the memory that it took to open it.
    if let Some(task) = Box::pin(open(shared, room, generation, mail, drain)).await {
        task.run().await;
    }
}

/// The room's task, once its document is loaded; nothing when that failed and everybody was told.
async fn open(
    shared: &Arc<Shared>,
    room: &RoomId,
    generation: Generation,
    mut mail: Inbox,
    drain: watch::Receiver<Option<Arc<Drain>>>,
) -> Option<Box<RoomTask>> {
    let started = Instant::now();
    let options = &shared.options;
    // Before it is loaded: whatever is not in what was loaded is heard.
    let seat = match &shared.bus {
        Some(bus) => Some(bus.sit(room).await),
        None => None,
    };
    let (saving, document, last_event) = loop {
        let saving = Saving::new(shared.store.clone(), room.clone(), options.unsaved_budget, options.compaction);
        match load_document(shared, &saving).await {
            // Something still waited to be written of a room that was deleted elsewhere: what was found is the next one of its name.
            Ok(_) if saving.is_deleted() && !shared.deleting.has(room) => {}
            Ok((document, last_event)) => break (saving, document, last_event),
            Err(reason) => {
                turn_away(shared, room, generation, &mut mail, reason).await;
                return None;
            }
        }
    };
    // Nobody may be listening.
    let _ = shared.openings.send(room.clone());
    shared.metrics.open_seconds.record(started.elapsed().as_secs_f64());
    let opened = Opened { document, last_event, saving, seat };
    Some(Box::new(RoomTask::new(Arc::clone(shared), room.clone(), generation, opened, mail, drain)))
}

/// A room that could not be opened: everybody who waits for it is sent away.
async fn turn_away(shared: &Shared, room: &RoomId, generation: Generation, mail: &mut Inbox, reason: CloseReason) {
    shared.registry.remove_failed(room, generation);
    mail.close();
    while let Some(letter) = mail.recv().await {
        if let Mail::Join(line, _) | Mail::Listen(line, ..) = *letter {
            line.close(reason);
        }
    }
}

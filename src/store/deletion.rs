//! Deleting all that is stored of a room. [`Store::delete_room`](super::Store::delete_room) asks for it, the writer does it
//! between two batches, so that nothing that was queued comes after it.

use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::job::Job;
use crate::room::id::RoomId;

/// A deletion on its way to the writer.
#[derive(Debug)]
pub(super) struct DeletionJob {
    pub(super) room: RoomId,
    pub(super) reply: oneshot::Sender<Result<(), StoreError>>,
}

/// See [`Store::delete_room`](super::Store::delete_room).
pub(super) async fn delete_room(room: &RoomId, jobs: &mpsc::Sender<Job>) -> Result<(), StoreError> {
    let (reply, answer) = oneshot::channel();
    let job = DeletionJob { room: room.clone(), reply };
    jobs.send(Job::Delete(job)).await.map_err(|_| StoreError::Closed)?;
    answer.await.map_err(|_| StoreError::Closed)?
}

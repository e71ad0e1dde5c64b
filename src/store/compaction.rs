//! Folding a room's log into its snapshot: read, fold on a thread, hand the result to the writer.
//! The hub decides when. It must never delete a row that the fold did not name, nor overwrite a snapshot that the fold
//! did not see.

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashSet;
use tokio::sync::{mpsc, oneshot};

use super::error::StoreError;
use super::job::Job;
use super::ledger::Ledger;
use super::life::Life;
use super::reader::{ReadRoom, Reader};
use super::snapshot::Encoded;
use super::{Compaction, Folded, Sequence, StoredRoom};
use crate::room::id::RoomId;

/// What the writer has to do for one compaction.
#[derive(Debug)]
pub(super) struct CompactionWrite {
    /// The room's, since before it was read.
    pub(super) life: Arc<Life>,
    /// The room's id as it was read, where others may delete the room.
    pub(super) id: Option<i64>,
    /// The generation that was read; 0 for none.
    pub(super) read_generation: u64,
    pub(super) snapshot: Encoded,
    /// Rows to delete, rising.
    pub(super) folded: Vec<Sequence>,
    /// Bytes of their data.
    pub(super) folded_bytes: u64,
    /// Rows that were there and stay.
    pub(super) left: usize,
    /// Bytes of those, but of the damaged ones.
    pub(super) left_bytes: u64,
}

impl CompactionWrite {
    pub(super) fn room(&self) -> &RoomId {
        self.life.room()
    }

    /// The generation that it writes.
    pub(super) fn generation(&self) -> u64 {
        self.read_generation + 1
    }
}

/// A compaction on its way to the writer.
#[derive(Debug)]
pub(super) struct CompactionJob {
    pub(super) write: CompactionWrite,
    pub(super) reply: oneshot::Sender<Result<Compaction, StoreError>>,
}

/// See [`Store::compact`](super::Store::compact).
pub(super) async fn compact<F, E>(
    room: &RoomId,
    fold: F,
    level: i32,
    ledger: &Ledger,
    reader: &Reader,
    jobs: &mpsc::Sender<Job>,
) -> Result<Compaction, StoreError>
where
    F: FnOnce(StoredRoom) -> Result<Folded, E> + Send + 'static,
    E: Into<Box<dyn Error + Send + Sync>> + Send + 'static,
{
    let started = Instant::now();
    let life = ledger.life(room);
    let stored = reader.read(room, &ledger.view(room)).await?;
    if reader.is_shared() {
        // Somebody else may have folded what this process wrote.
        let (sequences, bytes) = stored.rows();
        ledger.loaded(&life, stored.id, sequences, bytes);
    }
    let thread = tokio::task::spawn_blocking(move || fold_room(life, stored, fold, level)).await;
    let write = thread.unwrap_or_else(|panic| Err(StoreError::Fold { room: room.clone(), source: panic.into() }))?;
    let (reply, answer) = oneshot::channel();
    jobs.send(Job::Compact(CompactionJob { write, reply })).await.map_err(|_| StoreError::Closed)?;
    let outcome = answer.await.map_err(|_| StoreError::Closed)??;
    metrics::counter!("triproom_compactions_total").increment(1);
    metrics::histogram!("triproom_compaction_seconds").record(started.elapsed());
    Ok(outcome)
}

fn fold_room<F, E>(life: Arc<Life>, stored: ReadRoom, fold: F, level: i32) -> Result<CompactionWrite, StoreError>
where
    F: FnOnce(StoredRoom) -> Result<Folded, E>,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    let ReadRoom { id, generation, snapshot, rows, damaged, last_event, .. } = stored;
    let lengths: Vec<(Sequence, u64)> = rows.iter().map(|row| (row.sequence, row.data.len() as u64)).collect();
    let damaged = damaged.len();
    let result = fold(StoredRoom { snapshot, rows, damaged, last_event });
    let Folded { snapshot, folded } =
        result.map_err(|error| StoreError::Fold { room: life.room().clone(), source: error.into() })?;
    let named: HashSet<Sequence> = folded.into_iter().collect();
    // In the order of the rows, which rise.
    let given: Vec<&(Sequence, u64)> = lengths.iter().filter(|(sequence, _)| named.contains(sequence)).collect();
    if given.len() != named.len() {
        let room = life.room().clone();
        return Err(StoreError::Fold { room, source: "the fold names rows that it was not given".into() });
    }
    let left = lengths.len() + damaged - named.len();
    let (folded, folded_bytes): (_, u64) =
        (given.iter().map(|row| row.0).collect(), given.iter().map(|row| row.1).sum());
    let left_bytes = lengths.iter().map(|row| row.1).sum::<u64>() - folded_bytes;
    match Encoded::encode(&snapshot, level) {
        Ok(snapshot) => Ok(CompactionWrite {
            life,
            id,
            read_generation: generation,
            snapshot,
            folded,
            folded_bytes,
            left,
            left_bytes,
        }),
        Err(detail) => Err(StoreError::Fold { room: life.room().clone(), source: detail.into() }),
    }
}

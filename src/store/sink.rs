//! The writing connection of a database: one batch, one compaction, one deletion or one retention as one transaction.
//! Only the writer task calls it. A failed transaction costs the connection; the next call opens a new one. It must never
//! write a row or an event twice, and never say that something is committed before COMMIT returned.

use std::time::Duration;

use hashbrown::HashMap;

use super::Sequence;
use super::compaction::CompactionWrite;
use super::error::StoreError;
use super::events::{Numbered, Retention};
use super::ledger::Batch;
use super::postgres::PostgresSink;
use super::sqlite::SqliteSink;
use crate::room::id::RoomId;

/// See the module.
#[derive(Debug)]
pub(super) enum Sink {
    Sqlite(SqliteSink),
    Postgres(PostgresSink),
}

/// Whether a batch is tried for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// Nothing of it can be in the database.
    First,
    /// An earlier commit failed, or said that it did: all of it may be there.
    Again,
}

/// What a commit did.
#[derive(Debug)]
pub(super) struct Committed {
    /// The ids of the batch's rooms, but of those that somebody else deleted, of which nothing was written.
    pub(super) ids: HashMap<RoomId, i64>,
    /// What became of each of its events; nothing in a room that is gone.
    pub(super) events: Vec<Option<Numbered>>,
}

impl Sink {
    /// Commits `batch`. `known` names its rooms, with the ids of those that have one.
    pub(super) async fn commit_batch(
        &mut self,
        batch: &Batch,
        known: &HashMap<RoomId, Option<i64>>,
        attempt: Attempt,
    ) -> Result<Committed, StoreError> {
        match self {
            Self::Sqlite(sink) => sink.commit_batch(batch, known, attempt).await,
            Self::Postgres(sink) => sink.commit_batch(batch, known, attempt).await,
        }
    }

    /// Commits a compaction. `Ok(false)`: the generation has moved on and nothing was changed.
    /// After an error the outcome is unknown, ask [`snapshot_is`](Self::snapshot_is).
    pub(super) async fn commit_compaction(
        &mut self,
        write: &CompactionWrite,
        last: Sequence,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sink) => sink.commit_compaction(write, last).await,
            Self::Postgres(sink) => sink.commit_compaction(write).await,
        }
    }

    /// Whether the room's snapshot is the one of `write`.
    pub(super) async fn snapshot_is(&mut self, write: &CompactionWrite) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sink) => sink.snapshot_is(write).await,
            Self::Postgres(sink) => sink.snapshot_is(write).await,
        }
    }

    /// Deletes all of a room; `rows` are its rows in the log, `last` the highest sequence ever given.
    /// After an error the outcome is unknown, ask [`is_stored`](Self::is_stored).
    pub(super) async fn commit_deletion(
        &mut self,
        room: &RoomId,
        rows: &[Sequence],
        last: Sequence,
    ) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sink) => sink.commit_deletion(room, rows, last).await,
            Self::Postgres(sink) => sink.commit_deletion(room).await,
        }
    }

    /// Deletes some of a room's oldest events that are to go, and says how many. After an error some may be gone.
    pub(super) async fn retain(&mut self, room: &RoomId, retention: Retention) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(sink) => sink.retain(room, retention).await,
            Self::Postgres(sink) => sink.retain(room, retention).await,
        }
    }

    /// After a commit of several updates the next one begins at least so much later, unless a full batch waits: a commit costs as
    /// much as dozens of rows. Who is alone and writes one update, and the next one when that is kept, waits for nothing.
    pub(super) fn spacing(&self) -> Duration {
        match self {
            // It is this process that pays, with a thread that is woken for each statement and sleeps for each sync.
            Self::Sqlite(_) => Duration::from_millis(40),
            // Other nodes are told of a change when it is there.
            Self::Postgres(_) => Duration::from_millis(8),
        }
    }

    /// After any commit the next one begins at least so much later while nobody waits to hear of it at once (see
    /// `RoomLog::changed`), unless a full batch waits.
    pub(super) fn patience(&self) -> Duration {
        match self {
            Self::Sqlite(_) => Duration::from_millis(100),
            Self::Postgres(_) => self.spacing(),
        }
    }

    /// Whether the database can be away while this process lives, and is worth asking.
    pub(super) fn is_elsewhere(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Fails when rows could not be written at present, as far as that shows without writing any.
    pub(super) async fn probe(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(sink) => sink.probe().await,
        }
    }

    /// Whether there is anything of the room.
    pub(super) async fn is_stored(&mut self, room: &RoomId) -> Result<bool, StoreError> {
        match self {
            Self::Sqlite(sink) => sink.is_stored(room).await,
            Self::Postgres(sink) => sink.is_stored(room).await,
        }
    }

    /// Closes the connection.
    pub(super) async fn close(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(sink) => sink.close().await,
            Self::Postgres(sink) => sink.close().await,
        }
    }
}

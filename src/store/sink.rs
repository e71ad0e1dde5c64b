//! The writing connection: one batch, one compaction or one deletion as one transaction.
//! Only the writer task calls it. A failed transaction costs the connection; the next call opens a new one. It must never
//! write a row twice, and never say that something is committed before COMMIT returned.

use std::collections::HashMap;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::Sequence;
use super::compaction::CompactionWrite;
use super::deletion::commit_deletion;
use super::error::StoreError;
use super::fault::FaultSwitch;
use super::ledger::Batch;
use super::replace::commit_compaction;
use super::rows::{Attempt, commit_rows};
use super::turn::Turn;
use crate::room::id::RoomId;

/// See the module.
#[derive(Debug)]
pub(super) struct Sink {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    turn: Turn,
    fault: Option<FaultSwitch>,
}

impl Sink {
    pub(super) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        turn: Turn,
        fault: Option<FaultSwitch>,
    ) -> Self {
        Self { options, connection: Some(connection), turn, fault }
    }

    /// Commits `batch`. `known` names its rooms, with the ids of those that have one; the answer has all ids.
    pub(super) async fn commit_rows(
        &mut self,
        batch: &Batch,
        known: &HashMap<RoomId, Option<i64>>,
        attempt: Attempt,
    ) -> Result<HashMap<RoomId, i64>, StoreError> {
        let mut connection = self.take_connection().await?;
        let _turn = self.turn.take().await;
        let result = commit_rows(&mut connection, batch, known, attempt, self.fault.as_ref()).await;
        self.keep_or_close(connection, result.is_ok()).await;
        result
    }

    /// Commits a compaction. `Ok(false)`: the generation has moved on and nothing was changed.
    /// After an error the outcome is unknown, ask [`snapshot_is`](Self::snapshot_is).
    pub(super) async fn commit_compaction(
        &mut self,
        write: &CompactionWrite,
        last: Sequence,
    ) -> Result<bool, StoreError> {
        let mut connection = self.take_connection().await?;
        let _turn = self.turn.take().await;
        let result = commit_compaction(&mut connection, write, last, self.fault.as_ref()).await;
        self.keep_or_close(connection, result.is_ok()).await;
        result
    }

    /// Whether the room's snapshot is the one of `write`.
    pub(super) async fn snapshot_is(&mut self, write: &CompactionWrite) -> Result<bool, StoreError> {
        let mut connection = self.take_connection().await?;
        let generation: Result<Option<i64>, _> = sqlx::query_scalar(
            "SELECT generation FROM snapshots JOIN rooms ON rooms.id = snapshots.room WHERE rooms.name = ?",
        )
        .bind(write.room().as_str())
        .fetch_optional(&mut connection)
        .await;
        self.keep_or_close(connection, generation.is_ok()).await;
        // The writer is the only one that writes generations, one at a time: equal means that it is this one.
        Ok(generation?.is_some_and(|generation| generation == signed(write.generation())))
    }

    /// Deletes all of a room; `rows` are its rows in the log, `last` the highest sequence ever given.
    /// After an error the outcome is unknown, ask [`is_stored`](Self::is_stored).
    pub(super) async fn commit_deletion(
        &mut self,
        room: &RoomId,
        rows: &[Sequence],
        last: Sequence,
    ) -> Result<(), StoreError> {
        let mut connection = self.take_connection().await?;
        let _turn = self.turn.take().await;
        let result = commit_deletion(&mut connection, room, rows, last, self.fault.as_ref()).await;
        self.keep_or_close(connection, result.is_ok()).await;
        result
    }

    /// Whether there is anything of the room.
    pub(super) async fn is_stored(&mut self, room: &RoomId) -> Result<bool, StoreError> {
        let mut connection = self.take_connection().await?;
        let found: Result<Option<i64>, _> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = ?")
            .bind(room.as_str())
            .fetch_optional(&mut connection)
            .await;
        self.keep_or_close(connection, found.is_ok()).await;
        Ok(found?.is_some())
    }

    /// Checkpoints and closes.
    pub(super) async fn close(&mut self) -> Result<(), StoreError> {
        let connection = self.take_connection().await?;
        super::schema::close(connection).await
    }

    async fn take_connection(&mut self) -> Result<SqliteConnection, StoreError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => Ok(self.options.connect().await?),
        }
    }

    async fn keep_or_close(&mut self, connection: SqliteConnection, good: bool) {
        if good {
            self.connection = Some(connection);
        } else {
            // Whatever state it is in, closing rolls it back; an error here changes nothing about that.
            let _ = connection.close().await;
        }
    }
}

/// Sequences, generations and lengths as SQLite's integers, which are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("no counter here reaches 2^63")
}

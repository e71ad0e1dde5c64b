//! The connection that writes the file, and who keeps the folder. Called through the store's `Sink`, which says what each
//! of these does.

use std::fs::File;

use hashbrown::HashMap;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::deletion::commit_deletion;
use super::replace::commit_compaction;
use super::rows::commit_batch;
use super::turn::Turn;
use crate::room::id::RoomId;
use crate::store::Sequence;
use crate::store::compaction::CompactionWrite;
use crate::store::error::StoreError;
use crate::store::events::Retention;
use crate::store::events::sqlite::statements;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::ledger::Batch;
use crate::store::seal::signed;
use crate::store::sink::{Attempt, Committed};

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct SqliteSink {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    /// Held as long as anything may be written.
    _lock: File,
    turn: Turn,
    fault: Option<FaultSwitch>,
}

impl SqliteSink {
    pub(in crate::store) fn new(
        options: SqliteConnectOptions,
        connection: SqliteConnection,
        lock: File,
        turn: Turn,
        fault: Option<FaultSwitch>,
    ) -> Self {
        Self { options, connection: Some(connection), _lock: lock, turn, fault }
    }

    pub(in crate::store) async fn commit_batch(
        &mut self,
        batch: &Batch,
        known: &HashMap<RoomId, Option<i64>>,
        attempt: Attempt,
    ) -> Result<Committed, StoreError> {
        let mut connection = self.take_connection().await?;
        let _turn = self.turn.take().await;
        let result = commit_batch(&mut connection, batch, known, attempt, self.fault.as_ref()).await;
        self.keep_or_close(connection, result.is_ok()).await;
        result
    }

    pub(in crate::store) async fn commit_compaction(
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

    pub(in crate::store) async fn snapshot_is(&mut self, write: &CompactionWrite) -> Result<bool, StoreError> {
        let mut connection = self.take_connection().await?;
        let generation: Result<Option<i64>, _> = sqlx::query_scalar(
            "SELECT generation FROM snapshots JOIN rooms ON rooms.id = snapshots.room WHERE rooms.name = ?",
        )
        .bind(write.room().as_str())
        .fetch_optional(&mut connection)
        .await;
        self.keep_or_close(connection, generation.is_ok()).await;
        // This process is the only one that writes generations, one at a time: equal means that it is this one.
        Ok(generation?.is_some_and(|generation| generation == signed(write.generation())))
    }

    pub(in crate::store) async fn commit_deletion(
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

    pub(in crate::store) async fn is_stored(&mut self, room: &RoomId) -> Result<bool, StoreError> {
        let mut connection = self.take_connection().await?;
        let found: Result<Option<i64>, _> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = ?")
            .bind(room.as_str())
            .fetch_optional(&mut connection)
            .await;
        self.keep_or_close(connection, found.is_ok()).await;
        Ok(found?.is_some())
    }

    pub(in crate::store) async fn retain(&mut self, room: &RoomId, retention: Retention) -> Result<u64, StoreError> {
        let mut connection = self.take_connection().await?;
        let _turn = self.turn.take().await;
        let result = retain(&mut connection, room, retention, self.fault.as_ref()).await;
        self.keep_or_close(connection, result.is_ok()).await;
        result
    }

    /// Checkpoints and closes.
    pub(in crate::store) async fn close(&mut self) -> Result<(), StoreError> {
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

/// One transaction that deletes some of a room's oldest events.
async fn retain(
    connection: &mut SqliteConnection,
    room: &RoomId,
    retention: Retention,
    fault: Option<&FaultSwitch>,
) -> Result<u64, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let deleted = statements::retain(&mut transaction, room, retention).await?;
    commit(transaction, fault).await?;
    Ok(deleted)
}

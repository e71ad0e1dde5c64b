//! The connection that writes the log. Called through the store's `Sink`, which says what each of these does.
//! A call that the server does not answer in time has failed, and its connection goes.

use hashbrown::HashMap;
use sqlx::{Connection, PgConnection, Postgres, Row, Transaction};
use tokio::time::timeout;

use super::begin::{Begin, begin};
use super::replace::commit_compaction;
use super::schema;
use crate::room::id::RoomId;
use crate::store::cache::{SnapshotCache, SnapshotName};
use crate::store::compaction::CompactionWrite;
use crate::store::error::StoreError;
use crate::store::events::Retention;
use crate::store::events::postgres::statements;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::ledger::{Batch, QueuedRow};
use crate::store::moment::now;
use crate::store::seal::{SealedRow, signed};
use crate::store::sink::{Attempt, Committed};
use crate::store::snapshot::Encoded;
use crate::store::{Pooler, PostgresOptions};

/// See the module.
#[derive(Debug)]
pub(in crate::store) struct PostgresSink {
    options: PostgresOptions,
    connection: Option<PgConnection>,
    fault: Option<FaultSwitch>,
    cache: Option<SnapshotCache>,
}

impl PostgresSink {
    pub(super) fn new(
        options: PostgresOptions,
        connection: PgConnection,
        fault: Option<FaultSwitch>,
        cache: Option<SnapshotCache>,
    ) -> Self {
        Self { options, connection: Some(connection), fault, cache }
    }

    pub(in crate::store) async fn commit_batch(
        &mut self,
        batch: &Batch,
        known: &HashMap<RoomId, Option<i64>>,
        attempt: Attempt,
    ) -> Result<Committed, StoreError> {
        let (fault, pooler) = (self.fault.clone(), self.options.pooler);
        self.transact(Begin::Write, async |transaction| {
            commit_batch(transaction, batch, known, attempt, pooler, fault.as_ref()).await
        })
        .await
    }

    pub(in crate::store) async fn commit_compaction(&mut self, write: &CompactionWrite) -> Result<bool, StoreError> {
        let fault = self.fault.clone();
        let done = self
            .transact(Begin::Write, async |transaction| commit_compaction(transaction, write, fault.as_ref()).await)
            .await?;
        if let (Some(room), Some(cache)) = (done, &self.cache) {
            let Encoded { checksum, raw_length, data } = &write.snapshot;
            let generation = write.generation();
            cache.put(SnapshotName { room, generation, checksum: *checksum, raw_length: *raw_length }, data);
        }
        Ok(done.is_some())
    }

    pub(in crate::store) async fn snapshot_is(&mut self, write: &CompactionWrite) -> Result<bool, StoreError> {
        self.transact(Begin::Read, async |mut transaction| {
            // Another server may have written the generation after it; then this one's rows are folded by both, or by none.
            let found: Option<bool> = sqlx::query_scalar(
                "SELECT generation = $2 AND checksum = $3 AND raw_length = $4
                 FROM snapshots JOIN rooms ON rooms.id = snapshots.room WHERE rooms.name = $1",
            )
            .bind(write.room().as_str())
            .bind(signed(write.generation()))
            .bind(i64::from(write.snapshot.checksum))
            .bind(signed(write.snapshot.raw_length))
            .persistent(false)
            .fetch_optional(&mut *transaction)
            .await?;
            transaction.rollback().await?;
            Ok(found.unwrap_or(false))
        })
        .await
    }

    pub(in crate::store) async fn commit_deletion(&mut self, room: &RoomId) -> Result<(), StoreError> {
        let fault = self.fault.clone();
        self.transact(Begin::Write, async |transaction| commit_deletion(transaction, room, fault.as_ref()).await).await
    }

    pub(in crate::store) async fn retain(&mut self, room: &RoomId, retention: Retention) -> Result<u64, StoreError> {
        let fault = self.fault.clone();
        self.transact(Begin::Write, async |mut transaction| {
            let deleted = statements::retain(&mut transaction, room, retention).await?;
            commit(transaction, fault.as_ref()).await?;
            Ok(deleted)
        })
        .await
    }

    /// A write of nothing: a server that has become a standby, or a user who lost their rights, takes not even that.
    pub(in crate::store) async fn probe(&mut self) -> Result<(), StoreError> {
        self.transact(Begin::Write, async |mut transaction| {
            sqlx::query("DELETE FROM log WHERE false").persistent(false).execute(&mut *transaction).await?;
            transaction.rollback().await?;
            Ok(())
        })
        .await
    }

    pub(in crate::store) async fn is_stored(&mut self, room: &RoomId) -> Result<bool, StoreError> {
        self.transact(Begin::Read, async |mut transaction| {
            let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM rooms WHERE name = $1)")
                .bind(room.as_str())
                .persistent(false)
                .fetch_one(&mut *transaction)
                .await?;
            transaction.rollback().await?;
            Ok(found)
        })
        .await
    }

    pub(in crate::store) async fn close(&mut self) -> Result<(), StoreError> {
        if let Some(connection) = self.connection.take() {
            connection.close().await?;
        }
        Ok(())
    }

    /// Runs `work` in a transaction on the connection, which stays only if that succeeds; all of it in time. `work` ends the
    /// transaction: one that is dropped stays open, with all that it holds, until something else is asked.
    async fn transact<T>(
        &mut self,
        how: Begin,
        work: impl AsyncFnOnce(Transaction<'_, Postgres>) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let patience = self.options.patience;
        let connection = self.connection.take();
        let result = timeout(patience, async {
            let mut connection = match connection {
                Some(connection) => connection,
                None => self.connect().await?,
            };
            let answer = work(begin(&mut connection, how, &self.options).await?).await?;
            Ok((answer, connection))
        });
        // Whatever state a connection is in after a failure, dropping it rolls it back.
        let (answer, connection) = result.await.unwrap_or(Err(StoreError::TimedOut { patience }))?;
        self.connection = Some(connection);
        Ok(answer)
    }

    async fn connect(&self) -> Result<PgConnection, StoreError> {
        let mut connection = schema::connect_only(&self.options).await?;
        schema::take(&mut connection, &self.options).await?;
        Ok(connection)
    }
}

/// One transaction for a batch.
async fn commit_batch(
    mut transaction: Transaction<'_, Postgres>,
    batch: &Batch,
    known: &HashMap<RoomId, Option<i64>>,
    attempt: Attempt,
    pooler: Pooler,
    fault: Option<&FaultSwitch>,
) -> Result<Committed, StoreError> {
    let ids = room_ids(&mut transaction, known, pooler).await?;
    if !batch.rows.is_empty() {
        insert_rows(&mut transaction, &batch.rows, &ids, pooler).await?;
    }
    let events = statements::commit(&mut transaction, &batch.news, &ids, attempt).await?;
    commit(transaction, fault).await?;
    Ok(Committed { ids, events })
}

/// Rows that are there already stay as they are: they are these.
async fn insert_rows(
    connection: &mut PgConnection,
    rows: &[QueuedRow],
    ids: &HashMap<RoomId, i64>,
    pooler: Pooler,
) -> Result<(), StoreError> {
    let rows = rows.iter().filter_map(|row| Some(SealedRow::new(row, *ids.get(row.life.room())?)));
    let (mut rooms, mut sequences, mut checksums, mut data) = (vec![], vec![], vec![], vec![]);
    for SealedRow { row, room, checksum } in rows {
        rooms.push(room);
        sequences.push(signed(row.sequence.0));
        checksums.push(i64::from(checksum));
        data.push(&row.data[..]);
    }
    sqlx::query(
        "INSERT INTO log (room, seq, checksum, data) SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[])
         ON CONFLICT DO NOTHING",
    )
    .bind(rooms)
    .bind(sequences)
    .bind(checksums)
    .bind(data)
    .persistent(pooler.keeps_statements())
    .execute(connection)
    .await?;
    Ok(())
}

/// The ids of all these rooms, kept from being deleted until the transaction ends. Those that were never written get one;
/// those whose id is gone were deleted, and are left out.
async fn room_ids(
    connection: &mut PgConnection,
    known: &HashMap<RoomId, Option<i64>>,
    pooler: Pooler,
) -> Result<HashMap<RoomId, i64>, StoreError> {
    let mut names: Vec<&str> = known.iter().filter(|(_, id)| id.is_none()).map(|(room, _)| room.as_str()).collect();
    if !names.is_empty() {
        // In order, so that two servers that make the same rooms do not wait for each other.
        names.sort_unstable();
        sqlx::query(
            "INSERT INTO rooms (name, created_at) SELECT name, $2 FROM unnest($1::text[]) AS name ON CONFLICT (name) DO NOTHING",
        )
        .bind(&names)
        .bind(now())
        .persistent(pooler.keeps_statements())
        .execute(&mut *connection)
        .await?;
    }
    let ids: Vec<i64> = known.values().filter_map(|id| *id).collect();
    let rows = sqlx::query("SELECT id, name FROM rooms WHERE id = ANY($1) OR name = ANY($2) ORDER BY id FOR KEY SHARE")
        .bind(ids)
        .bind(&names)
        .persistent(pooler.keeps_statements())
        .fetch_all(connection)
        .await?;
    let rooms: HashMap<&str, &RoomId> = known.keys().map(|room| (room.as_str(), room)).collect();
    let mut found = HashMap::with_capacity(rows.len());
    for row in rows {
        found.insert(rooms[row.try_get::<&str, _>(1)?].clone(), row.try_get(0)?);
    }
    Ok(found)
}

/// Takes the upper half of this server's sequences.
pub(super) async fn take_block(connection: &mut PgConnection, options: &PostgresOptions) -> Result<u64, StoreError> {
    let mut transaction = begin(connection, Begin::Write, options).await?;
    let block: i64 =
        sqlx::query_scalar("SELECT nextval('log_blocks')").persistent(false).fetch_one(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(block.cast_unsigned())
}

/// Deletes the documents of rooms whose roster is gone: a crash came between.
pub(in crate::store) async fn finish_deletions(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<(), StoreError> {
    let mut transaction = begin(connection, Begin::Read, options).await?;
    let left: Vec<String> =
        sqlx::query_scalar("SELECT room FROM deleted_rooms").persistent(false).fetch_all(&mut *transaction).await?;
    transaction.rollback().await?;
    for name in &left {
        let mut transaction = begin(connection, Begin::Write, options).await?;
        delete(&mut transaction, name).await?;
        transaction.commit().await?;
    }
    if !left.is_empty() {
        tracing::info!(rooms = left.len(), "documents of deleted rooms were still there; they are deleted now");
    }
    Ok(())
}

/// One transaction that deletes all of a room.
async fn commit_deletion(
    mut transaction: Transaction<'_, Postgres>,
    room: &RoomId,
    fault: Option<&FaultSwitch>,
) -> Result<(), StoreError> {
    delete(&mut transaction, room.as_str()).await?;
    commit(transaction, fault).await?;
    Ok(())
}

/// All lines of a room, whose name nobody can make again before they are gone.
async fn delete(connection: &mut PgConnection, name: &str) -> Result<(), StoreError> {
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = $1 FOR UPDATE")
        .bind(name)
        .persistent(false)
        .fetch_optional(&mut *connection)
        .await?;
    if let Some(id) = id {
        for statement in [
            "DELETE FROM log WHERE room = $1",
            "DELETE FROM snapshots WHERE room = $1",
            "DELETE FROM events WHERE room = $1",
            "DELETE FROM event_counters WHERE room = $1",
            "DELETE FROM latest WHERE room = $1",
            "DELETE FROM rooms WHERE id = $1",
        ] {
            sqlx::query(statement).bind(id).persistent(false).execute(&mut *connection).await?;
        }
    }
    sqlx::query("DELETE FROM deleted_rooms WHERE room = $1").bind(name).persistent(false).execute(connection).await?;
    Ok(())
}

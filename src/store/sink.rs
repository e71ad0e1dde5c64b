//! The writing connection: one batch or one compaction as one transaction.
//! Only the writer task calls it. A failed transaction costs the connection; the next call opens a new one. It must never
//! write a row twice, and never say that something is committed before COMMIT returned.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::time::{SystemTime, UNIX_EPOCH};

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};

use super::Sequence;
use super::compaction::CompactionWrite;
use super::error::StoreError;
use super::fault::FaultSwitch;
use super::ledger::{Batch, QueuedRow};
use super::snapshot::Encoded;
use crate::room::id::RoomId;

/// Rows of the prepared INSERTs, largest first: a batch is cut into these.
const INSERT_ROWS: [usize; 3] = [128, 16, 1];

static INSERTS: LazyLock<[String; 3]> = LazyLock::new(|| {
    INSERT_ROWS.map(|rows| {
        let values = vec!["(?,?,?,?)"; rows].join(",");
        format!("INSERT INTO log (seq, room, checksum, data) VALUES {values}")
    })
});

/// Whether a batch is tried for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    /// None of its rows can be in the file.
    First,
    /// An earlier commit failed, or said that it did: its rows may be there.
    Again,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Sink {
    options: SqliteConnectOptions,
    connection: Option<SqliteConnection>,
    fault: Option<FaultSwitch>,
}

impl Sink {
    pub(super) fn new(options: SqliteConnectOptions, connection: SqliteConnection, fault: Option<FaultSwitch>) -> Self {
        Self { options, connection: Some(connection), fault }
    }

    /// Commits `batch`. `known` names its rooms, with the ids of those that have one; the answer has all ids.
    pub(super) async fn commit_rows(
        &mut self,
        batch: &Batch,
        known: &HashMap<RoomId, Option<i64>>,
        attempt: Attempt,
    ) -> Result<HashMap<RoomId, i64>, StoreError> {
        let mut connection = self.take_connection().await?;
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
        .bind(write.room.as_str())
        .fetch_optional(&mut connection)
        .await;
        self.keep_or_close(connection, generation.is_ok()).await;
        // The writer is the only one that writes generations, one at a time: equal means that it is this one.
        Ok(generation?.is_some_and(|generation| generation == signed(write.generation())))
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

async fn commit_rows(
    connection: &mut SqliteConnection,
    batch: &Batch,
    known: &HashMap<RoomId, Option<i64>>,
    attempt: Attempt,
    fault: Option<&FaultSwitch>,
) -> Result<HashMap<RoomId, i64>, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let ids = room_ids(&mut transaction, known).await?;
    let rows: Vec<SealedRow<'_>> = batch.iter().map(|row| SealedRow::new(row, ids[&row.room])).collect();
    if attempt == Attempt::First || !already_there(&mut transaction, &rows).await? {
        insert(&mut transaction, &rows).await?;
    }
    if let Some(fault) = fault {
        fault.before_commit().await?;
    }
    transaction.commit().await?;
    if let Some(fault) = fault {
        fault.after_commit()?;
    }
    Ok(ids)
}

/// A queued row with what its table adds.
struct SealedRow<'a> {
    row: &'a QueuedRow,
    room: i64,
    checksum: u32,
}

impl<'a> SealedRow<'a> {
    fn new(row: &'a QueuedRow, room: i64) -> Self {
        Self { row, room, checksum: row_checksum(row.sequence, room, &row.data) }
    }
}

/// Covers the row's place too, so that a row of another room is not taken for one of this.
pub(super) fn row_checksum(sequence: Sequence, room: i64, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.0.to_le_bytes());
    hasher.update(&room.to_le_bytes());
    hasher.update(data);
    hasher.finalize()
}

/// The ids of all these rooms; those without one get one.
async fn room_ids(
    connection: &mut SqliteConnection,
    known: &HashMap<RoomId, Option<i64>>,
) -> Result<HashMap<RoomId, i64>, StoreError> {
    let mut ids = HashMap::with_capacity(known.len());
    let mut unknown = HashMap::new();
    for (room, id) in known {
        match id {
            Some(id) => _ = ids.insert(room.clone(), *id),
            None => _ = unknown.insert(room.as_str(), room),
        }
    }
    if unknown.is_empty() {
        return Ok(ids);
    }
    // Two statements, however many rooms there are.
    let names = serde_json::to_string(&unknown.keys().collect::<Vec<_>>()).expect("strings are JSON");
    sqlx::query("INSERT INTO rooms (name, created_at) SELECT value, ?2 FROM json_each(?1) WHERE TRUE ON CONFLICT (name) DO NOTHING")
        .bind(&names)
        .bind(now())
        .execute(&mut *connection)
        .await?;
    let rows = sqlx::query("SELECT id, name FROM rooms WHERE name IN (SELECT value FROM json_each(?))")
        .bind(&names)
        .fetch_all(&mut *connection)
        .await?;
    for row in rows {
        let room = unknown[row.try_get::<&str, _>(1)?];
        ids.insert(room.clone(), row.try_get(0)?);
    }
    Ok(ids)
}

/// Whether an earlier attempt at exactly this batch was committed after all.
async fn already_there(connection: &mut SqliteConnection, rows: &[SealedRow<'_>]) -> Result<bool, StoreError> {
    let (Some(first), Some(last)) = (rows.first(), rows.last()) else { return Ok(true) };
    let (first, last) = (first.row.sequence, last.row.sequence);
    let found = sqlx::query("SELECT count(*), coalesce(sum(checksum), 0) FROM log WHERE seq BETWEEN ? AND ?")
        .bind(signed(first.0))
        .bind(signed(last.0))
        .fetch_one(connection)
        .await?;
    let (count, sum): (i64, i64) = (found.try_get(0)?, found.try_get(1)?);
    if count == 0 {
        return Ok(false);
    }
    let expected: i64 = rows.iter().map(|row| i64::from(row.checksum)).sum();
    if count.cast_unsigned() == rows.len() as u64 && sum == expected {
        return Ok(true);
    }
    Err(StoreError::ForeignRows { first: first.0, last: last.0 })
}

async fn insert(connection: &mut SqliteConnection, mut rows: &[SealedRow<'_>]) -> Result<(), StoreError> {
    for (size, sql) in INSERT_ROWS.into_iter().zip(INSERTS.iter()) {
        while let Some((chunk, rest)) = rows.split_at_checked(size) {
            let mut query = sqlx::query(sql.as_str());
            for SealedRow { row, room, checksum } in chunk {
                query = query.bind(signed(row.sequence.0)).bind(*room).bind(*checksum).bind(&row.data[..]);
            }
            query.execute(&mut *connection).await?;
            rows = rest;
        }
    }
    Ok(())
}

async fn commit_compaction(
    connection: &mut SqliteConnection,
    write: &CompactionWrite,
    last: Sequence,
    fault: Option<&FaultSwitch>,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let ids = room_ids(&mut transaction, &HashMap::from([(write.room.clone(), None)])).await?;
    let id = ids[&write.room];
    let generation: Option<i64> = sqlx::query_scalar("SELECT generation FROM snapshots WHERE room = ?")
        .bind(id)
        .fetch_optional(&mut *transaction)
        .await?;
    if generation.unwrap_or(0) != signed(write.read_generation) {
        transaction.rollback().await?;
        return Ok(false);
    }
    replace_snapshot(&mut transaction, id, write.generation(), &write.snapshot).await?;
    let folded: Vec<u64> = write.folded.iter().map(|sequence| sequence.0).collect();
    let deleted = sqlx::query("DELETE FROM log WHERE room = ? AND seq IN (SELECT value FROM json_each(?))")
        .bind(id)
        .bind(serde_json::to_string(&folded).expect("numbers are JSON"))
        .execute(&mut *transaction)
        .await?;
    if deleted.rows_affected() != folded.len() as u64 {
        let source = format!("{} of {} folded rows are in the log", deleted.rows_affected(), folded.len()).into();
        return Err(StoreError::Fold { room: write.room.clone(), source });
    }
    sqlx::query("UPDATE sequences SET last = max(last, ?)").bind(signed(last.0)).execute(&mut *transaction).await?;
    if let Some(fault) = fault {
        fault.before_commit().await?;
    }
    transaction.commit().await?;
    if let Some(fault) = fault {
        fault.after_commit()?;
    }
    Ok(true)
}

/// Writes the snapshot, keeps the one before it, and reads it back before anything may be deleted for it.
async fn replace_snapshot(
    connection: &mut SqliteConnection,
    room: i64,
    generation: u64,
    snapshot: &Encoded,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT OR REPLACE INTO older_snapshots (room, generation, checksum, raw_length, data, written_at)
         SELECT room, generation, checksum, raw_length, data, written_at FROM snapshots WHERE room = ?",
    )
    .bind(room)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT OR REPLACE INTO snapshots (room, generation, checksum, raw_length, data, written_at) VALUES (?, ?, ?, ?, ?, ?)",
    )
    .bind(room)
    .bind(signed(generation))
    .bind(snapshot.checksum)
    .bind(signed(snapshot.raw_length))
    .bind(&snapshot.data[..])
    .bind(now())
    .execute(&mut *connection)
    .await?;
    let row = sqlx::query("SELECT checksum, raw_length, data FROM snapshots WHERE room = ?")
        .bind(room)
        .fetch_one(&mut *connection)
        .await?;
    let same = row.try_get::<i64, _>(0)? == i64::from(snapshot.checksum)
        && row.try_get::<i64, _>(1)? == signed(snapshot.raw_length)
        && row.try_get::<&[u8], _>(2)? == snapshot.data;
    if same { Ok(()) } else { Err(sqlx::Error::Protocol("the snapshot reads back differently".to_owned()).into()) }
}

/// Sequences, generations and lengths as SQLite's integers, which are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("no counter here reaches 2^63")
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

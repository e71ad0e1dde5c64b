//! Reads one room: its snapshot and its rows, as one moment of the file, checked.
//! Loading and compaction use it, on connections of its own that never write. A damaged row is left out and counted; a
//! damaged snapshot is an error, it must never pass for an empty room.

use std::path::PathBuf;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Row, SqliteConnection, SqlitePool};

use super::error::StoreError;
use super::rows::row_checksum;
use super::snapshot::Encoded;
use super::{Sequence, StoredRow};
use crate::room::id::RoomId;

/// Snapshots up to this size are decompressed in place; larger ones on a thread that may take its time.
const INLINE_BYTES: u64 = 64 << 10;

/// What the file holds of a room.
#[derive(Debug, Default)]
pub(super) struct FileRoom {
    /// 0 without a snapshot.
    pub(super) generation: u64,
    pub(super) snapshot: Option<Bytes>,
    pub(super) rows: Vec<StoredRow>,
    /// Rows that fail their checksum.
    pub(super) damaged: Vec<Sequence>,
    /// Rows that were asked for and are not there.
    pub(super) missing: Vec<Sequence>,
}

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(super) struct Reader {
    pool: SqlitePool,
    file: PathBuf,
}

impl Reader {
    pub(super) async fn connect(options: &SqliteConnectOptions, connections: u32) -> Result<Self, StoreError> {
        // They are kept for ever: on a disk that has just become full or read-only a new one may not open.
        let pool = SqlitePoolOptions::new()
            .max_connections(connections.max(1))
            .min_connections(connections.max(1))
            .idle_timeout(None)
            .max_lifetime(None)
            .test_before_acquire(false)
            .connect_with(options.clone().pragma("query_only", "1"))
            .await?;
        Ok(Self { pool, file: options.get_filename().to_owned() })
    }

    /// Reads the room; `committed` says where its rows are (the log has no index on room).
    pub(super) async fn read(&self, room: &RoomId, committed: &[Sequence]) -> Result<FileRoom, StoreError> {
        let (snapshot, rows) = self.fetch(room, committed).await.map_err(|error| match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            error => StoreError::Database(error).in_file(&self.file),
        })?;
        let mut file = FileRoom::default();
        if let Some(row) = snapshot {
            file.generation = row.try_get::<i64, _>(0)?.cast_unsigned();
            file.snapshot = Some(decode_snapshot(room, &row).await?);
        }
        check_rows(room, &rows, committed, &mut file)?;
        Ok(file)
    }

    async fn fetch(
        &self,
        room: &RoomId,
        committed: &[Sequence],
    ) -> Result<(Option<SqliteRow>, Vec<SqliteRow>), sqlx::Error> {
        if committed.is_empty() {
            return Ok((fetch_snapshot(&mut *self.pool.acquire().await?, room).await?, Vec::new()));
        }
        // One transaction: a compaction in between would take rows away and leave us its old snapshot.
        let mut transaction = self.pool.begin().await?;
        let snapshot = fetch_snapshot(&mut transaction, room).await?;
        let rows = fetch_rows(&mut transaction, committed).await?;
        transaction.commit().await?;
        Ok((snapshot, rows))
    }

    /// Waits for running reads and closes the connections.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn fetch_snapshot(connection: &mut SqliteConnection, room: &RoomId) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query(
        "SELECT snapshots.generation, snapshots.checksum, snapshots.raw_length, snapshots.data, older_snapshots.generation
         FROM rooms JOIN snapshots ON snapshots.room = rooms.id
         LEFT JOIN older_snapshots ON older_snapshots.room = rooms.id WHERE rooms.name = ?",
    )
    .bind(room.as_str())
    .fetch_optional(connection)
    .await
}

async fn fetch_rows(connection: &mut SqliteConnection, committed: &[Sequence]) -> Result<Vec<SqliteRow>, sqlx::Error> {
    let sequences: Vec<u64> = committed.iter().map(|sequence| sequence.0).collect();
    let rows = sqlx::query(
        "SELECT seq, room, checksum, data FROM log WHERE seq IN (SELECT value FROM json_each(?)) ORDER BY seq",
    )
    .bind(serde_json::to_string(&sequences).expect("numbers are JSON"))
    .fetch_all(connection)
    .await?;
    Ok(rows)
}

fn check_rows(
    room: &RoomId,
    rows: &[SqliteRow],
    committed: &[Sequence],
    file: &mut FileRoom,
) -> Result<(), StoreError> {
    file.rows.reserve(rows.len());
    let mut asked = committed.iter().copied();
    for row in rows {
        let sequence = Sequence(row.try_get::<i64, _>(0)?.cast_unsigned());
        file.missing.extend(asked.by_ref().take_while(|asked| *asked != sequence));
        let data: &[u8] = row.try_get(3)?;
        let checksum = row_checksum(sequence, row.try_get(1)?, data);
        if i64::from(checksum) == row.try_get::<i64, _>(2)? {
            file.rows.push(StoredRow { sequence, data: Bytes::copy_from_slice(data) });
        } else {
            tracing::error!(room = %room.for_log(), sequence = sequence.0, "a row of the log fails its checksum; it is left out and kept in the file");
            file.damaged.push(sequence);
        }
    }
    file.missing.extend(asked);
    metrics::counter!("triproom_store_damaged_rows_total").increment(file.damaged.len() as u64);
    Ok(())
}

async fn decode_snapshot(room: &RoomId, row: &SqliteRow) -> Result<Bytes, StoreError> {
    let older: Option<i64> = row.try_get(4)?;
    let damaged = |detail| {
        tracing::error!(room = %room.for_log(), detail, "the snapshot of a room is damaged");
        StoreError::DamagedSnapshot { room: room.clone(), detail, older: older.map(i64::cast_unsigned) }
    };
    let encoded = Encoded {
        checksum: u32::try_from(row.try_get::<i64, _>(1)?)
            .map_err(|_| damaged("its checksum is no CRC-32".to_owned()))?,
        raw_length: row.try_get::<i64, _>(2)?.cast_unsigned(),
        data: row.try_get(3)?,
    };
    let decoded = if encoded.raw_length <= INLINE_BYTES {
        encoded.decode()
    } else {
        let thread = tokio::task::spawn_blocking(move || encoded.decode()).await;
        thread.unwrap_or_else(|error| Err(error.to_string()))
    };
    decoded.map_err(damaged)
}

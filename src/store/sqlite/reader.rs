//! Reads one room from the file, by the sequences that the ledger knows: the log has no index on room.
//! Called through the store's `Reader`. It must never write.

use std::path::PathBuf;

use bytes::Bytes;
use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Row, SqliteConnection, SqlitePool};

use crate::room::id::RoomId;
use crate::room::kept::{EventSeq, Latest};
use crate::store::Sequence;
use crate::store::error::StoreError;
use crate::store::events::sqlite::statements;
use crate::store::events::{EventPage, EventQuery};
use crate::store::reader::{ReadRoom, SELECT_SNAPSHOT};
use crate::store::snapshot::Encoded;

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(in crate::store) struct SqliteReader {
    pool: SqlitePool,
    file: PathBuf,
}

impl SqliteReader {
    pub(in crate::store) async fn connect(
        options: &SqliteConnectOptions,
        connections: u32,
    ) -> Result<Self, StoreError> {
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
    pub(in crate::store) async fn read(&self, room: &RoomId, committed: &[Sequence]) -> Result<ReadRoom, StoreError> {
        let (snapshot, rows, last_event) = self.fetch(room, committed).await.map_err(|error| self.clear(error))?;
        let mut file = ReadRoom { last_event, ..ReadRoom::default() };
        if let Some(row) = snapshot {
            let encoded = Encoded {
                checksum: u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
                raw_length: row.try_get::<i64, _>(2)?.cast_unsigned(),
                data: row.try_get(3)?,
            };
            file.take_snapshot(room, row.try_get::<i64, _>(0)?.cast_unsigned(), encoded).await?;
        }
        check_rows(room, &rows, committed, &mut file)?;
        Ok(file)
    }

    async fn fetch(
        &self,
        room: &RoomId,
        committed: &[Sequence],
    ) -> Result<(Option<SqliteRow>, Vec<SqliteRow>, EventSeq), sqlx::Error> {
        if committed.is_empty() {
            let mut connection = self.pool.acquire().await?;
            let last_event = statements::last(&mut connection, room).await?;
            return Ok((fetch_snapshot(&mut connection, room).await?, Vec::new(), last_event));
        }
        // One transaction: a compaction in between would take rows away and leave us its old snapshot.
        let mut transaction = self.pool.begin().await?;
        let last_event = statements::last(&mut transaction, room).await?;
        let snapshot = fetch_snapshot(&mut transaction, room).await?;
        let rows = fetch_rows(&mut transaction, committed).await?;
        transaction.commit().await?;
        Ok((snapshot, rows, last_event))
    }

    pub(in crate::store) async fn events(&self, room: &RoomId, wanted: &EventQuery) -> Result<EventPage, StoreError> {
        let page = async {
            // One transaction: a retention in between would take away what is said to be the first.
            let mut transaction = self.pool.begin().await?;
            let page = statements::page(&mut transaction, room, wanted).await?;
            transaction.commit().await?;
            Ok(page)
        };
        page.await.map_err(|error| self.clear(error))
    }

    pub(in crate::store) async fn latest(&self, room: &RoomId) -> Result<Vec<Latest>, StoreError> {
        let latest = async { statements::latest(&mut *self.pool.acquire().await?, room).await };
        latest.await.map_err(|error| self.clear(error))
    }

    fn clear(&self, error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            error => StoreError::Database(error).in_file(&self.file),
        }
    }

    /// Waits for running reads and closes the connections.
    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn fetch_snapshot(connection: &mut SqliteConnection, room: &RoomId) -> Result<Option<SqliteRow>, sqlx::Error> {
    sqlx::query(SELECT_SNAPSHOT).bind(room.as_str()).fetch_optional(connection).await
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
    file: &mut ReadRoom,
) -> Result<(), StoreError> {
    file.rows.reserve(rows.len());
    let mut asked = committed.iter().copied();
    for row in rows {
        let sequence = Sequence(row.try_get::<i64, _>(0)?.cast_unsigned());
        file.missing.extend(asked.by_ref().take_while(|asked| *asked != sequence));
        file.take(room, sequence, row.try_get(1)?, row.try_get(2)?, Bytes::copy_from_slice(row.try_get(3)?));
    }
    file.missing.extend(asked);
    Ok(())
}

//! Reads one room from Postgres, rows of other servers included. Called through the store's `Reader`. It must never write.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, PgPool, Row};

use super::block;
use crate::room::id::RoomId;
use crate::store::Sequence;
use crate::store::error::StoreError;
use crate::store::ledger::RoomView;
use crate::store::reader::{ReadRoom, SELECT_SNAPSHOT};
use crate::store::snapshot::Encoded;

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(in crate::store) struct PostgresReader {
    pool: PgPool,
}

impl PostgresReader {
    pub(super) fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    pub(in crate::store) async fn read(&self, room: &RoomId, view: &RoomView) -> Result<ReadRoom, StoreError> {
        let mut read = ReadRoom::default();
        let (snapshot, rows) = self.fetch(room).await.map_err(|error| match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            error => StoreError::Database(error),
        })?;
        if let Some(row) = snapshot {
            let encoded = Encoded {
                checksum: u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default(),
                raw_length: row.try_get::<i64, _>(2)?.cast_unsigned(),
                data: row.try_get(3)?,
            };
            let older = row.try_get::<Option<i64>, _>(4)?.map(i64::cast_unsigned);
            read.take_snapshot(room, row.try_get::<i64, _>(0)?.cast_unsigned(), encoded, older).await?;
        }
        for row in rows {
            let sequence = Sequence(row.try_get::<i64, _>(1)?.cast_unsigned());
            // What this process committed since the ledger was asked is in the account as unsaved, or newer.
            if sequence <= view.settled || block(sequence) != block(view.settled) {
                read.take(room, sequence, row.try_get(0)?, row.try_get(2)?, Bytes::copy_from_slice(row.try_get(3)?));
            }
        }
        Ok(read)
    }

    async fn fetch(&self, room: &RoomId) -> Result<(Option<PgRow>, Vec<PgRow>), sqlx::Error> {
        // One moment: a compaction in between would take rows away and leave us its old snapshot.
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        let snapshot = fetch_snapshot(&mut transaction, room).await?;
        let rows = sqlx::query(
            "SELECT log.room, log.seq, log.checksum, log.data FROM rooms JOIN log ON log.room = rooms.id
             WHERE rooms.name = $1 ORDER BY log.seq",
        )
        .bind(room.as_str())
        .fetch_all(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok((snapshot, rows))
    }

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn fetch_snapshot(connection: &mut PgConnection, room: &RoomId) -> Result<Option<PgRow>, sqlx::Error> {
    sqlx::query(SELECT_SNAPSHOT).bind(room.as_str()).fetch_optional(connection).await
}

//! Reads one room from Postgres, rows of other servers included. Called through the store's `Reader`. It must never write.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::block;
use super::pool::PostgresPool;
use crate::room::id::RoomId;
use crate::store::error::StoreError;
use crate::store::ledger::RoomView;
use crate::store::reader::{ReadRoom, SELECT_SNAPSHOT};
use crate::store::snapshot::Encoded;
use crate::store::{Pooler, Sequence};

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(in crate::store) struct PostgresReader {
    pool: PostgresPool,
}

impl PostgresReader {
    pub(super) fn new(pool: PostgresPool) -> Self {
        Self { pool }
    }

    pub(in crate::store) async fn read(&self, room: &RoomId, view: &RoomView) -> Result<ReadRoom, StoreError> {
        let mut read = ReadRoom::default();
        let (name, pooler) = (room.clone(), self.pool.options().pooler);
        // One moment: a compaction in between would take rows away and leave us its old snapshot.
        let fetched = self.pool.read(move |connection| Box::pin(async move { fetch(connection, &name, pooler).await }));
        let (id, snapshot, rows) = fetched.await?;
        read.id = id;
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

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }
}

/// The room's id, its snapshot and its rows.
async fn fetch(
    connection: &mut PgConnection,
    room: &RoomId,
    pooler: Pooler,
) -> Result<(Option<i64>, Option<PgRow>, Vec<PgRow>), sqlx::Error> {
    let id = sqlx::query_scalar("SELECT id FROM rooms WHERE name = $1")
        .bind(room.as_str())
        .persistent(pooler.keeps_statements())
        .fetch_optional(&mut *connection)
        .await?;
    let snapshot = sqlx::query(SELECT_SNAPSHOT)
        .bind(room.as_str())
        .persistent(pooler.keeps_statements())
        .fetch_optional(&mut *connection)
        .await?;
    let rows = sqlx::query(
        "SELECT log.room, log.seq, log.checksum, log.data FROM rooms JOIN log ON log.room = rooms.id
         WHERE rooms.name = $1 ORDER BY log.seq",
    )
    .bind(room.as_str())
    .persistent(pooler.keeps_statements())
    .fetch_all(connection)
    .await?;
    Ok((id, snapshot, rows))
}

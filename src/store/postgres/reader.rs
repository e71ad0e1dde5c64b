//! Reads one room from Postgres, rows of other servers included. Called through the store's `Reader`. Of rooms it must never write
//! anything.

use bytes::Bytes;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};

use super::block;
use super::pool::PostgresPool;
use super::roll_call::roll_call;
use crate::room::id::RoomId;
use crate::room::kept::{EventSeq, Latest};
use crate::room::node::{Incarnation, NodeId};
use crate::store::cache::{SnapshotCache, SnapshotName};
use crate::store::error::StoreError;
use crate::store::events::postgres::statements;
use crate::store::events::{EventPage, EventQuery};
use crate::store::ledger::RoomView;
use crate::store::reader::{ReadRoom, SELECT_SNAPSHOT, SELECT_SNAPSHOT_NAME};
use crate::store::snapshot::Encoded;
use crate::store::{Pooler, Sequence};

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(in crate::store) struct PostgresReader {
    pool: PostgresPool,
    cache: Option<SnapshotCache>,
}

/// A snapshot as it was found.
struct Found {
    generation: u64,
    encoded: Encoded,
}

/// What the database says of a room.
struct Fetched {
    id: Option<i64>,
    snapshot: Option<Found>,
    rows: Vec<PgRow>,
    last_event: EventSeq,
}

impl PostgresReader {
    pub(super) fn new(pool: PostgresPool, cache: Option<SnapshotCache>) -> Self {
        Self { pool, cache }
    }

    pub(in crate::store) async fn read(&self, room: &RoomId, view: &RoomView) -> Result<ReadRoom, StoreError> {
        let mut read = ReadRoom::default();
        let (name, pooler, cache) = (room.clone(), self.pool.options().pooler, self.cache.clone());
        // One moment: a compaction in between would take rows away and leave us its old snapshot.
        let fetched = self
            .pool
            .read(move |connection| Box::pin(async move { fetch(connection, &name, pooler, cache.as_ref()).await }));
        let Fetched { id, snapshot, rows, last_event } = fetched.await?;
        (read.id, read.last_event) = (id, last_event);
        if let Some(Found { generation, encoded }) = snapshot {
            read.take_snapshot(room, generation, encoded).await?;
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

    pub(in crate::store) async fn incarnation(&self, room: &RoomId) -> Result<Option<Incarnation>, StoreError> {
        let (name, pooler) = (room.clone(), self.pool.options().pooler);
        let id = self.pool.read(move |connection| Box::pin(async move { room_id(connection, &name, pooler).await }));
        Ok(id.await?.map(Incarnation))
    }

    /// See [`roll_call`].
    pub(in crate::store) async fn roll_call(&self, node: NodeId) -> Result<Vec<NodeId>, StoreError> {
        roll_call(&self.pool, node).await
    }

    pub(in crate::store) async fn events(&self, room: &RoomId, wanted: EventQuery) -> Result<EventPage, StoreError> {
        let name = room.clone();
        let page = self
            .pool
            .read(move |connection| Box::pin(async move { statements::page(connection, &name, &wanted).await }));
        page.await
    }

    pub(in crate::store) async fn latest(&self, room: &RoomId) -> Result<Vec<Latest>, StoreError> {
        let name = room.clone();
        let latest =
            self.pool.read(move |connection| Box::pin(async move { statements::latest(connection, &name).await }));
        latest.await
    }

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }
}

async fn room_id(connection: &mut PgConnection, room: &RoomId, pooler: Pooler) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT id FROM rooms WHERE name = $1")
        .bind(room.as_str())
        .persistent(pooler.keeps_statements())
        .fetch_optional(connection)
        .await
}

async fn fetch(
    connection: &mut PgConnection,
    room: &RoomId,
    pooler: Pooler,
    cache: Option<&SnapshotCache>,
) -> Result<Fetched, sqlx::Error> {
    let id = room_id(connection, room, pooler).await?;
    let last_event = statements::last(connection, room).await?;
    let snapshot = fetch_snapshot(connection, room, pooler, cache).await?;
    let rows = sqlx::query(
        "SELECT log.room, log.seq, log.checksum, log.data FROM rooms JOIN log ON log.room = rooms.id
         WHERE rooms.name = $1 ORDER BY log.seq",
    )
    .bind(room.as_str())
    .persistent(pooler.keeps_statements())
    .fetch_all(connection)
    .await?;
    Ok(Fetched { id, snapshot, rows, last_event })
}

/// The snapshot: which one it is by the word of the database, its data from wherever it is nearest.
async fn fetch_snapshot(
    connection: &mut PgConnection,
    room: &RoomId,
    pooler: Pooler,
    cache: Option<&SnapshotCache>,
) -> Result<Option<Found>, sqlx::Error> {
    let select = if cache.is_some() { SELECT_SNAPSHOT_NAME } else { SELECT_SNAPSHOT };
    let query = sqlx::query(select).bind(room.as_str()).persistent(pooler.keeps_statements());
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let generation = row.try_get::<i64, _>(0)?.cast_unsigned();
    let checksum = u32::try_from(row.try_get::<i64, _>(1)?).unwrap_or_default();
    let raw_length = row.try_get::<i64, _>(2)?.cast_unsigned();
    let data = match cache {
        None => row.try_get(3)?,
        Some(cache) => {
            let name = SnapshotName { room: row.try_get(3)?, generation, checksum, raw_length };
            fetch_data(connection, &name, pooler, cache).await?
        }
    };
    Ok(Some(Found { generation, encoded: Encoded { checksum, raw_length, data } }))
}

async fn fetch_data(
    connection: &mut PgConnection,
    name: &SnapshotName,
    pooler: Pooler,
    cache: &SnapshotCache,
) -> Result<Vec<u8>, sqlx::Error> {
    let cached = cache.get(name).await;
    let tier = if cached.is_some() { "redis" } else { "database" };
    metrics::counter!("triproom_snapshot_reads_total", "tier" => tier).increment(1);
    if let Some(data) = cached {
        return Ok(data);
    }
    let query = sqlx::query_scalar("SELECT data FROM snapshots WHERE room = $1").bind(name.room);
    let data: Vec<u8> = query.persistent(pooler.keeps_statements()).fetch_one(connection).await?;
    cache.put(*name, &data);
    Ok(data)
}

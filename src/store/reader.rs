//! Reads one room: its snapshot and its rows, as one moment of the database, checked; pages of its events; its latest values.
//! Loading and compaction use it, on connections of its own that never write. A damaged row is left out and counted; a
//! damaged snapshot is an error, it must never pass for an empty room.

use bytes::Bytes;

use super::error::StoreError;
use super::events::{EventPage, EventQuery};
use super::ledger::RoomView;
use super::postgres::PostgresReader;
use super::seal::row_checksum;
use super::snapshot::Encoded;
use super::sqlite::SqliteReader;
use super::{Sequence, StoredRow};
use crate::room::id::RoomId;
use crate::room::kept::{EventSeq, Latest};
use crate::room::node::{Incarnation, NodeId};

/// Snapshots up to this size are decompressed in place; larger ones on a thread that may take its time.
const INLINE_BYTES: u64 = 64 << 10;

/// A room's snapshot.
pub(super) const SELECT_SNAPSHOT: &str =
    "SELECT snapshots.generation, snapshots.checksum, snapshots.raw_length, snapshots.data
         FROM rooms JOIN snapshots ON snapshots.room = rooms.id WHERE rooms.name = $1";

/// The same without the snapshot's data, but with the room's number.
pub(super) const SELECT_SNAPSHOT_NAME: &str =
    "SELECT snapshots.generation, snapshots.checksum, snapshots.raw_length, rooms.id
         FROM rooms JOIN snapshots ON snapshots.room = rooms.id WHERE rooms.name = $1";

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(super) enum Reader {
    Sqlite(SqliteReader),
    Postgres(PostgresReader),
}

/// What the database holds of a room.
#[derive(Debug, Default)]
pub(super) struct ReadRoom {
    /// The room's id where others may delete the room and make it again; nothing when it is not there.
    pub(super) id: Option<i64>,
    /// 0 without a snapshot.
    pub(super) generation: u64,
    pub(super) snapshot: Option<Bytes>,
    pub(super) rows: Vec<StoredRow>,
    /// Rows that fail their checksum.
    pub(super) damaged: Vec<Sequence>,
    /// Rows that were asked for and are not there.
    pub(super) missing: Vec<Sequence>,
    /// The number of the newest event; 0 without one.
    pub(super) last_event: EventSeq,
}

impl Reader {
    /// Reads the room. `view` is what the ledger knew of its rows just before.
    pub(super) async fn read(&self, room: &RoomId, view: &RoomView) -> Result<ReadRoom, StoreError> {
        match self {
            Self::Sqlite(reader) => reader.read(room, &view.committed).await,
            Self::Postgres(reader) => reader.read(room, view).await,
        }
    }

    /// A page of the room's events.
    pub(super) async fn events(&self, room: &RoomId, wanted: EventQuery) -> Result<EventPage, StoreError> {
        match self {
            Self::Sqlite(reader) => reader.events(room, &wanted).await,
            Self::Postgres(reader) => reader.events(room, wanted).await,
        }
    }

    /// The room's latest values, in the order of their kinds and keys.
    pub(super) async fn latest(&self, room: &RoomId) -> Result<Vec<Latest>, StoreError> {
        match self {
            Self::Sqlite(reader) => reader.latest(room).await,
            Self::Postgres(reader) => reader.latest(room).await,
        }
    }

    /// The room of this name that is there now, where others may have made it.
    pub(super) async fn incarnation(&self, room: &RoomId) -> Result<Option<Incarnation>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(reader) => reader.incarnation(room).await,
        }
    }

    /// Says that this node is up, and which others are; none where there can be none.
    pub(super) async fn roll_call(&self, node: NodeId) -> Result<Vec<NodeId>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(Vec::new()),
            Self::Postgres(reader) => reader.roll_call(node).await,
        }
    }

    /// Whether rows may be in the database that the ledger does not know.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Postgres(_))
    }

    /// Waits for running reads and closes the connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(reader) => reader.close().await,
            Self::Postgres(reader) => reader.close().await,
        }
    }
}

impl ReadRoom {
    /// Where its rows are, damaged ones included, and their bytes as far as they are whole.
    pub(super) fn rows(&self) -> (Vec<Sequence>, u64) {
        let mut sequences: Vec<Sequence> = self.rows.iter().map(|row| row.sequence).collect();
        sequences.extend_from_slice(&self.damaged);
        sequences.sort_unstable();
        (sequences, self.rows.iter().map(|row| row.data.len() as u64).sum())
    }

    /// Takes a row of the log if it is whole.
    pub(super) fn take(&mut self, room: &RoomId, sequence: Sequence, id: i64, checksum: i64, data: Bytes) {
        if i64::from(row_checksum(sequence, id, &data)) == checksum {
            self.rows.push(StoredRow { sequence, data });
            return;
        }
        tracing::error!(room = %room.for_log(), sequence = sequence.0, "a row of the log fails its checksum; it is left out and kept where it is");
        metrics::counter!("triproom_store_damaged_rows_total").increment(1);
        self.damaged.push(sequence);
    }

    /// Takes the snapshot of this generation.
    pub(super) async fn take_snapshot(
        &mut self,
        room: &RoomId,
        generation: u64,
        encoded: Encoded,
    ) -> Result<(), StoreError> {
        let decoded = if encoded.raw_length <= INLINE_BYTES {
            encoded.decode()
        } else {
            let thread = tokio::task::spawn_blocking(move || encoded.decode()).await;
            thread.unwrap_or_else(|error| Err(error.to_string()))
        };
        self.generation = generation;
        self.snapshot = Some(decoded.map_err(|detail| {
            tracing::error!(room = %room.for_log(), detail, "the snapshot of a room is damaged");
            StoreError::DamagedSnapshot { room: room.clone(), detail }
        })?);
        Ok(())
    }
}

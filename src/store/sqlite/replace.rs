//! The transaction that replaces a room's snapshot and deletes the rows in it.
//! Only the sink calls it. It must never delete for a snapshot that does not read back as it was written.

use hashbrown::HashMap;
use sqlx::{Connection, Row, SqliteConnection};

use super::rows::room_ids;
use crate::store::Sequence;
use crate::store::compaction::CompactionWrite;
use crate::store::error::StoreError;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::moment::now;
use crate::store::seal::signed;
use crate::store::snapshot::Encoded;

/// See [`Sink::commit_compaction`](crate::store::sink::Sink::commit_compaction).
pub(super) async fn commit_compaction(
    connection: &mut SqliteConnection,
    write: &CompactionWrite,
    last: Sequence,
    fault: Option<&FaultSwitch>,
) -> Result<bool, StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let ids = room_ids(&mut transaction, &HashMap::from([(write.room().clone(), None)])).await?;
    let id = ids[write.room()];
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
        return Err(StoreError::Fold { room: write.room().clone(), source });
    }
    sqlx::query("UPDATE sequences SET last = max(last, ?)").bind(signed(last.0)).execute(&mut *transaction).await?;
    commit(transaction, fault).await?;
    Ok(true)
}

/// Writes the snapshot in the place of the one before it, and reads it back before anything may be deleted for it.
async fn replace_snapshot(
    connection: &mut SqliteConnection,
    room: i64,
    generation: u64,
    snapshot: &Encoded,
) -> Result<(), StoreError> {
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

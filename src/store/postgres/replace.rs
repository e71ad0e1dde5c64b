//! The transaction that replaces a room's snapshot and deletes the rows in it.
//! Only the sink calls it. It must never delete for a snapshot that does not read back as it was written.

use sqlx::{PgConnection, Postgres, Row, Transaction};

use crate::store::compaction::CompactionWrite;
use crate::store::error::StoreError;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::moment::now;
use crate::store::seal::signed;
use crate::store::snapshot::Encoded;

/// See [`Sink::commit_compaction`](crate::store::sink::Sink::commit_compaction). Gives the room's number when it was done.
pub(super) async fn commit_compaction(
    mut transaction: Transaction<'_, Postgres>,
    write: &CompactionWrite,
    fault: Option<&FaultSwitch>,
) -> Result<Option<i64>, StoreError> {
    let Some(id) = lock_room(&mut transaction, write).await? else {
        transaction.rollback().await?;
        return Ok(None);
    };
    let generation: Option<i64> = sqlx::query_scalar("SELECT generation FROM snapshots WHERE room = $1")
        .bind(id)
        .persistent(false)
        .fetch_optional(&mut *transaction)
        .await?;
    if generation.unwrap_or(0) != signed(write.read_generation) {
        transaction.rollback().await?;
        return Ok(None);
    }
    replace_snapshot(&mut transaction, id, write.generation(), &write.snapshot).await?;
    let folded: Vec<i64> = write.folded.iter().map(|sequence| signed(sequence.0)).collect();
    let deleted = sqlx::query("DELETE FROM log WHERE room = $1 AND seq = ANY($2)")
        .bind(id)
        .bind(&folded)
        .persistent(false)
        .execute(&mut *transaction)
        .await?;
    if deleted.rows_affected() != folded.len() as u64 {
        let source = format!("{} of {} folded rows are in the log", deleted.rows_affected(), folded.len()).into();
        return Err(StoreError::Fold { room: write.room().clone(), source });
    }
    commit(transaction, fault).await?;
    Ok(Some(id))
}

/// The id of the room, for this transaction alone to compact or delete it; whoever writes rows goes on meanwhile. Nothing
/// when the room that was read is gone, or somebody else has it: what they do is not waited for, because rows of other rooms
/// would wait with us.
async fn lock_room(connection: &mut PgConnection, write: &CompactionWrite) -> Result<Option<i64>, StoreError> {
    if write.id.is_none() {
        // There was nothing of it; if somebody makes it at this moment, there is nothing in it either.
        sqlx::query("INSERT INTO rooms (name, created_at) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
            .bind(write.room().as_str())
            .bind(now())
            .persistent(false)
            .execute(&mut *connection)
            .await?;
    }
    let id = sqlx::query_scalar(
        "SELECT id FROM rooms WHERE name = $1 AND id = coalesce($2, id) FOR NO KEY UPDATE SKIP LOCKED",
    )
    .bind(write.room().as_str())
    .bind(write.id)
    .persistent(false)
    .fetch_optional(connection)
    .await?;
    Ok(id)
}

/// Writes the snapshot in the place of the one before it, and reads it back before anything may be deleted for it.
async fn replace_snapshot(
    connection: &mut PgConnection,
    room: i64,
    generation: u64,
    snapshot: &Encoded,
) -> Result<(), StoreError> {
    let row = sqlx::query(
        "INSERT INTO snapshots (room, generation, checksum, raw_length, data, written_at) VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (room) DO UPDATE SET generation = excluded.generation, checksum = excluded.checksum,
             raw_length = excluded.raw_length, data = excluded.data, written_at = excluded.written_at
         RETURNING checksum, raw_length, sha256(data)",
    )
    .bind(room)
    .bind(signed(generation))
    .bind(i64::from(snapshot.checksum))
    .bind(signed(snapshot.raw_length))
    .bind(&snapshot.data[..])
    .bind(now())
    .persistent(false)
    .fetch_one(&mut *connection)
    .await?;
    let hash = <sha2::Sha256 as sha2::Digest>::digest(&snapshot.data);
    let same = row.try_get::<i64, _>(0)? == i64::from(snapshot.checksum)
        && row.try_get::<i64, _>(1)? == signed(snapshot.raw_length)
        && row.try_get::<&[u8], _>(2)? == hash.as_slice();
    if same { Ok(()) } else { Err(sqlx::Error::Protocol("the snapshot reads back differently".to_owned()).into()) }
}

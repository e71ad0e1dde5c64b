//! The transaction that deletes all that is stored of a room, and finishing what a crash left half done.
//! The sink calls it, and whoever opens the file. It must never touch another room, nor let a sequence be given again.

use sqlx::{Connection, SqliteConnection};

use crate::room::id::RoomId;
use crate::store::Sequence;
use crate::store::error::StoreError;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::seal::signed;

/// See [`Sink::commit_deletion`](crate::store::sink::Sink::commit_deletion).
pub(super) async fn commit_deletion(
    connection: &mut SqliteConnection,
    room: &RoomId,
    rows: &[Sequence],
    last: Sequence,
    fault: Option<&FaultSwitch>,
) -> Result<(), StoreError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let id: Option<i64> = sqlx::query_scalar("SELECT id FROM rooms WHERE name = ?")
        .bind(room.as_str())
        .fetch_optional(&mut *transaction)
        .await?;
    if let Some(id) = id {
        // By sequence: the log has no index on room, and reading all of it would hold up everybody.
        let rows: Vec<u64> = rows.iter().map(|sequence| sequence.0).collect();
        sqlx::query("DELETE FROM log WHERE room = ? AND seq IN (SELECT value FROM json_each(?))")
            .bind(id)
            .bind(serde_json::to_string(&rows).expect("numbers are JSON"))
            .execute(&mut *transaction)
            .await?;
        delete_beside_log(&mut transaction, id).await?;
    }
    sqlx::query("DELETE FROM deleted_rooms WHERE room = ?").bind(room.as_str()).execute(&mut *transaction).await?;
    sqlx::query("UPDATE sequences SET last = max(last, ?)").bind(signed(last.0)).execute(&mut *transaction).await?;
    commit(transaction, fault).await?;
    Ok(())
}

/// Deletes the documents of rooms whose roster is gone, before anything else looks at the log.
pub(in crate::store) async fn finish_deletions(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM deleted_rooms").fetch_one(&mut *connection).await?;
    if left == 0 {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("UPDATE sequences SET last = max(last, (SELECT coalesce(max(seq), 0) FROM log))")
        .execute(&mut *transaction)
        .await?;
    let ids: Vec<i64> =
        sqlx::query_scalar("SELECT id FROM rooms JOIN deleted_rooms ON deleted_rooms.room = rooms.name")
            .fetch_all(&mut *transaction)
            .await?;
    sqlx::query("DELETE FROM log WHERE room IN (SELECT value FROM json_each(?))")
        .bind(serde_json::to_string(&ids).expect("numbers are JSON"))
        .execute(&mut *transaction)
        .await?;
    for id in &ids {
        delete_beside_log(&mut transaction, *id).await?;
    }
    sqlx::query("DELETE FROM deleted_rooms").execute(&mut *transaction).await?;
    transaction.commit().await?;
    tracing::info!(rooms = ids.len(), "documents of deleted rooms were still there; they are deleted now");
    Ok(())
}

/// The room's lines in all tables but the log.
async fn delete_beside_log(connection: &mut SqliteConnection, id: i64) -> Result<(), StoreError> {
    for statement in [
        "DELETE FROM snapshots WHERE room = ?",
        "DELETE FROM events WHERE room = ?",
        "DELETE FROM event_counters WHERE room = ?",
        "DELETE FROM latest WHERE room = ?",
        "DELETE FROM rooms WHERE id = ?",
    ] {
        sqlx::query(statement).bind(id).execute(&mut *connection).await?;
    }
    Ok(())
}

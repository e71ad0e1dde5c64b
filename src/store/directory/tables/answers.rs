//! The answers to repeated requests, and the rooms of those that have none yet.
//! Part of [`EngineDirectory`]. Of one request there is an answer or a room, never both.

use std::time::{Duration, SystemTime};

use sqlx::Row;

use super::{EngineConnection, EngineDirectory, EngineRow, query, room_name, unreadable};
use crate::room::id::RoomId;
use crate::store::directory::answer::{AnswerLimits, OnceKey, Recalled, Remembered};
use crate::store::error::StoreError;
use crate::store::moment::{millis, now};

/// The most answers that go for one that comes; a long one is worth many short ones.
const DROPPED_MAX: usize = 256;

impl EngineDirectory {
    pub(in crate::store::directory) async fn recall(&self, once: &OnceKey) -> Result<Option<Recalled>, StoreError> {
        let once = once.clone();
        self.read(move |connection| {
            Box::pin(async move {
                let row = query(
                    "SELECT fingerprint, status, body, NULL FROM answers WHERE principal = $1 AND key = $2
                     UNION ALL SELECT fingerprint, NULL, NULL, room FROM creations WHERE principal = $1 AND key = $2 LIMIT 1",
                )
                .bind(once.scope.as_str())
                .bind(&once.key)
                .fetch_optional(connection)
                .await?;
                row.map(|row| read(&row, &once.fingerprint)).transpose()
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn remember(
        &self,
        once: &OnceKey,
        answer: &Remembered,
        limits: AnswerLimits,
    ) -> Result<(), StoreError> {
        let (once, answer) = (once.clone(), answer.clone());
        self.write(move |connection| {
            Box::pin(async move {
                query(
                    "INSERT INTO answers (principal, key, fingerprint, status, body, answered_at)
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (principal, key) DO NOTHING",
                )
                .bind(once.scope.as_str())
                .bind(&once.key)
                .bind(&once.fingerprint[..])
                .bind(i64::from(answer.status))
                .bind(&answer.body[..])
                .bind(now())
                .execute(&mut *connection)
                .await?;
                query("DELETE FROM creations WHERE principal = $1 AND key = $2")
                    .bind(once.scope.as_str())
                    .bind(&once.key)
                    .execute(&mut *connection)
                    .await?;
                keep_within(connection, limits).await
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn forget_older_than(&self, age: Duration) -> Result<u64, StoreError> {
        let before = millis(SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH));
        self.write(move |connection| {
            Box::pin(async move {
                let mut forgotten = 0;
                for statement in
                    ["DELETE FROM answers WHERE answered_at < $1", "DELETE FROM creations WHERE made_at < $1"]
                {
                    forgotten += query(statement).bind(before).execute(&mut *connection).await?.rows_affected();
                }
                Ok(forgotten)
            })
        })
        .await
    }
}

/// Drops the oldest answers while there are too many.
async fn keep_within(connection: &mut EngineConnection, limits: AnswerLimits) -> Result<(), sqlx::Error> {
    for _ in 0..DROPPED_MAX {
        let dropped = query(
            "DELETE FROM answers
             WHERE (principal, key) = (SELECT principal, key FROM answers ORDER BY answered_at, principal, key LIMIT 1)
             AND EXISTS (SELECT 1 FROM answers_total WHERE answers > $1 OR bytes > $2)",
        )
        .bind(i64::try_from(limits.answers).unwrap_or(i64::MAX))
        .bind(i64::try_from(limits.bytes).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
        if dropped.rows_affected() == 0 {
            break;
        }
    }
    Ok(())
}

/// Notes that a request makes a room, in the transaction that makes it.
pub(super) async fn insert_creation(
    connection: &mut EngineConnection,
    once: &OnceKey,
    room: &RoomId,
) -> Result<(), sqlx::Error> {
    query("INSERT INTO creations (principal, key, fingerprint, room, made_at) VALUES ($1, $2, $3, $4, $5)")
        .bind(once.scope.as_str())
        .bind(&once.key)
        .bind(&once.fingerprint[..])
        .bind(room.as_str())
        .bind(now())
        .execute(connection)
        .await?;
    Ok(())
}

fn read(row: &EngineRow, fingerprint: &[u8; 32]) -> Result<Recalled, sqlx::Error> {
    if row.try_get::<&[u8], _>(0)? != fingerprint {
        return Ok(Recalled::Other);
    }
    match row.try_get::<Option<&str>, _>(3)? {
        Some(room) => Ok(Recalled::Made(room_name(room)?)),
        None => Ok(Recalled::Answered(Remembered {
            status: row.try_get::<i64, _>(1)?.try_into().map_err(unreadable)?,
            body: row.try_get(2)?,
        })),
    }
}

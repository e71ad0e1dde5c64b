//! What has to be the same for everybody and again: secrets, and the answers to repeated requests.
//! Part of [`SqliteDirectory`]. A secret must never change once somebody has seen it.

use std::time::{Duration, SystemTime};

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::super::Remembered;
use super::{SqliteDirectory, unreadable};
use crate::room::principal::PrincipalId;
use crate::store::error::StoreError;
use crate::store::moment::{millis, now};

impl SqliteDirectory {
    pub(in super::super) async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        const SELECT: &str = "SELECT secret FROM secrets WHERE name = ?";
        let known = sqlx::query(SELECT).bind(name).fetch_optional(&self.readers).await;
        let known = known.and_then(|row| row.map(|row| thirty_two(&row, 0)).transpose());
        if let Some(secret) = known.map_err(|error| self.clear(error))? {
            return Ok(secret);
        }
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(StoreError::NoRandomness)?;
        self.write(move |connection| {
            Box::pin(async move {
                // Another process may have been first; then its secret is the one.
                sqlx::query("INSERT INTO secrets (name, secret) VALUES (?, ?) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(&fresh[..])
                    .execute(&mut *connection)
                    .await?;
                thirty_two(&sqlx::query(SELECT).bind(name).fetch_one(connection).await?, 0)
            })
        })
        .await
    }

    pub(in super::super) async fn recall(
        &self,
        scope: &PrincipalId,
        key: &str,
    ) -> Result<Option<Remembered>, StoreError> {
        let row = sqlx::query("SELECT fingerprint, status, body FROM answers WHERE principal = ? AND key = ?")
            .bind(scope.as_str())
            .bind(key)
            .fetch_optional(&self.readers)
            .await;
        row.and_then(|row| row.as_ref().map(read_answer).transpose()).map_err(|error| self.clear(error))
    }

    pub(in super::super) async fn remember(
        &self,
        scope: &PrincipalId,
        key: &str,
        answer: &Remembered,
    ) -> Result<(), StoreError> {
        let (scope, key, answer) = (scope.clone(), key.to_owned(), answer.clone());
        self.write(move |connection| {
            Box::pin(async move {
                sqlx::query(
                    "INSERT INTO answers (principal, key, fingerprint, status, body, answered_at)
                     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (principal, key) DO NOTHING",
                )
                .bind(scope.as_str())
                .bind(key)
                .bind(&answer.fingerprint[..])
                .bind(answer.status)
                .bind(&answer.body[..])
                .bind(now())
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(in super::super) async fn forget_older_than(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        self.write(move |connection| {
            Box::pin(async move {
                let forgotten = sqlx::query("DELETE FROM answers WHERE answered_at < ?")
                    .bind(millis(before))
                    .execute(connection)
                    .await?;
                Ok(forgotten.rows_affected())
            })
        })
        .await
    }
}

fn read_answer(row: &SqliteRow) -> Result<Remembered, sqlx::Error> {
    Ok(Remembered { fingerprint: thirty_two(row, 0)?, status: row.try_get(1)?, body: row.try_get(2)? })
}

fn thirty_two(row: &SqliteRow, column: usize) -> Result<[u8; 32], sqlx::Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(unreadable)
}

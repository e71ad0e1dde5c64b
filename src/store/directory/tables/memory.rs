//! What has to be the same for everybody and again: secrets, and the answers to repeated requests.
//! Part of [`EngineDirectory`]. A secret must never change once somebody has seen it.

use std::time::{Duration, SystemTime};

use sqlx::Row;

use super::{EngineDirectory, EngineRow, unreadable};
use crate::room::principal::PrincipalId;
use crate::store::directory::Remembered;
use crate::store::error::StoreError;
use crate::store::moment::{millis, now};

impl EngineDirectory {
    pub(in crate::store::directory) async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        const SELECT: &str = "SELECT secret FROM secrets WHERE name = $1";
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
                sqlx::query("INSERT INTO secrets (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(&fresh[..])
                    .execute(&mut *connection)
                    .await?;
                thirty_two(&sqlx::query(SELECT).bind(name).fetch_one(connection).await?, 0)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn recall(
        &self,
        scope: &PrincipalId,
        key: &str,
    ) -> Result<Option<Remembered>, StoreError> {
        let row = sqlx::query("SELECT fingerprint, status, body FROM answers WHERE principal = $1 AND key = $2")
            .bind(scope.as_str())
            .bind(key)
            .fetch_optional(&self.readers)
            .await;
        row.and_then(|row| row.as_ref().map(read_answer).transpose()).map_err(|error| self.clear(error))
    }

    pub(in crate::store::directory) async fn remember(
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
                     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (principal, key) DO NOTHING",
                )
                .bind(scope.as_str())
                .bind(key)
                .bind(&answer.fingerprint[..])
                .bind(i64::from(answer.status))
                .bind(&answer.body[..])
                .bind(now())
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn forget_older_than(&self, age: Duration) -> Result<u64, StoreError> {
        let before = SystemTime::now().checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        self.write(move |connection| {
            Box::pin(async move {
                let forgotten = sqlx::query("DELETE FROM answers WHERE answered_at < $1")
                    .bind(millis(before))
                    .execute(connection)
                    .await?;
                Ok(forgotten.rows_affected())
            })
        })
        .await
    }
}

fn read_answer(row: &EngineRow) -> Result<Remembered, sqlx::Error> {
    Ok(Remembered {
        fingerprint: thirty_two(row, 0)?,
        status: row.try_get::<i64, _>(1)?.try_into().map_err(unreadable)?,
        body: row.try_get(2)?,
    })
}

fn thirty_two(row: &EngineRow, column: usize) -> Result<[u8; 32], sqlx::Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(unreadable)
}

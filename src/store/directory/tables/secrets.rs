//! Random bytes that are the same for everybody and again.
//! Part of [`EngineDirectory`]. A secret must never change once somebody has seen it.

use sqlx::Row;

use super::{EngineDirectory, EngineRow, query, unreadable};
use crate::store::error::StoreError;

impl EngineDirectory {
    pub(in crate::store::directory) async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        const SELECT: &str = "SELECT secret FROM secrets WHERE name = $1";
        let known = self.read(move |connection| {
            Box::pin(async move {
                let row = query(SELECT).bind(name).fetch_optional(connection).await?;
                row.map(|row| thirty_two(&row, 0)).transpose()
            })
        });
        if let Some(secret) = known.await? {
            return Ok(secret);
        }
        let mut fresh = [0; 32];
        getrandom::fill(&mut fresh).map_err(StoreError::NoRandomness)?;
        self.write(move |connection| {
            Box::pin(async move {
                // Another process may have been first; then its secret is the one.
                query("INSERT INTO secrets (name, secret) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
                    .bind(name)
                    .bind(&fresh[..])
                    .execute(&mut *connection)
                    .await?;
                thirty_two(&query(SELECT).bind(name).fetch_one(connection).await?, 0)
            })
        })
        .await
    }
}

fn thirty_two(row: &EngineRow, column: usize) -> Result<[u8; 32], sqlx::Error> {
    row.try_get::<&[u8], _>(column)?.try_into().map_err(unreadable)
}

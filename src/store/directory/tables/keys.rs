//! The records of agents' API keys.
//! Part of [`EngineDirectory`].

use std::collections::BTreeSet;
use std::str::FromStr;

use sqlx::Row;

use super::{EngineDirectory, EngineRow, principal, query, room_name, unreadable, word};
use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::store::directory::key::{KeyId, KeyRecord, KeyScope, RoomScope};
use crate::store::error::StoreError;
use crate::store::moment::{from_millis, millis, now};

/// The columns that [`read_key`] reads.
macro_rules! select_key {
    ($rest:literal) => {
        concat!("SELECT id, agent, rooms, role, scopes, on_behalf_of, created_at, revoked_at FROM api_keys ", $rest)
    };
}

impl EngineDirectory {
    pub(in crate::store::directory) async fn add_key(&self, key: &KeyRecord, hash: [u8; 32]) -> Result<(), StoreError> {
        let key = key.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let rooms = match &key.rooms {
                    RoomScope::All => None,
                    RoomScope::Only(rooms) => Some(json(rooms.iter().map(RoomId::as_str))),
                };
                query(
                    "INSERT INTO api_keys (id, hash, agent, rooms, role, scopes, on_behalf_of, created_at, revoked_at)
                     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
                )
                .bind(key.id.as_str())
                .bind(&hash[..])
                .bind(key.agent.as_str())
                .bind(rooms)
                .bind(key.role.as_str())
                .bind(json(key.scopes.iter().map(|scope| scope.as_str())))
                .bind(key.on_behalf_of.as_ref().map(PrincipalId::as_str))
                .bind(millis(key.created_at))
                .bind(key.revoked_at.map(millis))
                .execute(connection)
                .await?;
                Ok(())
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn key_by_hash(
        &self,
        hash: [u8; 32],
    ) -> Result<Option<KeyRecord>, StoreError> {
        self.read(move |connection| {
            Box::pin(async move {
                let row = query(select_key!("WHERE hash = $1")).bind(&hash[..]).fetch_optional(connection).await?;
                row.as_ref().map(read_key).transpose()
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        self.read(|connection| {
            Box::pin(async move {
                let rows = query(select_key!("ORDER BY created_at, id")).fetch_all(connection).await?;
                rows.iter().map(read_key).collect()
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn revoke_key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        let id = id.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let row = query(
                    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, $1) WHERE id = $2
                     RETURNING id, agent, rooms, role, scopes, on_behalf_of, created_at, revoked_at",
                )
                .bind(now())
                .bind(id.as_str())
                .fetch_optional(connection)
                .await?;
                row.as_ref().map(read_key).transpose()
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn revoked_keys(&self) -> Result<Vec<KeyId>, StoreError> {
        self.read(|connection| {
            Box::pin(async move {
                let rows = query("SELECT id FROM api_keys WHERE revoked_at IS NOT NULL").fetch_all(connection).await?;
                rows.iter().map(|row| key_id(row.try_get(0)?)).collect()
            })
        })
        .await
    }
}

fn read_key(row: &EngineRow) -> Result<KeyRecord, sqlx::Error> {
    let rooms = match row.try_get::<Option<&str>, _>(2)? {
        None => RoomScope::All,
        Some(rooms) => RoomScope::Only(list(rooms, room_name)?),
    };
    Ok(KeyRecord {
        id: key_id(row.try_get(0)?)?,
        agent: principal(row.try_get(1)?)?,
        rooms,
        role: word(row, 3)?,
        scopes: list(row.try_get(4)?, |scope| KeyScope::from_str(scope).map_err(unreadable))?,
        on_behalf_of: row.try_get::<Option<&str>, _>(5)?.map(principal).transpose()?,
        created_at: from_millis(row.try_get(6)?),
        revoked_at: row.try_get::<Option<i64>, _>(7)?.map(from_millis),
    })
}

fn key_id(id: &str) -> Result<KeyId, sqlx::Error> {
    KeyId::parse(id).map_err(unreadable)
}

fn json<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    serde_json::to_string(&texts.collect::<Vec<_>>()).expect("strings are JSON")
}

fn list<T: Ord>(json: &str, read: impl Fn(&str) -> Result<T, sqlx::Error>) -> Result<BTreeSet<T>, sqlx::Error> {
    let texts: Vec<String> = serde_json::from_str(json).map_err(unreadable)?;
    texts.iter().map(|text| read(text)).collect()
}

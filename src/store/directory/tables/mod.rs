//! The directory's statements, the same in both databases: these files are compiled twice, once for each engine, because
//! sqlx's types differ while the SQL does not. The engine beside them has the connections, runs transactions, and says how a
//! roster is locked and whether connections keep statements. It must never use what only one of the databases knows.

mod answers;
mod keys;
mod members;
mod rooms;
mod secrets;
mod sizes;

use std::str::FromStr;

use sqlx::query::Query;
use sqlx::{Database, Row};

use super::{EngineConnection, EngineDatabase, EngineDirectory, EngineRow, KEEPS_STATEMENTS, LOCK_ROSTER};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::PrincipalId;
use crate::store::error::StoreError;
use crate::store::work::{Work, on_own_task};

impl EngineDirectory {
    /// Runs `work` in a transaction and commits it. On a task of its own: it holds locks, so it has to go on whether its
    /// caller polls it or has left.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut EngineConnection) -> Work<'c, T> + Clone + Send + 'static,
    {
        let directory = self.clone();
        on_own_task(async move { directory.transact(work).await }).await
    }
}

/// A statement, prepared once a connection where that keeps it.
fn query(sql: &'static str) -> Query<'static, EngineDatabase, <EngineDatabase as Database>::Arguments> {
    sqlx::query(sql).persistent(KEEPS_STATEMENTS)
}

/// A text column that one of our types can be read from.
fn word<T>(row: &EngineRow, column: usize) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(column)?.parse().map_err(unreadable)
}

/// The same of a column that may be empty.
fn word_if_any<T>(row: &EngineRow, column: usize) -> Result<Option<T>, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<Option<&str>, _>(column)?.map(str::parse).transpose().map_err(unreadable)
}

fn principal(id: &str) -> Result<PrincipalId, sqlx::Error> {
    PrincipalId::parse(id).map_err(unreadable)
}

fn room_name(name: &str) -> Result<RoomId, sqlx::Error> {
    RoomId::parse(name, ROOM_NAME_CEILING).map_err(unreadable)
}

fn unreadable(error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::Decode(Box::new(error))
}

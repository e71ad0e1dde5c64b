//! The directory's statements, the same in both databases: these files are compiled twice, once for each engine, because
//! sqlx's types differ while the SQL does not. The engine beside them has the connections, runs transactions, and says how a
//! roster is locked. It must never use what only one of the databases knows.

mod answers;
mod keys;
mod members;
mod rooms;
mod secrets;

use std::str::FromStr;

use sqlx::Row;

use super::{EngineConnection, EngineDirectory, EngineRow, LOCK_ROSTER};
use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::room::principal::PrincipalId;

/// A text column that one of our types can be read from.
fn word<T>(row: &EngineRow, column: usize) -> Result<T, sqlx::Error>
where
    T: FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    row.try_get::<&str, _>(column)?.parse().map_err(unreadable)
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

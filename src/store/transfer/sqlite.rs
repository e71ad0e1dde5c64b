//! A copy's connection to a folder.

#[path = "statements.rs"]
pub(super) mod statements;

use std::fs::File;
use std::path::Path;

use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{ConnectOptions, SqliteConnection};

use crate::store::Sequence;
use crate::store::error::StoreError;
use crate::store::sqlite::{deletion, schema};

type Engine = Sqlite;
type EngineConnection = SqliteConnection;
type EngineRow = SqliteRow;

const BEGIN: &str = "BEGIN IMMEDIATE";
const BEGIN_READ: &str = "BEGIN";
/// No sequence up to this one may be given again.
const NOTE_SEQUENCE: Option<&str> = Some("UPDATE sequences SET last = max(last, $1)");

pub(super) async fn connect_read_only(folder: &Path) -> Result<SqliteConnection, StoreError> {
    Ok(schema::options(folder).pragma("query_only", "1").connect().await?)
}

/// Takes the folder, made if it is not there, and says behind which sequence rows may be put.
pub(super) async fn take(folder: &Path) -> Result<(SqliteConnection, File, Sequence), StoreError> {
    schema::make_folder(folder)?;
    let lock = schema::take_folder(folder)?;
    let (mut connection, _) = schema::connect(&schema::options(folder)).await?;
    deletion::finish_deletions(&mut connection).await?;
    let last: i64 = sqlx::query_scalar("SELECT max(last, (SELECT coalesce(max(seq), 0) FROM log)) FROM sequences")
        .fetch_one(&mut connection)
        .await?;
    Ok((connection, lock, Sequence(last.cast_unsigned())))
}

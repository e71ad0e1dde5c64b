//! A copy's connection to a Postgres database.

#[path = "statements.rs"]
pub(super) mod statements;

use sqlx::PgConnection;
use sqlx::postgres::{PgRow, Postgres};

use crate::store::error::StoreError;
use crate::store::postgres::{first_of_block, schema, sink};
use crate::store::{PostgresOptions, Sequence};

type Engine = Postgres;
type EngineConnection = PgConnection;
type EngineRow = PgRow;

const BEGIN: &str = "BEGIN";
const BEGIN_READ: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
/// Blocks are never given twice.
const NOTE_SEQUENCE: Option<&str> = None;

pub(super) async fn connect_read_only(options: &PostgresOptions) -> Result<PgConnection, StoreError> {
    schema::connect_only(&options.read_only()).await
}

/// Takes the database, with its tables brought up to date, and says behind which sequence rows may be put.
pub(super) async fn take(options: &PostgresOptions) -> Result<(PgConnection, Sequence), StoreError> {
    let (mut connection, _) = schema::connect(options).await?;
    schema::take(&mut connection, options).await?;
    let first = first_of_block(&mut connection, options).await?;
    sink::finish_deletions(&mut connection, options).await?;
    Ok((connection, first))
}

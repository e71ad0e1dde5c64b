//! The store's SQLite file: one connection that writes the log, a few that read rooms, and the directory's own.
//! `schema` opens it, `sink` writes it by the transactions in `rows`, `replace` and `deletion`, `reader` reads it; whose
//! `turn` it is to write is for them and the directory to agree on.

pub(super) mod deletion;
mod reader;
mod replace;
mod rows;
pub(super) mod schema;
mod sink;
pub(super) mod turn;

use std::path::Path;

use sqlx::{ConnectOptions, Connection};

pub(super) use reader::SqliteReader;
pub(super) use sink::SqliteSink;

use self::turn::Turn;
use super::directory::{Directory, SqliteDirectory};
use super::error::StoreError;
use super::migrations::{Migrated, Migrations};
use super::read_only::ReadOnlyStore;
use super::{Opened, Reader, Sink, StoreConfig};

/// Opens the database in `folder`, which this process has for itself while the sink lives.
pub(super) async fn open(config: &StoreConfig, folder: &Path) -> Result<Opened, StoreError> {
    let options = schema::options(folder);
    match config.migrations {
        Migrations::Apply => schema::make_folder(folder)?,
        Migrations::Check => schema::check(&options).await?,
    }
    let lock = schema::take_folder(folder)?;
    let in_file = |error: StoreError| error.in_file(options.get_filename());
    let (mut connection, _) = schema::connect(&options).await?;
    deletion::finish_deletions(&mut connection).await.map_err(in_file)?;
    let ledger = schema::scan(&mut connection, config.unsaved_budget).await.map_err(in_file)?;
    let reader = SqliteReader::connect(&options, config.readers).await?;
    let turn = Turn::default();
    let directory = SqliteDirectory::connect(&options, turn.clone(), config.fault.clone()).await?;
    let sink = SqliteSink::new(options.clone(), connection, lock, turn, config.fault.clone());
    Ok(Opened {
        ledger,
        sink: Sink::Sqlite(sink),
        reader: Reader::Sqlite(reader),
        directory: Directory::Sqlite(directory),
    })
}

/// Brings the tables in `folder` up to date, whether a server runs on it or not.
pub(super) async fn migrate(folder: &Path) -> Result<Vec<Migrated>, StoreError> {
    schema::make_folder(folder)?;
    let options = schema::options(folder);
    let (connection, applied) = schema::connect(&options).await?;
    connection.close().await.map_err(|error| StoreError::Database(error).in_file(options.get_filename()))?;
    Ok(applied)
}

/// Opens the database in `folder` to look at it, whether a server runs on it or not.
pub(super) async fn open_read_only(folder: &Path) -> Result<ReadOnlyStore, StoreError> {
    let options = schema::options(folder).pragma("query_only", "1");
    schema::check(&options).await?;
    let in_file = |error: StoreError| error.in_file(options.get_filename());
    let mut connection = options.connect().await.map_err(|error| in_file(error.into()))?;
    let ledger = schema::scan(&mut connection, 0).await.map_err(in_file)?;
    connection.close().await?;
    let reader = Reader::Sqlite(SqliteReader::connect(&options, 1).await?);
    let directory = SqliteDirectory::connect(&options, Turn::default(), None).await?;
    Ok(ReadOnlyStore { ledger, reader, directory: Directory::Sqlite(directory) })
}

//! The store in a Postgres database: one connection that writes the log, a pool that reads rooms and the directory.
//! `schema` opens it, `sink` writes it by the transactions in `replace` and its own, `reader` reads it from the `pool`;
//! `begin` is how each transaction begins. A server has the database for itself unless its options say otherwise; command
//! lines use its directory meanwhile. It must never trust its memory about what is in the log: rows are read by room,
//! whoever wrote them.

pub(super) mod begin;
pub(super) mod pool;
mod reader;
mod replace;
mod roll_call;
pub(super) mod schema;
pub(super) mod sink;

pub(super) use reader::PostgresReader;
pub(super) use sink::PostgresSink;

use sqlx::{Connection, PgConnection};

use super::cache::SnapshotCache;
use super::directory::{Directory, PostgresDirectory};
use super::error::StoreError;
use super::ledger::Ledger;
use super::migrations::{Migrated, Migrations};
use super::read_only::ReadOnlyStore;
use super::{Opened, PostgresOptions, Reader, Sequence, Sharing, Sink, StoreConfig};
use pool::PostgresPool;

/// Sequences of one block. A server that has used its block up takes the next one when it starts anew.
const BLOCK_BITS: u32 = 40;

/// Which server took a row, and at which of its starts.
fn block(sequence: Sequence) -> u64 {
    sequence.0 >> BLOCK_BITS
}

/// A block that nobody had: its first sequence, behind which rows may be put.
pub(super) async fn first_of_block(
    connection: &mut PgConnection,
    options: &PostgresOptions,
) -> Result<Sequence, StoreError> {
    Ok(Sequence(sink::take_block(connection, options).await? << BLOCK_BITS))
}

/// Opens the database and brings its tables up to date.
pub(super) async fn open(config: &StoreConfig, options: &PostgresOptions) -> Result<Opened, StoreError> {
    if config.migrations == Migrations::Check {
        schema::check(options).await?;
    }
    let (mut connection, _) = schema::connect(options).await?;
    schema::take(&mut connection, options).await?;
    if options.sharing == Sharing::Open {
        tracing::warn!("the database is not locked for this server: nothing keeps another one from it");
    }
    let last = first_of_block(&mut connection, options).await?;
    sink::finish_deletions(&mut connection, options).await?;
    let pool = PostgresPool::open(options).await?;
    let cache = config.cache.clone().map(SnapshotCache::new);
    let directory = PostgresDirectory::new(pool.clone(), config.fault.clone());
    Ok(Opened {
        ledger: Ledger::new(config.unsaved_budget, last),
        sink: Sink::Postgres(PostgresSink::new(options.clone(), connection, config.fault.clone(), cache.clone())),
        reader: Reader::Postgres(PostgresReader::new(pool, cache)),
        directory: Directory::Postgres(directory),
    })
}

/// Brings the tables in the database up to date, whether servers run on it or not.
pub(super) async fn migrate(options: &PostgresOptions) -> Result<Vec<Migrated>, StoreError> {
    let (connection, applied) = schema::connect(options).await?;
    connection.close().await?;
    Ok(applied)
}

/// Opens the database to look at it, whether servers run on it or not.
pub(super) async fn open_read_only(options: &PostgresOptions) -> Result<ReadOnlyStore, StoreError> {
    schema::check(options).await?;
    let pool = PostgresPool::open(options).await?;
    let directory = PostgresDirectory::new(pool.clone(), None);
    // No row of the database is in this block, so none is taken for one that this process wrote.
    let ledger = Ledger::new(0, Sequence(0));
    let reader = Reader::Postgres(PostgresReader::new(pool, None));
    Ok(ReadOnlyStore { ledger, reader, directory: Directory::Postgres(directory) })
}

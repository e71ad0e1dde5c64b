//! The store in a Postgres database: one connection that writes the log, a pool that reads rooms and the directory.
//! `schema` opens it, `sink` writes it by the transactions in `replace` and its own, `reader` reads it from the `pool`;
//! `begin` is how each transaction begins. A server has the database for itself unless its options say otherwise; command
//! lines use its directory meanwhile. It must never trust its memory about what is in the log: rows are read by room,
//! whoever wrote them.

pub(super) mod begin;
pub(super) mod pool;
mod reader;
mod replace;
pub(super) mod schema;
mod sink;

pub(super) use reader::PostgresReader;
pub(super) use sink::PostgresSink;

use super::cache::SnapshotCache;
use super::directory::{Directory, PostgresDirectory};
use super::error::StoreError;
use super::ledger::Ledger;
use super::{Opened, PostgresOptions, Reader, Sequence, Sharing, Sink, StoreConfig};
use pool::PostgresPool;

/// Sequences of one block. A server that has used its block up takes the next one when it starts anew.
const BLOCK_BITS: u32 = 40;

/// Which server took a row, and at which of its starts.
fn block(sequence: Sequence) -> u64 {
    sequence.0 >> BLOCK_BITS
}

/// Opens the database and brings its tables up to date.
pub(super) async fn open(config: &StoreConfig, options: &PostgresOptions) -> Result<Opened, StoreError> {
    let mut connection = schema::connect(options).await?;
    schema::take(&mut connection, options).await?;
    if options.sharing == Sharing::Open {
        tracing::warn!("the database is not locked for this server: nothing keeps another one from it");
    }
    let block = sink::take_block(&mut connection, options).await?;
    sink::finish_deletions(&mut connection, options).await?;
    let pool = PostgresPool::open(options).await?;
    let cache = config.cache.clone().map(SnapshotCache::new);
    let directory = PostgresDirectory::new(pool.clone(), config.fault.clone());
    Ok(Opened {
        ledger: Ledger::new(config.unsaved_budget, Sequence(block << BLOCK_BITS)),
        sink: Sink::Postgres(PostgresSink::new(options.clone(), connection, config.fault.clone(), cache.clone())),
        reader: Reader::Postgres(PostgresReader::new(pool, cache)),
        directory: Directory::Postgres(directory),
    })
}

//! The directory in the store's SQLite file, over a few connections of its own: some read, one writes.
//! The statements are in `tables`. It must never hold the file's write lock longer than a transaction of a few lines: the
//! writer of the log waits for it.

#[path = "../tables/mod.rs"]
mod tables;

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions, SqliteRow};
use sqlx::{Connection, Sqlite, SqliteConnection, SqlitePool};
use tokio::time::timeout;

use crate::store::error::StoreError;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::sqlite::schema;
use crate::store::sqlite::turn::Turn;
use crate::store::work::Work;

/// Connections that read at the same time.
const READERS: u32 = 2;
/// How long a call waits for a connection, and for its turn to write.
const PATIENCE: Duration = Duration::from_secs(10);

type EngineDatabase = Sqlite;
type EngineConnection = SqliteConnection;
type EngineRow = SqliteRow;

const KEEPS_STATEMENTS: bool = true;

/// The transaction that writes has the file for itself already.
const LOCK_ROSTER: &str = "SELECT 1 FROM rosters WHERE room = $1";

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub struct EngineDirectory {
    readers: SqlitePool,
    /// One connection: whoever wants to write in this process queues for it.
    writer: SqlitePool,
    turn: Turn,
    file: PathBuf,
    fault: Option<FaultSwitch>,
}

impl EngineDirectory {
    pub(super) async fn open(folder: &Path) -> Result<Self, StoreError> {
        schema::make_folder(folder)?;
        let options = schema::options(folder);
        // This one is for the migrations.
        schema::connect(&options).await?.0.close().await?;
        Self::connect(&options, Turn::default(), None).await
    }

    pub(super) async fn open_read_only(folder: &Path) -> Result<Self, StoreError> {
        let options = schema::options(folder).pragma("query_only", "1");
        schema::check(&options).await?;
        Self::connect(&options, Turn::default(), None).await
    }

    /// Connects to a database whose tables are up to date.
    pub(in crate::store) async fn connect(
        options: &SqliteConnectOptions,
        turn: Turn,
        fault: Option<FaultSwitch>,
    ) -> Result<Self, StoreError> {
        let file = options.get_filename().to_owned();
        let writer = pool(options, 1).await.map_err(|error| clear(error, &file))?;
        let readers = pool(&options.clone().pragma("query_only", "1"), READERS).await;
        Ok(Self { writer, readers: readers.map_err(|error| clear(error, &file))?, turn, file, fault })
    }

    pub(in crate::store) async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
    {
        let mut connection = self.readers.acquire().await.map_err(|error| self.clear(error))?;
        work(&mut connection).await.map_err(|error| self.clear(error))
    }

    async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut SqliteConnection) -> Work<'c, T>,
    {
        let clear = |error| self.clear(error);
        // The connection first: of many who write here, one at a time stands in the way of the log.
        let mut connection = self.writer.acquire().await.map_err(clear)?;
        let Ok(_turn) = timeout(PATIENCE, self.turn.take()).await else {
            return Err(StoreError::Failing { cause: format!("a write takes longer than {PATIENCE:?}") });
        };
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(clear)?;
        let answer = work(&mut transaction).await.map_err(clear)?;
        commit(transaction, self.fault.as_ref()).await.map_err(|error| match error {
            StoreError::Database(error) => self.clear(error),
            other => other,
        })?;
        Ok(answer)
    }

    /// What SQLite said, for the operator.
    fn clear(&self, error: sqlx::Error) -> StoreError {
        clear(error, &self.file)
    }
}

async fn pool(options: &SqliteConnectOptions, connections: u32) -> Result<SqlitePool, sqlx::Error> {
    // They are kept for ever: on a disk that has just become full or read-only a new one may not open.
    SqlitePoolOptions::new()
        .max_connections(connections)
        .min_connections(connections)
        .acquire_timeout(PATIENCE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
        .connect_with(options.clone())
        .await
}

fn clear(error: sqlx::Error, file: &Path) -> StoreError {
    match error {
        sqlx::Error::PoolClosed => StoreError::Closed,
        error => StoreError::Database(error).in_file(file),
    }
}

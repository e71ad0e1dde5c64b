//! The directory in the store's Postgres database, over the pool that reads rooms, too. The statements are in `tables`.
//! Several servers write it at the same time: whoever changes a room's members locks its roster first.

#[path = "../tables/mod.rs"]
mod tables;

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, PgPool};

use self::tables::Work;
use crate::store::PostgresOptions;
use crate::store::error::StoreError;
use crate::store::fault::{FaultSwitch, commit};
use crate::store::postgres::schema;

type EngineConnection = PgConnection;
type EngineRow = PgRow;

/// Until the transaction ends, whoever else wants to change the room's members waits.
const LOCK_ROSTER: &str = "SELECT 1 FROM rosters WHERE room = $1 FOR UPDATE";

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub struct EngineDirectory {
    readers: PgPool,
    fault: Option<FaultSwitch>,
}

impl EngineDirectory {
    pub(in crate::store) fn new(readers: PgPool, fault: Option<FaultSwitch>) -> Self {
        Self { readers, fault }
    }

    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        // This one is for the migrations.
        schema::connect(options).await?.0.close().await?;
        Ok(Self::new(schema::pool(options).await?, None))
    }

    pub(super) async fn open_read_only(options: &PostgresOptions) -> Result<Self, StoreError> {
        schema::check(options).await?;
        Ok(Self::new(schema::pool(&options.read_only()).await?, None))
    }

    pub(in crate::store) async fn close(&self) {
        self.readers.close().await;
    }

    async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        let clear = |error| self.clear(error);
        let mut transaction = self.readers.begin().await.map_err(clear)?;
        let answer = work(&mut transaction).await.map_err(clear)?;
        commit(transaction, self.fault.as_ref()).await.map_err(|error| match error {
            StoreError::Database(error) => self.clear(error),
            other => other,
        })?;
        Ok(answer)
    }

    /// What the server said, for the operator.
    #[expect(clippy::unused_self, reason = "the other engine names its file")]
    fn clear(&self, error: sqlx::Error) -> StoreError {
        match error {
            sqlx::Error::PoolClosed => StoreError::Closed,
            error => StoreError::Database(error),
        }
    }
}

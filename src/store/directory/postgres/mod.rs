//! The directory in the store's Postgres database, over the pool that reads rooms, too. The statements are in `tables`.
//! Several servers write it at the same time: whoever changes a room's members locks its roster first.

#[path = "../tables/mod.rs"]
mod tables;

use sqlx::postgres::PgRow;
use sqlx::{Connection, PgConnection, Postgres};

use crate::store::PostgresOptions;
use crate::store::error::StoreError;
use crate::store::fault::FaultSwitch;
use crate::store::postgres::begin::Begin;
use crate::store::postgres::pool::PostgresPool;
use crate::store::postgres::schema;
use crate::store::work::Work;

type EngineDatabase = Postgres;
type EngineConnection = PgConnection;
type EngineRow = PgRow;

/// None of these is asked often enough to be kept, and behind a pooler none could be.
const KEEPS_STATEMENTS: bool = false;

/// Until the transaction ends, whoever else wants to change the room's members waits.
const LOCK_ROSTER: &str = "SELECT 1 FROM rosters WHERE room = $1 FOR UPDATE";

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub struct EngineDirectory {
    pool: PostgresPool,
    /// How what writes begins.
    writing: Begin,
    fault: Option<FaultSwitch>,
}

impl EngineDirectory {
    pub(in crate::store) fn new(pool: PostgresPool, fault: Option<FaultSwitch>) -> Self {
        Self { pool, writing: Begin::Write, fault }
    }

    pub(super) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        // This one is for the migrations.
        schema::connect(options).await?.0.close().await?;
        Ok(Self::new(PostgresPool::open(options).await?, None))
    }

    pub(super) async fn open_read_only(options: &PostgresOptions) -> Result<Self, StoreError> {
        schema::check(options).await?;
        Ok(Self { writing: Begin::WriteNothing, ..Self::new(PostgresPool::open(options).await?, None) })
    }

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }

    async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Clone + Send + 'static,
    {
        self.pool.read(work).await
    }

    async fn transact<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Clone,
    {
        self.pool.transact(self.writing, work, self.fault.as_ref()).await
    }
}

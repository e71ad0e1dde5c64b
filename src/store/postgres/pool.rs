//! The connections that read rooms and read and write the directory. Every use is one transaction, so that it holds behind a
//! pooler, too; it is in time or has failed, and is tried again while nothing can have come of it. The reader and the
//! directory come here. It must never repeat what may have been committed.

use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPoolOptions;
use sqlx::{PgConnection, PgPool, Postgres};
use tokio::time::{Instant, sleep, timeout_at};

use super::begin::{Begin, begin};
use crate::store::PostgresOptions;
use crate::store::backoff::Backoff;
use crate::store::error::{StoreError, is_undone, may_pass};
use crate::store::fault::{FaultSwitch, commit};
use crate::store::work::{Work, on_own_task};

/// See the module. Clones share the connections.
#[derive(Debug, Clone)]
pub(in crate::store) struct PostgresPool {
    pool: PgPool,
    options: Arc<PostgresOptions>,
}

/// How a try ended that did not succeed.
enum Failure {
    /// Nothing was changed, and it may pass.
    Passing(StoreError),
    /// It is for the caller.
    Final(StoreError),
}

impl PostgresPool {
    /// Connections that come and go with what is to be read.
    pub(in crate::store) async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(options.connections.max(1))
            .acquire_timeout(options.patience)
            .connect_with(options.connect())
            .await;
        match pool {
            Ok(pool) => Ok(Self { pool, options: Arc::new(options.clone()) }),
            Err(source) => Err(StoreError::Unreachable { address: options.address(), source }),
        }
    }

    /// How the database is reached.
    pub(super) fn options(&self) -> &PostgresOptions {
        &self.options
    }

    /// Reads all as of one moment.
    pub(in crate::store) async fn read<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Clone + Send + 'static,
    {
        let pool = self.clone();
        // A caller who leaves in the middle of it would leave behind a connection that nobody watches.
        on_own_task(async move { pool.transact(Begin::Read, work, None).await }).await
    }

    /// Runs `work` in a transaction and commits it; `work` may be run again, in another one. Not to be dropped halfway.
    pub(in crate::store) async fn transact<T, F>(
        &self,
        how: Begin,
        work: F,
        fault: Option<&FaultSwitch>,
    ) -> Result<T, StoreError>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T> + Clone,
    {
        let patience = self.options.patience;
        let deadline = Instant::now() + patience;
        let mut backoff = Backoff::new();
        loop {
            let error = match self.attempt(deadline, how, work.clone(), fault).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Final(error)) => return Err(error),
                Err(Failure::Passing(error)) => error,
            };
            let pause = backoff.pause();
            if Instant::now() + pause >= deadline {
                return Err(error);
            }
            sleep(pause).await;
        }
    }

    pub(in crate::store) async fn close(&self) {
        self.pool.close().await;
    }

    /// One try, on a connection that goes back only if all went well: one that hangs would wait there for its answer.
    async fn attempt<T, F>(
        &self,
        deadline: Instant,
        how: Begin,
        work: F,
        fault: Option<&FaultSwitch>,
    ) -> Result<T, Failure>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        let timed_out = || Failure::Final(StoreError::TimedOut { patience: self.options.patience });
        let mut connection = match timeout_at(deadline, self.pool.acquire()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(sqlx::Error::PoolTimedOut)) | Err(_) => return Err(timed_out()),
            Ok(Err(error)) => return Err(before_commit(error)),
        };
        let result = timeout_at(deadline, self.on(&mut connection, how, work, fault)).await;
        if !matches!(result, Ok(Ok(_))) {
            connection.close_on_drop();
        }
        result.unwrap_or_else(|_| Err(timed_out()))
    }

    async fn on<T, F>(
        &self,
        connection: &mut PoolConnection<Postgres>,
        how: Begin,
        work: F,
        fault: Option<&FaultSwitch>,
    ) -> Result<T, Failure>
    where
        F: for<'c> FnOnce(&'c mut PgConnection) -> Work<'c, T>,
    {
        let mut transaction = begin(connection, how, &self.options).await.map_err(before_commit)?;
        let answer = work(&mut transaction).await.map_err(before_commit)?;
        if how == Begin::Read {
            // Rolled back on its way into the pool, while the caller goes on.
            return Ok(answer);
        }
        match commit(transaction, fault).await {
            Ok(()) => Ok(answer),
            Err(StoreError::Database(error)) if is_undone(&error) => Err(before_commit(error)),
            Err(error) => Err(Failure::Final(error)),
        }
    }
}

/// A failure after which nothing can have been changed.
fn before_commit(error: sqlx::Error) -> Failure {
    match error {
        sqlx::Error::PoolClosed => Failure::Final(StoreError::Closed),
        error if may_pass(&error) => Failure::Passing(StoreError::Database(error)),
        error => Failure::Final(StoreError::Database(error)),
    }
}

//! The database on the server: connecting, migrations, pools. Only opening a store or a directory comes here.
//! It must never change tables that it does not understand.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::postgres::PgPoolOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool, SqlSafeStr};
use tokio::time::{Instant, sleep, timeout};

use crate::store::PostgresOptions;
use crate::store::error::StoreError;
use crate::store::migrations::Migrated;

/// Where sqlx keeps what was applied.
const MIGRATIONS: &str = "_sqlx_migrations";
/// Whoever migrates holds the advisory lock of this number. It is one that nobody else is likely to use.
const MIGRATION_LOCK: i64 = 0x7472_6970_726f_6f6d;
/// And the server that writes the log holds this one.
const SERVER_LOCK: i64 = MIGRATION_LOCK + 1;
/// How long Postgres may take to notice that a server has ended, which nothing announces.
const GOODBYE: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(50);

/// Connects and brings the tables up to date. Several processes may do so at the same time.
pub(in crate::store) async fn connect(options: &PostgresOptions) -> Result<(PgConnection, Vec<Migrated>), StoreError> {
    let mut connection = connect_only(options).await?;
    let mut transaction = connection.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATION_LOCK).execute(&mut *transaction).await?;
    let (missing, mut applied) = (missing(&mut transaction).await?, Vec::new());
    if !missing.is_empty() {
        transaction.ensure_migrations_table(MIGRATIONS).await.map_err(not_migrated)?;
        for migration in missing {
            transaction.apply(MIGRATIONS, &migration).await.map_err(not_migrated)?;
            applied.push(Migrated { version: migration.version, name: migration.description.into_owned() });
        }
    }
    transaction.commit().await?;
    Ok((connection, applied))
}

/// Connects to a database whose tables are those of this version. Changes nothing.
pub(in crate::store) async fn check(options: &PostgresOptions) -> Result<(), StoreError> {
    let mut connection = connect_only(options).await?;
    let missing = missing(&mut connection).await?;
    connection.close().await?;
    if missing.is_empty() { Ok(()) } else { Err(StoreError::OlderTables) }
}

/// One connection, to tables as they are.
pub(in crate::store) async fn connect_only(options: &PostgresOptions) -> Result<PgConnection, StoreError> {
    let patience = options.patience;
    match timeout(patience, options.connect.connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(source)) => Err(StoreError::Unreachable { address: options.address(), source }),
        Err(_) => Err(StoreError::TimedOut { patience }),
    }
}

/// Takes the database for this server, until the connection ends: servers do not hear of each other's changes.
pub(in crate::store) async fn take(connection: &mut PgConnection, options: &PostgresOptions) -> Result<(), StoreError> {
    let deadline = Instant::now() + GOODBYE;
    loop {
        let taken: bool =
            sqlx::query_scalar("SELECT pg_try_advisory_lock($1)").bind(SERVER_LOCK).fetch_one(&mut *connection).await?;
        if taken {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(StoreError::DatabaseInUse { address: options.address() });
        }
        sleep(RETRY).await;
    }
}

/// Connections that come and go with what is to be read.
pub(in crate::store) async fn pool(options: &PostgresOptions) -> Result<PgPool, StoreError> {
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(options.patience)
        .connect_with(options.connect.clone())
        .await;
    pool.map_err(|source| StoreError::Unreachable { address: options.address(), source })
}

/// The migrations that the database still needs, once it is sure that those that it had are known here.
async fn missing(connection: &mut PgConnection) -> Result<Vec<Migration>, StoreError> {
    let has_any: bool =
        sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(MIGRATIONS).fetch_one(&mut *connection).await?;
    let mut wanted = migrations();
    if !has_any {
        return Ok(wanted);
    }
    for applied in connection.list_applied_migrations(MIGRATIONS).await.map_err(not_migrated)? {
        let Some(at) = wanted.iter().position(|wanted| wanted.version == applied.version) else {
            return Err(StoreError::NewerTables { version: applied.version });
        };
        if wanted.remove(at).checksum != applied.checksum {
            return Err(not_migrated(MigrateError::VersionMismatch(applied.version)));
        }
    }
    Ok(wanted)
}

fn not_migrated(error: MigrateError) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => StoreError::Database(error),
        source => StoreError::Tables { source },
    }
}

/// All migrations, in order.
fn migrations() -> Vec<Migration> {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    vec![
        migration(1, "store", include_str!("../../../migrations/postgres/0001_store.sql")),
        migration(2, "directory", include_str!("../../../migrations/postgres/0002_directory.sql")),
        migration(3, "creations", include_str!("../../../migrations/postgres/0003_creations.sql")),
    ]
}

//! The database on the server: connecting, migrations, pools. Only opening a store or a directory comes here.
//! It must never change tables that it does not understand.

use std::time::Duration;

use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::{ConnectOptions, Connection, PgConnection, SqlSafeStr};
use tokio::time::{Instant, sleep, timeout};

use crate::store::error::StoreError;
use crate::store::migrations::Migrated;
use crate::store::{PostgresOptions, Sharing};

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
    sqlx::query("SELECT pg_advisory_xact_lock($1)")
        .bind(MIGRATION_LOCK)
        .persistent(false)
        .execute(&mut *transaction)
        .await?;
    let (missing, mut applied) = (missing(&mut transaction).await?, Vec::new());
    if !missing.is_empty() {
        transaction.ensure_migrations_table(MIGRATIONS).await.map_err(not_migrated)?;
        for migration in &missing {
            apply(&mut transaction, migration).await?;
            applied.push(Migrated { version: migration.version, name: migration.description.clone().into_owned() });
        }
    }
    transaction.commit().await?;
    Ok((connection, applied))
}

/// Connects to a database whose tables are those of this version. Changes nothing.
pub(in crate::store) async fn check(options: &PostgresOptions) -> Result<(), StoreError> {
    let mut connection = connect_only(options).await?;
    let mut transaction = connection.begin().await?;
    let missing = missing(&mut transaction).await?;
    transaction.rollback().await?;
    connection.close().await?;
    if missing.is_empty() { Ok(()) } else { Err(StoreError::OlderTables) }
}

/// One connection, to tables as they are.
pub(in crate::store) async fn connect_only(options: &PostgresOptions) -> Result<PgConnection, StoreError> {
    let patience = options.patience;
    match timeout(patience, options.connect().connect()).await {
        Ok(Ok(connection)) => Ok(connection),
        Ok(Err(source)) => Err(StoreError::Unreachable { address: options.address(), source }),
        Err(_) => Err(StoreError::TimedOut { patience }),
    }
}

/// Takes the database for this server, or together with other nodes, until the connection ends: a server that does not
/// hear of the others' changes must be alone.
pub(in crate::store) async fn take(connection: &mut PgConnection, options: &PostgresOptions) -> Result<(), StoreError> {
    let lock = match options.sharing {
        Sharing::Alone => "SELECT pg_try_advisory_lock($1)",
        Sharing::Nodes => "SELECT pg_try_advisory_lock_shared($1)",
        Sharing::Open => return Ok(()),
    };
    let deadline = Instant::now() + GOODBYE;
    loop {
        let taken: bool = sqlx::query_scalar(lock).bind(SERVER_LOCK).fetch_one(&mut *connection).await?;
        if taken {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(StoreError::DatabaseInUse { address: options.address() });
        }
        sleep(RETRY).await;
    }
}

/// The migrations that the database still needs, once it is sure that those that it had are known here.
async fn missing(connection: &mut PgConnection) -> Result<Vec<Migration>, StoreError> {
    let has_any: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(MIGRATIONS)
        .persistent(false)
        .fetch_one(&mut *connection)
        .await?;
    let mut wanted = migrations();
    if !has_any {
        return Ok(wanted);
    }
    let applied =
        sqlx::query_as::<_, (i64, Vec<u8>)>("SELECT version, checksum FROM _sqlx_migrations ORDER BY version")
            .persistent(false)
            .fetch_all(connection)
            .await?;
    for (version, checksum) in applied {
        let Some(at) = wanted.iter().position(|wanted| wanted.version == version) else {
            return Err(StoreError::NewerTables { version });
        };
        if *wanted.remove(at).checksum != *checksum {
            return Err(not_migrated(MigrateError::VersionMismatch(version)));
        }
    }
    Ok(wanted)
}

/// Applies a migration and notes it as sqlx would, whose own way leaves statements behind that a pooler mixes up.
async fn apply(connection: &mut PgConnection, migration: &Migration) -> Result<(), StoreError> {
    let started = Instant::now();
    sqlx::raw_sql(migration.sql.clone()).execute(&mut *connection).await?;
    sqlx::query(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES ($1, $2, true, $3, $4)",
    )
    .bind(migration.version)
    .bind(&*migration.description)
    .bind(&*migration.checksum)
    .bind(i64::try_from(started.elapsed().as_nanos()).unwrap_or(i64::MAX))
    .persistent(false)
    .execute(connection)
    .await?;
    Ok(())
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
        migration(4, "row security", include_str!("../../../migrations/postgres/0004_row_security.sql")),
        migration(5, "home region", include_str!("../../../migrations/postgres/0005_home_region.sql")),
        migration(6, "nodes", include_str!("../../../migrations/postgres/0006_nodes.sql")),
        migration(7, "events", include_str!("../../../migrations/postgres/0007_events.sql")),
        migration(8, "one snapshot", include_str!("../../../migrations/postgres/0008_one_snapshot.sql")),
        migration(9, "packed rows", include_str!("../../../migrations/postgres/0009_packed_rows.sql")),
    ]
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_migration_that_there_is_is_applied() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/postgres");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap())
            .collect();
        let mut applied: Vec<String> = migrations().iter().map(|migration| migration.sql.as_str().to_owned()).collect();
        files.sort();
        applied.sort();
        assert_eq!(applied, files);
    }
}

//! The database file: folder, lock, settings, migrations, and the one scan that finds every room's rows.
//! Only opening a store or a directory comes here. It must never change a file that it does not understand.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::ErrorKind;
#[cfg(unix)]
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use hashbrown::HashMap;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType};
use sqlx::sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row, SqlSafeStr, SqliteConnection};
use tokio::time::sleep;

use crate::room::id::{ROOM_NAME_CEILING, RoomId};
use crate::store::Sequence;
use crate::store::error::{StoreError, is_busy};
use crate::store::ledger::Ledger;
use crate::store::migrations::Migrated;

/// Bytes of a page: every table and index takes one at least, and there are some dozens.
const PAGE_BYTES: u32 = 1024;
/// Free pages are given back so many at a time when a file is closed, for so long.
const GIVEN_BACK: u32 = 1_000;
const GIVING_BACK: Duration = Duration::from_millis(500);
const DATABASE: &str = "triproom.sqlite";
const LOCK: &str = "triproom.lock";
/// How long a connection waits for another one that writes.
const PATIENCE: Duration = Duration::from_secs(5);
/// The pause where SQLite itself does not wait.
const RETRY: Duration = Duration::from_millis(20);
/// Where sqlx keeps what was applied.
const MIGRATIONS: &str = "_sqlx_migrations";

/// Makes the folder, and in it an empty database that nobody but this user can read: it will hold secrets.
/// What is there stays as it is.
pub(in crate::store) fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let refused = |source| StoreError::Folder { folder: folder.to_owned(), source };
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).map_err(refused)?;
    if is_new && let Some(parent) = folder.canonicalize().map_err(refused)?.parent() {
        // SQLite syncs the folder for its files, but nobody else would sync the folder's own name.
        File::open(parent).and_then(|parent| parent.sync_all()).map_err(refused)?;
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    options.mode(0o600);
    match options.open(folder.join(DATABASE)) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(refused(error)),
        _ => Ok(()),
    }
}

/// Takes the folder for this process, until the file is dropped.
pub(in crate::store) fn take_folder(folder: &Path) -> Result<File, StoreError> {
    let refused = |source| StoreError::Folder { folder: folder.to_owned(), source };
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK)).map_err(refused)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse { folder: folder.to_owned() }),
        Err(TryLockError::Error(source)) => Err(refused(source)),
    }
}

/// How everybody connects.
pub(in crate::store) fn options(folder: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(folder.join(DATABASE))
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // On a Mac a plain fsync does not reach the disk; elsewhere this changes nothing.
        .pragma("fullfsync", "1")
        // After a flood the write-ahead log shrinks to this at its next start from the front.
        .pragma("journal_size_limit", "67108864")
        // In pages: after some 4 MB of it the write-ahead log is written into the file.
        .pragma("wal_autocheckpoint", "4000")
        // No foreign keys: the writer resolves every room itself.
        .foreign_keys(false)
        // The directory, command lines and somebody's sqlite3 shell may hold the file for a moment.
        .busy_timeout(PATIENCE)
        // Rows come over a channel from SQLite's thread; a short one would switch threads every few rows.
        .row_buffer_size(1024)
        .disable_statement_logging()
}

/// Connects and brings the tables up to date. Several processes may do so at the same time.
pub(in crate::store) async fn connect(
    options: &SqliteConnectOptions,
) -> Result<(SqliteConnection, Vec<Migrated>), StoreError> {
    let file = options.get_filename();
    let clear = |error: sqlx::Error| StoreError::Database(error).in_file(file);
    let mut connection = connect_patiently(options).await.map_err(clear)?;
    let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.map_err(clear)?;
    if mode != "wal" {
        return Err(StoreError::NoWriteAhead { file: file.to_owned(), mode });
    }
    let mut applied = Vec::new();
    if !missing(&mut connection, file).await?.is_empty() {
        // The migrator takes no lock on SQLite. This transaction is one: whoever comes second finds all done.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(clear)?;
        let not_migrated = |error| not_migrated(error, file);
        transaction.ensure_migrations_table(MIGRATIONS).await.map_err(not_migrated)?;
        for migration in missing(&mut transaction, file).await? {
            transaction.apply(MIGRATIONS, &migration).await.map_err(not_migrated)?;
            applied.push(Migrated { version: migration.version, name: migration.description.into_owned() });
        }
        transaction.commit().await.map_err(clear)?;
    }
    Ok((connection, applied))
}

/// Connects although others do so for the first time too: SQLite gives up at once, whatever its time-out, when two
/// connections turn on the write-ahead log of a new file.
async fn connect_patiently(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match how_to_make(options).create_if_missing(true).connect().await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(RETRY).await,
            result => return result,
        }
    }
}

/// How whoever makes the file connects. On one that is there these settings change nothing, but setting them is a write.
fn how_to_make(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let is_new = options.get_filename().metadata().map_or(true, |file| file.len() == 0);
    let options = options.clone();
    if is_new { options.page_size(PAGE_BYTES).auto_vacuum(SqliteAutoVacuum::Incremental) } else { options }
}

/// Whether there is a database whose tables are those of this version. Changes nothing.
pub(in crate::store) async fn check(options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let file = options.get_filename();
    if !file.exists() {
        return Err(StoreError::NoDatabase { file: file.to_owned() });
    }
    let clear = |error: sqlx::Error| StoreError::Database(error).in_file(file);
    let mut connection = options.connect().await.map_err(clear)?;
    let missing = missing(&mut connection, file).await?;
    connection.close().await.map_err(clear)?;
    if missing.is_empty() { Ok(()) } else { Err(StoreError::OlderSchema { file: file.to_owned() }) }
}

/// The migrations that the file still needs, once it is sure that those that it had are known here.
async fn missing(connection: &mut SqliteConnection, file: &Path) -> Result<Vec<Migration>, StoreError> {
    let has_any: bool = sqlx::query_scalar("SELECT count(*) > 0 FROM sqlite_master WHERE name = ?")
        .bind(MIGRATIONS)
        .fetch_one(&mut *connection)
        .await
        .map_err(|error| StoreError::Database(error).in_file(file))?;
    let mut wanted = migrations();
    if !has_any {
        return Ok(wanted);
    }
    let applied = connection.list_applied_migrations(MIGRATIONS).await.map_err(|error| not_migrated(error, file))?;
    for applied in applied {
        let Some(at) = wanted.iter().position(|wanted| wanted.version == applied.version) else {
            return Err(StoreError::NewerSchema { file: file.to_owned(), version: applied.version });
        };
        if wanted.remove(at).checksum != applied.checksum {
            return Err(not_migrated(MigrateError::VersionMismatch(applied.version), file));
        }
    }
    Ok(wanted)
}

fn not_migrated(error: MigrateError, file: &Path) -> StoreError {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            StoreError::Database(error).in_file(file)
        }
        source => StoreError::Migration { file: file.to_owned(), source },
    }
}

/// All migrations, in order.
fn migrations() -> Vec<Migration> {
    let migration = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    vec![
        migration(1, "store", include_str!("../../../migrations/sqlite/0001_store.sql")),
        migration(2, "directory", include_str!("../../../migrations/sqlite/0002_directory.sql")),
        migration(3, "creations", include_str!("../../../migrations/sqlite/0003_creations.sql")),
        migration(5, "home region", include_str!("../../../migrations/sqlite/0005_home_region.sql")),
        migration(7, "events", include_str!("../../../migrations/sqlite/0007_events.sql")),
        migration(8, "one snapshot", include_str!("../../../migrations/sqlite/0008_one_snapshot.sql")),
        migration(9, "packed rows", include_str!("../../../migrations/sqlite/0009_packed_rows.sql")),
    ]
}

/// Scans the log once and books every row that is in the file.
pub(in crate::store) async fn scan(connection: &mut SqliteConnection, budget: u64) -> Result<Ledger, StoreError> {
    let mut last: i64 = sqlx::query_scalar("SELECT last FROM sequences").fetch_one(&mut *connection).await?;
    let mut found: HashMap<i64, (Vec<Sequence>, u64)> = HashMap::new();
    let mut rows = sqlx::query("SELECT seq, room, length(data) FROM log ORDER BY seq").fetch(&mut *connection);
    while let Some(row) = rows.try_next().await? {
        let sequence: i64 = row.try_get(0)?;
        last = last.max(sequence);
        let (sequences, bytes) = found.entry(row.try_get(1)?).or_default();
        sequences.push(Sequence(sequence.cast_unsigned()));
        *bytes += row.try_get::<i64, _>(2)?.cast_unsigned();
    }
    drop(rows);
    let ledger = Ledger::new(budget, Sequence(last.cast_unsigned()));
    let ids = serde_json::to_string(&found.keys().collect::<Vec<_>>()).expect("numbers are JSON");
    let names = sqlx::query("SELECT id, name FROM rooms WHERE id IN (SELECT value FROM json_each(?))")
        .bind(ids)
        .fetch_all(&mut *connection)
        .await?;
    for row in names {
        let id: i64 = row.try_get(0)?;
        match RoomId::parse(row.try_get(1)?, ROOM_NAME_CEILING) {
            Ok(room) => {
                if let Some((mut sequences, bytes)) = found.remove(&id) {
                    sequences.shrink_to_fit();
                    ledger.found(room, id, sequences, bytes);
                }
            }
            Err(error) => tracing::error!(id, %error, "a room in the database has a name that no room can have"),
        }
    }
    for (id, (sequences, _)) in found {
        tracing::error!(id, rows = sequences.len(), "rows in the log belong to no room; they are left where they are");
    }
    Ok(ledger)
}

/// Gives free pages back, writes all of the write-ahead log into the database file and closes it.
pub(in crate::store) async fn close(mut connection: SqliteConnection) -> Result<(), StoreError> {
    if let Err(error) = give_back(&mut connection).await {
        tracing::warn!(%error, "free space of the database was not given back");
    }
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await?;
    connection.close().await?;
    Ok(())
}

/// Makes the file shorter by what is free in it, as far as there is time. One that was made by an earlier version stays as it is.
async fn give_back(connection: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    let begun = Instant::now();
    let mut before = i64::MAX;
    while begun.elapsed() < GIVING_BACK {
        let free: i64 = sqlx::query_scalar("PRAGMA freelist_count").fetch_one(&mut *connection).await?;
        if free == 0 || free == before {
            break;
        }
        before = free;
        let vacuum = AssertSqlSafe(format!("PRAGMA incremental_vacuum({GIVEN_BACK})"));
        sqlx::query(vacuum).execute(&mut *connection).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_that_there_is_is_applied() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
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

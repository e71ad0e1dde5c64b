//! What can go wrong in the store, in words for the person who runs the server.
//! Made all over the store; the hub and the api map it. A text says what happened, where, and what to do; it must
//! never be sent to a client.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::room::id::RoomId;

/// Why the store could not do something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The data folder cannot be made, read or written.
    #[error("the data folder {} cannot be used: {source}; check that it can be made and written by this user", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another process has the folder open.
    #[error("the data folder {} is in use by another process; stop that one, or choose another folder with --data", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
    /// The file is not a whole SQLite database.
    #[error(
        "the database {} is damaged ({detail}); nothing was changed in it: keep a copy, then restore a backup, or save what is \
         readable with `sqlite3 {} .recover`", file.display(), file.display()
    )]
    Corrupt {
        /// The database file.
        file: PathBuf,
        /// What SQLite said.
        detail: String,
    },
    /// A later version of the program has migrated the database.
    #[error(
        "the database {} has migration {version}, which this version of triproom does not know; run the version that made it, or a \
         later one", file.display()
    )]
    NewerSchema {
        /// The database file.
        file: PathBuf,
        /// The unknown migration.
        version: i64,
    },
    /// An earlier version of the program made the tables, and nothing may be changed.
    #[error(
        "the tables of {} are those of an earlier version of triproom; `triproom migrate` brings them up to date", file.display()
    )]
    OlderSchema {
        /// The database file.
        file: PathBuf,
    },
    /// There is nothing to look at.
    #[error("there is no database {}; choose the folder of a server with --data, or make one with `triproom migrate`", file.display())]
    NoDatabase {
        /// The database file.
        file: PathBuf,
    },
    /// A migration failed, or one that was applied differs from the one built in.
    #[error("the tables of {} could not be brought up to date: {source}", file.display())]
    Migration {
        /// The database file.
        file: PathBuf,
        /// What the migrator said.
        source: sqlx::migrate::MigrateError,
    },
    /// The folder lies where SQLite's write-ahead log cannot work.
    #[error(
        "{} cannot be kept in write-ahead mode (SQLite answered {mode:?}); put the data folder on a local disk, not a network share",
        file.display()
    )]
    NoWriteAhead {
        /// The database file.
        file: PathBuf,
        /// The mode that SQLite chose.
        mode: String,
    },
    /// The tables in Postgres are not there or those of an earlier version, and nothing may be changed.
    #[error(
        "the tables are not there, or those of an earlier version of triproom; `triproom migrate` brings them up to date"
    )]
    OlderTables,
    /// A later version of the program has migrated them.
    #[error(
        "the tables have migration {version}, which this version of triproom does not know; run the version that made it, or a later one"
    )]
    NewerTables {
        /// The unknown migration.
        version: i64,
    },
    /// A migration failed, or one that was applied differs from the one built in.
    #[error("the tables could not be brought up to date: {source}")]
    Tables {
        /// What the migrator said.
        source: sqlx::migrate::MigrateError,
    },
    /// The address of the database is none.
    #[error("this is no address of a Postgres database: {0}")]
    BadAddress(&'static str),
    /// The database server cannot be reached, or lets nobody in.
    #[error(
        "the database at {address} cannot be reached: {source}; check DATABASE_URL, and that the server runs and lets this user in"
    )]
    Unreachable {
        /// Its host and port.
        address: String,
        /// What went wrong.
        source: sqlx::Error,
    },
    /// Another server keeps its rooms in the database.
    #[error("the database at {address} is in use by another server; stop that one, or choose another database")]
    DatabaseInUse {
        /// Its host and port.
        address: String,
    },
    /// The database server does not answer.
    #[error("the database did not answer within {patience:?}")]
    TimedOut {
        /// How long was waited.
        patience: Duration,
    },
    /// The database refused a statement.
    #[error("the database refused: {0}")]
    Database(#[from] sqlx::Error),
    /// The file has rows that this process did not write.
    #[error(
        "rows {first} to {last} are already in the database and differ: another process writes to it; stop that one"
    )]
    ForeignRows {
        /// First sequence of the batch.
        first: u64,
        /// Its last.
        last: u64,
    },
    /// The snapshot of a room fails its checksum.
    #[error(
        "the snapshot of room {room:?} is damaged ({detail}); the room stays closed and nothing is overwritten; restore the room \
         from a backup"
    )]
    DamagedSnapshot {
        /// The room.
        room: RoomId,
        /// What does not fit.
        detail: String,
    },
    /// The fold of a compaction failed, or named rows that it was not given.
    #[error("room {room:?} could not be folded: {source}")]
    Fold {
        /// The room.
        room: RoomId,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The store cannot write at present, so it takes no compaction and deletes nothing.
    #[error("the store cannot write at present: {cause}")]
    Failing {
        /// The last failure.
        cause: String,
    },
    /// Not everything was written when the store was closed.
    #[error("the store closed with {rows} rows ({bytes} bytes) that could not be written: {cause}")]
    Unsaved {
        /// Rows that are lost with this process.
        rows: usize,
        /// Their bytes.
        bytes: u64,
        /// The last failure.
        cause: String,
    },
    /// The store was closed before.
    #[error("the store is closed")]
    Closed,
    /// A secret could not be made.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(getrandom::Error),
    /// A test made it fail, see [`FaultSwitch`](super::FaultSwitch).
    #[error("a fault was injected {0} the commit")]
    Injected(&'static str),
}

/// Why rows, or an event, or a latest value, were not queued. Not one of them was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The disk does not keep up, or fails, and memory for what waits is spent.
    #[error("{unsaved} bytes wait to be saved and the budget is {budget}")]
    OverBudget {
        /// What waits, without these rows.
        unsaved: u64,
        /// The limit.
        budget: u64,
    },
    /// So many events of the room wait already; whoever has sent them has to wait until they are committed.
    #[error("{limit} events of the room wait to be saved", limit = super::log::UNHEARD_EVENTS)]
    TooManyEvents,
    /// The room was deleted since its log was taken.
    #[error("the room was deleted")]
    Deleted,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
}

impl StoreError {
    /// Says it in other words when SQLite's complaint is that `file` itself is broken.
    pub(super) fn in_file(self, file: &Path) -> Self {
        match self {
            Self::Database(error) if is_corruption(&error) => {
                Self::Corrupt { file: file.to_owned(), detail: error.to_string() }
            }
            other => other,
        }
    }
}

/// Whether the database file itself is broken, as far as SQLite can tell.
fn is_corruption(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    matches!(kind(error), Some(CORRUPT | NOT_A_DATABASE))
}

/// Whether another connection was in the way.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    const BUSY: u32 = 5;
    kind(error) == Some(BUSY)
}

/// Whether what Postgres refused, or what cut us off from it, may succeed when it is tried again: a server that starts,
/// stops or has no connection left, transactions that were in each other's way.
pub(super) fn may_pass(error: &sqlx::Error) -> bool {
    const TOO_MANY_CONNECTIONS: &str = "53300";
    const ADMIN_SHUTDOWN: &str = "57P01";
    const CRASH_SHUTDOWN: &str = "57P02";
    const CANNOT_CONNECT_NOW: &str = "57P03";
    const IDLE_IN_TRANSACTION: &str = "25P03";
    const LOCK_NOT_AVAILABLE: &str = "55P03";
    const CONNECTION: &str = "08";
    match error {
        sqlx::Error::Io(_) | sqlx::Error::BeginFailed => true,
        sqlx::Error::Database(refusal) => refusal.code().is_some_and(|code| {
            code.starts_with(CONNECTION)
                || is_undone(error)
                || [
                    TOO_MANY_CONNECTIONS,
                    ADMIN_SHUTDOWN,
                    CRASH_SHUTDOWN,
                    CANNOT_CONNECT_NOW,
                    IDLE_IN_TRANSACTION,
                    LOCK_NOT_AVAILABLE,
                ]
                .contains(&&*code)
        }),
        _ => false,
    }
}

/// Whether Postgres says that it undid the transaction for the sake of another one.
pub(super) fn is_undone(error: &sqlx::Error) -> bool {
    const SERIALIZATION_FAILURE: &str = "40001";
    const DEADLOCK: &str = "40P01";
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code == SERIALIZATION_FAILURE || code == DEADLOCK)
}

/// SQLite's result code: the low byte is the kind, the rest a detail.
fn kind(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code)?;
    Some(code.parse::<u32>().ok()? & 0xff)
}

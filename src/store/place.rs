//! Where a store is: a folder of its own, or a database on a Postgres server. Made by the command line; opened by `Store`
//! and `Directory`. It must never show a password.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;

/// See the module.
#[derive(Debug, Clone)]
pub enum Place {
    /// A folder with a SQLite file in it; made when it is not there.
    Folder(PathBuf),
    /// A Postgres database, in which the tables are made when they are not there.
    Postgres(Box<PostgresOptions>),
}

/// How a Postgres database is reached.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Server, database, user, TLS.
    pub connect: PgConnectOptions,
    /// Connections that read rooms and the directory at the same time. One more writes the log.
    pub connections: u32,
    /// How long a connection, a statement or a commit may take before it counts as a failure and is tried again.
    pub patience: Duration,
    /// What is between this process and the database.
    pub pooler: Pooler,
    /// Whether other servers write to the database, too.
    pub sharing: Sharing,
}

/// What is between this process and a Postgres database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pooler {
    /// Nothing, or a pooler that keeps a connection for as long as its client does.
    None,
    /// A pooler that gives a connection to its clients for a transaction each.
    Transaction,
}

/// Whether a server has its database for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It has, and holds a lock that keeps others away.
    Alone,
    /// It shares it with nodes that it hears, and holds a lock that keeps others away.
    Nodes,
    /// Nothing keeps others away.
    Open,
}

impl From<&Path> for Place {
    fn from(folder: &Path) -> Self {
        Self::Folder(folder.to_owned())
    }
}

impl From<&PathBuf> for Place {
    fn from(folder: &PathBuf) -> Self {
        Self::Folder(folder.clone())
    }
}

impl From<PathBuf> for Place {
    fn from(folder: PathBuf) -> Self {
        Self::Folder(folder)
    }
}

impl Pooler {
    /// Whether what a connection prepared is still there in its next transaction.
    pub(super) fn keeps_statements(self) -> bool {
        self == Self::None
    }
}

impl PostgresOptions {
    /// How to connect, without what only some poolers let through.
    pub(super) fn connect(&self) -> PgConnectOptions {
        // It is for floating point numbers, of which there are none in the tables.
        self.connect.clone().extra_float_digits(None)
    }

    /// The same for connections on which every write is refused; not behind every pooler.
    pub(super) fn read_only(&self) -> Self {
        let mut options = self.clone();
        options.connect = options.connect.options([("default_transaction_read_only", "on")]);
        options
    }

    /// Host and port, as errors name them.
    pub(super) fn address(&self) -> String {
        match self.connect.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", self.connect.get_host(), self.connect.get_port()),
        }
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Postgres at {}", self.address())
    }
}

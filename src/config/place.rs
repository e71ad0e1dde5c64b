//! The options that say where the rooms are, the same for every command that opens them.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::at_least_a_second;
use crate::store::{Place, Pooler, PostgresOptions, Sharing, StoreError};

/// Where the rooms are: in a folder, or in a Postgres database.
#[derive(Debug, Clone, Args)]
pub struct StorePlace {
    /// Folder that holds the rooms
    #[arg(long, env = "TRIPROOM_DATA", default_value = "./triproom-data", value_name = "FOLDER")]
    pub data: PathBuf,
    /// Postgres database that holds the rooms instead, as `postgres://user:password@host/database?sslmode=require`
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = database, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// Connections to the database that read; one more writes
    #[arg(long, env = "TRIPROOM_DATABASE_CONNECTIONS", default_value_t = 8, value_name = "COUNT")]
    pub database_connections: u32,
    /// What is between the server and the database: `none`, or `transaction` for a pooler such as `PgBouncer` in that mode
    #[arg(long, env = "TRIPROOM_DATABASE_POOLER", default_value = "none", value_parser = pooler, value_name = "MODE")]
    pub database_pooler: Pooler,
    /// How long the database may take to answer before that counts as a failure
    #[arg(long, env = "TRIPROOM_DATABASE_TIMEOUT", default_value = "10s", value_parser = at_least_a_second, value_name = "TIME")]
    pub database_timeout: Duration,
}

/// A store by its address: `sqlite://FOLDER`, or that of a Postgres database. Shows no password, nor does an error about it.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A folder, or the database file in it.
    Folder(PathBuf),
    /// A database.
    Database(DatabaseUrl),
}

impl StoreUrl {
    /// The place, with so many connections that read and so much patience for a database.
    pub fn place(&self, connections: u32, patience: Duration) -> Result<Place, StoreError> {
        match self {
            Self::Folder(folder) => Ok(Place::Folder(folder.clone())),
            Self::Database(DatabaseUrl(connect)) => {
                let connect = *connect.clone().map_err(StoreError::BadAddress)?;
                let (pooler, sharing) = (Pooler::None, Sharing::Alone);
                Ok(Place::Postgres(Box::new(PostgresOptions { connect, connections, patience, pooler, sharing })))
            }
        }
    }
}

/// Takes whatever it is: what the parser refuses it shows, and there may be a password in it.
pub fn store_url(text: &str) -> Result<StoreUrl, String> {
    let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"));
    let Some(path) = path.filter(|path| !path.is_empty()) else { return Ok(StoreUrl::Database(database(text)?)) };
    let path = Path::new(path);
    let is_file = path.extension().is_some_and(|end| end == "sqlite") && !path.is_dir();
    let folder = if is_file { path.parent().filter(|parent| !parent.as_os_str().is_empty()) } else { Some(path) };
    Ok(StoreUrl::Folder(folder.unwrap_or(Path::new(".")).to_owned()))
}

/// An address of a Postgres database. Shows no password, nor does an error about it.
#[derive(Clone)]
pub struct DatabaseUrl(Result<Box<PgConnectOptions>, &'static str>);

impl StorePlace {
    /// The place.
    pub fn place(&self) -> Result<Place, StoreError> {
        let Some(DatabaseUrl(connect)) = &self.database_url else { return Ok(Place::Folder(self.data.clone())) };
        let connect = *connect.clone().map_err(StoreError::BadAddress)?;
        let options = PostgresOptions {
            connect,
            connections: self.database_connections,
            patience: self.database_timeout,
            pooler: self.database_pooler,
            sharing: self.sharing(),
        };
        Ok(Place::Postgres(Box::new(options)))
    }

    /// A lock belongs to a connection, and behind a pooler none stays with this server.
    fn sharing(&self) -> Sharing {
        match self.database_pooler {
            Pooler::None => Sharing::Alone,
            Pooler::Transaction => Sharing::Open,
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DatabaseUrl")
    }
}

fn pooler(text: &str) -> Result<Pooler, &'static str> {
    match text {
        "none" => Ok(Pooler::None),
        "transaction" => Ok(Pooler::Transaction),
        _ => Err("it is `none` or `transaction`"),
    }
}

/// Takes whatever it is: what the parser refuses it shows, and here is a password in it.
#[expect(clippy::unnecessary_wraps, reason = "the parser of options wants it")]
fn database(text: &str) -> Result<DatabaseUrl, String> {
    let is_postgres = text.starts_with("postgres://") || text.starts_with("postgresql://");
    let parsed = if is_postgres { text.parse().ok() } else { None };
    Ok(DatabaseUrl(parsed.map(Box::new).ok_or("write it like postgres://user:password@host:5432/database")))
}

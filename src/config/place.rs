//! The options that say where the rooms are, the same for every command that opens them.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use sqlx::postgres::PgConnectOptions;

use super::at_least_a_second;
use crate::store::{Place, PostgresOptions};

/// Where the rooms are: in a folder, or in a Postgres database.
#[derive(Debug, Clone, Args)]
pub struct StorePlace {
    /// Folder that holds the rooms
    #[arg(long, env = "TRIPROOM_DATA", default_value = "./triproom-data", value_name = "FOLDER")]
    pub data: PathBuf,
    /// Postgres database that holds the rooms instead: postgres://user:password@host/database?sslmode=require
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_parser = database, value_name = "URL")]
    pub database_url: Option<DatabaseUrl>,
    /// Connections to the database that read; one more writes
    #[arg(long, env = "TRIPROOM_DATABASE_CONNECTIONS", default_value_t = 8, value_name = "COUNT")]
    pub database_connections: u32,
    /// How long the database may take to answer before that counts as a failure
    #[arg(long, env = "TRIPROOM_DATABASE_TIMEOUT", default_value = "10s", value_parser = at_least_a_second, value_name = "TIME")]
    pub database_timeout: Duration,
}

/// An address of a Postgres database. Shows no password.
#[derive(Clone)]
pub struct DatabaseUrl(PgConnectOptions);

impl StorePlace {
    /// The place.
    pub fn place(&self) -> Place {
        match &self.database_url {
            None => Place::Folder(self.data.clone()),
            Some(DatabaseUrl(connect)) => Place::Postgres(PostgresOptions {
                connect: connect.clone(),
                connections: self.database_connections,
                patience: self.database_timeout,
            }),
        }
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.0.get_host(), self.0.get_port())
    }
}

fn database(text: &str) -> Result<DatabaseUrl, String> {
    if !text.starts_with("postgres://") && !text.starts_with("postgresql://") {
        return Err("write it like postgres://user:password@host:5432/database".to_owned());
    }
    text.parse().map(DatabaseUrl).map_err(|error: sqlx::Error| error.to_string())
}

//! A place for one store, and the binary on it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;
use triproom::store::{Place, Pooler, PostgresOptions, Sharing};

use crate::database::TestDatabase;

/// A folder, or a Postgres database, with nothing in it.
pub(crate) struct House {
    database: Option<TestDatabase>,
    folder: TempDir,
}

impl House {
    pub(crate) fn folder() -> Self {
        Self { database: None, folder: TempDir::new().unwrap() }
    }

    pub(crate) async fn postgres() -> Self {
        Self { database: Some(TestDatabase::create().await), folder: TempDir::new().unwrap() }
    }

    /// One of each.
    pub(crate) async fn both() -> [Self; 2] {
        [Self::folder(), Self::postgres().await]
    }

    /// Where its files would be.
    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// How its database is reached; nothing for a folder.
    pub(crate) fn options(&self) -> Option<PgConnectOptions> {
        self.database.as_ref().map(TestDatabase::options)
    }

    /// How its file is reached.
    pub(crate) fn file(&self) -> SqliteConnectOptions {
        SqliteConnectOptions::new().filename(self.data().join("triproom.sqlite"))
    }

    pub(crate) fn place(&self) -> Place {
        let Some(connect) = self.options() else { return Place::Folder(self.data()) };
        let (patience, pooler, sharing) = (Duration::from_secs(10), Pooler::None, Sharing::Alone);
        Place::Postgres(Box::new(PostgresOptions { connect, connections: 2, patience, pooler, sharing }))
    }

    /// With the latest migration forgotten.
    pub(crate) async fn as_an_earlier_version_left_it(&self) {
        const FORGET: &str = "DELETE FROM _sqlx_migrations WHERE version = (SELECT max(version) FROM _sqlx_migrations)";
        self.execute(FORGET).await;
    }

    /// Runs a statement on the database itself.
    pub(crate) async fn execute(&self, statement: &'static str) {
        if let Some(options) = self.options() {
            sqlx::query(statement).execute(&mut options.connect().await.unwrap()).await.unwrap();
        } else {
            let mut connection = self.file().connect().await.unwrap();
            sqlx::query(statement).execute(&mut connection).await.unwrap();
            connection.close().await.unwrap();
        }
    }

    /// The binary, told where the store is.
    pub(crate) fn command(&self, line: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        command.args(line).current_dir(self.folder.path()).env_remove("DATABASE_URL").env("TRIPROOM_DATA", self.data());
        if let Some(database) = &self.database {
            command.env("DATABASE_URL", database.options().to_url_lossy().as_str());
        }
        command
    }

    pub(crate) fn run(&self, line: &[&str]) -> Ended {
        Ended::of(&self.command(line).stdin(Stdio::null()).output().unwrap())
    }

    /// A server on it, once it is ready.
    pub(crate) fn serve(&self, options: &[&str]) -> Server {
        let mut command = self.command(&["serve", "--port", "0", "--log", "error"]);
        let mut child = command.args(options).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().rsplit("http://").next().unwrap().to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{line:?}");
        Server { child }
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) good: bool,
    pub(crate) out: String,
    pub(crate) notes: String,
}

impl Ended {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Self { good: output.status.success(), out: text(&output.stdout), notes: text(&output.stderr) }
    }

    /// Its output, which it must have ended well with.
    #[track_caller]
    pub(crate) fn well(self) -> String {
        assert!(self.good, "{self:?}");
        self.out
    }

    /// It must have refused, and said this.
    #[track_caller]
    pub(crate) fn refused(&self, says: &str) {
        assert!(!self.good && self.notes.contains(says), "{says:?} is not in {self:?}");
    }
}

/// Killed with this.
pub(crate) struct Server {
    child: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

//! A Postgres server of its own for one test: the real one, which the test may kill and start again. Unlike the one that
//! other tests share it keeps what it says it has kept.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

use sqlx::postgres::PgConnectOptions;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// Names the folder of `initdb` and `postgres`. `scripts/test` finds it and sets this.
const PROGRAMS: &str = "TRIPROOM_TEST_POSTGRES_PROGRAMS";
/// Names the user as whom to run them, where this one is root and may not.
const USER: &str = "TRIPROOM_TEST_POSTGRES_USER";

/// Killed with this.
pub(crate) struct PostgresServer {
    folder: TempDir,
    child: Option<Child>,
}

impl PostgresServer {
    pub(crate) async fn start() -> Self {
        let folder = TempDir::new().unwrap();
        // It belongs to this user, and the data in it to the one who runs the server.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o777)).unwrap();
        let mut server = Self { folder, child: None };
        let mut initdb = program("initdb");
        initdb.arg("-D").arg(server.data()).args(["-U", "triproom", "--auth=trust", "--no-sync", "--encoding=UTF8"]);
        let done = initdb.output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        server.start_again().await;
        server
    }

    /// Starts it where it was killed.
    pub(crate) async fn start_again(&mut self) {
        // Processes that the killed one has left behind hold its memory for a moment.
        for _ in 0..50 {
            if self.is_started().await {
                return;
            }
        }
        panic!("Postgres does not start");
    }

    async fn is_started(&mut self) -> bool {
        let mut command = program("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.folder.path()).args(["-c", "listen_addresses="]);
        command.args(["-c", "max_connections=100"]).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().expect("it is piped")).lines();
        self.child = Some(child);
        while let Some(line) = log.next_line().await.unwrap() {
            if line.contains("ready to accept connections") {
                // It is not to wait for somebody who reads what else it says.
                tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
                return true;
            }
        }
        false
    }

    /// Kills the first of its processes with signal 9; the others end when they notice.
    pub(crate) async fn kill(&mut self) {
        self.end();
        self.child.take().expect("it runs").wait().await.unwrap();
    }

    fn end(&self) {
        let first = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        if let Some(process) = first.lines().next() {
            let _ = std::process::Command::new("kill").args(["-9", process]).stderr(Stdio::null()).status();
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass().socket(self.folder.path()).username("triproom").database("postgres")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.end();
    }
}

fn program(name: &str) -> Command {
    let programs = std::env::var(PROGRAMS)
        .unwrap_or_else(|_| panic!("{PROGRAMS} must name the folder of {name}; run scripts/test, which finds it"));
    let program = PathBuf::from(programs).join(name);
    let mut command = match std::env::var(USER) {
        Ok(user) => {
            let mut command = Command::new("runuser");
            command.args(["-u", &user, "--"]).arg(program);
            command
        }
        Err(_) => Command::new(program),
    };
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

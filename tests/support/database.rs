//! A database of its own on a real Postgres server, for one test.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// Names the server. `scripts/test` starts one and sets this.
const SERVER: &str = "TRIPROOM_TEST_DATABASE_URL";

/// Names one on this machine, which may be the same.
const LOCAL: &str = "TRIPROOM_TEST_LOCAL_DATABASE_URL";

/// Names a `PgBouncer` in transaction mode before that server. `scripts/test` starts one and sets this.
const POOLER: &str = "TRIPROOM_TEST_PGBOUNCER_URL";

/// Names that server by an address where it speaks TLS, with `sslmode=verify-full` and `sslrootcert`.
const TLS: &str = "TRIPROOM_TEST_TLS_DATABASE_URL";

/// Dropped with this.
pub(crate) struct TestDatabase {
    server: PgConnectOptions,
    name: String,
}

impl TestDatabase {
    pub(crate) async fn create() -> Self {
        Self::create_on(named(SERVER)).await
    }

    /// For those who come by a pooler or TLS, or stop its processes.
    #[allow(dead_code, reason = "not every test needs it")]
    pub(crate) async fn create_local() -> Self {
        Self::create_on(named(LOCAL)).await
    }

    /// On a server of the test's own, perhaps.
    pub(crate) async fn create_on(server: PgConnectOptions) -> Self {
        let name = format!("triproom_{:016x}", fastrand::u64(..));
        run(&server, format!("CREATE DATABASE {name}")).await;
        Self { server, name }
    }

    pub(crate) fn options(&self) -> PgConnectOptions {
        self.server.clone().database(&self.name)
    }

    /// The way through the pooler.
    #[allow(dead_code, reason = "not every test goes it")]
    pub(crate) fn pooled_options(&self) -> PgConnectOptions {
        named(POOLER).database(&self.name)
    }

    /// The way that is encrypted, to a server that shows a certificate.
    #[allow(dead_code, reason = "not every test goes it")]
    pub(crate) fn tls_url(&self) -> String {
        let (server, options) = variable(TLS).rsplit_once('?').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
        format!("{}/{}?{options}", server.rsplit_once('/').unwrap().0, self.name)
    }

    #[allow(dead_code, reason = "not every test goes straight to it")]
    pub(crate) async fn connect(&self) -> PgConnection {
        self.options().connect().await.unwrap()
    }
}

impl Drop for TestDatabase {
    /// Whoever runs the tests on a server of theirs finds it as it was.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, format!("DROP DATABASE {name} WITH (FORCE)")));
        });
        let _ = dropping.join();
    }
}

fn named(server: &str) -> PgConnectOptions {
    variable(server).parse().unwrap()
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} must name a server; run scripts/test, which starts one"))
}

async fn run(server: &PgConnectOptions, statement: String) {
    let mut connection = server.connect().await.unwrap();
    sqlx::query(AssertSqlSafe(statement)).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

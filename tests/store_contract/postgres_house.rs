//! A database of its own on a real Postgres server for each test.

use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use triproom::room::id::RoomId;
use triproom::store::directory::Directory;
use triproom::store::{FaultSwitch, Place, PostgresOptions, Sequence, StoreConfig};

use crate::house::House;

/// Names the server. `scripts/test` starts one and sets this.
const SERVER: &str = "TRIPROOM_TEST_DATABASE_URL";

pub(crate) struct PostgresHouse {
    server: PgConnectOptions,
    database: String,
    fault: FaultSwitch,
}

impl PostgresHouse {
    fn options(&self) -> PostgresOptions {
        let connect = self.server.clone().database(&self.database);
        PostgresOptions { connect, connections: 4, patience: Duration::from_secs(10) }
    }

    async fn connect(&self) -> PgConnection {
        self.options().connect.connect().await.unwrap()
    }
}

impl House for PostgresHouse {
    async fn build() -> Self {
        let server = std::env::var(SERVER)
            .unwrap_or_else(|_| panic!("{SERVER} must name a Postgres server; run scripts/test, which starts one"));
        let server: PgConnectOptions = server.parse().unwrap();
        let database = format!("triproom_{:016x}", fastrand::u64(..));
        let mut connection = server.connect().await.unwrap();
        let create = format!("CREATE DATABASE {database}");
        sqlx::query(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        Self { server, database, fault: FaultSwitch::new() }
    }

    fn fault(&self) -> &FaultSwitch {
        &self.fault
    }

    fn config(&self) -> StoreConfig {
        StoreConfig { fault: Some(self.fault.clone()), ..StoreConfig::new(Place::Postgres(self.options())) }
    }

    async fn damage_row(&self, sequence: Sequence) {
        let mut connection = self.connect().await;
        let done = sqlx::query("UPDATE log SET data = 'damaged'::bytea WHERE seq = $1")
            .bind(i64::try_from(sequence.0).unwrap())
            .execute(&mut connection)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    async fn damage_snapshot(&self, room: &RoomId) {
        let mut connection = self.connect().await;
        let done = sqlx::query(
            "UPDATE snapshots SET data = set_byte(data, length(data) / 2, get_byte(data, length(data) / 2) # 85)
             WHERE room = (SELECT id FROM rooms WHERE name = $1)",
        )
        .bind(room.as_str())
        .execute(&mut connection)
        .await
        .unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    async fn rooms_on_disk(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM rooms").fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn lines_on_disk(&self) -> i64 {
        let query = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM log)
                     + (SELECT count(*) FROM snapshots) + (SELECT count(*) FROM older_snapshots)";
        sqlx::query_scalar(query).fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn open_directory(&self) -> Directory {
        Directory::open(Place::Postgres(self.options())).await.expect("the directory opens")
    }
}

impl Drop for PostgresHouse {
    /// Whoever runs the tests on a server of theirs finds it as it was.
    fn drop(&mut self) {
        let (server, database) = (self.server.clone(), self.database.clone());
        let dropping = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let mut connection = server.connect().await.unwrap();
                let drop = format!("DROP DATABASE {database} WITH (FORCE)");
                sqlx::query(sqlx::AssertSqlSafe(drop)).execute(&mut connection).await.unwrap();
            });
        });
        let _ = dropping.join();
    }
}

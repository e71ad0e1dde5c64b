//! A store in a database of its own for each test, straight or through a pooler.

use std::marker::PhantomData;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;
use triproom::room::id::RoomId;
use triproom::store::directory::Directory;
use triproom::store::{FaultSwitch, Place, Pooler, PostgresOptions, Sequence, Sharing, StoreConfig};

use crate::database::TestDatabase;
use crate::house::House;

/// How the store comes to its database. Whoever damages it goes straight.
pub(crate) trait Way: Send + Sync + 'static {
    const POOLER: Pooler;
    const SHARING: Sharing;
    fn connect(database: &TestDatabase) -> PgConnectOptions;
}

/// To the server itself.
pub(crate) struct Straight;

/// Through `PgBouncer` in transaction mode, which hands each transaction the next best connection.
pub(crate) struct Pooled;

impl Way for Straight {
    const POOLER: Pooler = Pooler::None;
    const SHARING: Sharing = Sharing::Alone;

    fn connect(database: &TestDatabase) -> PgConnectOptions {
        database.options()
    }
}

impl Way for Pooled {
    const POOLER: Pooler = Pooler::Transaction;
    const SHARING: Sharing = Sharing::Open;

    fn connect(database: &TestDatabase) -> PgConnectOptions {
        database.pooled_options()
    }
}

pub(crate) struct PostgresHouse<W> {
    database: TestDatabase,
    fault: FaultSwitch,
    way: PhantomData<W>,
}

impl<W: Way> PostgresHouse<W> {
    fn options(&self) -> PostgresOptions {
        PostgresOptions {
            connect: W::connect(&self.database),
            connections: 4,
            patience: Duration::from_secs(10),
            pooler: W::POOLER,
            sharing: W::SHARING,
        }
    }

    async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }
}

impl<W: Way> House for PostgresHouse<W> {
    async fn build() -> Self {
        let database = match W::POOLER {
            Pooler::None => TestDatabase::create().await,
            Pooler::Transaction => TestDatabase::create_local().await,
        };
        Self { database, fault: FaultSwitch::new(), way: PhantomData }
    }

    fn fault(&self) -> &FaultSwitch {
        &self.fault
    }

    fn config(&self) -> StoreConfig {
        StoreConfig { fault: Some(self.fault.clone()), ..StoreConfig::new(Place::Postgres(Box::new(self.options()))) }
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

    async fn damage_event(&self, seq: i64) {
        let query = "UPDATE events SET body = 'damaged'::bytea WHERE seq = $1";
        let done = sqlx::query(query).bind(seq).execute(&mut self.connect().await).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
    }

    async fn rooms_on_disk(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM rooms").fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn lines_on_disk(&self) -> i64 {
        let query = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM log)
                     + (SELECT count(*) FROM snapshots)
                     + (SELECT count(*) FROM events) + (SELECT count(*) FROM event_counters)
                     + (SELECT count(*) FROM latest)";
        sqlx::query_scalar(query).fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn open_directory(&self) -> Directory {
        Directory::open(Place::Postgres(Box::new(self.options()))).await.expect("the directory opens")
    }
}

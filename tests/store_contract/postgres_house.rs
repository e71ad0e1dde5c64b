//! A store in a database of its own for each test.

use std::time::Duration;

use sqlx::PgConnection;
use triproom::room::id::RoomId;
use triproom::store::directory::Directory;
use triproom::store::{FaultSwitch, Place, PostgresOptions, Sequence, Sharing, StoreConfig};

use crate::database::TestDatabase;
use crate::house::House;

pub(crate) struct PostgresHouse {
    database: TestDatabase,
    fault: FaultSwitch,
}

impl PostgresHouse {
    fn options(&self) -> PostgresOptions {
        PostgresOptions {
            connect: self.database.options(),
            connections: 4,
            patience: Duration::from_secs(10),
            sharing: Sharing::Alone,
        }
    }

    async fn connect(&self) -> PgConnection {
        self.database.connect().await
    }
}

impl House for PostgresHouse {
    async fn build() -> Self {
        Self { database: TestDatabase::create().await, fault: FaultSwitch::new() }
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

    async fn rooms_on_disk(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM rooms").fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn lines_on_disk(&self) -> i64 {
        let query = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM log)
                     + (SELECT count(*) FROM snapshots) + (SELECT count(*) FROM older_snapshots)";
        sqlx::query_scalar(query).fetch_one(&mut self.connect().await).await.unwrap()
    }

    async fn open_directory(&self) -> Directory {
        Directory::open(Place::Postgres(Box::new(self.options()))).await.expect("the directory opens")
    }
}

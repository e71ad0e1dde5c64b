//! A database whose tables an earlier version made.

use std::path::Path;
use std::time::Duration;

use sqlx::migrate::Migrator;

use crate::database::TestDatabase;
use crate::house::{append, durable, open, room, text};

const PATIENCE: Duration = Duration::from_secs(10);
/// The last version that kept the snapshot before the present one.
const TWO_SNAPSHOTS: i64 = 7;

#[tokio::test]
async fn a_database_that_kept_two_snapshots_of_a_room() {
    let database = TestDatabase::create().await;
    let mut connection = database.connect().await;
    let all = Migrator::new(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations/postgres"))).await.unwrap();
    let old = all.iter().filter(|migration| migration.version <= TWO_SNAPSHOTS).cloned().collect();
    Migrator::with_migrations(old).run(&mut connection).await.unwrap();
    let id: i64 = sqlx::query_scalar("INSERT INTO rooms (name, created_at) VALUES ('r', 0) RETURNING id")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    for (insert, generation, state) in [
        ("INSERT INTO older_snapshots VALUES ($1, $2, $3, $4, $5, 0)", 1_i64, "first"),
        ("INSERT INTO snapshots VALUES ($1, $2, $3, $4, $5, 0)", 2, "second"),
    ] {
        sqlx::query(insert)
            .bind(id)
            .bind(generation)
            .bind(i64::from(crc32fast::hash(state.as_bytes())))
            .bind(i64::try_from(state.len()).unwrap())
            .bind(zstd::bulk::compress(state.as_bytes(), 3).unwrap())
            .execute(&mut connection)
            .await
            .unwrap();
    }

    let store = open(&database, PATIENCE).await;
    assert_eq!(text(&store.load(&room("r")).await.unwrap()), "second");
    let mut log = store.log(&room("r"));
    append(&mut log, ", and more");
    durable(&mut log).await;
    assert_eq!(text(&store.load(&room("r")).await.unwrap()), "second, and more");
    let gone: bool =
        sqlx::query_scalar("SELECT to_regclass('older_snapshots') IS NULL").fetch_one(&mut connection).await.unwrap();
    assert!(gone, "what nothing reads takes no space");
    store.close().await.unwrap();
}

//! A place for one store: opens it, opens it again, and damages what it keeps.

use bytes::Bytes;
use sqlx::{ConnectOptions, Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use triproom::room::id::RoomId;
use triproom::store::directory::Directory;
use triproom::store::{FaultSwitch, LogPosition, RoomLog, Sequence, Store, StoreConfig, StoreHealth, StoredRoom};

/// What the suite needs of an implementation.
pub(crate) trait House: Sized + Send + Sync + 'static {
    async fn build() -> Self;
    fn fault(&self) -> &FaultSwitch;
    fn config(&self) -> StoreConfig;
    /// Flips bits in the stored data of one row.
    async fn damage_row(&self, sequence: Sequence);
    /// Flips bits in the stored snapshot of one room; the same again undoes it.
    async fn damage_snapshot(&self, room: &RoomId);
    /// Flips bits in the events of this number, in all rooms.
    async fn damage_event(&self, seq: i64);
    /// Lines in the table of rooms.
    async fn rooms_on_disk(&self) -> i64;
    /// Lines in all tables that hold documents and events.
    async fn lines_on_disk(&self) -> i64;
    /// The directory as another process opens it.
    fn open_directory(&self) -> impl Future<Output = Directory> + Send;

    async fn open(&self) -> Store {
        Store::open(self.config()).await.expect("the store opens")
    }
}

pub(crate) struct SqliteHouse {
    folder: TempDir,
    fault: FaultSwitch,
}

impl SqliteHouse {
    async fn connect(&self) -> SqliteConnection {
        let file = self.folder.path().join("data/triproom.sqlite");
        SqliteConnectOptions::new().filename(file).connect().await.unwrap()
    }
}

impl House for SqliteHouse {
    async fn build() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), fault: FaultSwitch::new() }
    }

    fn fault(&self) -> &FaultSwitch {
        &self.fault
    }

    fn config(&self) -> StoreConfig {
        StoreConfig { fault: Some(self.fault.clone()), ..StoreConfig::new(self.folder.path().join("data")) }
    }

    async fn damage_row(&self, sequence: Sequence) {
        let mut file = self.connect().await;
        let done = sqlx::query("UPDATE log SET data = CAST('damaged' AS BLOB) WHERE seq = ?")
            .bind(i64::try_from(sequence.0).unwrap())
            .execute(&mut file)
            .await
            .unwrap();
        assert_eq!(done.rows_affected(), 1);
        file.close().await.unwrap();
    }

    async fn damage_snapshot(&self, room: &RoomId) {
        let mut file = self.connect().await;
        let query = "SELECT room, data FROM snapshots WHERE room = (SELECT id FROM rooms WHERE name = ?)";
        let (id, mut data): (i64, Vec<u8>) =
            sqlx::query_as(query).bind(room.as_str()).fetch_one(&mut file).await.unwrap();
        let middle = data.len() / 2;
        data[middle] ^= 0x55;
        sqlx::query("UPDATE snapshots SET data = ? WHERE room = ?")
            .bind(data)
            .bind(id)
            .execute(&mut file)
            .await
            .unwrap();
        file.close().await.unwrap();
    }

    async fn damage_event(&self, seq: i64) {
        let mut file = self.connect().await;
        let query = "UPDATE events SET body = CAST('damaged' AS BLOB) WHERE seq = ?";
        let done = sqlx::query(query).bind(seq).execute(&mut file).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
        file.close().await.unwrap();
    }

    async fn rooms_on_disk(&self) -> i64 {
        let mut file = self.connect().await;
        sqlx::query_scalar("SELECT count(*) FROM rooms").fetch_one(&mut file).await.unwrap()
    }

    async fn lines_on_disk(&self) -> i64 {
        let mut file = self.connect().await;
        let query = "SELECT (SELECT count(*) FROM rooms) + (SELECT count(*) FROM log)
                     + (SELECT count(*) FROM snapshots)
                     + (SELECT count(*) FROM events) + (SELECT count(*) FROM event_counters)
                     + (SELECT count(*) FROM latest)";
        sqlx::query_scalar(query).fetch_one(&mut file).await.unwrap()
    }

    async fn open_directory(&self) -> Directory {
        Directory::open(self.folder.path().join("data")).await.expect("the directory opens")
    }
}

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::parse(name, 4096).unwrap()
}

pub(crate) fn row(text: impl Into<String>) -> Bytes {
    Bytes::from(text.into())
}

pub(crate) fn texts(stored: &StoredRoom) -> Vec<String> {
    stored.rows.iter().map(|row| String::from_utf8(row.data.to_vec()).unwrap()).collect()
}

/// Appends one row.
pub(crate) fn append(log: &mut RoomLog, text: impl Into<String>) -> LogPosition {
    log.append([row(text)]).unwrap()
}

/// Waits until all that `log` appended is durable.
pub(crate) async fn durable(log: &mut RoomLog) {
    while log.durable() < log.appended() {
        log.changed().await;
    }
}

pub(crate) async fn until_failing(store: &Store) -> String {
    let mut health = store.health();
    let failing = health.wait_for(|health| *health != StoreHealth::Healthy).await.unwrap();
    match &*failing {
        StoreHealth::Failing { error, .. } => error.to_string(),
        StoreHealth::Healthy => unreachable!(),
    }
}

pub(crate) async fn until_healthy(store: &Store) {
    store.health().wait_for(|health| *health == StoreHealth::Healthy).await.unwrap();
}

/// Waits until a commit stalls, the first that meets a fault: it may have done so long before.
pub(crate) async fn until_stalled(fault: &FaultSwitch) {
    fault.struck().wait_for(|struck| *struck > 0).await.unwrap();
}

/// Waits until `count` further commits met a fault.
pub(crate) fn until_struck(fault: &FaultSwitch, count: u64) -> impl Future<Output = ()> {
    // Counted from now on, and not from when somebody waits.
    let mut struck = fault.struck();
    let target = *struck.borrow() + count;
    async move {
        struck.wait_for(|struck| *struck >= target).await.unwrap();
    }
}

//! A store on a database of a test's own, as many as it wants.

use std::time::Duration;

use bytes::Bytes;
use triproom::room::id::RoomId;
use triproom::store::{Place, Pooler, PostgresOptions, RoomLog, Sharing, Store, StoreConfig, StoreHealth, StoredRoom};

use crate::database::TestDatabase;

/// A store that is patient for so long and keeps nobody else away.
pub(crate) async fn open(database: &TestDatabase, patience: Duration) -> Store {
    let options = PostgresOptions {
        connect: database.options(),
        connections: 2,
        patience,
        pooler: Pooler::None,
        sharing: Sharing::Open,
    };
    Store::open(StoreConfig::new(Place::Postgres(Box::new(options)))).await.unwrap()
}

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::parse(name, 1_000).unwrap()
}

pub(crate) fn append(log: &mut RoomLog, text: impl Into<String>) {
    log.append([Bytes::from(text.into())]).unwrap();
}

pub(crate) async fn durable(log: &mut RoomLog) {
    while log.durable() < log.appended() {
        log.changed().await;
    }
}

pub(crate) async fn until_failing(store: &Store) {
    store.health().wait_for(|health| *health != StoreHealth::Healthy).await.unwrap();
}

/// Snapshot and rows, as one text.
pub(crate) fn text(stored: &StoredRoom) -> String {
    let rows = stored.rows.iter().map(|row| &row.data[..]);
    let all: Vec<&[u8]> = stored.snapshot.iter().map(|snapshot| &snapshot[..]).chain(rows).collect();
    String::from_utf8(all.concat()).unwrap()
}

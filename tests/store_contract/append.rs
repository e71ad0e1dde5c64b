//! Appending and loading.

use bytes::Bytes;
use triproom::store::{AppendError, Fault, LogPosition, Store, StoreConfig, StoreError, StoredRoom};

use crate::house::{House, append, durable, room, row, texts, until_stalled};

pub(crate) async fn rows_come_back_in_order<H: House>(house: H) {
    let store = house.open().await;
    let paris = room("paris");
    assert_eq!(store.load(&paris).await.unwrap(), StoredRoom::default());
    let mut log = store.log(&paris);
    for n in 0..300 {
        assert_eq!(append(&mut log, format!("row {n}")), LogPosition(n + 1));
    }
    durable(&mut log).await;
    assert_eq!(log.durable(), LogPosition(300));
    let expected: Vec<String> = (0..300).map(|n| format!("row {n}")).collect();
    let stored = store.load(&paris).await.unwrap();
    assert_eq!(texts(&stored), expected);
    assert!(stored.rows.is_sorted_by(|a, b| a.sequence < b.sequence));
    assert_eq!((stored.snapshot.is_none(), stored.damaged), (true, 0));
    assert_eq!(store.row_count(&paris), 300);
    assert_eq!(store.row_bytes(&paris), expected.iter().map(|text| text.len() as u64).sum::<u64>());
    assert_eq!(store.unsaved_bytes(), 0);

    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.load(&paris).await.unwrap(), stored);
    assert_eq!(store.row_count(&paris), 300);
    assert_eq!(store.row_bytes(&paris), expected.iter().map(|text| text.len() as u64).sum::<u64>());
    store.close().await.unwrap();
}

pub(crate) async fn many_rooms_at_once<H: House>(house: H) {
    let store = house.open().await;
    let mut rooms = tokio::task::JoinSet::new();
    for n in 0..200 {
        let store = store.clone();
        rooms.spawn(async move {
            let mut log = store.log(&room(&format!("room {n}")));
            for turn in 0..20 {
                let rows = (0..3).map(|i| row(format!("{n}/{turn}/{i}")));
                log.append(rows).unwrap();
                if turn % 4 == 0 {
                    durable(&mut log).await;
                } else {
                    tokio::task::yield_now().await;
                }
            }
            durable(&mut log).await;
        });
    }
    while let Some(done) = rooms.join_next().await {
        done.unwrap();
    }
    store.close().await.unwrap();
    let store = house.open().await;
    for n in 0..200 {
        let expected: Vec<String> = (0..20).flat_map(|t| (0..3).map(move |i| format!("{n}/{t}/{i}"))).collect();
        assert_eq!(texts(&store.load(&room(&format!("room {n}"))).await.unwrap()), expected);
    }
    assert_eq!(store.rooms_with_rows().len(), 200);
    store.close().await.unwrap();
}

pub(crate) async fn a_load_sees_what_is_not_committed<H: House>(house: H) {
    let store = house.open().await;
    let (rome, oslo) = (room("rome"), room("oslo"));
    let mut log = store.log(&rome);
    append(&mut log, "committed");
    durable(&mut log).await;
    house.fault().set(Fault::Stall);
    append(&mut log, "in flight");
    until_stalled(house.fault()).await;
    append(&mut store.log(&oslo), "of another room");
    append(&mut log, "queued");
    let before = store.load(&rome).await.unwrap();
    assert_eq!(texts(&before), ["committed", "in flight", "queued"]);
    assert_eq!(texts(&store.load(&oslo).await.unwrap()), ["of another room"]);
    assert_eq!((store.row_count(&rome), log.durable()), (1, LogPosition(1)));
    house.fault().set(Fault::None);
    durable(&mut log).await;
    assert_eq!(store.load(&rome).await.unwrap(), before);
    store.close().await.unwrap();
}

pub(crate) async fn an_empty_append_is_nothing<H: House>(house: H) {
    let store = house.open().await;
    let mut log = store.log(&room("r"));
    assert_eq!(log.append(Vec::<Bytes>::new()).unwrap(), LogPosition(0));
    append(&mut log, "");
    durable(&mut log).await;
    assert_eq!(texts(&store.load(&room("r")).await.unwrap()), [""]);
    store.close().await.unwrap();
}

pub(crate) async fn positions_count_one_handle<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let (mut first, mut second) = (store.log(&r), store.log(&r));
    append(&mut first, "a");
    append(&mut second, "b");
    assert_eq!(append(&mut first, "c"), LogPosition(2));
    assert_eq!(second.appended(), LogPosition(1));
    durable(&mut second).await;
    durable(&mut first).await;
    // What a dropped handle queued is written all the same.
    let mut third = store.log(&r);
    append(&mut third, "d");
    drop(third);
    append(&mut second, "e");
    durable(&mut second).await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["a", "b", "c", "d", "e"]);
    store.close().await.unwrap();
}

pub(crate) async fn rooms_that_were_only_opened_leave_nothing<H: House>(house: H) {
    let store = house.open().await;
    for n in 0..100_000 {
        let r = room(&format!("never written {n}"));
        drop(store.log(&r));
        if n % 100 == 0 {
            assert_eq!(store.load(&r).await.unwrap(), StoredRoom::default());
        }
    }
    assert_eq!((store.rooms_with_rows().len(), store.unsaved_bytes()), (0, 0));
    store.close().await.unwrap();
    assert_eq!(house.rooms_on_disk().await, 0);
}

pub(crate) async fn a_closed_store_says_so<H: House>(house: H) {
    let store = house.open().await;
    let mut log = store.log(&room("r"));
    append(&mut log, "queued just before");
    store.clone().close().await.unwrap();
    assert_eq!(log.durable(), LogPosition(1), "closing writes what is queued");
    assert_eq!(log.append([row("late")]).unwrap_err(), AppendError::Closed);
    assert!(matches!(store.load(&room("r")).await.unwrap_err(), StoreError::Closed));
    assert!(matches!(store.close().await.unwrap_err(), StoreError::Closed));
}

pub(crate) async fn a_store_dropped_without_close_still_writes<H: House>(house: H) {
    let store = house.open().await;
    let mut log = store.log(&room("r"));
    for n in 0..100 {
        append(&mut log, n.to_string());
    }
    drop(store);
    durable(&mut log).await;
    // The folder is free once the writer has ended, which nothing announces to another opener.
    let store = loop {
        match Store::open(house.config()).await {
            Ok(store) => break store,
            Err(StoreError::InUse { .. } | StoreError::DatabaseInUse { .. }) => tokio::task::yield_now().await,
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(store.load(&room("r")).await.unwrap().rows.len(), 100);
    assert_eq!(store.row_count(&room("r")), 100);
    store.close().await.unwrap();
}

pub(crate) async fn names_of_any_kind<H: House>(house: H) {
    let store = house.open().await;
    let long = "x".repeat(4096);
    let names = [
        "a",
        "A",
        " a",
        "a/b",
        "ä",
        "a\u{308}",
        "\"quoted\" \\ \u{1}",
        "'; DROP TABLE log; --",
        "🗺",
        "null",
        "1",
        &long,
    ];
    for name in names {
        append(&mut store.log(&room(name)), format!("of {name}"));
    }
    store.close().await.unwrap();
    let store = house.open().await;
    for name in names {
        assert_eq!(texts(&store.load(&room(name)).await.unwrap()), [format!("of {name}")]);
    }
    assert_eq!(store.rooms_with_rows().len(), names.len());
    store.close().await.unwrap();
}

pub(crate) async fn rows_of_any_size<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let rows: Vec<Bytes> = [0, 1, 100, 4096, 70_000, 9 << 20, 3].map(|n| vec![7; n].into()).to_vec();
    let mut log = store.log(&r);
    log.append(rows.clone()).unwrap();
    durable(&mut log).await;
    let stored = store.load(&r).await.unwrap();
    assert_eq!(stored.rows.iter().map(|row| row.data.clone()).collect::<Vec<_>>(), rows);
    store.close().await.unwrap();
}

pub(crate) async fn any_number_of_rows_at_once<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    let (counts, mut written) = ([1, 2, 3, 4, 5, 31, 33, 64, 100, 127, 128, 129, 130, 257, 7], Vec::new());
    for count in counts {
        // The first has no bytes.
        let rows: Vec<Bytes> = (0..count).map(|n| vec![7; n].into()).collect();
        written.extend(rows.iter().cloned());
        log.append(rows).unwrap();
        durable(&mut log).await;
    }
    let stored = store.load(&r).await.unwrap();
    assert_eq!(stored.rows.iter().map(|row| row.data.clone()).collect::<Vec<_>>(), written);
    store.close().await.unwrap();
}

pub(crate) async fn big_batches_are_cut<H: House>(house: H) {
    let config = StoreConfig { commit_rows: 150, commit_bytes: 400, ..house.config() };
    let store = Store::open(config).await.unwrap();
    let r = room("r");
    let mut log = store.log(&r);
    house.fault().set(Fault::Stall);
    log.append((0..1000).map(|n| row(n.to_string()))).unwrap();
    until_stalled(house.fault()).await;
    // One at a time, so that the second does not come before the first was looked at.
    house.fault().set(Fault::Step);
    let first = log.changed().await.durable;
    assert!(first.0 <= 150, "the first commit had {first:?}");
    house.fault().set(Fault::None);
    durable(&mut log).await;
    let stored = store.load(&r).await.unwrap();
    assert_eq!(texts(&stored), (0..1000).map(|n| n.to_string()).collect::<Vec<_>>());
    assert!(stored.rows.is_sorted_by_key(|row| row.sequence));
    store.close().await.unwrap();
}

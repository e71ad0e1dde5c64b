//! Deleting rooms: all of one or nothing, nothing comes after it, and nothing of it comes back.

use std::convert::Infallible;
use std::pin::{Pin, pin};

use bytes::Bytes;
use tokio::sync::oneshot;
use triproom::room::id::RoomId;
use triproom::store::directory::{Created, RoomSettings};
use triproom::store::{
    AppendError, Compaction, Fault, Folded, LogPosition, Store, StoreConfig, StoreError, StoredRoom,
};

use crate::compaction::join;
use crate::house::{House, append, durable, room, row, texts, until_failing, until_healthy, until_stalled};

/// Polls once: the deletion is with the store then.
async fn asked(deletion: Pin<&mut impl Future>) {
    tokio::select! {
        biased;
        _ = deletion => {}
        () = std::future::ready(()) => {}
    }
}

/// A room with a snapshot that was replaced once, and a row in the log.
async fn furnish(store: &Store, name: &str) -> StoredRoom {
    let r = room(name);
    let mut log = store.log(&r);
    for text in ["a", "b", "c"] {
        append(&mut log, format!("{text} of {name}"));
        durable(&mut log).await;
        if text != "c" {
            store.compact(&r, join).await.unwrap();
        }
    }
    store.load(&r).await.unwrap()
}

pub(crate) async fn a_deleted_room_is_gone<H: House>(house: H) {
    let store = house.open().await;
    let (r, s) = (room("r"), room("s"));
    let kept = furnish(&store, "s").await;
    let alone = house.lines_on_disk().await;
    furnish(&store, "r").await;
    assert!(house.lines_on_disk().await > alone);
    store.delete_room(&r).await.unwrap();
    assert_eq!(house.lines_on_disk().await, alone);
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom::default());
    assert_eq!((store.row_count(&r), store.row_bytes(&r), store.rooms_with_rows().len()), (0, 0, 1));
    assert_eq!(store.load(&s).await.unwrap(), kept);
    // Of a room that is not there, too.
    store.delete_room(&r).await.unwrap();
    store.delete_room(&room("never seen")).await.unwrap();
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom::default());
    assert_eq!((store.load(&s).await.unwrap(), store.rooms_with_rows().len()), (kept, 1));
    store.close().await.unwrap();
}

pub(crate) async fn a_room_made_again_starts_empty<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let before = furnish(&store, "r").await.rows[0].sequence;
    store.delete_room(&r).await.unwrap();
    let mut log = store.log(&r);
    append(&mut log, "new");
    durable(&mut log).await;
    let stored = store.load(&r).await.unwrap();
    assert_eq!((stored.snapshot.is_none(), texts(&stored)), (true, vec!["new".to_owned()]));
    assert!(stored.rows[0].sequence > before);
    let done = store.compact(&r, join).await.unwrap();
    assert!(matches!(done, Compaction::Done { generation: 1, folded: 1, .. }), "{done:?}");
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.load(&r).await.unwrap().snapshot, Some(row("new")));
    store.close().await.unwrap();
}

pub(crate) async fn what_waits_is_never_written<H: House>(house: H) {
    let config = StoreConfig { commit_rows: 2, ..house.config() };
    let store = Store::open(config).await.unwrap();
    let (r, s) = (room("r"), room("s"));
    let (mut log, mut other) = (store.log(&r), store.log(&s));
    house.fault().set(Fault::Stall);
    // Two rows are in flight, the others wait behind them.
    log.append(["flies", "flies", "waits"].map(row)).unwrap();
    until_stalled(house.fault()).await;
    for n in 0..10 {
        append(&mut log, format!("waits {n}"));
        append(&mut other, format!("{n}"));
    }
    let mut deletion = Box::pin(store.delete_room(&r));
    asked(deletion.as_mut()).await;
    append(&mut log, "waits too");
    house.fault().set(Fault::None);
    deletion.await.unwrap();
    assert_eq!(log.append([row("late")]).unwrap_err(), AppendError::Deleted);
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom::default());
    durable(&mut other).await;
    assert_eq!(store.unsaved_bytes(), 0, "what was dropped is out of the budget");
    assert!(log.durable() < log.appended());
    let mut again = store.log(&r);
    append(&mut again, "new");
    durable(&mut again).await;
    let expected: Vec<String> = (0..10).map(|n| n.to_string()).collect();
    for _ in 0..2 {
        assert_eq!(texts(&store.load(&r).await.unwrap()), ["new"]);
        assert_eq!(texts(&store.load(&s).await.unwrap()), expected);
        assert_eq!((store.row_count(&r), store.row_count(&s)), (1, 10));
    }
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["new"]);
    assert_eq!(texts(&store.load(&s).await.unwrap()), expected);
    store.close().await.unwrap();
}

pub(crate) async fn old_logs_write_nothing_into_a_new_room<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let (mut old, mut idle) = (store.log(&r), store.log(&r));
    append(&mut old, "old");
    durable(&mut old).await;
    store.delete_room(&r).await.unwrap();
    let mut new = store.log(&r);
    append(&mut new, "new");
    for log in [&mut old, &mut idle] {
        assert_eq!(log.append([row("ghost")]).unwrap_err(), AppendError::Deleted);
    }
    drop((old, idle));
    durable(&mut new).await;
    append(&mut new, "newer");
    durable(&mut new).await;
    assert_eq!(
        (texts(&store.load(&r).await.unwrap()).concat(), new.durable()),
        ("newnewer".to_owned(), LogPosition(2))
    );
    // Deleted twice while nobody holds a log, and while somebody does.
    store.delete_room(&r).await.unwrap();
    assert_eq!(new.append([row("ghost")]).unwrap_err(), AppendError::Deleted);
    store.close().await.unwrap();
}

/// A compaction that began before the deletion must not bring the document back, not even when a new room looks the same.
pub(crate) async fn a_compaction_from_before_is_lost<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    for again in [false, true] {
        let (started, has_started) = oneshot::channel();
        let (go, may_go) = oneshot::channel::<()>();
        // It names no rows: nothing but its life tells it from one of the new room.
        let import = tokio::spawn({
            let (store, r) = (store.clone(), r.clone());
            async move {
                let fold = |_: StoredRoom| {
                    started.send(()).unwrap();
                    may_go.blocking_recv().unwrap();
                    Ok::<_, Infallible>(Folded { snapshot: Bytes::from_static(b"ghost"), folded: vec![] })
                };
                store.compact(&r, fold).await
            }
        });
        has_started.await.unwrap();
        store.delete_room(&r).await.unwrap();
        let mut log = store.log(&r);
        if again {
            append(&mut log, "new");
            durable(&mut log).await;
        }
        go.send(()).unwrap();
        assert_eq!(import.await.unwrap().unwrap(), Compaction::Lost);
        let stored = store.load(&r).await.unwrap();
        assert_eq!((stored.snapshot, stored.rows.len()), (None, usize::from(again)));
    }
    store.close().await.unwrap();
}

pub(crate) async fn a_failed_deletion_changes_nothing<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let before = furnish(&store, "r").await;
    let lines = house.lines_on_disk().await;
    let mut log = store.log(&r);
    house.fault().set(Fault::BeforeCommit);
    let error = store.delete_room(&r).await.unwrap_err();
    assert!(matches!(error, StoreError::Injected("before")), "{error}");
    assert_eq!((store.load(&r).await.unwrap(), house.lines_on_disk().await), (before, lines));
    assert_eq!(store.row_count(&r), 1);
    // While it fails, what waits stays: nobody has said that the room is gone.
    append(&mut log, "waits");
    until_failing(&store).await;
    let error = store.delete_room(&r).await.unwrap_err();
    assert!(matches!(error, StoreError::Failing { .. }), "{error}");
    house.fault().set(Fault::None);
    until_healthy(&store).await;
    durable(&mut log).await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["c of r", "waits"]);
    store.delete_room(&r).await.unwrap();
    assert_eq!(house.lines_on_disk().await, 0);
    store.close().await.unwrap();
}

pub(crate) async fn an_unknown_deletion_is_looked_up<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    furnish(&store, "r").await;
    house.fault().set(Fault::AfterCommit);
    store.delete_room(&r).await.unwrap();
    house.fault().set(Fault::None);
    assert_eq!((store.load(&r).await.unwrap(), store.row_count(&r)), (StoredRoom::default(), 0));
    let mut log = store.log(&r);
    append(&mut log, "new");
    durable(&mut log).await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["new"]);
    store.close().await.unwrap();
}

pub(crate) async fn sequences_survive_a_deletion<H: House>(house: H) {
    let r = room("r");
    let mut highest = 0;
    for n in 0..3 {
        let store = house.open().await;
        let mut log = store.log(&r);
        append(&mut log, n.to_string());
        durable(&mut log).await;
        let sequence = store.load(&r).await.unwrap().rows[0].sequence.0;
        assert!(sequence > highest, "{sequence} after {highest}");
        highest = sequence;
        store.delete_room(&r).await.unwrap();
        store.close().await.unwrap();
    }
}

pub(crate) async fn a_closed_store_deletes_nothing<H: House>(house: H) {
    let store = house.open().await;
    let before = furnish(&store, "r").await;
    store.clone().close().await.unwrap();
    assert!(matches!(store.delete_room(&room("r")).await.unwrap_err(), StoreError::Closed));
    let store = house.open().await;
    assert_eq!(store.load(&room("r")).await.unwrap(), before);
    // A deletion that was asked for before the store closes is done.
    let r = room("r");
    asked(pin!(store.delete_room(&r))).await;
    store.clone().close().await.unwrap();
    assert_eq!(house.lines_on_disk().await, 0);
}

/// A crash between the roster's end and the document's: nobody gets the document by making a room of that name.
pub(crate) async fn a_document_outlives_its_roster_for_nobody<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let directory = store.directory();
    let kept = furnish(&store, "s").await;
    furnish(&store, "r").await;
    assert_eq!(directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Made);
    assert!(directory.delete_room(&r).await.unwrap());
    assert_eq!(directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Exists);
    assert!(directory.roster(&r).await.unwrap().is_none());
    let listed = directory.all_rooms(None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|entry| entry.room.as_str()).collect::<Vec<_>>(), ["s"]);
    let mut last = store.log(&r);
    append(&mut last, "the highest sequence");
    durable(&mut last).await;
    let highest = store.load(&r).await.unwrap().rows.last().unwrap().sequence;
    store.close().await.unwrap();

    let store = house.open().await;
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom::default());
    assert_eq!((store.row_count(&r), store.load(&room("s")).await.unwrap()), (0, kept));
    assert_eq!(store.directory().create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Made);
    let mut log = store.log(&r);
    append(&mut log, "new");
    durable(&mut log).await;
    assert!(store.load(&r).await.unwrap().rows[0].sequence > highest);
    // And the usual way: the roster, then the document, then a new room.
    let directory = store.directory();
    assert!(directory.delete_room(&r).await.unwrap());
    store.delete_room(&r).await.unwrap();
    assert_eq!(directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Made);
    // What was only on its way when the roster went is not found by the next one either.
    assert!(directory.delete_room(&r).await.unwrap());
    assert!(directory.is_deleted(&r).await.unwrap());
    assert_eq!(directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Exists);
    store.delete_room(&r).await.unwrap();
    assert!(!directory.is_deleted(&r).await.unwrap());
    assert_eq!(directory.create_room(&r, RoomSettings::default(), None, None).await.unwrap(), Created::Made);
    store.close().await.unwrap();
    let store = house.open().await;
    assert!(store.directory().roster(&r).await.unwrap().is_some());
    store.close().await.unwrap();
}

/// Many rooms at once, each deleted and made again while its neighbours write.
pub(crate) async fn rooms_come_and_go<H: House>(house: H) {
    let store = Store::open(StoreConfig { commit_rows: 20, ..house.config() }).await.unwrap();
    let mut rooms = tokio::task::JoinSet::new();
    for n in 0..8 {
        let store = store.clone();
        rooms.spawn(async move {
            let r = room(&format!("room {n}"));
            for life in 0..12 {
                let mut log = store.log(&r);
                for i in 0..20 {
                    append(&mut log, format!("{life}/{i};"));
                    if i % 5 == n % 5 {
                        durable(&mut log).await;
                    }
                }
                if life % 3 == 0 {
                    tokio::spawn({
                        let (store, r) = (store.clone(), r.clone());
                        async move { store.compact(&r, join).await }
                    });
                    tokio::task::yield_now().await;
                }
                let all = all_of(&store, &r).await;
                let foreign = all.split_terminator(';').find(|text| !text.starts_with(&format!("{life}/")));
                assert_eq!(foreign, None, "{all}");
                if n % 2 == 0 || life < 11 {
                    store.delete_room(&r).await.unwrap();
                } else {
                    durable(&mut log).await;
                }
            }
        });
    }
    while let Some(done) = rooms.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.unsaved_bytes(), 0);
    store.close().await.unwrap();
    let store = house.open().await;
    for n in 0..8 {
        let expected = if n % 2 == 0 { String::new() } else { (0..20).map(|i| format!("11/{i};")).collect() };
        assert_eq!(all_of(&store, &room(&format!("room {n}"))).await, expected);
    }
    store.close().await.unwrap();
}

/// Snapshot and rows as one text.
async fn all_of(store: &Store, room: &RoomId) -> String {
    let stored = store.load(room).await.unwrap();
    String::from_utf8(stored.snapshot.clone().unwrap_or_default().to_vec()).unwrap() + &texts(&stored).concat()
}

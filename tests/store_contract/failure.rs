//! Disks that fail, budgets that are spent, bytes that rot.

use std::time::Duration;

use triproom::store::{AppendError, Fault, LogPosition, Store, StoreConfig, StoreError};

use crate::compaction::join;
use crate::house::{House, append, durable, room, row, texts, until_failing, until_healthy, until_struck};

pub(crate) async fn over_the_budget_nothing_is_queued<H: House>(house: H) {
    let store = Store::open(StoreConfig { unsaved_budget: 4_000, ..house.config() }).await.unwrap();
    let (r, s) = (room("r"), room("s"));
    let (mut log, mut other) = (store.log(&r), store.log(&s));
    house.fault().set(Fault::BeforeCommit);
    log.append(["a".repeat(1_000), "b".repeat(1_000)].map(row)).unwrap();
    let unsaved = store.unsaved_bytes();
    assert!((2_000..2_400).contains(&unsaved), "{unsaved}");
    let refused = other.append(["c".repeat(1_000), "d".repeat(1_000)].map(row)).unwrap_err();
    assert_eq!(refused, AppendError::OverBudget { unsaved, budget: 4_000 });
    assert_eq!((other.appended(), store.unsaved_bytes()), (LogPosition(0), unsaved));
    append(&mut other, "e".repeat(1_000));
    assert_eq!(store.load(&s).await.unwrap().rows.len(), 1);
    until_failing(&store).await;
    house.fault().set(Fault::None);
    durable(&mut other).await;
    durable(&mut log).await;
    assert_eq!(store.unsaved_bytes(), 0);
    // A row that no budget could hold is taken when nothing else waits, or it would be refused for ever.
    log.append([row("f".repeat(5_000))]).unwrap();
    durable(&mut log).await;
    store.close().await.unwrap();
}

pub(crate) async fn a_failed_commit_is_tried_again<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "before");
    durable(&mut log).await;
    house.fault().set(Fault::BeforeCommit);
    append(&mut log, "during");
    let error = until_failing(&store).await;
    assert!(error.contains("injected"), "{error}");
    append(&mut log, "more");
    until_struck(house.fault(), 2).await;
    assert_eq!(log.durable(), LogPosition(1));
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["before", "during", "more"]);
    assert_eq!(store.row_count(&r), 1);
    house.fault().set(Fault::None);
    durable(&mut log).await;
    until_healthy(&store).await;
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["before", "during", "more"]);
    store.close().await.unwrap();
}

pub(crate) async fn an_unknown_outcome_writes_no_row_twice<H: House>(house: H) {
    let store = house.open().await;
    let r = room("new with this very commit");
    let mut log = store.log(&r);
    house.fault().set(Fault::AfterCommit);
    log.append((0..200).map(|n| row(n.to_string()))).unwrap();
    until_struck(house.fault(), 3).await;
    assert_eq!(log.durable(), LogPosition(0));
    let expected: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    assert_eq!(texts(&store.load(&r).await.unwrap()), expected);
    house.fault().set(Fault::None);
    durable(&mut log).await;
    assert_eq!((store.row_count(&r), texts(&store.load(&r).await.unwrap())), (200, expected.clone()));
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!((texts(&store.load(&r).await.unwrap()), store.row_count(&r)), (expected, 200));
    store.close().await.unwrap();
}

pub(crate) async fn order_survives_a_failure<H: House>(house: H) {
    let store = Store::open(StoreConfig { commit_rows: 7, ..house.config() }).await.unwrap();
    let rooms = ["r", "s", "t"].map(room);
    let mut logs = rooms.each_ref().map(|room| store.log(room));
    let mut expected: [Vec<String>; 3] = Default::default();
    for n in 0..300 {
        match n {
            100 => house.fault().set(Fault::BeforeCommit),
            180 => house.fault().set(Fault::AfterCommit),
            250 => until_failing(&store).await.clear(),
            _ => {}
        }
        append(&mut logs[n % 3], n.to_string());
        expected[n % 3].push(n.to_string());
        if n % 10 == 0 {
            tokio::task::yield_now().await;
        }
    }
    house.fault().set(Fault::None);
    for log in &mut logs {
        let mut last = log.durable();
        while log.durable() < log.appended() {
            let next = log.changed().await.durable;
            assert!(next >= last, "positions go forward only");
            last = next;
        }
    }
    for (room, expected) in rooms.iter().zip(&expected) {
        assert_eq!(&texts(&store.load(room).await.unwrap()), expected);
    }
    store.close().await.unwrap();
}

pub(crate) async fn closing_while_failing_says_what_is_lost<H: House>(house: H) {
    let store = Store::open(StoreConfig { close_patience: Duration::ZERO, ..house.config() }).await.unwrap();
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "kept");
    durable(&mut log).await;
    house.fault().set(Fault::BeforeCommit);
    append(&mut log, "lost");
    append(&mut log, "lost");
    until_failing(&store).await;
    match store.close().await.unwrap_err() {
        StoreError::Unsaved { rows: 2, bytes, cause } => assert!(bytes >= 8 && cause.contains("injected"), "{cause}"),
        error => panic!("{error}"),
    }
    house.fault().set(Fault::None);
    let store = house.open().await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["kept"]);
    store.close().await.unwrap();
}

pub(crate) async fn closing_outlasts_a_short_failure<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    house.fault().set(Fault::BeforeCommit);
    append(&mut store.log(&r), "kept");
    until_failing(&store).await;
    let closing = tokio::spawn(store.close());
    until_struck(house.fault(), 1).await;
    house.fault().set(Fault::None);
    closing.await.unwrap().unwrap();
    let store = house.open().await;
    assert_eq!(texts(&store.load(&r).await.unwrap()), ["kept"]);
    store.close().await.unwrap();
}

pub(crate) async fn a_damaged_row_is_left_out<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    log.append(["a", "b", "c"].map(row)).unwrap();
    durable(&mut log).await;
    let rows = store.load(&r).await.unwrap().rows;
    house.damage_row(rows[1].sequence).await;
    let stored = store.load(&r).await.unwrap();
    assert_eq!((texts(&stored), stored.damaged), (vec!["a".to_owned(), "c".to_owned()], 1));
    // It outlives a compaction, for whoever can read it.
    store.compact(&r, join).await.unwrap();
    let stored = store.load(&r).await.unwrap();
    assert_eq!((stored.snapshot.as_deref(), stored.rows.len(), stored.damaged), (Some(&b"ac"[..]), 0, 1));
    assert_eq!(store.row_count(&r), 1);
    store.close().await.unwrap();
}

pub(crate) async fn a_damaged_snapshot_closes_the_room<H: House>(house: H) {
    let store = house.open().await;
    let (r, s) = (room("Lago di Como"), room("fine"));
    for room in [&r, &s] {
        let mut log = store.log(room);
        append(&mut log, "a".repeat(100));
        durable(&mut log).await;
        store.compact(room, join).await.unwrap();
        append(&mut log, "b");
        durable(&mut log).await;
    }
    store.compact(&r, join).await.unwrap();
    let before = store.load(&r).await.unwrap();
    house.damage_snapshot(&r).await;
    let error = store.load(&r).await.unwrap_err();
    assert!(matches!(&error, StoreError::DamagedSnapshot { room, .. } if *room == r), "{error}");
    let says = error.to_string();
    assert!(says.contains("Lago di Como") && says.contains("restore the room from a backup"), "{says}");
    let error = store.compact(&r, join).await.unwrap_err();
    assert!(matches!(error, StoreError::DamagedSnapshot { .. }), "{error}");
    assert_eq!(texts(&store.load(&s).await.unwrap()), ["b"]);
    // Nothing was overwritten: the very bytes are still there.
    house.damage_snapshot(&r).await;
    assert_eq!(store.load(&r).await.unwrap(), before);
    store.close().await.unwrap();
}

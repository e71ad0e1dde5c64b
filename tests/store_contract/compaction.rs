//! Folding a log into a snapshot.

use std::convert::Infallible;

use bytes::Bytes;
use tokio::sync::oneshot;
use triproom::store::{Compaction, Fault, Folded, Sequence, StoreError, StoredRoom};

use crate::house::{House, append, durable, room, row, texts, until_failing, until_stalled};

/// A fold that joins snapshot and rows as text and names every row.
#[expect(clippy::unnecessary_wraps, reason = "a fold may fail")]
pub(crate) fn join(stored: StoredRoom) -> Result<Folded, Infallible> {
    let mut snapshot = stored.snapshot.unwrap_or_default().to_vec();
    for row in &stored.rows {
        snapshot.extend_from_slice(&row.data);
    }
    Ok(Folded { snapshot: snapshot.into(), folded: stored.rows.iter().map(|row| row.sequence).collect() })
}

fn generation(compaction: Compaction) -> u64 {
    match compaction {
        Compaction::Done { generation, .. } => generation,
        Compaction::Lost => panic!("the compaction was lost"),
    }
}

pub(crate) async fn unnamed_rows_stay<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    log.append(["a", "orphan", "b", "c"].map(row)).unwrap();
    durable(&mut log).await;
    let fold = |stored: StoredRoom| {
        let folded = stored.rows.iter().filter(|row| row.data != "orphan").map(|row| row.sequence).collect();
        Ok::<_, Infallible>(Folded { snapshot: Bytes::from_static(b"abc"), folded })
    };
    let done = store.compact(&r, fold).await.unwrap();
    assert!(matches!(done, Compaction::Done { generation: 1, folded: 3, raw_bytes: 3, .. }), "{done:?}");
    append(&mut log, "d");
    durable(&mut log).await;
    let expected = store.load(&r).await.unwrap();
    assert_eq!(expected.snapshot.as_deref(), Some(&b"abc"[..]));
    assert_eq!(texts(&expected), ["orphan", "d"]);
    assert_eq!((store.row_count(&r), store.row_bytes(&r)), (2, 7));
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.load(&r).await.unwrap(), expected);
    assert_eq!((store.row_count(&r), store.row_bytes(&r)), (2, 7));
    store.close().await.unwrap();
}

pub(crate) async fn a_room_without_rows_gets_a_snapshot<H: House>(house: H) {
    let store = house.open().await;
    let r = room("imported");
    let big: Bytes = (0..300_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>().into();
    let copy = big.clone();
    let done =
        store.compact(&r, move |_| Ok::<_, Infallible>(Folded { snapshot: copy, folded: vec![] })).await.unwrap();
    assert_eq!(generation(done), 1);
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom { snapshot: Some(big), ..StoredRoom::default() });
    assert!(store.rooms_with_rows().is_empty());
    store.close().await.unwrap();
}

pub(crate) async fn the_generation_guards<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    let (started, has_started) = oneshot::channel();
    let (go, may_go) = oneshot::channel::<()>();
    let slow = tokio::spawn({
        let (store, r) = (store.clone(), r.clone());
        async move {
            let fold = |stored| {
                started.send(()).unwrap();
                may_go.blocking_recv().unwrap();
                join(stored)
            };
            store.compact(&r, fold).await
        }
    });
    has_started.await.unwrap();
    append(&mut log, "b");
    durable(&mut log).await;
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 1);
    append(&mut log, "c");
    durable(&mut log).await;
    go.send(()).unwrap();
    assert_eq!(slow.await.unwrap().unwrap(), Compaction::Lost);
    let stored = store.load(&r).await.unwrap();
    assert_eq!(stored.snapshot.as_deref(), Some(&b"ab"[..]));
    assert_eq!(texts(&stored), ["c"]);
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 2);
    assert_eq!(store.row_count(&r), 0);
    store.close().await.unwrap();
}

pub(crate) async fn appends_go_on_meanwhile<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let writer = tokio::spawn({
        let mut log = store.log(&r);
        async move {
            for n in 0..2_000 {
                append(&mut log, format!("{n};"));
                if n % 7 == 0 {
                    durable(&mut log).await;
                }
            }
            durable(&mut log).await;
        }
    });
    let mut before = 0;
    while !writer.is_finished() {
        store.compact(&r, join).await.unwrap();
        let mut loaded = numbers(&store.load(&r).await.unwrap());
        // A row that is committed and folded while the room is loaded may come twice, as updates may; none is missing.
        loaded.sort_unstable();
        loaded.dedup();
        assert!(loaded.iter().copied().eq(0..loaded.len()), "{loaded:?}");
        assert!(loaded.len() >= before);
        before = loaded.len();
    }
    writer.await.unwrap();
    store.compact(&r, join).await.unwrap();
    store.close().await.unwrap();
    let store = house.open().await;
    let stored = store.load(&r).await.unwrap();
    assert!(numbers(&stored).into_iter().eq(0..2_000) && stored.rows.is_empty());
    store.close().await.unwrap();
}

/// The numbers in snapshot and rows, in order.
fn numbers(stored: &StoredRoom) -> Vec<usize> {
    let snapshot = String::from_utf8(stored.snapshot.clone().unwrap_or_default().to_vec()).unwrap();
    (snapshot + &texts(stored).concat()).split_terminator(';').map(|n| n.parse().unwrap()).collect()
}

pub(crate) async fn queued_rows_are_no_part_of_it<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    house.fault().set(Fault::Stall);
    append(&mut log, "b");
    until_stalled(house.fault()).await;
    let (seen, was_seen) = oneshot::channel();
    let compaction = tokio::spawn({
        let (store, r) = (store.clone(), r.clone());
        async move {
            let fold = |stored: StoredRoom| {
                seen.send(texts(&stored)).unwrap();
                join(stored)
            };
            store.compact(&r, fold).await
        }
    });
    assert_eq!(was_seen.await.unwrap(), ["a"]);
    house.fault().set(Fault::None);
    assert_eq!(generation(compaction.await.unwrap().unwrap()), 1);
    let stored = store.load(&r).await.unwrap();
    assert_eq!((stored.snapshot.as_deref(), texts(&stored)), (Some(&b"a"[..]), vec!["b".to_owned()]));
    store.close().await.unwrap();
}

pub(crate) async fn a_failing_fold_changes_nothing<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    let before = store.load(&r).await.unwrap();
    let error = store.compact(&r, |_| Err::<Folded, _>("these do not merge")).await.unwrap_err();
    assert!(error.to_string().contains("these do not merge"), "{error}");
    let foreign = Folded { snapshot: Bytes::new(), folded: vec![Sequence(1), Sequence(77)] };
    let error = store.compact(&r, |_| Ok::<_, Infallible>(foreign)).await.unwrap_err();
    assert!(error.to_string().contains("not given"), "{error}");
    let error = store.compact(&r, |_| -> Result<Folded, Infallible> { panic!("on purpose") }).await.unwrap_err();
    assert!(matches!(error, StoreError::Fold { .. }), "{error}");
    assert_eq!(store.load(&r).await.unwrap(), before);
    assert_eq!(store.row_count(&r), 1);
    store.close().await.unwrap();
}

pub(crate) async fn a_failing_commit_changes_nothing<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    let before = store.load(&r).await.unwrap();
    house.fault().set(Fault::BeforeCommit);
    assert!(matches!(store.compact(&r, join).await.unwrap_err(), StoreError::Injected(_)));
    assert_eq!((store.load(&r).await.unwrap(), store.row_count(&r)), (before, 1));
    house.fault().set(Fault::None);
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 1);
    store.close().await.unwrap();
}

pub(crate) async fn an_unknown_outcome_is_looked_up<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    house.fault().set(Fault::AfterCommit);
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 1);
    house.fault().set(Fault::None);
    assert_eq!(store.row_count(&r), 0);
    assert_eq!(store.load(&r).await.unwrap(), StoredRoom { snapshot: Some(row("a")), ..StoredRoom::default() });
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 2);
    store.close().await.unwrap();
}

pub(crate) async fn a_failing_store_takes_none<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    house.fault().set(Fault::BeforeCommit);
    append(&mut log, "b");
    until_failing(&store).await;
    let error = store.compact(&r, join).await.unwrap_err();
    assert!(matches!(error, StoreError::Failing { .. }), "{error}");
    house.fault().set(Fault::None);
    durable(&mut log).await;
    assert_eq!(generation(store.compact(&r, join).await.unwrap()), 1);
    assert_eq!(store.load(&r).await.unwrap().snapshot, Some(row("ab")));
    store.close().await.unwrap();
}

pub(crate) async fn sequences_never_come_twice<H: House>(house: H) {
    let r = room("r");
    let mut highest = Sequence(0);
    for n in 0..3 {
        let store = house.open().await;
        let mut log = store.log(&r);
        append(&mut log, n.to_string());
        durable(&mut log).await;
        let sequence = store.load(&r).await.unwrap().rows[0].sequence;
        assert!(sequence > highest);
        highest = sequence;
        store.compact(&r, join).await.unwrap();
        store.close().await.unwrap();
    }
}

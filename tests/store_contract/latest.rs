//! Latest values: one a key, the later one stays, however often they change.

use std::time::{Duration, SystemTime};

use triproom::room::id::RoomId;
use triproom::room::kept::{EventKind, LatestKey};
use triproom::store::{AppendError, Fault, RoomLog, Store, StoreConfig};

use crate::events::{chat, heard};
use crate::house::{House, room, row, until_failing, until_stalled, until_struck};

fn at(millis: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
}

fn status() -> EventKind {
    EventKind::parse("agent.status").unwrap()
}

fn key(key: &str) -> LatestKey {
    LatestKey::parse(key).unwrap()
}

fn put(log: &RoomLog, agent: &str, millis: u64, body: &str) {
    log.put_latest(status(), key(agent), at(millis), row(body)).unwrap();
}

/// Keys and bodies.
async fn latest(store: &Store, room: &RoomId) -> Vec<(String, String)> {
    let latest = store.latest(room).await.unwrap();
    let text = |body: &[u8]| String::from_utf8(body.to_vec()).unwrap();
    latest.iter().map(|latest| (latest.key.as_str().to_owned(), text(&latest.body))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, body)| ((*key).to_owned(), (*body).to_owned())).collect()
}

/// Waits until all that is queued is committed: an event that is queued now is not before it.
async fn written(log: &mut RoomLog) {
    log.append_event(chat("")).unwrap();
    heard(log).await;
}

pub(crate) async fn the_later_one_stays<H: House>(house: H) {
    let mut store = house.open().await;
    let (r, s) = (room("r"), room("s"));
    let mut log = store.log(&r);
    put(&log, "b", 10, "first");
    put(&log, "a", 10, "other");
    put(&store.log(&s), "a", 10, "of another room");
    log.put_latest(EventKind::parse("trip.warning").unwrap(), key("b"), at(5), row("none")).unwrap();
    // Before it is committed, after, and after a restart.
    let expected = pairs(&[("a", "other"), ("b", "first"), ("b", "none")]);
    assert_eq!(latest(&store, &r).await, expected);
    written(&mut log).await;
    assert_eq!(latest(&store, &r).await, expected);
    assert_eq!(store.latest(&r).await.unwrap()[2].at, at(5));
    store.close().await.unwrap();
    store = house.open().await;
    assert_eq!(latest(&store, &r).await, expected);
    let mut log = store.log(&r);
    put(&log, "a", 9, "too late");
    put(&log, "b", 10, "again at once");
    let expected = pairs(&[("a", "other"), ("b", "again at once"), ("b", "none")]);
    assert_eq!(latest(&store, &r).await, expected);
    written(&mut log).await;
    assert_eq!(latest(&store, &r).await, expected);
    // One that goes is gone, unless it is newer.
    log.remove_latest(status(), key("a"), at(11)).unwrap();
    log.remove_latest(status(), key("b"), at(9)).unwrap();
    log.remove_latest(status(), key("never"), at(9)).unwrap();
    let expected = pairs(&[("b", "again at once"), ("b", "none")]);
    assert_eq!(latest(&store, &r).await, expected);
    written(&mut log).await;
    assert_eq!(latest(&store, &r).await, expected);
    assert_eq!(latest(&store, &s).await, pairs(&[("a", "of another room")]));
    store.delete_room(&r).await.unwrap();
    assert_eq!(latest(&store, &r).await, []);
    assert_eq!(log.put_latest(status(), key("a"), at(99), row("late")).unwrap_err(), AppendError::Deleted);
    store.close().await.unwrap();
}

pub(crate) async fn a_flood_of_them_is_one_line_each<H: House>(house: H) {
    let store = Store::open(StoreConfig { unsaved_budget: 100_000, ..house.config() }).await.unwrap();
    let r = room("r");
    let mut log = store.log(&r);
    put(&log, "agent 0", 0, "before");
    written(&mut log).await;
    let lines = house.lines_on_disk().await;
    house.fault().set(Fault::Stall);
    put(&log, "agent 0", 1, "in flight");
    until_stalled(house.fault()).await;
    let mut most = 0;
    for n in 0..200 {
        for agent in 0..100 {
            put(&log, &format!("agent {agent}"), 2 + n, &format!("{n} of {agent}"));
        }
        most = most.max(store.unsaved_bytes());
    }
    assert!(most < 60_000, "{most} bytes wait for one value an agent");
    put(&log, "agent 7", 1, "older than what waits");
    let mut expected: Vec<_> = (0..100).map(|agent| (format!("agent {agent}"), format!("199 of {agent}"))).collect();
    expected.sort_unstable();
    assert_eq!(latest(&store, &r).await, expected);
    house.fault().set(Fault::BeforeCommit);
    until_failing(&store).await;
    house.fault().set(Fault::AfterCommit);
    until_struck(house.fault(), 2).await;
    house.fault().set(Fault::None);
    written(&mut log).await;
    assert_eq!(latest(&store, &r).await, expected);
    assert_eq!((house.lines_on_disk().await, store.unsaved_bytes()), (lines + 99 + 1, 0));
    store.close().await.unwrap();
}

pub(crate) async fn latest_values_count_in_the_budget<H: House>(house: H) {
    let store = Store::open(StoreConfig { unsaved_budget: 4_000, ..house.config() }).await.unwrap();
    let mut log = store.log(&room("r"));
    house.fault().set(Fault::BeforeCommit);
    log.append_event(chat("a".repeat(1_000))).unwrap();
    until_failing(&store).await;
    put(&log, "a", 1, &"b".repeat(1_000));
    let unsaved = store.unsaved_bytes();
    assert!((2_000..2_800).contains(&unsaved), "{unsaved}");
    let refused = log.put_latest(status(), key("c"), at(1), row("c".repeat(2_000))).unwrap_err();
    assert_eq!(refused, AppendError::OverBudget { unsaved, budget: 4_000 });
    // What takes no more than what is in its place is taken.
    put(&log, "a", 2, &"d".repeat(1_000));
    assert_eq!(store.unsaved_bytes(), unsaved);
    put(&log, "a", 3, "e");
    assert_eq!(store.unsaved_bytes(), unsaved - 999);
    house.fault().set(Fault::None);
    written(&mut log).await;
    assert_eq!(store.unsaved_bytes(), 0);
    assert_eq!(latest(&store, &room("r")).await, pairs(&[("a", "e")]));
    store.close().await.unwrap();
}

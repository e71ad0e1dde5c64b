//! Two stores on one database fold and delete the same rooms, and number the events of the same rooms.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Barrier, mpsc};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use tokio::sync::oneshot;
use triproom::room::kept::{EventKind, EventOrigin, EventSeq, EventStanding, LatestKey, NewEvent};
use triproom::room::principal::PrincipalId;
use triproom::store::{Compaction, EventQuery, EventSpan, Folded, Store, StoredRoom};

use crate::database::TestDatabase;
use crate::house::{append, durable, open, room, text};

const PATIENCE: Duration = Duration::from_secs(10);

async fn two() -> (TestDatabase, Store, Store) {
    let database = TestDatabase::create().await;
    let (one, other) = (open(&database, PATIENCE).await, open(&database, PATIENCE).await);
    (database, one, other)
}

/// A fold that joins all there is as text.
#[expect(clippy::unnecessary_wraps, reason = "a fold may fail")]
fn join(stored: StoredRoom) -> Result<Folded, Infallible> {
    let snapshot = Bytes::from(text(&stored));
    Ok(Folded { snapshot, folded: stored.rows.into_iter().map(|row| row.sequence).collect() })
}

async fn write(store: &Store, name: &str, text: &str) {
    let mut log = store.log(&room(name));
    append(&mut log, text);
    durable(&mut log).await;
}

/// Begins to fold the room in `store`, and goes on when it is told to.
async fn begin_to_fold(store: &Store, name: &'static str) -> (mpsc::Sender<()>, tokio::task::JoinHandle<Compaction>) {
    let (go_on, wait) = mpsc::channel();
    let (reading, has_read) = oneshot::channel();
    let folding = tokio::spawn({
        let store = store.clone();
        async move {
            let fold = move |stored| {
                reading.send(()).unwrap();
                wait.recv().unwrap();
                join(stored)
            };
            store.compact(&room(name), fold).await.unwrap()
        }
    });
    has_read.await.unwrap();
    (go_on, folding)
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_fold_at_once_one_does_it() {
    let (_database, one, other) = two().await;
    let mut expected = String::new();
    for (round, generation) in ["a", "b", "c", "d"].into_iter().zip(1..) {
        write(&one, "r", round).await;
        expected += round;
        // Both have read before either writes.
        let barrier = Arc::new(Barrier::new(2));
        let fold = || {
            let barrier = Arc::clone(&barrier);
            move |stored| {
                barrier.wait();
                join(stored)
            }
        };
        let r = room("r");
        let (first, second) = tokio::join!(one.compact(&r, fold()), other.compact(&r, fold()));
        let outcomes = [first.unwrap(), second.unwrap()];
        let done = |outcome: &Compaction| matches!(outcome, Compaction::Done { generation: is, folded: 1, .. } if *is == generation);
        assert_eq!(outcomes.iter().filter(|outcome| done(outcome)).count(), 1, "{outcomes:?}");
        assert!(outcomes.contains(&Compaction::Lost), "{outcomes:?}");
        for store in [&one, &other] {
            let stored = store.load(&r).await.unwrap();
            assert_eq!((text(&stored), stored.rows.len(), store.row_count(&r)), (expected.clone(), 0, 0));
        }
    }
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_the_other_writes_meanwhile_stay() {
    let (_database, one, other) = two().await;
    write(&one, "r", "a").await;
    let (go_on, folding) = begin_to_fold(&one, "r").await;
    write(&other, "r", "b").await;
    write(&one, "r", "c").await;
    go_on.send(()).unwrap();
    assert!(matches!(folding.await.unwrap(), Compaction::Done { folded: 1, .. }));
    for store in [&one, &other] {
        let stored = store.load(&room("r")).await.unwrap();
        assert_eq!(stored.snapshot.as_deref(), Some(&b"a"[..]));
        let mut rows: Vec<&[u8]> = stored.rows.iter().map(|row| &row.data[..]).collect();
        rows.sort_unstable();
        assert_eq!(rows, [b"b", b"c"]);
    }
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_for_who_folds() {
    let (database, one, other) = two().await;
    write(&one, "r", "a").await;
    let mut operator = database.connect().await;
    let mut folding = sqlx::Connection::begin(&mut operator).await.unwrap();
    sqlx::query("SELECT id FROM rooms WHERE name = 'r' FOR NO KEY UPDATE").execute(&mut *folding).await.unwrap();
    assert_eq!(other.compact(&room("r"), join).await.unwrap(), Compaction::Lost);
    write(&one, "r", "b").await;
    write(&other, "s", "c").await;
    folding.rollback().await.unwrap();
    assert!(matches!(other.compact(&room("r"), join).await.unwrap(), Compaction::Done { folded: 2, .. }));
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_the_other_deletes_meanwhile_stays_deleted() {
    let (database, one, other) = two().await;
    for (name, made_again) in [("gone", false), ("again", true)] {
        write(&one, name, "old").await;
        let (go_on, folding) = begin_to_fold(&one, name).await;
        other.delete_room(&room(name)).await.unwrap();
        if made_again {
            write(&other, name, "new").await;
        }
        go_on.send(()).unwrap();
        assert_eq!(folding.await.unwrap(), Compaction::Lost);
        let expected = if made_again { "new" } else { "" };
        assert_eq!(text(&one.load(&room(name)).await.unwrap()), expected);
    }
    let rooms = sqlx::query_scalar::<_, String>("SELECT name FROM rooms");
    assert_eq!(rooms.fetch_all(&mut database.connect().await).await.unwrap(), ["again"]);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_write_and_fold_as_they_please() {
    let (_database, one, other) = two().await;
    let work = |store: &Store, who: &'static str| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut log = store.log(&room("r"));
            let mut done = 0;
            for n in 0..100 {
                append(&mut log, format!("{who}{n:03};"));
                if n % 3 == 0 {
                    durable(&mut log).await;
                    done += u32::from(store.compact(&room("r"), join).await.unwrap() != Compaction::Lost);
                }
            }
            durable(&mut log).await;
            done
        })
    };
    let (first, second) = tokio::join!(work(&one, "a"), work(&other, "b"));
    assert!(first.unwrap() + second.unwrap() > 0);
    let stored = one.load(&room("r")).await.unwrap();
    assert_eq!(text(&stored), text(&other.load(&room("r")).await.unwrap()));
    let all = text(&stored);
    let mut words: Vec<&str> = all.split_terminator(';').collect();
    words.sort_unstable();
    let expected: Vec<String> =
        ["a", "b"].iter().flat_map(|who| (0..100).map(move |n| format!("{who}{n:03}"))).collect();
    assert_eq!(words, expected, "each is there once");
    one.close().await.unwrap();
    other.close().await.unwrap();
}

const ROOMS: [&str; 3] = ["p", "q", "r"];

/// Says 200 things in each room, every fourth of which the other says, too; gives the numbers that were new and those that
/// were not, by what was said.
async fn say(store: Store, who: &'static str, rooms: Vec<&'static str>) -> Vec<BTreeMap<String, (u64, EventStanding)>> {
    let mut logs: Vec<_> = rooms.iter().map(|name| store.log(&room(name))).collect();
    let mut heard = vec![BTreeMap::new(); rooms.len()];
    for n in 0..200 {
        for log in &mut logs {
            let shared = n % 4 == 0;
            let origin = shared.then(|| EventOrigin::of(&PrincipalId::user("ada").unwrap(), "k", &n.to_string()));
            let body = Bytes::from(if shared { n.to_string() } else { format!("{n} of {who}") });
            let kind = EventKind::parse("chat.message").unwrap();
            log.append_event(NewEvent { at: SystemTime::now(), kind, origin, body }).unwrap();
            let key = LatestKey::parse(&(n % 7).to_string()).unwrap();
            let at = SystemTime::UNIX_EPOCH + Duration::from_millis(n);
            log.put_latest(EventKind::parse("agent.status").unwrap(), key, at, Bytes::from(n.to_string())).unwrap();
        }
        if n % 10 == 9 {
            for (log, heard) in logs.iter_mut().zip(&mut heard) {
                while log.heard_events() < log.appended_events() {
                    for event in log.changed().await.events {
                        let n = event.position.0 - 1;
                        let said = if n % 4 == 0 { n.to_string() } else { format!("{n} of {who}") };
                        heard.insert(said, (event.seq.0, event.standing));
                    }
                }
            }
        }
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn both_say_things_in_the_same_rooms() {
    let (_database, one, other) = two().await;
    let backwards: Vec<&str> = ROOMS.into_iter().rev().collect();
    let (first, second) = tokio::join!(
        tokio::spawn(say(one.clone(), "one", ROOMS.into())),
        tokio::spawn(say(other.clone(), "other", backwards))
    );
    let (first, mut second) = (first.unwrap(), second.unwrap());
    second.reverse();
    for ((name, first), second) in ROOMS.iter().zip(first).zip(second) {
        let wanted = EventQuery {
            span: EventSpan::After(EventSeq(0)),
            kinds: vec![],
            origin: None,
            limit: 1_000.try_into().unwrap(),
        };
        let page = one.events(&room(name), wanted.clone()).await.unwrap();
        assert_eq!(page, other.events(&room(name), wanted).await.unwrap());
        let numbers: Vec<u64> = page.events.iter().map(|event| event.seq.0).collect();
        assert_eq!(numbers, (1..=350).collect::<Vec<_>>(), "each thing once, and no holes");
        assert_eq!(one.load(&room(name)).await.unwrap().last_event, EventSeq(350));
        let stored: BTreeMap<String, u64> =
            page.events.iter().map(|event| (String::from_utf8(event.body.to_vec()).unwrap(), event.seq.0)).collect();
        let mut new = 0;
        for (said, (seq, standing)) in first.iter().chain(&second) {
            assert_eq!(stored[said], *seq, "{said}");
            new += usize::from(*standing == EventStanding::New);
        }
        assert_eq!(new, 350, "of two who say the same one is told that it is new");
        let latest = one.latest(&room(name)).await.unwrap();
        let latest: Vec<&[u8]> = latest.iter().map(|latest| &latest.body[..]).collect();
        assert_eq!(latest, [b"196", b"197", b"198", b"199", b"193", b"194", b"195"]);
    }
    one.close().await.unwrap();
    other.close().await.unwrap();
}

fn event(body: &'static str) -> NewEvent {
    let kind = EventKind::parse("chat.message").unwrap();
    NewEvent { at: SystemTime::now(), kind, origin: None, body: Bytes::from_static(body.as_bytes()) }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_a_room_that_the_other_deleted_does_not_hold_up_the_next_one_of_its_name() {
    let (database, one, other) = two().await;
    write(&one, "s", "a").await;
    write(&one, "r", "old").await;
    let (mut operator, mut watcher) = (database.connect().await, database.connect().await);
    let mut old = one.log(&room("r"));
    one.load(&room("r")).await.unwrap();
    // Its writer is held up with rows of the old room in flight and behind.
    let mut held = sqlx::Connection::begin(&mut operator).await.unwrap();
    sqlx::query("SELECT id FROM rooms WHERE name = 's' FOR UPDATE").execute(&mut *held).await.unwrap();
    let mut elsewhere = one.log(&room("s"));
    append(&mut elsewhere, "b");
    append(&mut old, "in flight, maybe");
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {
        tokio::task::yield_now().await;
    }
    append(&mut old, "behind");
    other.delete_room(&room("r")).await.unwrap();
    write(&other, "r", "new").await;
    old.end();

    let mut new = one.log(&room("r"));
    assert_eq!(text(&one.load(&room("r")).await.unwrap()), "new");
    append(&mut new, ", too");
    held.rollback().await.unwrap();
    durable(&mut new).await;
    assert!(old.has_ended() && !new.has_ended());
    for store in [&one, &other] {
        let stored = store.load(&room("r")).await.unwrap();
        let mut rows: Vec<&[u8]> = stored.rows.iter().map(|row| &row.data[..]).collect();
        rows.sort_unstable();
        assert_eq!(rows, [&b", too"[..], b"new"]);
    }
    assert_eq!(one.unsaved_bytes(), 0);
    one.close().await.unwrap();
    other.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_in_a_room_that_the_other_deletes_are_not_kept() {
    let (database, one, other) = two().await;
    write(&one, "s", "a").await;
    let (mut operator, mut watcher) = (database.connect().await, database.connect().await);
    for hears_of_it in [false, true] {
        let mut log = one.log(&room("r"));
        log.append_event(event("old")).unwrap();
        assert_eq!(log.changed().await.events.len(), 1);
        // Its writer is held up, so that what is said waits.
        let mut held = sqlx::Connection::begin(&mut operator).await.unwrap();
        sqlx::query("SELECT id FROM rooms WHERE name = 's' FOR UPDATE").execute(&mut *held).await.unwrap();
        let mut elsewhere = one.log(&room("s"));
        append(&mut elsewhere, "b");
        let waiting =
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
        while sqlx::query_scalar::<_, i64>(waiting).fetch_one(&mut watcher).await.unwrap() == 0 {
            tokio::task::yield_now().await;
        }
        log.append_event(event("ghost")).unwrap();
        log.put_latest(EventKind::parse("k").unwrap(), LatestKey::parse("k").unwrap(), SystemTime::now(), Bytes::new())
            .unwrap();
        other.delete_room(&room("r")).await.unwrap();
        let mut new = other.log(&room("r"));
        new.append_event(event("new")).unwrap();
        assert_eq!(new.changed().await.events[0].seq, EventSeq(1));
        if hears_of_it {
            one.load(&room("r")).await.unwrap();
            assert!(log.has_ended());
        }
        held.rollback().await.unwrap();
        durable(&mut elsewhere).await;
        write(&one, "s", "c").await;
        assert!(log.has_ended());
        assert_eq!(one.unsaved_bytes(), 0);
        let kept = sqlx::query_scalar::<_, Vec<u8>>("SELECT body FROM events UNION ALL SELECT body FROM latest");
        assert_eq!(kept.fetch_all(&mut operator).await.unwrap(), [b"new"]);
        other.delete_room(&room("r")).await.unwrap();
    }
    one.close().await.unwrap();
    other.close().await.unwrap();
}

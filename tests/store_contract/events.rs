//! Events: numbered in the commit, each once, read page by page, kept as long as is said.

use std::time::{Duration, SystemTime};

use triproom::room::id::RoomId;
use triproom::room::kept::{CommittedEvent, EventKind, EventOrigin, EventPosition, EventSeq, EventStanding, NewEvent};
use triproom::room::principal::PrincipalId;
use triproom::store::{
    AppendError, EventPage, EventQuery, EventSpan, Fault, Retention, RoomLog, Store, StoreConfig, StoreError,
    UNHEARD_EVENTS,
};

use crate::house::{House, append, durable, room, row, until_failing, until_stalled, until_struck};

pub(crate) fn chat(body: impl Into<String>) -> NewEvent {
    NewEvent { at: SystemTime::now(), kind: kind("chat.message"), origin: None, body: row(body) }
}

/// The same whenever it is sent.
fn repeated(client_id: &str, body: &str) -> NewEvent {
    let origin = EventOrigin::of(&PrincipalId::user("ada").unwrap(), "k", client_id);
    NewEvent { origin: Some(origin), ..chat(body) }
}

fn kind(kind: &str) -> EventKind {
    EventKind::parse(kind).unwrap()
}

/// What `log` hears of all events that it appended and has not heard of.
pub(crate) async fn heard(log: &mut RoomLog) -> Vec<CommittedEvent> {
    let mut heard = Vec::new();
    while log.heard_events() < log.appended_events() {
        heard.extend(log.changed().await.events);
    }
    heard
}

pub(crate) async fn page(store: &Store, room: &RoomId, span: EventSpan, limit: u16) -> EventPage {
    let wanted = EventQuery { span, kinds: Vec::new(), origin: None, limit: limit.try_into().unwrap() };
    store.events(room, wanted).await.unwrap()
}

async fn all(store: &Store, room: &RoomId) -> EventPage {
    page(store, room, EventSpan::After(EventSeq(0)), u16::MAX).await
}

pub(crate) fn bodies(page: &EventPage) -> Vec<String> {
    page.events.iter().map(|event| String::from_utf8(event.body.to_vec()).unwrap()).collect()
}

fn seqs(page: &EventPage) -> Vec<u64> {
    page.events.iter().map(|event| event.seq.0).collect()
}

pub(crate) async fn they_are_numbered_in_order<H: House>(house: H) {
    let mut store = house.open().await;
    let (r, s) = (room("r"), room("s"));
    assert_eq!(all(&store, &r).await, EventPage::default());
    let mut expected = Vec::new();
    for life in 0..3_u64 {
        let (mut log, mut other) = (store.log(&r), store.log(&s));
        for n in 0..50 {
            append(&mut log, format!("row {n}"));
            let position = log.append_event(chat(format!("{life}/{n}"))).unwrap();
            assert_eq!(position, EventPosition(n + 1));
            other.append_event(chat("elsewhere")).unwrap();
            expected.push(format!("{life}/{n}"));
        }
        let heard = heard(&mut log).await;
        let wanted = (1..=50).map(|n| CommittedEvent {
            position: EventPosition(n),
            seq: EventSeq(life * 50 + n),
            standing: EventStanding::New,
        });
        assert_eq!(heard, wanted.collect::<Vec<_>>());
        store.close().await.unwrap();
        store = house.open().await;
        let stored = store.load(&r).await.unwrap();
        assert_eq!((stored.last_event, stored.rows.len() as u64), (EventSeq((life + 1) * 50), (life + 1) * 50));
    }
    let page = all(&store, &r).await;
    assert_eq!((bodies(&page), seqs(&page)), (expected, (1..=150).collect()));
    assert_eq!((page.first, page.last, page.damaged), (EventSeq(1), EventSeq(150), 0));
    assert_eq!(all(&store, &s).await.last, EventSeq(150));
    store.close().await.unwrap();
}

pub(crate) async fn they_are_read_page_by_page<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_234_567_890_123);
    for n in 1..=20 {
        let kind = kind(if n % 5 == 0 { "agent.task" } else { "chat.message" });
        log.append_event(NewEvent { at, kind, ..chat(n.to_string()) }).unwrap();
    }
    heard(&mut log).await;
    for (span, limit, expected) in [
        (EventSpan::After(EventSeq(0)), 3, vec![1, 2, 3]),
        (EventSpan::After(EventSeq(18)), 3, vec![19, 20]),
        (EventSpan::After(EventSeq(20)), 3, vec![]),
        (EventSpan::After(EventSeq(u64::MAX)), 3, vec![]),
        (EventSpan::Before(EventSeq(u64::MAX)), 3, vec![18, 19, 20]),
        (EventSpan::Before(EventSeq(18)), 3, vec![15, 16, 17]),
        (EventSpan::Before(EventSeq(3)), 3, vec![1, 2]),
        (EventSpan::Before(EventSeq(1)), 3, vec![]),
    ] {
        let page = page(&store, &r, span, limit).await;
        assert_eq!((seqs(&page), page.first, page.last), (expected, EventSeq(1), EventSeq(20)), "{span:?}");
    }
    let mut wanted = EventQuery {
        span: EventSpan::Before(EventSeq(20)),
        kinds: vec![kind("agent.task")],
        origin: None,
        limit: 2.try_into().unwrap(),
    };
    let tasks = store.events(&r, wanted.clone()).await.unwrap();
    assert_eq!((seqs(&tasks), tasks.events[0].at, tasks.events[0].kind.as_str()), (vec![10, 15], at, "agent.task"));
    wanted.kinds.push(kind("chat.message"));
    assert_eq!(seqs(&store.events(&r, wanted.clone()).await.unwrap()), [18, 19]);
    wanted.kinds = vec![kind("never")];
    assert_eq!(seqs(&store.events(&r, wanted).await.unwrap()), Vec::<u64>::new());
    store.close().await.unwrap();
}

pub(crate) async fn one_that_is_sent_again_is_one<H: House>(house: H) {
    let mut store = house.open().await;
    let r = room("r");
    for life in 0..2 {
        let mut log = store.log(&r);
        for client_id in ["a", "b", "a", "\0odd", "b", "\0odd"] {
            log.append_event(repeated(client_id, client_id)).unwrap();
        }
        log.append_event(chat("c")).unwrap();
        let (new, again) = (EventStanding::New, EventStanding::Repeated);
        let first = [(1, new), (2, new), (1, again), (3, new), (2, again), (3, again), (4, new)];
        let second = [(1, again), (2, again), (1, again), (3, again), (2, again), (3, again), (5, new)];
        let expected = if life == 0 { first } else { second };
        let heard: Vec<_> = heard(&mut log).await.iter().map(|event| (event.seq.0, event.standing)).collect();
        assert_eq!(heard, expected);
        // Its room is a part of what it is.
        let mut other = store.log(&room(&format!("other {life}")));
        other.append_event(repeated("a", "a")).unwrap();
        assert_eq!(crate::events::heard(&mut other).await[0].standing, new);
        store.close().await.unwrap();
        store = house.open().await;
    }
    assert_eq!(bodies(&all(&store, &r).await), ["a", "b", "\0odd", "c", "c"]);
    store.close().await.unwrap();
}

pub(crate) async fn faults_double_none_and_lose_none<H: House>(house: H) {
    let store = Store::open(StoreConfig { commit_rows: 7, ..house.config() }).await.unwrap();
    for (name, fault) in [("before", Fault::BeforeCommit), ("after", Fault::AfterCommit)] {
        let r = room(name);
        let mut log = store.log(&r);
        house.fault().set(fault);
        for n in 0..100 {
            log.append_event(chat(n.to_string())).unwrap();
            log.append_event(repeated(&n.to_string(), "sent twice")).unwrap();
            log.append_event(repeated(&n.to_string(), "sent twice")).unwrap();
        }
        until_failing(&store).await;
        until_struck(house.fault(), 2).await;
        assert_eq!(log.heard_events(), EventPosition(0), "nobody hears of what may not be there");
        house.fault().set(Fault::None);
        let heard = heard(&mut log).await;
        let positions: Vec<u64> = heard.iter().map(|event| event.position.0).collect();
        assert_eq!(positions, (1..=300).collect::<Vec<_>>());
        let new = heard.iter().filter(|event| event.standing == EventStanding::New).map(|event| event.seq.0);
        assert_eq!(new.collect::<Vec<_>>(), (1..=200).collect::<Vec<_>>(), "what its own commit wrote is new");
        let page = all(&store, &r).await;
        let expected: Vec<String> = (0..100).flat_map(|n| [n.to_string(), "sent twice".to_owned()]).collect();
        assert_eq!((bodies(&page), page.last), (expected, EventSeq(200)));
    }
    store.close().await.unwrap();
}

pub(crate) async fn rows_from_before_one_are_durable_before_it<H: House>(house: H) {
    let store = Store::open(StoreConfig { commit_rows: 10, ..house.config() }).await.unwrap();
    let (r, s) = (room("r"), room("s"));
    let (mut log, mut other) = (store.log(&r), store.log(&s));
    house.fault().set(Fault::Stall);
    append(&mut other, "in flight");
    until_stalled(house.fault()).await;
    for n in 0..95 {
        append(&mut log, n.to_string());
    }
    let position = log.appended();
    log.append_event(chat("of what is before it")).unwrap();
    house.fault().set(Fault::None);
    while log.heard_events() < log.appended_events() {
        let saved = log.changed().await;
        assert!(saved.events.is_empty() || saved.durable >= position, "{saved:?}");
    }
    durable(&mut other).await;
    store.close().await.unwrap();
}

pub(crate) async fn a_room_of_events_alone_is_a_room<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    assert_eq!(log.durable(), log.appended());
    log.append_event(chat("hello")).unwrap();
    heard(&mut log).await;
    let listed = store.directory().all_rooms(None, 10).await.unwrap();
    assert_eq!(listed.iter().map(|entry| &entry.room).collect::<Vec<_>>(), [&r]);
    assert_eq!((store.rooms_with_rows().len(), store.unsaved_bytes()), (0, 0));
    store.delete_room(&r).await.unwrap();
    assert_eq!(house.lines_on_disk().await, 0);
    store.close().await.unwrap();
}

pub(crate) async fn a_deleted_room_has_none<H: House>(house: H) {
    let store = Store::open(StoreConfig { commit_rows: 2, ..house.config() }).await.unwrap();
    let (r, s) = (room("r"), room("s"));
    let (mut log, mut other) = (store.log(&r), store.log(&s));
    log.append_event(repeated("a", "kept for now")).unwrap();
    heard(&mut log).await;
    house.fault().set(Fault::Stall);
    for n in 0..20 {
        log.append_event(chat(format!("waits {n}"))).unwrap();
        other.append_event(chat(n.to_string())).unwrap();
    }
    until_stalled(house.fault()).await;
    let deletion = tokio::spawn({
        let (store, r) = (store.clone(), r.clone());
        async move { store.delete_room(&r).await }
    });
    house.fault().set(Fault::None);
    deletion.await.unwrap().unwrap();
    assert_eq!(log.append_event(chat("late")).unwrap_err(), AppendError::Deleted);
    assert_eq!(all(&store, &r).await, EventPage::default());
    heard(&mut other).await;
    assert_eq!(store.unsaved_bytes(), 0, "what was dropped is out of the budget");
    assert_eq!(bodies(&all(&store, &s).await), (0..20).map(|n| n.to_string()).collect::<Vec<_>>());
    let mut again = store.log(&r);
    again.append_event(repeated("a", "new")).unwrap();
    let expected = CommittedEvent { position: EventPosition(1), seq: EventSeq(1), standing: EventStanding::New };
    assert_eq!(heard(&mut again).await, [expected]);
    assert_eq!(bodies(&all(&store, &r).await), ["new"]);
    store.close().await.unwrap();
}

pub(crate) async fn the_oldest_go<H: House>(house: H) {
    let mut store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    let now = SystemTime::now();
    let ago = |hours| now - Duration::from_hours(hours);
    // More than go in one transaction.
    for n in 0..2_500 {
        log.append_event(NewEvent { at: ago(10), ..chat(n.to_string()) }).unwrap();
    }
    for hours in [5, 1, 5, 0] {
        log.append_event(NewEvent { at: ago(hours), ..repeated(&format!("{hours}"), "x") }).unwrap();
    }
    heard(&mut log).await;
    let retain = async |store: &Store, most: u64, hours: u64| {
        store.retain_events(&r, Retention { most, age: Duration::from_hours(hours) }).await.unwrap()
    };
    let extent = async |store: &Store| {
        let page = all(store, &r).await;
        assert_eq!(seqs(&page), (page.first.0..=page.last.0).collect::<Vec<_>>(), "no holes");
        (page.first.0, page.last.0)
    };
    let forever = Retention { most: u64::MAX, age: Duration::MAX };
    assert_eq!(store.retain_events(&r, forever).await.unwrap(), 0);
    assert_eq!((retain(&store, 2_400, 20).await, extent(&store).await), (103, (104, 2_503)));
    assert_eq!((retain(&store, 2_400, 8).await, extent(&store).await), (2_397, (2_501, 2_503)));
    // One that is old stays behind one that is not.
    assert_eq!((retain(&store, 2_400, 3).await, extent(&store).await), (1, (2_502, 2_503)));
    assert_eq!((retain(&store, 0, 3).await, extent(&store).await), (2, (2_504, 2_503)));
    store.close().await.unwrap();
    store = house.open().await;
    assert_eq!((extent(&store).await, store.load(&r).await.unwrap().last_event.0), ((2_504, 2_503), 2_503));
    let mut log = store.log(&r);
    log.append_event(repeated("1", "its first one is forgotten")).unwrap();
    assert_eq!(heard(&mut log).await[0].seq, EventSeq(2_504), "numbers go on");
    assert_eq!(store.retain_events(&room("never seen"), Retention { most: 0, age: Duration::ZERO }).await.unwrap(), 0);
    house.fault().set(Fault::BeforeCommit);
    let error = store.retain_events(&r, Retention { most: 0, age: Duration::MAX }).await.unwrap_err();
    assert!(matches!(error, StoreError::Injected("before")), "{error}");
    house.fault().set(Fault::None);
    assert_eq!(extent(&store).await, (2_504, 2_504));
    store.close().await.unwrap();
}

pub(crate) async fn events_count_in_the_budget<H: House>(house: H) {
    let store = Store::open(StoreConfig { unsaved_budget: 4_000, ..house.config() }).await.unwrap();
    let (r, s) = (room("r"), room("s"));
    let (mut log, mut other) = (store.log(&r), store.log(&s));
    house.fault().set(Fault::BeforeCommit);
    log.append_event(chat("a".repeat(3_000))).unwrap();
    let unsaved = store.unsaved_bytes();
    assert!((3_000..3_400).contains(&unsaved), "{unsaved}");
    let over = AppendError::OverBudget { unsaved, budget: 4_000 };
    assert_eq!(other.append_event(chat("b".repeat(1_000))).unwrap_err(), over);
    assert_eq!(other.append([row("b".repeat(1_000))]).unwrap_err(), over);
    assert_eq!((other.appended_events(), store.unsaved_bytes()), (EventPosition(0), unsaved));
    until_failing(&store).await;
    house.fault().set(Fault::None);
    heard(&mut log).await;
    assert_eq!(store.unsaved_bytes(), 0);
    log.append_event(chat("c".repeat(5_000))).unwrap();
    heard(&mut log).await;
    store.close().await.unwrap();
}

pub(crate) async fn who_does_not_listen_is_stopped<H: House>(house: H) {
    let store = house.open().await;
    let mut log = store.log(&room("r"));
    for _ in 0..UNHEARD_EVENTS {
        log.append_event(chat("")).unwrap();
    }
    assert_eq!(log.append_event(chat("")).unwrap_err(), AppendError::TooManyEvents);
    assert_eq!(heard(&mut log).await.len() as u64, UNHEARD_EVENTS);
    log.append_event(chat("")).unwrap();
    assert_eq!(heard(&mut log).await[0].seq, EventSeq(UNHEARD_EVENTS + 1));
    store.close().await.unwrap();
}

pub(crate) async fn a_damaged_one_is_left_out<H: House>(house: H) {
    let store = house.open().await;
    let r = room("r");
    let mut log = store.log(&r);
    for body in ["a", "b", "c"] {
        log.append_event(chat(body)).unwrap();
    }
    heard(&mut log).await;
    house.damage_event(2).await;
    let page = all(&store, &r).await;
    assert_eq!((bodies(&page).concat(), page.damaged, page.last), ("ac".to_owned(), 1, EventSeq(3)));
    store.close().await.unwrap();
}

//! What is kept of requests with an idempotency key.

use std::time::Duration;

use triproom::room::principal::PrincipalId;
use triproom::store::directory::{AnswerLimits, Created, OnceKey, Recalled, Remembered, RoomSettings};

use crate::house::{House, room};
use crate::rosters::who;

const LIMITS: AnswerLimits = AnswerLimits { answers: 10, bytes: 100_000 };

fn once(scope: &PrincipalId, key: &str) -> OnceKey {
    OnceKey { scope: scope.clone(), key: key.to_owned(), fingerprint: [7; 32] }
}

fn answer(body: impl Into<Vec<u8>>) -> Remembered {
    Remembered { status: 201, body: body.into() }
}

pub(crate) async fn they_are_remembered_for_a_time<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    let (ada, bob) = (who("ada"), who("bob"));
    let (first, later) = (answer("{\"id\":\"r\"}"), answer(""));
    let recall = async |scope: &PrincipalId, key: &str| directory.recall(&once(scope, key)).await.unwrap();
    assert_eq!(recall(&ada, "k").await, None);
    directory.remember(&once(&ada, "k"), &first, LIMITS).await.unwrap();
    directory.remember(&once(&ada, "k"), &later, LIMITS).await.unwrap();
    assert_eq!(recall(&ada, "k").await, Some(Recalled::Answered(first)), "the first one stays");
    let other = OnceKey { fingerprint: [8; 32], ..once(&ada, "k") };
    assert_eq!(directory.recall(&other).await.unwrap(), Some(Recalled::Other));
    assert_eq!(recall(&bob, "k").await, None, "keys are each principal's own");
    directory.remember(&once(&bob, "k"), &later, LIMITS).await.unwrap();
    directory.remember(&once(&ada, "K"), &later, LIMITS).await.unwrap();
    assert_eq!(recall(&ada, "K").await, Some(Recalled::Answered(later.clone())));
    assert_eq!(directory.forget_older_than(Duration::from_hours(1)).await.unwrap(), 0);
    assert_eq!(directory.forget_older_than(Duration::MAX).await.unwrap(), 0);
    // Older than no time at all: everything, once the clock has moved on.
    let mut forgotten = 0;
    while forgotten < 3 {
        forgotten += directory.forget_older_than(Duration::ZERO).await.unwrap();
    }
    assert_eq!(recall(&ada, "k").await, None);
    directory.remember(&once(&ada, "k"), &later, LIMITS).await.unwrap();
    assert_eq!(recall(&ada, "k").await, Some(Recalled::Answered(later)));
    store.close().await.unwrap();
}

pub(crate) async fn the_oldest_make_room<H: House>(house: H) {
    let mut store = house.open().await;
    // Of those that came in one millisecond the first by name are the oldest.
    let ada = who("ada");
    for number in 0..15 {
        store.directory().remember(&once(&ada, &format!("{number:02}")), &answer("x"), LIMITS).await.unwrap();
    }
    let kept = async |store: &triproom::store::Store| {
        let mut kept = Vec::new();
        for number in 0..20 {
            if store.directory().recall(&once(&ada, &format!("{number:02}"))).await.unwrap().is_some() {
                kept.push(number);
            }
        }
        kept
    };
    assert_eq!(kept(&store).await, (5..15).collect::<Vec<_>>());
    store.close().await.unwrap();
    // By bytes, too, and however long ago they were kept.
    store = house.open().await;
    store.directory().remember(&once(&ada, "15"), &answer(vec![0; 97_000]), LIMITS).await.unwrap();
    assert_eq!(kept(&store).await, [11, 12, 13, 14, 15]);
    store.directory().remember(&once(&ada, "16"), &answer(vec![0; 97_000]), LIMITS).await.unwrap();
    assert_eq!(kept(&store).await, [16]);
    store.close().await.unwrap();
}

pub(crate) async fn a_room_is_found_again_by_its_request<H: House>(house: H) {
    let mut store = house.open().await;
    let (r, key) = (room("r"), once(&who("ada"), "k"));
    let make = async |store: &triproom::store::Store, key: &OnceKey| {
        store.directory().create_room(&r, RoomSettings::default(), None, Some(key.clone())).await.unwrap()
    };
    assert_eq!(make(&store, &key).await, Created::Made);
    // A room that is there already is nobody's.
    let late = once(&who("bob"), "k");
    assert_eq!(make(&store, &late).await, Created::Exists);
    assert_eq!(store.directory().recall(&late).await.unwrap(), None);
    store.close().await.unwrap();
    store = house.open().await;
    let directory = store.directory();
    assert_eq!(directory.recall(&key).await.unwrap(), Some(Recalled::Made(r.clone())));
    let other = OnceKey { fingerprint: [8; 32], ..key.clone() };
    assert_eq!(directory.recall(&other).await.unwrap(), Some(Recalled::Other));
    directory.remember(&key, &answer("x"), LIMITS).await.unwrap();
    assert_eq!(directory.recall(&key).await.unwrap(), Some(Recalled::Answered(answer("x"))));
    assert!(directory.delete_room(&r).await.unwrap());
    store.delete_room(&r).await.unwrap();
    // What was made and deleted again is made anew.
    assert_eq!(make(&store, &late).await, Created::Made);
    assert!(directory.delete_room(&r).await.unwrap());
    store.delete_room(&r).await.unwrap();
    assert_eq!(directory.recall(&late).await.unwrap(), None);
    store.close().await.unwrap();
}

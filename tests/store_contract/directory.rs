//! The directory beside its rosters: keys and secrets; and how it gets on with the log, with other
//! processes and with a store that fails.

use std::collections::{BTreeSet, HashSet};

use tokio::task::JoinSet;
use triproom::room::principal::PrincipalId;
use triproom::room::role::Role;
use triproom::store::directory::{KeyId, KeyRecord, KeyScope, MemberWrite, RoomScope, RoomSettings};
use triproom::store::{Fault, LogPosition, StoreError};

use crate::house::{House, append, durable, room, until_struck};
use crate::rosters::{MANY, add, make, member, milliseconds, names, roles, who};

fn key(id: &str, created_at: u64) -> KeyRecord {
    KeyRecord {
        id: KeyId::parse(id).unwrap(),
        agent: PrincipalId::agent("planner").unwrap(),
        rooms: RoomScope::All,
        role: Role::Editor,
        scopes: BTreeSet::from([KeyScope::Read, KeyScope::Write]),
        on_behalf_of: None,
        created_at: milliseconds(created_at),
        revoked_at: None,
    }
}

pub(crate) async fn keys_are_kept_until_revoked<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    let first = key("key_second-in-time", 2_000);
    let odd = ["\"]", "a,b", "🗺"].map(room);
    let second = KeyRecord {
        rooms: RoomScope::Only(odd.clone().into()),
        scopes: KeyScope::ALL.into(),
        on_behalf_of: Some(who("ada")),
        ..key("key_first-in-time", 1_000)
    };
    let nothing = KeyRecord { rooms: RoomScope::Only(BTreeSet::new()), scopes: BTreeSet::new(), ..key("none", 3_000) };
    for (n, key) in [&first, &second, &nothing].into_iter().enumerate() {
        directory.add_key(key, [u8::try_from(n).unwrap(); 32]).await.unwrap();
    }
    assert!(second.rooms.includes(&odd[1]) && !second.rooms.includes(&room("other")));
    assert!(first.rooms.includes(&odd[1]) && !nothing.rooms.includes(&odd[1]));
    let elsewhere = house.open_directory().await;
    assert_eq!(elsewhere.keys().await.unwrap(), [second.clone(), first.clone(), nothing]);
    assert_eq!(elsewhere.key_by_hash([0; 32]).await.unwrap().as_ref(), Some(&first));
    assert_eq!(elsewhere.key_by_hash([1; 32]).await.unwrap().as_ref(), Some(&second));
    assert_eq!(elsewhere.key_by_hash([9; 32]).await.unwrap(), None);
    // Neither the id nor the hash of a key is ever given to another.
    directory.add_key(&first, [7; 32]).await.unwrap_err();
    directory.add_key(&key("another", 5_000), [0; 32]).await.unwrap_err();
    assert_eq!(directory.keys().await.unwrap().len(), 3);

    assert!(directory.revoked_keys().await.unwrap().is_empty());
    assert_eq!(elsewhere.revoke_key(&KeyId::parse("unknown").unwrap()).await.unwrap(), None);
    let revoked = elsewhere.revoke_key(&first.id).await.unwrap().unwrap();
    assert!(revoked.revoked_at.is_some());
    assert_eq!(revoked, KeyRecord { revoked_at: revoked.revoked_at, ..first.clone() });
    assert_eq!(directory.key_by_hash([0; 32]).await.unwrap().as_ref(), Some(&revoked));
    assert_eq!(directory.revoked_keys().await.unwrap(), std::slice::from_ref(&first.id));
    assert_eq!(directory.revoke_key(&first.id).await.unwrap(), Some(revoked), "the first time stays");
    store.close().await.unwrap();
}

pub(crate) async fn a_secret_is_one_for_everybody<H: House>(house: H) {
    let store = house.open().await;
    let mut asking = JoinSet::new();
    for n in 0..16 {
        let directory = if n % 4 == 0 { store.directory() } else { house.open_directory().await };
        asking.spawn(async move { directory.secret("tickets").await.unwrap() });
    }
    let secrets: HashSet<[u8; 32]> = asking.join_all().await.into_iter().collect();
    assert_eq!(secrets.len(), 1);
    let other = store.directory().secret("other").await.unwrap();
    assert!(!secrets.contains(&other) && other != [0; 32]);
    store.close().await.unwrap();
    let store = house.open().await;
    assert!(secrets.contains(&store.directory().secret("tickets").await.unwrap()));
    store.close().await.unwrap();
}

pub(crate) async fn a_failing_store_changes_no_member<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    let (r, ada) = (room("r"), who("ada"));
    let expected = directory.roster(&r).await.unwrap();
    house.fault().set(Fault::BeforeCommit);
    let refused = |result: Result<MemberWrite, StoreError>| matches!(result, Err(StoreError::Injected("before")));
    assert!(refused(directory.add_member(&r, &who("bob"), &member(Role::Owner), MANY).await));
    assert!(refused(directory.change_role(&r, &ada, Role::Owner).await));
    assert!(directory.delete_room(&r).await.is_err());
    assert!(directory.create_room(&room("s"), RoomSettings::default(), None, None).await.is_err());
    assert!(directory.secret("tickets").await.is_err());
    // Reading goes on.
    assert_eq!(directory.roster(&r).await.unwrap(), expected);
    assert_eq!(names(&directory.all_rooms(None, 10).await.unwrap()), ["r"]);
    house.fault().set(Fault::AfterCommit);
    assert!(directory.add_member(&r, &who("bob"), &member(Role::Owner), MANY).await.is_err());
    house.fault().set(Fault::None);
    // Nobody was told, but it is so.
    assert_eq!(add(&directory, "r", "bob", Role::Owner).await, MemberWrite::AlreadyMember);
    assert_eq!(directory.remove_member(&r, &ada).await.unwrap(), MemberWrite::Done);
    store.close().await.unwrap();
}

/// Opened anew for each command, while a server has the folder and others do the same.
pub(crate) async fn command_lines_work_beside_a_server<H: House>(house: H) {
    let store = house.open().await;
    let mut log = store.log(&room("r"));
    let mut commands = JoinSet::new();
    let house = std::sync::Arc::new(house);
    for n in 0..10_u8 {
        let house = std::sync::Arc::clone(&house);
        commands.spawn(async move {
            let directory = house.open_directory().await;
            directory.add_key(&key(&format!("key_{n}"), n.into()), [n; 32]).await.unwrap();
            assert!(directory.key_by_hash([n; 32]).await.unwrap().is_some());
            directory.close().await;
        });
    }
    for n in 0..50 {
        append(&mut log, n.to_string());
        durable(&mut log).await;
    }
    while let Some(done) = commands.join_next().await {
        done.unwrap();
    }
    assert_eq!(store.directory().keys().await.unwrap().len(), 10);
    store.close().await.unwrap();
}

/// The log writer commits without a pause, and members are written all the same; neither fails for the other.
pub(crate) async fn a_busy_log_lets_members_be_written<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let flood = tokio::spawn({
        let mut log = store.log(&room("flood"));
        async move {
            let mut stopped = stopped;
            while stopped.try_recv().is_err() {
                append(&mut log, "x".repeat(2_000));
                durable(&mut log).await;
            }
            log.durable()
        }
    });
    for n in 0..100 {
        assert_eq!(add(&directory, "r", &format!("guest:{n}"), Role::Viewer).await, MemberWrite::Done);
    }
    stop.send(()).unwrap();
    assert!(flood.await.unwrap() > LogPosition(0));
    assert_eq!(*store.health().borrow(), triproom::store::StoreHealth::Healthy);
    store.close().await.unwrap();
}

/// A request whose client has left, in the middle of its transaction: it ends, and stands in nobody's way.
pub(crate) async fn a_write_goes_on_without_its_caller<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    let (r, bob, as_editor) = (room("r"), who("bob"), member(Role::Editor));
    house.fault().set(Fault::Stall);
    let struck = until_struck(house.fault(), 1);
    let mut left = Box::pin(directory.add_member(&r, &bob, &as_editor, MANY));
    tokio::select! {
        _ = left.as_mut() => panic!("it stalls"),
        () = struck => {}
    }
    house.fault().set(Fault::None);
    // Nobody polls it any more.
    let mut log = store.log(&r);
    append(&mut log, "a");
    durable(&mut log).await;
    assert_eq!(add(&directory, "r", "eve", Role::Viewer).await, MemberWrite::Done);
    assert_eq!(roles(&directory, "r").await[1], ("bob".to_owned(), Role::Editor));
    drop(left);
    store.close().await.unwrap();
}

pub(crate) async fn closed_with_the_store<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    store.close().await.unwrap();
    assert!(matches!(directory.roster(&room("r")).await.unwrap_err(), StoreError::Closed));
    let refused = directory.remove_member(&room("r"), &who("ada")).await.unwrap_err();
    assert!(matches!(refused, StoreError::Closed), "{refused}");
    // What the server leaves is there for a command line.
    let elsewhere = house.open_directory().await;
    assert_eq!(roles(&elsewhere, "r").await, [("ada".to_owned(), Role::Owner)]);
    elsewhere.close().await;
}

//! Rooms with something in them.

use std::time::SystemTime;

use bytes::Bytes;
use triproom::room::id::RoomId;
use triproom::room::kept::{EventKind, EventOrigin, EventSeq, Latest, LatestKey, NewEvent};
use triproom::room::principal::PrincipalId;
use triproom::room::role::Role;
use triproom::store::directory::{Created, Member, RoomSettings};
use triproom::store::{EventPage, EventQuery, EventSpan, Store, StoreConfig};
use yrs::{Doc, Map, Text, Transact, WriteTxn};

use crate::house::House;

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::parse(name, 4096).unwrap()
}

/// The updates of one client: a letter each, and an item of a trip behind every third.
pub(crate) fn typed(client: u64, letters: &str) -> Vec<Bytes> {
    let doc = Doc::with_client_id(client);
    let mut rows = Vec::new();
    for (at, letter) in letters.chars().enumerate() {
        let mut txn = doc.transact_mut();
        let text = txn.get_or_insert_text("notes");
        text.insert(&mut txn, u32::try_from(at).unwrap(), &letter.to_string());
        if at % 3 == 2 {
            txn.get_or_insert_map("items").insert(&mut txn, format!("{client}-{at}"), letters);
            text.remove_range(&mut txn, 0, 1);
        }
        rows.push(Bytes::from(txn.encode_update_v1()));
    }
    rows
}

/// The same without the first, so that all others wait.
pub(crate) fn waiting(client: u64, letters: &str) -> Vec<Bytes> {
    typed(client, letters).split_off(1)
}

impl House {
    /// With the store open, as a server has it.
    pub(crate) async fn open(&self) -> Store {
        Store::open(StoreConfig::new(self.place())).await.unwrap()
    }

    /// Logs rows of a room, a row each.
    pub(crate) async fn write(&self, name: &str, rows: Vec<Bytes>) {
        let store = self.open().await;
        store.log(&room(name)).append(rows).unwrap();
        store.close().await.unwrap();
    }

    /// Says so many things in a room, by turns as if for the first time, and sets a status.
    pub(crate) async fn say(&self, name: &str, count: usize) {
        let store = self.open().await;
        let mut log = store.log(&room(name));
        let said = store.load(&room(name)).await.unwrap().last_event.0;
        for n in said..said + count as u64 {
            let (kind, body) = (EventKind::parse("chat.message").unwrap(), Bytes::from(format!("said {n}")));
            let ada = PrincipalId::user("ada").unwrap();
            let origin = (n % 2 == 0).then(|| EventOrigin::of(&ada, "k", &n.to_string()));
            log.append_event(NewEvent { at: SystemTime::now(), kind, origin, body }).unwrap();
        }
        let (kind, key) = (EventKind::parse("agent.status").unwrap(), LatestKey::parse("planner").unwrap());
        log.put_latest(kind, key, SystemTime::now(), Bytes::from_static(b"idle")).unwrap();
        store.close().await.unwrap();
    }

    /// All that was said in a room, and its latest values.
    pub(crate) async fn said(&self, name: &str) -> (EventPage, Vec<Latest>) {
        let store = self.open().await;
        let span = EventSpan::After(EventSeq(0));
        let wanted = EventQuery { span, kinds: Vec::new(), origin: None, limit: u16::MAX.try_into().unwrap() };
        let said = store.events(&room(name), wanted).await.unwrap();
        let latest = store.latest(&room(name)).await.unwrap();
        store.close().await.unwrap();
        (said, latest)
    }

    /// Makes a room that `owner` owns and `guest` looks at.
    pub(crate) async fn make(&self, name: &str, owner: &str, guest: &str) {
        let store = self.open().await;
        let directory = store.directory();
        let member = |role, name: &str| Member {
            role,
            name: Some(name.to_owned()),
            added_by: None,
            added_at: std::time::SystemTime::now(),
        };
        let (owner_id, guest_id) = (PrincipalId::user(owner).unwrap(), PrincipalId::user(guest).unwrap());
        let owner = Some((owner_id, member(Role::Owner, owner)));
        let made = directory.create_room(&room(name), RoomSettings::default(), owner, None).await.unwrap();
        assert_eq!(made, Created::Made);
        directory.add_member(&room(name), &guest_id, &member(Role::Viewer, guest), 10).await.unwrap();
        store.close().await.unwrap();
    }
}

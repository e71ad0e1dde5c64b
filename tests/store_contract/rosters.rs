//! Rosters: rooms that somebody made, their settings and their members.

use std::time::{Duration, SystemTime};

use tokio::task::JoinSet;
use triproom::room::principal::PrincipalId;
use triproom::room::region::Region;
use triproom::room::role::Role;
use triproom::store::directory::{
    Created, Directory, HomeChange, Member, MemberWrite, RoomEntry, RoomSettings, SettingsChange, Visibility,
};

use crate::house::{House, append, durable, room};

pub(crate) const MANY: usize = 1_000;

pub(crate) fn who(id: &str) -> PrincipalId {
    PrincipalId::parse(id).unwrap()
}

/// A time as the directory keeps it.
pub(crate) fn milliseconds(after_1970: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(after_1970)
}

pub(crate) fn member(role: Role) -> Member {
    Member { role, name: None, added_by: None, added_at: milliseconds(1_700_000_000_123) }
}

pub(crate) async fn make(directory: &Directory, name: &str, owner: &str) {
    let owner = (who(owner), member(Role::Owner));
    let created = directory.create_room(&room(name), RoomSettings::default(), Some(owner), None).await.unwrap();
    assert_eq!(created, Created::Made);
}

pub(crate) async fn add(directory: &Directory, name: &str, id: &str, role: Role) -> MemberWrite {
    directory.add_member(&room(name), &who(id), &member(role), MANY).await.unwrap()
}

pub(crate) async fn roles(directory: &Directory, name: &str) -> Vec<(String, Role)> {
    let roster = directory.roster(&room(name)).await.unwrap().unwrap();
    roster.members.iter().map(|(id, member)| (id.to_string(), member.role)).collect()
}

pub(crate) fn names(entries: &[RoomEntry]) -> Vec<&str> {
    entries.iter().map(|entry| entry.room.as_str()).collect()
}

pub(crate) async fn a_room_has_settings_and_members<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    let r = room("Lago di Como/2026 🗺");
    assert_eq!(directory.roster(&r).await.unwrap(), None);
    let before = SystemTime::now();
    let settings = RoomSettings {
        visibility: Visibility::Shared,
        editors_may_invite: true,
        home_region: Some("eu-central".parse().unwrap()),
    };
    let ada = Member { name: Some("Ada \u{1f600}".to_owned()), ..member(Role::Viewer) };
    directory.create_room(&r, settings.clone(), Some((who("ada"), ada.clone())), None).await.unwrap();
    let bob = Member { added_by: Some(who("ada")), ..member(Role::Commenter) };
    assert_eq!(directory.add_member(&r, &who("agent:planner"), &bob, MANY).await.unwrap(), MemberWrite::Done);
    let roster = directory.roster(&r).await.unwrap().unwrap();
    assert_eq!(roster.settings, settings);
    assert!(roster.created_at <= SystemTime::now() && roster.created_at + Duration::from_millis(1) > before);
    // Whoever makes a room owns it, whatever was said of their role.
    let ada = Member { role: Role::Owner, ..ada };
    assert_eq!(roster.members, [(who("ada"), ada), (who("agent:planner"), bob)].into());
    for visibility in Visibility::ALL {
        let settings = RoomSettings { visibility, ..RoomSettings::default() };
        assert!(directory.configure(&r, settings.clone().into()).await.unwrap());
        assert_eq!(directory.roster(&r).await.unwrap().unwrap().settings, settings);
    }
    for (change, home) in [
        (HomeChange::Set("eu-west".parse().unwrap()), Some("eu-west")),
        (HomeChange::Keep, Some("eu-west")),
        (HomeChange::Set("São Paulo".parse().unwrap()), Some("São Paulo")),
        (HomeChange::Clear, None),
        (HomeChange::Keep, None),
        (HomeChange::Set("eu-central".parse().unwrap()), Some("eu-central")),
    ] {
        let change = SettingsChange { home_region: change, ..SettingsChange::default() };
        assert!(directory.configure(&r, change).await.unwrap());
        let settings = directory.roster(&r).await.unwrap().unwrap().settings;
        assert_eq!(settings.home_region.as_ref().map(Region::as_str), home);
        assert_eq!((settings.visibility, settings.editors_may_invite), (Visibility::Public, false));
        let lists = [directory.rooms_of(&who("ada"), None, 1).await, directory.all_rooms(None, 1).await];
        assert!(lists.into_iter().all(|list| list.unwrap()[0].settings.as_ref() == Some(&settings)));
    }
    assert!(!directory.configure(&room("Lago"), settings.into()).await.unwrap());
    assert_eq!(directory.roster(&room("Lago")).await.unwrap(), None);
    let expected = directory.roster(&r).await.unwrap();
    store.close().await.unwrap();
    let store = house.open().await;
    assert_eq!(store.directory().roster(&r).await.unwrap(), expected);
    store.close().await.unwrap();
}

pub(crate) async fn rooms_are_made_once<H: House>(house: H) {
    let store = house.open().await;
    let mut makers = JoinSet::new();
    for n in 0..8 {
        let directory = if n % 2 == 0 { store.directory() } else { house.open_directory().await };
        makers.spawn(async move {
            let owner = (who(&format!("maker {n}")), member(Role::Owner));
            (n, directory.create_room(&room("r"), RoomSettings::default(), Some(owner), None).await.unwrap())
        });
    }
    let made: Vec<i32> =
        makers.join_all().await.into_iter().filter(|(_, created)| *created == Created::Made).map(|(n, _)| n).collect();
    assert_eq!(made.len(), 1);
    assert_eq!(roles(&store.directory(), "r").await, [(format!("maker {}", made[0]), Role::Owner)]);
    // What was written without a roster belongs to whoever makes one.
    let mut log = store.log(&room("written"));
    append(&mut log, "a");
    durable(&mut log).await;
    make(&store.directory(), "written", "ada").await;
    store.close().await.unwrap();
}

pub(crate) async fn members_come_change_and_go<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    make(&directory, "s", "ada").await;
    for role in Role::ALL {
        let id = format!("a {role}");
        assert_eq!(add(&directory, "r", &id, role).await, MemberWrite::Done);
        assert_eq!(add(&directory, "r", &id, Role::Viewer).await, MemberWrite::AlreadyMember);
    }
    let r = room("r");
    assert_eq!(directory.change_role(&r, &who("a viewer"), Role::Editor).await.unwrap(), MemberWrite::Done);
    assert_eq!(directory.change_role(&r, &who("a viewer"), Role::Editor).await.unwrap(), MemberWrite::Done);
    assert_eq!(directory.remove_member(&r, &who("a commenter")).await.unwrap(), MemberWrite::Done);
    assert_eq!(directory.remove_member(&r, &who("a commenter")).await.unwrap(), MemberWrite::NoSuchMember);
    assert_eq!(directory.change_role(&r, &who("A viewer"), Role::Admin).await.unwrap(), MemberWrite::NoSuchMember);
    let expected = [
        ("a admin", Role::Admin),
        ("a editor", Role::Editor),
        ("a owner", Role::Owner),
        ("a viewer", Role::Editor),
        ("ada", Role::Owner),
    ];
    assert_eq!(roles(&directory, "r").await, expected.map(|(id, role)| (id.to_owned(), role)));
    assert_eq!(roles(&directory, "s").await, [("ada".to_owned(), Role::Owner)]);
    let nowhere = room("nowhere");
    assert_eq!(add(&directory, "nowhere", "ada", Role::Owner).await, MemberWrite::NoSuchRoom);
    assert_eq!(directory.change_role(&nowhere, &who("ada"), Role::Owner).await.unwrap(), MemberWrite::NoSuchRoom);
    assert_eq!(directory.remove_member(&nowhere, &who("ada")).await.unwrap(), MemberWrite::NoSuchRoom);
    store.close().await.unwrap();
}

pub(crate) async fn the_last_owner_stays<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    make(&directory, "r", "ada").await;
    make(&directory, "s", "bob").await;
    add(&directory, "r", "bob", Role::Admin).await;
    let (r, ada, bob) = (room("r"), who("ada"), who("bob"));
    for role in [Role::Viewer, Role::Commenter, Role::Editor, Role::Admin] {
        assert_eq!(directory.change_role(&r, &ada, role).await.unwrap(), MemberWrite::LastOwner);
    }
    assert_eq!(directory.remove_member(&r, &ada).await.unwrap(), MemberWrite::LastOwner);
    assert_eq!(directory.change_role(&r, &ada, Role::Owner).await.unwrap(), MemberWrite::Done);
    assert_eq!(roles(&directory, "r").await, [("ada".to_owned(), Role::Owner), ("bob".to_owned(), Role::Admin)]);
    assert_eq!(directory.change_role(&r, &bob, Role::Owner).await.unwrap(), MemberWrite::Done);
    assert_eq!(directory.change_role(&r, &ada, Role::Viewer).await.unwrap(), MemberWrite::Done);
    assert_eq!(directory.remove_member(&r, &bob).await.unwrap(), MemberWrite::LastOwner);
    assert_eq!(directory.remove_member(&r, &ada).await.unwrap(), MemberWrite::Done);
    // A room that never had an owner is nobody's to keep.
    directory.create_room(&room("free"), RoomSettings::default(), None, None).await.unwrap();
    add(&directory, "free", "eve", Role::Admin).await;
    assert_eq!(directory.remove_member(&room("free"), &who("eve")).await.unwrap(), MemberWrite::Done);
    assert!(directory.roster(&room("free")).await.unwrap().unwrap().members.is_empty());
    store.close().await.unwrap();
}

/// Owners leave, or step down, all at the same time and from several processes: one is left.
pub(crate) async fn two_owners_who_leave_at_once<H: House>(house: H) {
    let store = house.open().await;
    let others = [store.directory(), house.open_directory().await, house.open_directory().await];
    for round in 0..12 {
        let name = format!("room {round}");
        make(&others[0], &name, "owner 0").await;
        for n in 1..6 {
            add(&others[0], &name, &format!("owner {n}"), Role::Owner).await;
        }
        let mut leaving = JoinSet::new();
        for n in 0..6 {
            let (directory, r, owner) = (others[n % 3].clone(), room(&name), who(&format!("owner {n}")));
            leaving.spawn(async move {
                if (n + round) % 2 == 0 {
                    directory.remove_member(&r, &owner).await.unwrap()
                } else {
                    directory.change_role(&r, &owner, Role::Viewer).await.unwrap()
                }
            });
        }
        let answers = leaving.join_all().await;
        assert_eq!(answers.iter().filter(|answer| **answer == MemberWrite::LastOwner).count(), 1, "{answers:?}");
        assert_eq!(answers.iter().filter(|answer| **answer == MemberWrite::Done).count(), 5, "{answers:?}");
        let owners = roles(&others[0], &name).await.into_iter().filter(|(_, role)| *role == Role::Owner).count();
        assert_eq!(owners, 1);
    }
    store.close().await.unwrap();
}

pub(crate) async fn a_room_takes_so_many_members<H: House>(house: H) {
    let store = house.open().await;
    let directories = [store.directory(), house.open_directory().await];
    make(&directories[0], "r", "ada").await;
    let mut joining = JoinSet::new();
    for n in 0..20 {
        let directory = directories[n % 2].clone();
        joining.spawn(async move {
            let who = who(&format!("guest:{n}"));
            directory.add_member(&room("r"), &who, &member(Role::Viewer), 8).await.unwrap()
        });
    }
    let answers = joining.join_all().await;
    assert_eq!(answers.iter().filter(|answer| **answer == MemberWrite::Done).count(), 7, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| **answer == MemberWrite::TooMany).count(), 13, "{answers:?}");
    assert_eq!(roles(&directories[0], "r").await.len(), 8);
    // Whoever is there already is told so, not that it is full.
    let again = directories[0].add_member(&room("r"), &who("ada"), &member(Role::Viewer), 8).await.unwrap();
    assert_eq!(again, MemberWrite::AlreadyMember);
    store.close().await.unwrap();
}

pub(crate) async fn a_deleted_roster_is_gone<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    for name in ["r", "s"] {
        make(&directory, name, "ada").await;
        add(&directory, name, "bob", Role::Editor).await;
    }
    assert!(directory.delete_room(&room("r")).await.unwrap());
    assert!(!directory.delete_room(&room("r")).await.unwrap());
    assert!(directory.roster(&room("r")).await.unwrap().is_none());
    assert_eq!(names(&directory.rooms_of(&who("bob"), None, 10).await.unwrap()), ["s"]);
    assert_eq!(names(&directory.all_rooms(None, 10).await.unwrap()), ["s"]);
    assert_eq!(add(&directory, "r", "eve", Role::Viewer).await, MemberWrite::NoSuchRoom);
    // A new room of this name knows nobody of the old one.
    store.delete_room(&room("r")).await.unwrap();
    make(&directory, "r", "eve").await;
    assert_eq!(roles(&directory, "r").await, [("eve".to_owned(), Role::Owner)]);
    store.close().await.unwrap();
}

pub(crate) async fn rooms_are_listed_page_by_page<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    let mut expected = Vec::new();
    for n in 0..25 {
        let name = format!("{}{n}", ["a", "A", "ä", "🗺", "%"][n % 5]);
        make(&directory, &name, "ada").await;
        if n % 2 == 0 {
            add(&directory, &name, "bob", Role::ALL[n % 5]).await;
            expected.push((name, Role::ALL[n % 5]));
        }
    }
    expected.sort();
    for limit in [1, 3, 12, 13, 14, usize::MAX] {
        let (mut listed, mut after) = (Vec::new(), None);
        loop {
            let page = directory.rooms_of(&who("bob"), after.as_ref(), limit).await.unwrap();
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            after = Some(last.room.clone());
            for entry in page {
                assert_eq!(entry.settings, Some(RoomSettings::default()));
                listed.push((entry.room.to_string(), entry.role.unwrap()));
            }
        }
        assert_eq!(listed, expected, "in pages of {limit}");
    }
    assert_eq!(directory.rooms_of(&who("ada"), None, 100).await.unwrap().len(), 25);
    assert!(directory.rooms_of(&who("eve"), None, 100).await.unwrap().is_empty());
    assert!(directory.rooms_of(&who("ada"), None, 0).await.unwrap().is_empty());
    // A cursor need not be a room that is still there.
    let behind = directory.rooms_of(&who("bob"), Some(&room("b")), 100).await.unwrap();
    assert_eq!(names(&behind).len(), expected.iter().filter(|(name, _)| name.as_str() > "b").count());
    store.close().await.unwrap();
}

pub(crate) async fn all_rooms_have_a_roster_or_a_document<H: House>(house: H) {
    let store = house.open().await;
    let directory = store.directory();
    for name in ["b written", "d both", "f written"] {
        let mut log = store.log(&room(name));
        append(&mut log, "a");
        durable(&mut log).await;
    }
    for name in ["a made", "d both", "e made"] {
        make(&directory, name, "ada").await;
    }
    let all = directory.all_rooms(None, 10).await.unwrap();
    assert_eq!(names(&all), ["a made", "b written", "d both", "e made", "f written"]);
    let made: Vec<bool> = all.iter().map(|entry| entry.settings.is_some()).collect();
    assert_eq!(made, [true, false, true, true, false]);
    let now = SystemTime::now();
    assert!(all.iter().all(|entry| entry.role.is_none() && entry.created_at + Duration::from_mins(2) > now));
    assert_eq!(names(&directory.all_rooms(Some(&room("b written")), 2).await.unwrap()), ["d both", "e made"]);
    assert_eq!(names(&directory.all_rooms(Some(&room("f")), 2).await.unwrap()), ["f written"]);
    assert!(directory.all_rooms(Some(&room("f written")), 2).await.unwrap().is_empty());
    store.delete_room(&room("b written")).await.unwrap();
    store.delete_room(&room("d both")).await.unwrap();
    assert_eq!(names(&directory.all_rooms(None, 10).await.unwrap()), ["a made", "d both", "e made", "f written"]);
    store.close().await.unwrap();
}

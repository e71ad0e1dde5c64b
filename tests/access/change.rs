//! Changes of rosters, under the rules and past failures.

use triproom::access::{Action, Decision, Denial, PassChange, PassEnd, Refused};
use triproom::room::role::Role;
use triproom::store::Fault;
use triproom::store::directory::{RoomSettings, Visibility};

use super::house::{House, SECRET, change, id, room};

#[tokio::test]
async fn whoever_makes_a_room_owns_it() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    assert_eq!(olga.role(), Role::Owner);
    let roster = olga.roster().unwrap();
    assert_eq!(roster.members[&id("olga")].name.as_deref(), Some("OLGA"));
    assert_eq!(house.access.members(&olga).await.unwrap(), Some(roster));
    let again = house.access.create_room(&house.person("eve").await, room("trip"), RoomSettings::default(), None).await;
    assert_eq!(again.unwrap_err(), Refused::RoomExists);
    let service = house.access.create_room(&house.service().await, room("other"), RoomSettings::default(), None).await;
    assert!(service.unwrap().roster().unwrap().members.is_empty(), "a backend is no member");
}

#[tokio::test]
async fn members_come_change_and_go() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let added = house.access.add_member(&olga, id("ada"), Some("Ada".to_owned()), Role::Editor).await.unwrap();
    assert_eq!((added.role, added.name.as_deref(), added.added_by), (Role::Editor, Some("Ada"), Some(id("olga"))));
    let twice = house.access.add_member(&olga, id("ada"), None, Role::Viewer).await;
    assert_eq!(twice, Err(Refused::AlreadyMember));
    let nobody = house.access.change_member(&olga, &id("bob"), Role::Viewer).await;
    assert_eq!(nobody, Err(Refused::NoSuchMember));
    assert_eq!(house.access.remove_member(&olga, &id("bob")).await, Err(Refused::NoSuchMember));
    let ada = house.access.enter(&house.person("ada").await, &room("trip")).await.unwrap();
    let forbidden = Refused::Forbidden(Denial::Forbidden { needs: Role::Admin });
    assert_eq!(house.access.add_member(&ada, id("bob"), None, Role::Viewer).await, Err(forbidden.clone()));
    assert_eq!(house.access.configure(&ada, RoomSettings::default().into()).await, Err(forbidden));
    let own = house.access.change_member(&ada, &id("ada"), Role::Owner).await;
    assert_eq!(own, Err(Denial::OwnRole.into()));
    let delete = house.access.delete_room(&ada).await;
    assert_eq!(delete, Err(Denial::Forbidden { needs: Role::Owner }.into()));
    // Everybody may leave, but for the last owner, who first hands over.
    assert_eq!(house.access.remove_member(&olga, &id("olga")).await, Err(Denial::LastOwner.into()));
    house.access.change_member(&olga, &id("ada"), Role::Owner).await.unwrap();
    house.access.remove_member(&olga, &id("olga")).await.unwrap();
    assert_eq!(olga.may(Action::Read), Decision::Denied(Denial::NoSuchRoom));
    assert_eq!(house.access.remove_member(&olga, &id("ada")).await, Err(Refused::NoSuchRoom));
}

#[tokio::test]
async fn a_room_has_so_many_members() {
    let house = House::open(&["--jwt-secret", SECRET, "--max-members", "2"]).await;
    let olga = house.room("trip", "olga").await;
    house.member(&olga, "ada", Role::Viewer).await;
    let third = house.access.add_member(&olga, id("bob"), None, Role::Viewer).await;
    assert_eq!(third, Err(Refused::TooManyMembers { most: 2 }));
}

#[tokio::test]
async fn two_last_owners_cannot_both_leave() {
    let house = House::new().await;
    for round in 0..20 {
        let name = format!("trip {round}");
        let olga = house.room(&name, "olga").await;
        let otto = house.member(&olga, "otto", Role::Owner).await;
        let (olga_id, otto_id) = (id("olga"), id("otto"));
        let (one, other) =
            tokio::join!(house.access.remove_member(&olga, &olga_id), house.access.remove_member(&otto, &otto_id));
        assert!(one.is_ok() != other.is_ok(), "{one:?}, {other:?}");
    }
}

#[tokio::test]
async fn a_change_whose_caller_went_away_is_heard_all_the_same() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Editor).await;
    house.fault.set(Fault::Stall);
    let mut struck = house.fault.struck();
    {
        let ada = id("ada");
        let removal = house.access.remove_member(&olga, &ada);
        tokio::select! {
            _ = removal => panic!("it cannot be done yet"),
            struck = struck.changed() => struck.unwrap(),
        }
    }
    house.fault.set(Fault::None);
    assert_eq!(change(&mut ada).await, PassChange::Ended(PassEnd::Removed));
}

#[tokio::test]
async fn what_the_store_did_without_saying_so_is_heard() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Editor).await;
    house.fault.set(Fault::BeforeCommit);
    assert_eq!(house.access.remove_member(&olga, &id("ada")).await, Err(Refused::StoreDown));
    assert_eq!(ada.may(Action::Write), Decision::Allowed);
    house.fault.set(Fault::AfterCommit);
    assert_eq!(house.access.remove_member(&olga, &id("ada")).await, Err(Refused::StoreDown));
    assert_eq!(change(&mut ada).await, PassChange::Ended(PassEnd::Removed));
}

#[tokio::test]
async fn settings_are_kept() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let settings = RoomSettings { visibility: Visibility::Shared, editors_may_invite: true, home_region: None };
    house.access.configure(&olga, settings.clone().into()).await.unwrap();
    assert_eq!(house.directory.roster(&room("trip")).await.unwrap().unwrap().settings, settings);
    let ada = house.member(&olga, "ada", Role::Editor).await;
    house.access.add_member(&ada, id("bob"), None, Role::Commenter).await.unwrap();
}

//! Passes of live sockets follow every change.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::json;
use triproom::access::{
    Access, Action, BadToken, Decision, Denial, Pass, PassChange, PassEnd, Purpose, Refused, TicketRequest,
};
use triproom::room::role::{Role, Writes};
use triproom::store::directory::{RoomSettings, Visibility};

use super::house::{DEADLINE, House, change, id, room};
use super::signer::now;

fn shared_between_threads<T: Send + Sync + 'static>() {}

#[test]
fn sockets_of_any_thread_may_hold_them() {
    shared_between_threads::<Pass>();
    shared_between_threads::<Access>();
    assert_eq!(size_of::<Pass>(), size_of::<usize>(), "an idle connection pays for one pointer");
}

#[tokio::test]
async fn a_changed_role_is_heard_by_every_socket_of_the_member() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.member(&olga, "ada", Role::Editor).await;
    let mut sockets = vec![ada];
    for _ in 0..20 {
        sockets.push(house.access.enter(&house.person("ada").await, &room("trip")).await.unwrap());
    }
    for (role, writes) in
        [(Role::Viewer, Writes::Nothing), (Role::Commenter, Writes::Comments), (Role::Admin, Writes::Everything)]
    {
        let member = house.access.change_member(&olga, &id("ada"), role).await.unwrap();
        assert_eq!(member.role, role);
        for socket in &mut sockets {
            assert_eq!(socket.writes(), writes, "it holds before anybody was told");
            assert_eq!(change(socket).await, PassChange::Role(role));
            assert_eq!((socket.role(), socket.writes()), (role, writes));
        }
    }
    house.access.remove_member(&olga, &id("ada")).await.unwrap();
    for socket in &mut sockets {
        assert_eq!(change(socket).await, PassChange::Ended(PassEnd::Removed));
        assert_eq!(socket.writes(), Writes::Nothing);
        assert_eq!(socket.may(Action::Read), Decision::Denied(Denial::NoSuchRoom));
    }
    assert_eq!(olga.may(Action::DeleteRoom), Decision::Allowed);
}

#[tokio::test]
async fn what_does_not_concern_a_pass_is_not_told() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Editor).await;
    house.member(&olga, "bob", Role::Viewer).await;
    let settings = RoomSettings { visibility: Visibility::Public, editors_may_invite: true, home_region: None };
    house.access.configure(&olga, settings.clone().into()).await.unwrap();
    let other = house.room("other", "ada").await;
    house.access.delete_room(&other).await.unwrap();
    house.access.change_member(&olga, &id("ada"), Role::Viewer).await.unwrap();
    assert_eq!(change(&mut ada).await, PassChange::Role(Role::Viewer), "the first that it hears");
    assert_eq!(ada.roster().unwrap().settings, settings);
}

#[tokio::test]
async fn who_came_with_a_ticket_hears_that_they_became_more_and_has_what_the_ticket_gives() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.member(&olga, "ada", Role::Viewer).await;
    let own = TicketRequest { role: None, ttl: None, purpose: Purpose::Own };
    let ticket = house.access.issue_ticket(&ada, own).unwrap();
    let ticket = house.identify(&ticket.token).await.unwrap();
    let mut socket = house.access.enter(&ticket, &room("trip")).await.unwrap();
    for role in [Role::Editor, Role::Admin] {
        house.access.change_member(&olga, &id("ada"), role).await.unwrap();
        assert_eq!(change(&mut socket).await, PassChange::Role(Role::Viewer));
    }
    house.access.change_member(&olga, &id("ada"), Role::Viewer).await.unwrap();
    assert_eq!(change(&mut socket).await, PassChange::Role(Role::Viewer));
}

#[tokio::test]
async fn the_end_of_a_pass_is_heard_by_who_waits_for_something_else() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.member(&olga, "ada", Role::Editor).await;
    let waiting = tokio::spawn(ada.over());
    house.access.change_member(&olga, &id("ada"), Role::Viewer).await.unwrap();
    house.access.remove_member(&olga, &id("ada")).await.unwrap();
    let end = tokio::time::timeout(DEADLINE, waiting).await.expect("the pass ends").unwrap();
    assert_eq!(end, PassEnd::Removed);
    assert_eq!(ada.over().await, PassEnd::Removed, "also for who asks late");
}

#[tokio::test]
async fn a_room_that_stops_to_be_public_closes() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let public = RoomSettings { visibility: Visibility::Public, ..RoomSettings::default() };
    house.access.configure(&olga, public.into()).await.unwrap();
    let mut passer_by = house.access.enter(&house.person("eve").await, &room("trip")).await.unwrap();
    assert_eq!(passer_by.role(), Role::Viewer);
    house.access.configure(&olga, RoomSettings::default().into()).await.unwrap();
    assert_eq!(change(&mut passer_by).await, PassChange::Ended(PassEnd::Removed));
}

#[tokio::test]
async fn a_deleted_room_ends_all_and_its_successor_is_another() {
    let house = House::new().await;
    let mut olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Editor).await;
    let mut service = house.access.enter(&house.service().await, &room("trip")).await.unwrap();
    house.access.delete_room(&olga).await.unwrap();
    house.store.delete_room(&room("trip")).await.unwrap();
    // Nobody has heard of it yet, and there is one of the same name again.
    let again = house.room("trip", "ada").await;
    assert_eq!(again.role(), Role::Owner);
    for pass in [&mut olga, &mut ada, &mut service] {
        assert_eq!(pass.may(Action::Read), Decision::Denied(Denial::NoSuchRoom));
        assert_eq!(change(pass).await, PassChange::Ended(PassEnd::RoomDeleted));
    }
    assert_eq!(house.access.enter(&house.person("olga").await, &room("trip")).await.unwrap_err(), Refused::NoSuchRoom);
}

#[tokio::test]
async fn an_expired_token_ends_its_pass_unless_it_is_renewed() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    house.access.add_member(&olga, id("ada"), None, Role::Editor).await.unwrap();
    let short = house.claims(json!({ "sub": "ada", "exp": now() + 2 })).await;
    let mut left_alone = house.access.enter(&short, &room("trip")).await.unwrap();
    let mut renewed = house.access.enter(&short, &room("trip")).await.unwrap();
    assert_eq!(renewed.expires_at(), short.expires_at);
    let viewer = house.claims(json!({ "sub": "ada", "role": "viewer" })).await;
    renewed.renew(viewer).unwrap();
    assert_eq!(change(&mut renewed).await, PassChange::Role(Role::Viewer), "the new token's cap");
    assert_eq!(change(&mut left_alone).await, PassChange::Ended(PassEnd::Expired));
    assert!(SystemTime::now() >= short.expires_at.unwrap());
    assert_eq!(left_alone.writes(), Writes::Nothing);
    assert_eq!(renewed.may(Action::Read), Decision::Allowed);
    assert_eq!(left_alone.renew(house.person("ada").await), Err(Refused::Expired), "too late");
    assert_eq!(house.access.enter(&short, &room("trip")).await.unwrap_err(), Refused::Expired);
}

#[tokio::test]
async fn nobody_renews_into_somebody_else() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Viewer).await;
    for other in [house.person("olga").await, house.service().await] {
        assert_eq!(ada.renew(other), Err(BadToken::SomebodyElse.into()));
    }
    assert_eq!((ada.principal().id.as_str(), ada.role()), ("ada", Role::Viewer));
    // Not even with a token of their own that does not reach here.
    let elsewhere = house.claims(json!({ "sub": "ada", "room": "other", "role": "owner" })).await;
    assert_eq!(ada.renew(elsewhere), Err(Refused::NoSuchRoom));
    assert_eq!(ada.role(), Role::Viewer);
}

#[tokio::test]
async fn waiting_can_be_given_up_at_any_moment() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let mut ada = house.member(&olga, "ada", Role::Editor).await;
    for _ in 0..10 {
        assert!(futures_util::FutureExt::now_or_never(ada.changed()).is_none());
    }
    house.access.change_member(&olga, &id("ada"), Role::Viewer).await.unwrap();
    assert_eq!(futures_util::FutureExt::now_or_never(ada.changed()), Some(PassChange::Role(Role::Viewer)));
    assert!(futures_util::FutureExt::now_or_never(ada.changed()).is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_removal_that_races_with_joins_leaves_nobody_inside() {
    let house = Arc::new(House::new().await);
    let olga = Arc::new(house.room("trip", "olga").await);
    for _ in 0..20 {
        // Memory does not know of her, so each join looks into the store.
        house.member_behind("trip", "ada", Role::Editor).await;
        let ada = house.person("ada").await;
        let joins = (0..8).map(|_| {
            let (house, ada) = (Arc::clone(&house), Arc::clone(&ada));
            tokio::spawn(async move { house.access.enter(&ada, &room("trip")).await })
        });
        let joins: Vec<_> = joins.collect();
        house.access.remove_member(&olga, &id("ada")).await.unwrap();
        for join in joins {
            if let Ok(mut pass) = join.await.unwrap() {
                assert_eq!(change(&mut pass).await, PassChange::Ended(PassEnd::Removed));
            }
        }
    }
}

#[tokio::test]
async fn a_token_without_an_end_that_a_clock_can_hold() {
    let house = House::new().await;
    let far = house.claims(json!({ "sub": "olga", "exp": 10_u64.pow(11) })).await;
    let mut pass = house.access.create_room(&far, room("trip"), RoomSettings::default(), None).await.unwrap();
    assert!(futures_util::FutureExt::now_or_never(pass.changed()).is_none());
    assert!(pass.expires_at().unwrap() > SystemTime::now() + DEADLINE + Duration::from_secs(1));
}

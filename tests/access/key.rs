//! Agents' API keys.

use std::collections::BTreeSet;
use std::time::SystemTime;

use triproom::access::api_key::NewKey;
use triproom::access::{Action, BadToken, Decision, Denial, PassChange, PassEnd, Purpose, Refused, TicketRequest};
use triproom::room::principal::PrincipalKind;
use triproom::room::role::Role;
use triproom::store::directory::{KeyId, KeyRecord, KeyScope, RoomScope, RoomSettings};

use super::house::{House, change, id, room};

/// Makes a key for the agent `planner`.
pub async fn make(house: &House, rooms: RoomScope, role: Role, scopes: &[KeyScope]) -> (String, KeyId) {
    let key = NewKey::random();
    let record = KeyRecord {
        id: key.id.clone(),
        agent: id("agent:planner"),
        rooms,
        role,
        scopes: scopes.iter().copied().collect(),
        on_behalf_of: Some(id("ada")),
        created_at: SystemTime::now(),
        revoked_at: None,
    };
    house.directory.add_key(&record, key.hash).await.unwrap();
    (key.text, key.id)
}

pub fn only(rooms: &[&str]) -> RoomScope {
    RoomScope::Only(rooms.iter().map(|name| room(name)).collect::<BTreeSet<_>>())
}

#[tokio::test]
async fn a_key_opens_its_rooms() {
    let house = House::new().await;
    for name in ["trip", "other"] {
        house.room(name, "olga").await;
    }
    let (key, _) = make(&house, only(&["trip", "nowhere"]), Role::Editor, &KeyScope::ALL).await;
    let who = house.identify(&key).await.unwrap();
    assert_eq!(who.principal.id.kind(), PrincipalKind::Agent);
    assert_eq!((who.principal.name.as_deref(), &who.principal.on_behalf_of), (Some("planner"), &Some(id("ada"))));
    let pass = house.access.enter(&who, &room("trip")).await.unwrap();
    assert_eq!(pass.role(), Role::Editor);
    for closed in ["other", "nowhere", "none"] {
        assert_eq!(house.access.enter(&who, &room(closed)).await.unwrap_err(), Refused::NoSuchRoom, "{closed}");
    }
    let (all, _) = make(&house, RoomScope::All, Role::Viewer, &[KeyScope::Read]).await;
    let all = house.identify(&all).await.unwrap();
    assert_eq!(house.access.enter(&all, &room("other")).await.unwrap().role(), Role::Viewer);
}

#[tokio::test]
async fn a_room_that_an_agent_makes_belongs_to_whom_it_acts_for() {
    let house = House::new().await;
    let (key, _) = make(&house, RoomScope::All, Role::Admin, &KeyScope::ALL).await;
    let agent = house.identify(&key).await.unwrap();
    let pass = house.access.create_room(&agent, room("trip"), RoomSettings::default(), None).await.unwrap();
    assert_eq!(pass.role(), Role::Admin);
    let ada = house.access.enter(&house.person("ada").await, &room("trip")).await.unwrap();
    assert_eq!(ada.role(), Role::Owner);
    // A place of its own lowers an agent.
    house.access.add_member(&ada, id("agent:planner"), None, Role::Commenter).await.unwrap();
    assert_eq!(pass.role(), Role::Commenter);
}

#[tokio::test]
async fn a_revoked_key_ends_live_passes_and_opens_nothing() {
    let house = House::new().await;
    house.room("trip", "olga").await;
    let (key, key_id) = make(&house, only(&["trip"]), Role::Editor, &KeyScope::ALL).await;
    let (spare, _) = make(&house, only(&["trip"]), Role::Editor, &KeyScope::ALL).await;
    let who = house.identify(&key).await.unwrap();
    let mut passes = Vec::new();
    for _ in 0..10 {
        passes.push(house.access.enter(&who, &room("trip")).await.unwrap());
    }
    let spare = house.access.enter(&house.identify(&spare).await.unwrap(), &room("trip")).await.unwrap();
    // By the command line, say: nobody tells the server.
    house.directory.revoke_key(&key_id).await.unwrap();
    for pass in &mut passes {
        assert_eq!(change(pass).await, PassChange::Ended(PassEnd::Revoked));
        assert_eq!(change(pass).await, PassChange::Ended(PassEnd::Revoked), "it stays so");
        assert_eq!(pass.may(Action::Read), Decision::Denied(Denial::NoSuchRoom));
    }
    assert_eq!(house.identify(&key).await, Err(BadToken::NoSuchKey.into()));
    assert_eq!(spare.may(Action::Write), Decision::Allowed);
    // The next one who is in use is noticed, too.
    let (later, later_id) = make(&house, only(&["trip"]), Role::Editor, &KeyScope::ALL).await;
    drop((passes, spare));
    let mut later = house.access.enter(&house.identify(&later).await.unwrap(), &room("trip")).await.unwrap();
    house.directory.revoke_key(&later_id).await.unwrap();
    assert_eq!(change(&mut later).await, PassChange::Ended(PassEnd::Revoked));
}

#[tokio::test]
async fn no_other_text_is_a_key() {
    let house = House::open(&["--jwt-secret", super::house::SECRET, "--auth-failures", "1000"]).await;
    let (key, _) = make(&house, RoomScope::All, Role::Owner, &KeyScope::ALL).await;
    let mut altered = key.clone().into_bytes();
    for at in 4..altered.len() {
        let was = altered[at];
        altered[at] = if was == b'A' { b'B' } else { b'A' };
        let text = std::str::from_utf8(&altered).unwrap();
        assert_eq!(house.identify(text).await, Err(BadToken::NoSuchKey.into()));
        altered[at] = was;
    }
    for text in ["trk_", &key[..key.len() - 1], &format!("{key}A"), &format!("trk_{key}"), &key.to_uppercase()] {
        assert!(matches!(house.identify(text).await, Err(Refused::BadToken(_))), "{text}");
    }
    house.identify(&key).await.unwrap();
}

#[tokio::test]
async fn what_an_agents_ticket_opens_ends_with_the_key_and_shrinks_with_the_agents_place() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let (key, key_id) = make(&house, only(&["trip"]), Role::Owner, &KeyScope::ALL).await;
    let agent = house.access.enter(&house.identify(&key).await.unwrap(), &room("trip")).await.unwrap();
    let ask =
        |role, purpose| house.access.issue_ticket(&agent, TicketRequest { role, ttl: None, purpose }).unwrap().token;
    let (own, link) = (ask(None, Purpose::Own), ask(Some(Role::Editor), Purpose::Shared));
    let mut passes = Vec::new();
    for ticket in [&own, &link] {
        let who = house.identify(ticket).await.unwrap();
        passes.push(house.access.enter(&who, &room("trip")).await.unwrap());
    }
    assert_eq!([passes[0].role(), passes[1].role()], [Role::Owner, Role::Editor]);
    let again = house.access.issue_ticket(&passes[0], TicketRequest { role: None, ttl: None, purpose: Purpose::Own });
    let again = house.identify(&again.unwrap().token).await.unwrap();
    passes.push(house.access.enter(&again, &room("trip")).await.unwrap());

    house.access.add_member(&olga, id("agent:planner"), None, Role::Viewer).await.unwrap();
    assert_eq!(change(&mut passes[0]).await, PassChange::Role(Role::Viewer));
    let leaving = house.access.remove_member(&passes[0], &id("agent:planner")).await;
    assert_eq!(leaving.unwrap_err(), Refused::Forbidden(Denial::OwnRole), "it would be an owner again");

    house.directory.revoke_key(&key_id).await.unwrap();
    for pass in &mut passes {
        while change(pass).await != PassChange::Ended(PassEnd::Revoked) {}
    }
    for ticket in [&own, &link] {
        assert_eq!(house.identify(ticket).await.unwrap_err(), Refused::BadToken(BadToken::NoSuchKey));
    }
}

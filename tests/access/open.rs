//! With authentication off.

use futures_util::FutureExt;
use triproom::access::{Credential, Presented, Purpose, Refused, TicketRequest, Token};
use triproom::room::role::{Role, Writes};
use triproom::store::directory::RoomSettings;

use super::house::{HERE, House, id, room};

async fn called(house: &House, name: &str) -> std::sync::Arc<triproom::access::Identity> {
    let presented = Presented { token: None, name: Some(name.to_owned()) };
    house.access.identify(&presented, None, HERE).await.unwrap()
}

#[tokio::test]
async fn everybody_owns_every_room_by_the_name_that_they_say() {
    let house = House::open(&[]).await;
    assert!(house.access.is_open());
    let ada = called(&house, " Ada ").await;
    assert_eq!((ada.principal.id.as_str(), ada.principal.name.as_deref()), ("Ada", Some("Ada")));
    let mut pass = house.access.enter(&ada, &room("anywhere")).await.unwrap();
    assert_eq!((pass.role(), pass.writes(), pass.roster()), (Role::Owner, Writes::Everything, None));
    assert!(pass.changed().now_or_never().is_none());
    let agent = called(&house, "agent:Planner").await;
    assert_eq!((agent.principal.id.as_str(), agent.principal.name.as_deref()), ("agent:Planner", Some("Planner")));
    for odd in ["", "agent:", "guest:1", "a\nb", &"x".repeat(300)] {
        assert_eq!(called(&house, odd).await.principal.id.as_str(), "guest:anonymous", "{odd}");
    }
}

#[tokio::test]
async fn rooms_and_members_work_all_the_same() {
    let house = House::open(&[]).await;
    let ada = called(&house, "ada").await;
    let made = house.access.create_room(&ada, room("made"), RoomSettings::default(), None).await.unwrap();
    assert_eq!(house.access.members(&made).await.unwrap().unwrap().members.len(), 0);
    let again = house.access.create_room(&ada, room("made"), RoomSettings::default(), None).await;
    assert_eq!(again.unwrap_err(), Refused::RoomExists);
    // A room that was only ever written to gets its roster when it is needed.
    let pass = house.access.enter(&ada, &room("written")).await.unwrap();
    assert_eq!(house.access.members(&pass).await.unwrap(), None);
    house.access.add_member(&pass, id("bob"), None, Role::Owner).await.unwrap();
    assert_eq!(house.access.members(&pass).await.unwrap().unwrap().members[&id("bob")].role, Role::Owner);
    house.access.change_member(&pass, &id("bob"), Role::Viewer).await.unwrap_err();
    let names: Vec<_> = house.access.rooms(&ada, None, 10).await.unwrap();
    let names: Vec<_> = names.iter().map(|entry| (entry.room.as_str(), entry.role)).collect();
    assert_eq!(names, [("made", Some(Role::Owner)), ("written", Some(Role::Owner))]);
    house.access.delete_room(&pass).await.unwrap();
    house.access.delete_room(&house.access.enter(&ada, &room("never there")).await.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_ticket_says_who_and_how_much() {
    let house = House::open(&[]).await;
    let ada = house.access.enter(&called(&house, "ada").await, &room("trip")).await.unwrap();
    let own = house.access.issue_ticket(&ada, TicketRequest { role: None, ttl: None, purpose: Purpose::Own }).unwrap();
    let link = TicketRequest { role: Some(Role::Viewer), ttl: None, purpose: Purpose::Shared };
    let link = house.access.issue_ticket(&ada, link).unwrap();
    let by = async |token: &str| {
        let presented = Presented { token: Token::new(token), name: Some("Grace".to_owned()) };
        house.access.identify(&presented, None, HERE).await.unwrap()
    };
    let own = by(&own.token).await;
    assert_eq!((own.principal.id.as_str(), &own.credential), ("ada", &Credential::Open));
    assert_eq!(own.expires_at, None, "nothing ends while authentication is off");
    let guest = by(&link.token).await;
    assert_eq!(guest.principal.name.as_deref(), Some("Grace"));
    assert_eq!(house.access.enter(&guest, &room("trip")).await.unwrap().writes(), Writes::Nothing);
    assert_eq!(by("any other token").await.principal.id.as_str(), "Grace");
}

//! Room tickets.

use std::time::{Duration, SystemTime};

use serde_json::json;
use triproom::access::ticket::{Behind, Tickets};
use triproom::access::{
    Action, BadToken, Credential, Decision, Denial, Grant, Pass, PassChange, PassEnd, Purpose, Refused, TicketRequest,
};
use triproom::room::principal::Principal;
use triproom::room::role::Role;
use triproom::store::directory::RoomSettings;

use super::house::{HERE, House, change, id, presented, room};
use super::signer::{Signer, in_an_hour};

fn wish(role: Option<Role>, purpose: Purpose) -> TicketRequest {
    TicketRequest { role, ttl: None, purpose }
}

/// In the ticket's room by a ticket.
async fn enter(house: &House, pass: &Pass, request: TicketRequest) -> Pass {
    let ticket = house.access.issue_ticket(pass, request).unwrap();
    let who = house.identify(&ticket.token).await.unwrap();
    assert_eq!(who.credential, Credential::Ticket);
    house.access.enter(&who, pass.room()).await.unwrap()
}

#[tokio::test]
async fn a_ticket_opens_its_room_and_no_other() {
    let house = House::new().await;
    let (trip, other) = (house.room("trip", "olga").await, house.room("other", "olga").await);
    let ticket = house.access.issue_ticket(&trip, wish(None, Purpose::Own)).unwrap();
    assert_eq!(ticket.role, Role::Owner);
    let who = house.identify(&ticket.token).await.unwrap();
    assert_eq!((&who.principal, who.expires_at), (trip.principal(), Some(ticket.expires_at)));
    assert_eq!(house.access.enter(&who, trip.room()).await.unwrap().role(), Role::Owner);
    assert_eq!(house.access.enter(&who, other.room()).await.unwrap_err(), Refused::NoSuchRoom);
    assert_eq!(house.access.enter(&who, &room("nowhere")).await.unwrap_err(), Refused::NoSuchRoom);
    let making = house.access.create_room(&who, room("nowhere"), RoomSettings::default(), None).await;
    assert_eq!(making.unwrap_err(), Denial::OtherRooms.into());
}

#[tokio::test]
async fn nobody_gives_more_than_they_have() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    for role in [Role::Viewer, Role::Commenter, Role::Editor, Role::Admin] {
        let pass = house.member(&olga, role.as_str(), role).await;
        for wanted in Role::ALL {
            let ticket = house.access.issue_ticket(&pass, wish(Some(wanted), Purpose::Own));
            match ticket {
                Ok(ticket) => assert!(wanted <= role && ticket.role == wanted),
                Err(refused) => assert!(wanted > role && refused == Denial::Forbidden { needs: wanted }.into()),
            }
            let link = house.access.issue_ticket(&pass, wish(Some(wanted), Purpose::Shared));
            assert_eq!(link.is_ok(), role >= Role::Admin && wanted <= Role::Editor, "{role} shares {wanted}");
        }
    }
}

#[tokio::test]
async fn a_ticket_is_worth_what_its_holder_is_still() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.member(&olga, "ada", Role::Editor).await;
    let mut by_ticket = enter(&house, &ada, wish(None, Purpose::Own)).await;
    house.access.change_member(&olga, &id("ada"), Role::Commenter).await.unwrap();
    assert_eq!(change(&mut by_ticket).await, PassChange::Role(Role::Commenter));
    house.access.change_member(&olga, &id("ada"), Role::Admin).await.unwrap();
    assert_eq!(change(&mut by_ticket).await, PassChange::Role(Role::Editor), "no more than the ticket says");
    house.access.remove_member(&olga, &id("ada")).await.unwrap();
    assert_eq!(change(&mut by_ticket).await, PassChange::Ended(PassEnd::Removed));
    assert_eq!(by_ticket.may(Action::Read), Decision::Denied(Denial::NoSuchRoom));
}

#[tokio::test]
async fn a_link_lets_a_guest_in_until_its_maker_is_out() {
    let house = House::new().await;
    let olga = house.room("trip", "olga").await;
    let ada = house.member(&olga, "ada", Role::Admin).await;
    let link = house.access.issue_ticket(&ada, wish(Some(Role::Editor), Purpose::Shared)).unwrap();
    let mut guest = presented(&link.token);
    guest.name = Some("Grace".to_owned());
    let guest = house.access.identify(&guest, Some(ada.room()), HERE).await.unwrap();
    assert!(guest.principal.id.is_guest());
    assert_eq!(guest.principal.name.as_deref(), Some("Grace"));
    let mut guest = house.access.enter(&guest, ada.room()).await.unwrap();
    assert_eq!(guest.role(), Role::Editor);
    assert_eq!(guest.may(Action::Invite(Role::Viewer)), Decision::Denied(Denial::LinksOnly));
    // The guest's own fresh ticket hangs on the same member, and lives no longer.
    let again = house.access.issue_ticket(&guest, wish(None, Purpose::Own)).unwrap();
    assert!(again.expires_at <= link.expires_at);
    let mut again = house.access.enter(&house.identify(&again.token).await.unwrap(), ada.room()).await.unwrap();

    house.access.change_member(&olga, &id("ada"), Role::Viewer).await.unwrap();
    assert_eq!(change(&mut guest).await, PassChange::Role(Role::Viewer));
    house.access.remove_member(&olga, &id("ada")).await.unwrap();
    assert_eq!(change(&mut guest).await, PassChange::Ended(PassEnd::Removed));
    assert_eq!(change(&mut again).await, PassChange::Ended(PassEnd::Removed));
}

#[tokio::test]
async fn the_backends_tickets_stand_for_themselves() {
    let house = House::new().await;
    house.room("trip", "olga").await;
    let service = house.access.enter(&house.service().await, &room("trip")).await.unwrap();
    let link = enter(&house, &service, wish(Some(Role::Commenter), Purpose::Shared)).await;
    assert_eq!(link.role(), Role::Commenter);
    assert!(matches!(&link.identity().grant, Grant::Room { issuer: None, .. }));
}

#[tokio::test]
async fn a_ticket_of_a_room_that_was_deleted_does_not_open_its_successor() {
    let house = House::new().await;
    let made = house.room("trip", "olga").await.roster().unwrap().created_at;
    let made = made.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let secret = house.directory.secret("tickets").await.unwrap();
    let link = |signed: u64| {
        let claims =
            json!({ "sub": "guest:1", "room": "trip", "role": "editor", "iat": signed, "jti": "1", "by": "olga" });
        let is_ticket = |header: &mut jsonwebtoken::Header| header.typ = Some("triproom-ticket+jwt".to_owned());
        Signer::secret(secret).with(is_ticket).sign(&in_an_hour(claims))
    };
    let former = house.identify(&link(made - 1)).await.unwrap();
    assert_eq!(house.access.enter(&former, &room("trip")).await.unwrap_err(), Refused::NoSuchRoom);
    let own = house.identify(&link(made)).await.unwrap();
    assert_eq!(house.access.enter(&own, &room("trip")).await.unwrap().role(), Role::Editor);
}

#[tokio::test]
async fn a_ticket_ends_when_it_says() {
    let house = House::open(&["--jwt-secret", super::house::SECRET, "--max-ticket-ttl", "1h"]).await;
    let olga = house.room("trip", "olga").await;
    let long = TicketRequest { role: None, ttl: Some(Duration::from_hours(24)), purpose: Purpose::Own };
    let long = house.access.issue_ticket(&olga, long).unwrap();
    assert!(long.expires_at <= SystemTime::now() + Duration::from_hours(1));
    let short = TicketRequest { role: None, ttl: Some(Duration::from_secs(2)), purpose: Purpose::Own };
    let short = house.access.issue_ticket(&olga, short).unwrap();
    let mut pass = house.access.enter(&house.identify(&short.token).await.unwrap(), olga.room()).await.unwrap();
    assert_eq!(change(&mut pass).await, PassChange::Ended(PassEnd::Expired));
    assert!(SystemTime::now() >= short.expires_at);
    assert_eq!(house.identify(&short.token).await, Err(Refused::Expired));
    // Nobody lives for ever on tickets for tickets.
    assert_eq!(house.access.issue_ticket(&pass, wish(None, Purpose::Own)), Err(Refused::NoSuchRoom));
}

#[tokio::test]
async fn other_tokens_are_no_tickets_and_tickets_no_other_tokens() {
    let (house, stranger) = (House::new().await, House::new().await);
    let olga = house.room("trip", "olga").await;
    let foreign = stranger.room("trip", "olga").await;
    let foreign = stranger.access.issue_ticket(&foreign, wish(None, Purpose::Own)).unwrap();
    assert_eq!(house.identify(&foreign.token).await, Err(BadToken::Signature.into()), "another server's");

    let claims = in_an_hour(json!({
        "sub": "eve", "room": "trip", "role": "owner", "iat": 0, "jti": "1", "via": "eve"
    }));
    let is_ticket = |header: &mut jsonwebtoken::Header| header.typ = Some("triproom-ticket+jwt".to_owned());
    let dressed_up = Signer::secret(super::house::SECRET).with(is_ticket).sign(&claims);
    assert_eq!(house.identify(&dressed_up).await, Err(BadToken::Signature.into()), "the login's secret");
    let secret = house.directory.secret("tickets").await.unwrap();
    let undressed = Signer::secret(secret).sign(&claims);
    assert_eq!(house.identify(&undressed).await, Err(BadToken::Signature.into()), "the tickets' secret");
    // With the type and by the secret it is one, if its claims are.
    house.identify(&Signer::secret(secret).with(is_ticket).sign(&claims)).await.unwrap();
    for wrong in ["room", "role", "sub", "via", "exp"] {
        let mut claims = claims.clone();
        claims.as_object_mut().unwrap().remove(wrong);
        let token = Signer::secret(secret).with(is_ticket).sign(&claims);
        assert_eq!(house.identify(&token).await, Err(BadToken::Claims.into()), "{wrong}");
    }
    drop(olga);
}

#[tokio::test]
async fn a_signed_ticket_never_shows_itself() {
    let house = House::new().await;
    let tickets = Tickets::open(&house.directory).await.unwrap();
    let holder = Principal::new(id("ada"), None);
    let until = SystemTime::now() + Duration::from_mins(1);
    let ticket = tickets.sign(&holder, (&room("trip"), None), Role::Editor, until, &Behind::Other("test"));
    assert!(!format!("{ticket:?}").contains(&ticket.token));
}

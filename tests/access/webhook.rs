//! The product's webhook.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use triproom::access::{BadToken, Credential, PassChange, PassEnd, Refused};
use triproom::room::role::{Role, Writes};
use triproom::store::directory::RoomSettings;

use super::house::{HERE, House, SECRET, change, presented, room};
use super::peer::{Answer, Peer};
use super::signer::{Signer, in_an_hour, now};

const HUSH: &str = "between us";

async fn by(peer: &Peer, more: &[&str]) -> House {
    House::open(&[&["--auth-webhook", &peer.url, "--auth-webhook-secret", HUSH], more].concat()).await
}

fn ada(role: Role) -> Answer {
    Answer::Json(json!({ "principal": "ada", "name": "Ada", "role": role.as_str() }))
}

async fn identify(
    house: &House,
    token: &str,
    name: &str,
) -> Result<std::sync::Arc<triproom::access::Identity>, Refused> {
    house.access.identify(&presented(token), Some(&room(name)), HERE).await
}

#[tokio::test]
async fn the_question_is_signed_and_the_answer_believed() {
    let peer = Peer::start(ada(Role::Editor)).await;
    let house = by(&peer, &[]).await;
    let who = identify(&house, "session-1", "trip").await.unwrap();
    assert_eq!((who.principal.id.as_str(), who.principal.name.as_deref()), ("ada", Some("Ada")));
    assert!(matches!(who.credential, Credential::Webhook(_)));
    let asked = &peer.asked()[0];
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    assert_eq!(body, json!({ "token": "session-1", "room": "trip", "address": "127.0.0.1" }));
    let header = asked.headers["x-triproom-signature"].to_str().unwrap();
    let (time, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    assert!(time.parse::<u64>().unwrap().abs_diff(now()) < 60);
    let mut mac = Hmac::<Sha256>::new_from_slice(HUSH.as_bytes()).unwrap();
    mac.update(format!("{time}.{}", asked.body).as_bytes());
    let expected: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(signature, expected);
    assert!(!format!("{who:?}").contains("session-1"), "tokens are not shown");
}

#[tokio::test]
async fn what_the_product_vouches_for_is_there() {
    let peer = Peer::start(ada(Role::Viewer)).await;
    let house = by(&peer, &["--auth-webhook-cache", "0s"]).await;
    let viewer = identify(&house, "session-1", "trip").await.unwrap();
    let early = house.access.enter(&viewer, &room("trip")).await.unwrap();
    assert_eq!((early.role(), early.writes()), (Role::Viewer, Writes::Nothing));
    assert!(early.roster().is_none(), "who only reads makes no room");
    peer.set(ada(Role::Editor));
    let editor = identify(&house, "session-1", "trip").await.unwrap();
    let pass = house.access.enter(&editor, &room("trip")).await.unwrap();
    assert_eq!((pass.role(), pass.writes()), (Role::Editor, Writes::Everything));
    assert_eq!(early.role(), Role::Viewer, "whoever was there before stays");
    assert_eq!(house.access.enter(&viewer, &room("trip")).await.unwrap().role(), Role::Viewer);
    assert_eq!(house.access.enter(&editor, &room("other")).await.unwrap_err(), Refused::NoSuchRoom);
}

#[tokio::test]
async fn what_it_turns_down() {
    let peer = Peer::start(Answer::Status(401)).await;
    let house = by(&peer, &[]).await;
    assert_eq!(identify(&house, "s", "trip").await, Err(BadToken::TurnedDown.into()));
    for status in [403, 404] {
        peer.set(Answer::Status(status));
        assert_eq!(identify(&house, "s", "trip").await, Err(Refused::NoSuchRoom));
    }
}

#[tokio::test]
async fn what_is_no_answer() {
    let elsewhere = Peer::start(ada(Role::Owner)).await;
    let peer = Peer::start(Answer::Status(500)).await;
    let house = by(&peer, &["--auth-webhook-timeout", "500ms"]).await;
    for answer in [
        Answer::Status(500),
        Answer::Status(204),
        Answer::Redirect(elsewhere.url.clone()),
        Answer::Huge(65 << 10),
        Answer::Later,
        Answer::Text("ok"),
        Answer::Json(json!({ "principal": "ada" })),
        Answer::Json(json!({ "principal": "ada", "role": "king" })),
        Answer::Json(json!({ "principal": "agent:planner", "role": "owner" })),
        Answer::Json(json!({ "principal": "", "role": "owner" })),
    ] {
        peer.set(answer);
        assert_eq!(identify(&house, "s", "trip").await, Err(Refused::IssuerDown));
    }
    assert!(elsewhere.asked().is_empty(), "a token goes nowhere else");
    peer.set(ada(Role::Editor));
    identify(&house, "s", "trip").await.unwrap();
}

#[tokio::test]
async fn an_answer_serves_all_who_ask_the_same() {
    let peer = Peer::start(Answer::Later).await;
    let house = by(&peer, &[]).await;
    let asking = futures_util::future::join_all((0..50).map(|_| identify(&house, "s", "trip")));
    let answering = async {
        peer.was_asked(1).await;
        peer.set(ada(Role::Editor));
    };
    let (answers, ()) = tokio::join!(asking, answering);
    assert!(answers.iter().all(Result::is_ok));
    identify(&house, "s", "trip").await.unwrap();
    assert_eq!(peer.asked().len(), 1);
    identify(&house, "another", "trip").await.unwrap();
    identify(&house, "s", "another").await.unwrap();
    assert_eq!(peer.asked().len(), 3, "another token or room is another question");
}

#[tokio::test]
async fn live_passes_follow_it() {
    let peer = Peer::start(ada(Role::Editor)).await;
    let house = by(&peer, &["--auth-webhook-cache", "1s"]).await;
    let who = identify(&house, "s", "trip").await.unwrap();
    let mut pass = house.access.enter(&who, &room("trip")).await.unwrap();
    peer.set(ada(Role::Viewer));
    assert_eq!(change(&mut pass).await, PassChange::Role(Role::Viewer));
    assert_eq!(pass.writes(), Writes::Nothing);
    // While it is down nothing changes; when it is back it is believed again.
    peer.set(Answer::Status(500));
    let asked = peer.asked().len();
    let down = async {
        peer.was_asked(asked + 1).await;
        peer.set(ada(Role::Commenter));
    };
    let (changed, ()) = tokio::join!(change(&mut pass), down);
    assert_eq!(changed, PassChange::Role(Role::Commenter));
    peer.set(Answer::Status(403));
    assert_eq!(change(&mut pass).await, PassChange::Ended(PassEnd::Revoked));
}

#[tokio::test]
async fn a_session_that_becomes_somebody_else_is_over() {
    let peer = Peer::start(ada(Role::Editor)).await;
    let house = by(&peer, &["--auth-webhook-cache", "1s"]).await;
    let mut pass = house.access.enter(&identify(&house, "s", "trip").await.unwrap(), &room("trip")).await.unwrap();
    peer.set(Answer::Json(json!({ "principal": "eve", "role": "owner" })));
    assert_eq!(change(&mut pass).await, PassChange::Ended(PassEnd::Revoked));
}

#[tokio::test]
async fn tokens_that_are_ours_are_not_sent_there() {
    let peer = Peer::start(ada(Role::Editor)).await;
    let house = by(&peer, &["--jwt-secret", SECRET]).await;
    let ada = house.identify(&Signer::secret(SECRET).sign(&in_an_hour(json!({ "sub": "ada" })))).await.unwrap();
    let pass = house.access.create_room(&ada, room("trip"), RoomSettings::default(), None).await.unwrap();
    let wish = triproom::access::TicketRequest { role: None, ttl: None, purpose: triproom::access::Purpose::Own };
    let ticket = house.access.issue_ticket(&pass, wish).unwrap();
    house.identify(&ticket.token).await.unwrap();
    let forged = Signer::secret("wrong").sign(&in_an_hour(json!({ "sub": "ada" })));
    assert_eq!(house.identify(&forged).await, Err(BadToken::Signature.into()));
    assert_eq!(house.identify("trk_nothing").await, Err(BadToken::NoSuchKey.into()));
    assert!(peer.asked().is_empty());
    // Without JWTs of its own, the product's may be JWTs, too.
    let opaque = by(&peer, &[]).await;
    identify(&opaque, &forged, "trip").await.unwrap();
    assert_eq!(peer.asked().len(), 1);
}

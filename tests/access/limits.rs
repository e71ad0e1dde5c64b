//! Too many refused tokens from one address.

use std::net::IpAddr;

use serde_json::json;
use triproom::access::{BadToken, Refused};
use triproom::room::role::Role;
use triproom::store::directory::{KeyScope, RoomScope};

use super::house::{House, SECRET, presented, room};
use super::key;
use super::peer::{Answer, Peer};
use super::signer::{Signer, in_an_hour};

const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

async fn identify(house: &House, token: &str) -> Result<(), Refused> {
    house.access.identify(&presented(token), Some(&room("trip")), THERE).await.map(drop)
}

#[tokio::test]
async fn over_the_limit_only_what_is_checked_here_passes() {
    let peer = Peer::start(Answer::Status(401)).await;
    let line =
        ["--jwt-secret", SECRET, "--auth-webhook", &peer.url, "--auth-webhook-secret", "s", "--auth-failures", "3"];
    let house = House::open(&line).await;
    let (known, _) = key::make(&house, RoomScope::All, Role::Editor, &KeyScope::ALL).await;
    let (unknown, _) = key::make(&house, RoomScope::All, Role::Editor, &KeyScope::ALL).await;
    identify(&house, &known).await.unwrap();
    for attempt in 0..3 {
        assert_eq!(identify(&house, &format!("guess {attempt}")).await, Err(BadToken::TurnedDown.into()));
    }
    let over = |outcome: Result<(), Refused>| matches!(outcome, Err(Refused::TooManyFailures { retry_after }) if !retry_after.is_zero());
    let forged = Signer::secret("wrong").sign(&in_an_hour(json!({ "sub": "ada" })));
    assert!(over(identify(&house, &forged).await));
    // Neither the webhook nor the store is asked.
    assert!(over(identify(&house, "guess again").await));
    assert_eq!(peer.asked().len(), 3);
    assert!(over(identify(&house, &unknown).await));
    // What needs nobody's word passes, and other addresses do not suffer.
    let good = Signer::secret(SECRET).sign(&in_an_hour(json!({ "sub": "ada" })));
    identify(&house, &good).await.unwrap();
    identify(&house, &known).await.unwrap();
    house.identify(&unknown).await.unwrap();
}

#[tokio::test]
async fn who_brings_nothing_or_comes_late_is_no_guesser() {
    let house = House::open(&["--jwt-secret", SECRET, "--auth-failures", "1"]).await;
    let expired = Signer::secret(SECRET).sign(&json!({ "sub": "ada", "exp": 1_000 }));
    for _ in 0..5 {
        assert_eq!(identify(&house, "").await, Err(Refused::NoToken));
        assert_eq!(identify(&house, &expired).await, Err(Refused::Expired));
    }
    assert_eq!(identify(&house, "nonsense").await, Err(BadToken::Malformed.into()));
    assert!(matches!(identify(&house, "nonsense").await, Err(Refused::TooManyFailures { .. })));
}

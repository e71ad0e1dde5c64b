//! Key sets: rotated, unreachable, slow, too long, somewhere else.

use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use triproom::access::{Access, AccessError, BadToken, Refused};
use triproom::store::directory::Directory;

use super::house::{House, options};
use super::peer::{Answer, Peer};
use super::signer::{Signer, in_an_hour, key_set};

fn ada() -> Value {
    in_an_hour(json!({ "sub": "ada" }))
}

async fn by(peer: &Peer, more: &[&str]) -> House {
    House::open(&[&["--jwks", &peer.url, "--jwks-pause", "1s"], more].concat()).await
}

fn unknown() -> String {
    Signer::rsa().with(|header| header.kid = Some("nobody's".to_owned())).sign(&ada())
}

/// Until the pause after the last reading is over: what an impatient client does.
async fn insist(house: &House, token: &str) {
    let found = async {
        while house.identify(token).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(super::house::DEADLINE, found).await.expect("the token is accepted at last");
}

#[tokio::test]
async fn a_rotated_key_is_found_and_an_old_one_forgotten() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let house = by(&peer, &["--auth-failures", "1000000"]).await;
    house.identify(&Signer::rsa().sign(&ada())).await.unwrap();
    assert_eq!(house.identify(&Signer::ec().sign(&ada())).await, Err(BadToken::UnknownKey.into()));
    peer.set(Answer::Json(key_set(&["ec"])));
    insist(&house, &Signer::ec().sign(&ada())).await;
    assert_eq!(house.identify(&Signer::rsa().sign(&ada())).await, Err(BadToken::UnknownKey.into()));
}

#[tokio::test]
async fn the_set_is_read_again_in_the_background() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let house = by(&peer, &["--jwks-refresh", "1s"]).await;
    peer.set(Answer::Json(key_set(&["ec"])));
    peer.was_asked(3).await;
    house.identify(&Signer::ec().sign(&ada())).await.unwrap();
}

#[tokio::test]
async fn unknown_keys_ask_once_and_not_again_for_a_while() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let line = ["--jwks", &peer.url, "--jwks-pause", "1h", "--auth-failures", "1000000"];
    let house = House::open(&line).await;
    for _ in 0..50 {
        assert_eq!(house.identify(&unknown()).await, Err(BadToken::UnknownKey.into()));
    }
    assert_eq!(peer.asked().len(), 1, "it was read at the start, just before");
}

#[tokio::test]
async fn many_unknown_keys_at_once_ask_once() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let house = by(&peer, &["--auth-failures", "1000000"]).await;
    peer.set(Answer::Later);
    let token = unknown();
    // Each tries until the pause is over, and then waits for the one reading that is under way.
    let insistent = async || {
        while peer.asked().len() < 2 {
            assert_eq!(house.identify(&token).await, Err(BadToken::UnknownKey.into()));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let release = async {
        peer.was_asked(2).await;
        peer.set(Answer::Json(key_set(&["rsa"])));
    };
    tokio::join!(futures_util::future::join_all((0..100).map(|_| insistent())), release);
    assert_eq!(peer.asked().len(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_down_leaves_its_keys_behind() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let house = by(&peer, &["--jwks-refresh", "1s"]).await;
    let elsewhere = Peer::start(Answer::Json(key_set(&["ec"]))).await;
    for (times, answer) in [
        Answer::Status(500),
        Answer::Text("<html>maintenance</html>"),
        Answer::Huge(2 << 20),
        Answer::Redirect(elsewhere.url.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        peer.set(answer);
        // The second question comes after the first one's answer was taken.
        peer.was_asked(2 * times + 3).await;
        house.identify(&Signer::rsa().sign(&ada())).await.unwrap();
        assert_eq!(house.identify(&Signer::ec().sign(&ada())).await, Err(Refused::IssuerDown), "{times}");
    }
    assert!(elsewhere.asked().is_empty(), "nobody follows an issuer elsewhere");
    peer.set(Answer::Json(key_set(&["ec"])));
    insist(&house, &Signer::ec().sign(&ada())).await;
}

#[tokio::test]
async fn a_slow_issuer_does_not_hold_up_those_with_known_keys() {
    let peer = Peer::start(Answer::Json(key_set(&["rsa"]))).await;
    let house = by(&peer, &["--jwks-refresh", "1s", "--jwks-timeout", "1s"]).await;
    peer.set(Answer::Later);
    peer.was_asked(2).await;
    house.identify(&Signer::rsa().sign(&ada())).await.unwrap();
    // It is given up, and asked again.
    peer.was_asked(3).await;
    house.identify(&Signer::rsa().sign(&ada())).await.unwrap();
}

#[tokio::test]
async fn a_server_starts_while_its_issuer_is_down() {
    let peer = Peer::start(Answer::Status(503)).await;
    let house = by(&peer, &[]).await;
    assert_eq!(house.identify(&Signer::rsa().sign(&ada())).await, Err(Refused::IssuerDown));
    peer.set(Answer::Json(key_set(&["rsa"])));
    insist(&house, &Signer::rsa().sign(&ada())).await;
}

#[tokio::test]
async fn keys_for_something_else_are_passed_over() {
    let mut set = key_set(&["rsa", "ec", "ed"]);
    let keys = set["keys"].as_array_mut().unwrap();
    keys[0]["use"] = json!("enc");
    keys[1]["alg"] = json!("ES384");
    keys.push(json!({ "kty": "oct", "kid": "secret", "k": "AAAA" }));
    keys.push(json!({ "kty": "from the future" }));
    keys.push(json!(7));
    let peer = Peer::start(Answer::Json(set)).await;
    let house = by(&peer, &[]).await;
    house.identify(&Signer::ed().sign(&ada())).await.unwrap();
    assert_eq!(house.identify(&Signer::rsa().sign(&ada())).await, Err(BadToken::UnknownKey.into()));
    assert_eq!(house.identify(&Signer::ec().sign(&ada())).await, Err(BadToken::UnknownKey.into()));
    let by_set = Signer::secret([0, 0, 0]).with(|header| header.kid = Some("secret".to_owned())).sign(&ada());
    assert_eq!(house.identify(&by_set).await, Err(BadToken::Algorithm.into()));
}

#[tokio::test]
async fn a_file_that_is_no_key_set_stops_the_start() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("keys.json");
    let open = async || {
        let directory = Directory::open(folder.path()).await.unwrap();
        Access::open(options(&["--jwks", file.to_str().unwrap()]), directory, None).await.map(drop)
    };
    assert!(matches!(open().await, Err(AccessError::KeySet { .. })), "there is none");
    std::fs::write(&file, "no keys").unwrap();
    let error = open().await.unwrap_err();
    assert!(error.to_string().contains("keys.json"), "{error}");
    std::fs::write(&file, key_set(&[]).to_string()).unwrap();
    open().await.unwrap();
}

//! Who may do what is the same on every node, within a second.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use yrs::{Doc, Map, ReadTxn, StateVector, Transact};

use super::client::sync;
use super::house::{DEADLINE, House, Node};
use super::proxy::Way;
use super::signer::{Signer, in_an_hour};

const SECRET: &str = "a secret that is at least thirty-two bytes long";
/// What every change takes at most to reach the other node.
const SECOND: Duration = Duration::from_secs(1);

fn token(sub: &str) -> String {
    Signer::secret(SECRET).sign(&in_an_hour(json!({ "sub": sub })))
}

async fn ask(node: &Node, method: &str, path: &str, who: &str, body: Value) -> StatusCode {
    let request = reqwest::Client::new().request(method.parse().unwrap(), node.url(path)).bearer_auth(token(who));
    let request = request.header("content-type", "application/json").body(body.to_string());
    request.send().await.unwrap().status()
}

async fn socket(address: SocketAddr, who: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/yjs/lisbon?token={}", token(who));
    let mut socket = tokio_tungstenite::client_async(url, stream).await.unwrap().0;
    // "I have nothing": what comes says that it is in the room.
    socket.send(Message::Binary(sync(0, &[0]).into())).await.unwrap();
    socket
}

/// Reads until a message holds this text, or the socket is closed with this code.
async fn until(socket: &mut WebSocketStream<TcpStream>, text: &str, code: u16) {
    let reading = async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Binary(bytes))) if String::from_utf8_lossy(&bytes).contains(text) => return,
                Some(Ok(Message::Close(Some(frame)))) => {
                    assert_eq!(u16::from(frame.code), code);
                    return;
                }
                Some(Ok(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, reading).await.unwrap_or_else(|_| panic!("never: {text}"));
}

#[tokio::test]
async fn a_room_that_is_deleted_on_one_node_is_gone_on_all() {
    let house = House::open(2, &[]).await;
    house.nodes[0].create("lisbon").await;
    let mut bob = house.join(1, "lisbon", 2).await;
    bob.write("gone").await;
    bob.settle(1).await;
    let deleted = Instant::now();
    assert_eq!(house.nodes[0].delete("/v1/rooms/lisbon").await, StatusCode::NO_CONTENT);
    assert_eq!(bob.closed().await, 4404);
    assert!(deleted.elapsed() < SECOND, "{:?}", deleted.elapsed());
    for node in [0, 1] {
        let again = house.join(node, "lisbon", 3).await;
        assert_eq!(again.notes(), "", "a new room begins");
    }
}

#[tokio::test]
async fn a_role_that_is_lowered_and_taken_away_on_one_node_counts_on_the_other() {
    let house = House::open(2, &["--jwt-secret", SECRET]).await;
    let [first, second] = &house.nodes[..] else { panic!("two nodes") };
    assert_eq!(
        ask(first, "POST", "/v1/rooms", "ada", json!({"id": "lisbon", "title": "x"})).await,
        StatusCode::CREATED
    );
    let member = json!({"principal": "bob", "role": "editor"});
    assert_eq!(ask(first, "POST", "/v1/rooms/lisbon/members", "ada", member).await, StatusCode::CREATED);
    let mut bob = socket(second.address, "bob").await;
    until(&mut bob, "", 0).await;
    let changed = Instant::now();
    let path = "/v1/rooms/lisbon/members/bob";
    assert_eq!(ask(first, "PATCH", path, "ada", json!({"role": "viewer"})).await, StatusCode::OK);
    until(&mut bob, "read-only", 0).await;
    assert!(changed.elapsed() < SECOND, "{:?}", changed.elapsed());
    let removed = Instant::now();
    assert_eq!(ask(first, "DELETE", path, "ada", json!({})).await, StatusCode::NO_CONTENT);
    until(&mut bob, "never said", 4403).await;
    assert!(removed.elapsed() < SECOND, "{:?}", removed.elapsed());
}

/// "I am this client", with no more to say of it.
fn introduction(client: u8) -> Vec<u8> {
    vec![1, 6, 1, client, 1, 2, b'{', b'}']
}

/// What a client with this id writes first: an entry of the map that commenters may write, or a note.
fn first_words(client: u64, root: &str) -> Vec<u8> {
    let doc = Doc::with_client_id(client);
    doc.get_or_insert_map(root).insert(&mut doc.transact_mut(), "from", format!("client {client}"));
    let update = doc.transact().encode_state_as_update_v1(&StateVector::default());
    sync(2, &update)
}

#[tokio::test]
async fn a_commenter_on_another_node_writes_under_no_client_id_of_others() {
    let house = House::open(2, &["--jwt-secret", SECRET]).await;
    let [first, second] = &house.nodes[..] else { panic!("two nodes") };
    let trip = json!({"id": "lisbon", "title": "x"});
    assert_eq!(ask(first, "POST", "/v1/rooms", "ada", trip).await, StatusCode::CREATED);
    let member = json!({"principal": "bob", "role": "commenter"});
    assert_eq!(ask(first, "POST", "/v1/rooms/lisbon/members", "ada", member).await, StatusCode::CREATED);
    let mut ada = socket(first.address, "ada").await;
    ada.send(Message::Binary(introduction(7).into())).await.unwrap();
    // What comes back says that the room has heard it.
    ada.send(Message::Binary(vec![3].into())).await.unwrap();
    until(&mut ada, "{}", 0).await;
    // He is the first on his node, and what he sends is there before that node can have heard of anybody.
    let mut bob = socket(second.address, "bob").await;
    bob.send(Message::Binary(first_words(7, "comments").into())).await.unwrap();
    until(&mut bob, "only comments are taken", 0).await;
    bob.send(Message::Binary(first_words(9, "comments").into())).await.unwrap();
    until(&mut ada, "client 9", 0).await;
    ada.send(Message::Binary(first_words(7, "notes").into())).await.unwrap();
    until(&mut bob, "client 7", 0).await;
    // An id under which nobody has written stays whose it was, also when they are away.
    let mut away = socket(first.address, "ada").await;
    away.send(Message::Binary(introduction(8).into())).await.unwrap();
    until(&mut bob, "{}", 0).await;
    away.close(None).await.unwrap();
    until(&mut bob, "null", 0).await;
    bob.send(Message::Binary(first_words(8, "comments").into())).await.unwrap();
    bob.send(Message::Binary(first_words(10, "comments").into())).await.unwrap();
    until(&mut ada, "client 10", 0).await;
    assert_eq!(read(second, "ada").await["comments"], json!({"from": "client 10"}));
}

#[tokio::test]
async fn a_room_that_is_made_anew_has_nothing_of_the_deleted_one() {
    let house = House::open(2, &["--jwt-secret", SECRET]).await;
    let [first, second] = &house.nodes[..] else { panic!("two nodes") };
    for round in 0..15 {
        let body = json!({"id": "lisbon", "title": "x"});
        assert_eq!(ask(first, "POST", "/v1/rooms", "ada", body.clone()).await, StatusCode::CREATED);
        let mut old = socket(second.address, "ada").await;
        until(&mut old, "", 0).await;
        let path = format!("/v1/rooms/lisbon/document?round={round}");
        let old_text = json!([{"op": "add", "path": "/items/old", "value": {"title": "old"}}]);
        assert_eq!(patch(second, "ada", old_text).await, StatusCode::OK);
        assert_eq!(ask(first, "DELETE", "/v1/rooms/lisbon", "ada", json!({})).await, StatusCode::NO_CONTENT);
        assert_eq!(ask(first, "POST", "/v1/rooms", "ada", body).await, StatusCode::CREATED);
        let new_text = json!([{"op": "add", "path": "/items/new", "value": {"title": "new"}}]);
        assert_eq!(patch(first, "ada", new_text).await, StatusCode::OK);
        until(&mut old, "never said", 4404).await;
        for node in [first, second] {
            let document = read(node, "ada").await;
            let items: Vec<&String> = document["items"].as_object().unwrap().keys().collect();
            assert_eq!(items, ["new"], "{path}");
        }
        assert_eq!(ask(first, "DELETE", "/v1/rooms/lisbon", "ada", json!({})).await, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn what_was_changed_while_its_node_was_cut_off_is_heard_of_afterwards() {
    let house = House::open(2, &["--jwt-secret", SECRET, "--without-redis", "ready"]).await;
    let [first, second] = &house.nodes[..] else { panic!("two nodes") };
    let body = json!({"id": "lisbon", "title": "x"});
    assert_eq!(ask(first, "POST", "/v1/rooms", "ada", body).await, StatusCode::CREATED);
    let member = json!({"principal": "bob", "role": "editor"});
    assert_eq!(ask(first, "POST", "/v1/rooms/lisbon/members", "ada", member).await, StatusCode::CREATED);
    let mut bob = socket(second.address, "bob").await;
    until(&mut bob, "", 0).await;
    first.redis.set(Way::Cut);
    first.until("it knows that it is cut off", |ready| ready["nodes"]["bus"] != "healthy").await;
    let path = "/v1/rooms/lisbon/members/bob";
    assert_eq!(ask(first, "DELETE", path, "ada", json!({})).await, StatusCode::NO_CONTENT);
    first.redis.set(Way::Open);
    until(&mut bob, "never said", 4403).await;
}

#[tokio::test]
async fn what_a_node_changed_while_it_was_taken_for_dead_is_heard_of_when_it_is_back_or_dead() {
    let mut house = House::open(2, &["--jwt-secret", SECRET, "--without-redis", "ready"]).await;
    let body = json!({"id": "lisbon", "title": "x"});
    assert_eq!(ask(&house.nodes[0], "POST", "/v1/rooms", "ada", body).await, StatusCode::CREATED);
    let path = "/v1/rooms/lisbon/members/bob";
    for is_killed in [false, true] {
        let [first, second] = &house.nodes[..] else { panic!("two nodes") };
        let member = json!({"principal": "bob", "role": "editor"});
        assert_eq!(ask(first, "POST", "/v1/rooms/lisbon/members", "ada", member).await, StatusCode::CREATED);
        let mut bob = socket(second.address, "bob").await;
        until(&mut bob, "", 0).await;
        first.redis.set(Way::Frozen);
        assert_eq!(ask(first, "DELETE", path, "ada", json!({})).await, StatusCode::NO_CONTENT);
        if is_killed {
            house.nodes.remove(0).kill().await;
        } else {
            let is_alone = |ready: &Value| ready["nodes"]["others"].as_array().unwrap().is_empty();
            second.until("the other is taken for dead", is_alone).await;
            first.redis.set(Way::Open);
        }
        until(&mut bob, "never said", 4403).await;
        house.settle().await;
    }
}

#[tokio::test]
async fn a_room_that_was_deleted_by_a_node_that_was_cut_off_ends_afterwards() {
    let house = House::open(2, &["--without-redis", "ready"]).await;
    let [first, second] = &house.nodes[..] else { panic!("two nodes") };
    for id in 1..=2 {
        first.create("lisbon").await;
        let mut bob = house.join(1, "lisbon", id).await;
        if id == 1 {
            // Otherwise nobody has written anything, and all that is there is its name.
            bob.write("gone").await;
            bob.settle(1).await;
        }
        let mut others = house.join(1, "porto", 7).await;
        first.redis.set(Way::Cut);
        first.until("it knows that it is cut off", |ready| ready["nodes"]["bus"] != "healthy").await;
        assert_eq!(first.delete("/v1/rooms/lisbon").await, StatusCode::NO_CONTENT);
        first.redis.set(Way::Open);
        assert_eq!(bob.closed().await, 4404);
        others.write("stays").await;
        others.settle(1).await;
        second.until("it is whole", |ready| ready["ready"] == true).await;
    }
}

async fn patch(node: &Node, who: &str, patch: Value) -> StatusCode {
    let request = reqwest::Client::new().patch(node.url("/v1/rooms/lisbon/document")).bearer_auth(token(who));
    let request = request.header("content-type", "application/json-patch+json").body(patch.to_string());
    request.send().await.unwrap().status()
}

async fn read(node: &Node, who: &str) -> Value {
    let request = reqwest::Client::new().get(node.url("/v1/rooms/lisbon/document")).bearer_auth(token(who));
    serde_json::from_slice(&request.send().await.unwrap().bytes().await.unwrap()).unwrap()
}

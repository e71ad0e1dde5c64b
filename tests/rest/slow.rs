//! Clients that are slow with what they send: nobody waits for them, and they are not cut off while they get on.

use std::net::SocketAddr;

use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::house::{DEADLINE, House};
use super::http::Caller;
use super::people::JWT;

const BODY: &str = r#"{"title":"Lisbon"}"#;

/// A connection that has sent a request's head and half of its body.
async fn half(address: SocketAddr, headers: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /v1/rooms HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{headers}\r\n",
        BODY.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&BODY.as_bytes()[..9]).await.unwrap();
    socket
}

/// All that comes until the server closes.
async fn rest(mut socket: TcpStream) -> String {
    let mut answer = String::new();
    timeout(DEADLINE, socket.read_to_string(&mut answer)).await.expect("the server closes").unwrap();
    answer
}

#[tokio::test]
async fn bodies_that_trickle_in_hold_no_place() {
    let house = House::open(&["--max-changes", "1"]).await;
    let mut slow = Vec::new();
    for _ in 0..3 {
        slow.push(half(house.address, "connection: close\r\n").await);
    }
    Caller::new(&house).post("/v1/rooms", json!({})).await.expect(201);
    for mut socket in slow {
        socket.write_all(&BODY.as_bytes()[9..]).await.unwrap();
        assert!(rest(socket).await.starts_with("HTTP/1.1 201"));
    }
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let house = House::open(&["--body-timeout", "50ms"]).await;
    let answer = rest(half(house.address, "").await).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains(r#""code":"body_timeout""#), "{answer}");
    assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    house.stop().await.0.unwrap();
    // That of a stranger is not waited for at all.
    let house = House::open(&JWT).await;
    let answer = rest(half(house.address, "connection: close\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn bodies_are_bounded_together() {
    let house = House::open(&["--max-message", "64B", "--max-request", "64B", "--max-bodies", "1B"]).await;
    let ada = Caller::new(&house);
    // One always fits, however small the bound is, but not one beside it.
    let held = half(house.address, "").await;
    let mut filler = TcpStream::connect(house.address).await.unwrap();
    filler
        .write_all(b"POST /v1/rooms HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: 60\r\n\r\n")
        .await
        .unwrap();
    filler.write_all(&[b' '; 58]).await.unwrap();
    let answer = rest(filler).await;
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains(r#""code":"busy""#), "{answer}");
    drop(held);
    let sent = async || ada.send(Method::POST, "/v1/rooms", &[], "").await.status;
    timeout(DEADLINE, async { while sent().await != 201 {} }).await.expect("what is gone holds nothing");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_connection_whose_life_is_over_finishes_the_request_that_is_under_way() {
    let house = House::open(&["--http-life", "50ms"]).await;
    let mut busy = half(house.address, "").await;
    // A younger one that is idle is closed when its life is over; then the life of the older one is over, too.
    let mut idle = TcpStream::connect(house.address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
    assert!(rest(idle).await.starts_with("HTTP/1.1 200"));
    busy.write_all(&BODY.as_bytes()[9..]).await.unwrap();
    let answer = rest(busy).await;
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    house.stop().await.0.unwrap();
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_given_up() {
    let house = House::open(&["--slow-client", "50ms"]).await;
    // Many questions, and nobody who reads the answers: in the end the server has to wait for the client.
    let mut deaf = TcpStream::connect(house.address).await.unwrap();
    let flood = async {
        let questions = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(100);
        while deaf.write_all(&questions).await.is_ok() {}
    };
    timeout(DEADLINE, flood).await.expect("the server closes");
    house.stop().await.0.unwrap();
}

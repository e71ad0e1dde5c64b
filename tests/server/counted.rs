//! What a Hocuspocus client wrote before it lost its right to be there is counted off all the same, once it is on disk.

use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use triproom::store::Fault;
use triproom::wire::lib0::{Reader, put_byte_string};
use yrs::{Doc, Text, Transact, WriteTxn};

use super::client::sync;
use super::house::{DEADLINE, House};

const SECRET: &str = "a secret of thirty-two bytes or so";
const ROOM: &str = "trip";

/// What the server says of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    Sync,
    Denied,
    Authenticated,
    Saved,
    Refused,
    Other,
}

/// A Hocuspocus client of one document, which keeps what it hears.
struct Client {
    socket: WebSocketStream<TcpStream>,
    heard: Vec<Said>,
}

impl Client {
    async fn connect(house: &House) -> Self {
        let stream = TcpStream::connect(house.address).await.unwrap();
        let url = format!("ws://{}/hocuspocus", house.address);
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Says who it is, for so long.
    async fn sign_in(&mut self, time: Duration) {
        let exp = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({ "sub": "ada", "room": ROOM, "role": "editor", "exp": exp });
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        let mut message = vec![2, 0];
        put_byte_string(&mut message, token.as_bytes());
        self.send(&message).await;
        self.until("who it is to be believed", Said::Authenticated).await;
    }

    async fn write(&mut self, id: u64) {
        let doc = Doc::with_client_id(id);
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
        self.send(&sync(2, &txn.encode_update_v1())).await;
    }

    /// Asks who is here: once the answer is there, the room has heard all that was said before.
    async fn settle(&mut self) {
        self.send(&[3]).await;
        self.until("the answer to a query", Said::Other).await;
    }

    async fn send(&mut self, message: &[u8]) {
        let mut frame = Vec::new();
        put_byte_string(&mut frame, ROOM.as_bytes());
        frame.extend_from_slice(message);
        self.socket.send(Message::Binary(frame.into())).await.unwrap();
    }

    /// Reads until this is said.
    async fn until(&mut self, what: &str, wanted: Said) {
        let waiting = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Binary(frame))) => self.heard.push(said(&frame)),
                    Some(Ok(_)) => continue,
                    other => panic!("the socket ended while waiting for {what}: {other:?}"),
                }
                if self.heard.last() == Some(&wanted) {
                    return;
                }
            }
        };
        tokio::time::timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
    }

    /// How often it heard this.
    fn count(&self, said: Said) -> usize {
        self.heard.iter().filter(|heard| **heard == said).count()
    }
}

fn said(frame: &[u8]) -> Said {
    let mut reader = Reader::new(frame);
    assert_eq!(reader.byte_string().unwrap(), ROOM.as_bytes());
    match (reader.byte().unwrap(), reader.byte().unwrap()) {
        (0, _) => Said::Sync,
        (2, 1) => Said::Denied,
        (2, 2) => Said::Authenticated,
        (8, 1) => Said::Saved,
        (8, 0) => Said::Refused,
        _ => Said::Other,
    }
}

/// A client that wrote twice while nothing is committed, and whose token has ended since.
async fn shown_out() -> (House, Client) {
    let house = House::open(&["--jwt-secret", SECRET]).await;
    let mut client = Client::connect(&house).await;
    client.sign_in(Duration::from_secs(3)).await;
    house.fault.set(Fault::Stall);
    client.write(1).await;
    client.write(2).await;
    client.until("its token to end", Said::Denied).await;
    assert_eq!(client.count(Said::Saved), 0);
    (house, client)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_whose_token_ended_is_told_when_what_it_wrote_is_saved() {
    let (house, mut client) = shown_out().await;
    house.fault.set(Fault::None);
    client.until("the first status", Said::Saved).await;
    client.until("the second status", Said::Saved).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    assert_eq!((client.count(Said::Saved), client.count(Said::Refused)), (2, 0));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_is_back_with_a_newer_token_is_told_of_what_it_wrote_before() {
    let (house, mut client) = shown_out().await;
    client.write(3).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 0, "nothing is on disk");
    house.fault.set(Fault::None);
    for which in ["the first status", "the second status", "that of what was written in between"] {
        client.until(which, Said::Saved).await;
    }
    client.settle().await;
    assert_eq!((client.count(Said::Saved), client.count(Said::Refused)), (3, 0));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_counts_anew_is_not_told_of_what_it_counted_before() {
    let (house, mut client) = shown_out().await;
    client.send(&sync(0, &[0])).await;
    client.sign_in(Duration::from_mins(5)).await;
    client.settle().await;
    house.fault.set(Fault::None);
    client.write(3).await;
    client.until("the status of its only update since", Said::Saved).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 1);
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_closed_the_document_is_told_nothing_more() {
    let (house, mut client) = shown_out().await;
    client.send(&[7]).await;
    client.sign_in(Duration::from_mins(5)).await;
    house.fault.set(Fault::None);
    client.write(3).await;
    client.until("the status of its only update since", Said::Saved).await;
    client.settle().await;
    assert_eq!(client.count(Said::Saved), 1);
    house.stop().await.0.unwrap();
}

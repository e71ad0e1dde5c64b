//! A Hocuspocus client of few words, of one document on a server with authentication.

use std::time::{Duration, SystemTime};

use futures_util::{SinkExt, StreamExt};
use jsonwebtoken::{EncodingKey, Header, encode};
use serde_json::json;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;
use triproom::wire::lib0::{Reader, put_byte_string};
use yrs::{Doc, Text, Transact, WriteTxn};

use super::client::sync;
use super::house::{DEADLINE, House};

pub const SECRET: &str = "a secret of thirty-two bytes or so";
pub const ROOM: &str = "trip";

/// What the server says of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    Sync,
    Denied,
    Authenticated,
    Saved,
    Refused,
    Other,
}

/// See the module. It keeps what it hears.
pub struct Client {
    pub socket: WebSocketStream<TcpStream>,
    heard: Vec<Said>,
}

impl Client {
    pub async fn connect(house: &House) -> Self {
        let stream = TcpStream::connect(house.address).await.unwrap();
        let url = format!("ws://{}/hocuspocus", house.address);
        let (socket, _) = tokio_tungstenite::client_async(url, stream).await.unwrap();
        Self { socket, heard: Vec::new() }
    }

    /// Says who it is, for so long.
    pub async fn sign_in(&mut self, time: Duration) {
        let exp = (SystemTime::now() + time).duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        let claims = json!({ "sub": "ada", "room": ROOM, "role": "editor", "exp": exp });
        let token = encode(&Header::default(), &claims, &EncodingKey::from_secret(SECRET.as_bytes())).unwrap();
        let mut message = vec![2, 0];
        put_byte_string(&mut message, token.as_bytes());
        self.send(&message).await;
        self.until("who it is to be believed", Said::Authenticated).await;
    }

    pub async fn write(&mut self, id: u64) {
        let doc = Doc::with_client_id(id);
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
        self.send(&sync(2, &txn.encode_update_v1())).await;
    }

    /// Asks who is here: once the answer is there, the room has heard all that was said before.
    pub async fn settle(&mut self) {
        self.send(&[3]).await;
        self.until("the answer to a query", Said::Other).await;
    }

    pub async fn send(&mut self, message: &[u8]) {
        self.socket.send(Message::Binary(framed(message).into())).await.unwrap();
    }

    /// Reads until this is said.
    pub async fn until(&mut self, what: &str, wanted: Said) {
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
    pub fn count(&self, said: Said) -> usize {
        self.heard.iter().filter(|heard| **heard == said).count()
    }
}

/// A message of the document, as one binary frame has it.
pub fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_byte_string(&mut frame, ROOM.as_bytes());
    frame.extend_from_slice(message);
    frame
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

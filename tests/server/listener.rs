//! A JSON socket of few words.

use std::collections::VecDeque;
use std::net::SocketAddr;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::house::DEADLINE;

pub struct Listener {
    pub socket: WebSocketStream<TcpStream>,
    /// What came and was not what was waited for.
    others: VecDeque<Value>,
}

impl Listener {
    /// Comes into a room; `query` says who.
    pub async fn connect(address: SocketAddr, room: &str, query: &str) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let url = format!("ws://{address}/v1/rooms/{room}/socket?{query}");
        let socket = tokio_tungstenite::client_async(url, stream).await.unwrap().0;
        Self { socket, others: VecDeque::new() }
    }

    /// The same, and hears the welcome, which comes first.
    pub async fn join(address: SocketAddr, room: &str, query: &str) -> (Self, Value) {
        let mut listener = Self::connect(address, room, query).await;
        let welcome = listener.next().await;
        assert_eq!(welcome["type"], "room.welcome", "{welcome}");
        (listener, welcome["data"].clone())
    }

    pub async fn say(&mut self, kind: &str, data: Value) {
        self.send(&json!({"v": 1, "type": kind, "ref": kind, "data": data}).to_string()).await;
    }

    pub async fn send(&mut self, text: &str) {
        self.socket.send(Message::Text(text.into())).await.unwrap();
    }

    /// The next event, but for heartbeats.
    pub async fn next(&mut self) -> Value {
        loop {
            let message = timeout(DEADLINE, self.socket.next()).await.expect("an event comes").unwrap().unwrap();
            match message {
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] != "heartbeat" {
                        assert_eq!((&event["v"], event["at"].is_string()), (&json!(1), true), "{event}");
                        return event;
                    }
                }
                Message::Close(frame) => panic!("closed: {frame:?}"),
                _ => {}
            }
        }
    }

    /// Waits for an event of this type for which that holds.
    pub async fn until(&mut self, kind: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let is_it = |event: &Value| event["type"] == kind && holds(event);
        if let Some(at) = self.others.iter().position(is_it) {
            return self.others.remove(at).unwrap();
        }
        let waiting = async {
            loop {
                let event = self.next().await;
                if is_it(&event) {
                    return event;
                }
                self.others.push_back(event);
            }
        };
        timeout(DEADLINE, waiting).await.unwrap_or_else(|_| panic!("never: {kind}; but {:?}", self.others))
    }

    /// Asks and waits for the answer of this type.
    pub async fn ask(&mut self, kind: &str, data: Value, answer: &str) -> Value {
        self.say(kind, data).await;
        self.until(answer, |event| event["ref"] == kind).await
    }

    /// Reads until the server closes, and gives its code.
    pub async fn closed(&mut self) -> u16 {
        let reading = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
                    Some(Ok(_)) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        timeout(DEADLINE, reading).await.expect("it is closed")
    }
}

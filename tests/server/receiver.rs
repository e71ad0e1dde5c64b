//! An address that webhooks are posted to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;
use triproom::access::http::signature;

pub const SECRET: &str = "a secret of the operator's";

/// An address that is posted to, and fails as long as it is told to.
#[derive(Clone, Default)]
pub struct Receiver {
    taken: Arc<Mutex<Vec<Value>>>,
    refused: Arc<Mutex<usize>>,
    is_down: Arc<Mutex<bool>>,
    posts: Arc<watch::Sender<()>>,
}

impl Receiver {
    pub async fn open() -> (Self, SocketAddr) {
        let receiver = Self::default();
        let routes = Router::new().route("/events", post(take)).with_state(receiver.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        (receiver, address)
    }

    pub fn taken(&self, kind: &str) -> Vec<Value> {
        self.taken.lock().unwrap().iter().filter(|event| event["type"] == kind).cloned().collect()
    }

    /// Waits for a post after which that is so.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Self) -> bool) {
        let mut posts = self.posts.subscribe();
        let waiting = async {
            while !is_so(self) {
                posts.changed().await.unwrap();
            }
        };
        timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("{what}"));
    }

    pub fn refused(&self) -> usize {
        *self.refused.lock().unwrap()
    }

    pub fn fail(&self, is_down: bool) {
        *self.is_down.lock().unwrap() = is_down;
    }
}

async fn take(State(receiver): State<Receiver>, headers: HeaderMap, body: String) -> StatusCode {
    let signed = headers["x-triproom-signature"].to_str().unwrap();
    let time = signed.strip_prefix("t=").unwrap().split(',').next().unwrap().parse().unwrap();
    assert_eq!(signed, signature(SECRET.as_bytes(), time, body.as_bytes()));
    if *receiver.is_down.lock().unwrap() {
        *receiver.refused.lock().unwrap() += 1;
        receiver.posts.send_replace(());
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    receiver.taken.lock().unwrap().push(serde_json::from_str(&body).unwrap());
    receiver.posts.send_replace(());
    StatusCode::NO_CONTENT
}

pub fn texts(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["data"]["text"].as_str().unwrap()).collect()
}

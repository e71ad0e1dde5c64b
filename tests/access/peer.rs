//! Somebody whom the server asks over HTTP: an issuer of keys, or a webhook. It answers what the test says, and tells what it
//! was asked.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::time::timeout;

use super::house::DEADLINE;

/// What a peer answers.
#[derive(Clone)]
pub enum Answer {
    Json(Value),
    Text(&'static str),
    Status(u16),
    Redirect(String),
    /// So many bytes of JSON that begin well.
    Huge(usize),
    /// Not before another answer is set.
    Later,
}

#[derive(Clone)]
pub struct Asked {
    pub headers: HeaderMap,
    pub body: String,
}

#[derive(Clone)]
pub struct Peer {
    pub url: String,
    answer: Arc<watch::Sender<Answer>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: Arc<watch::Sender<usize>>,
}

impl Peer {
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let peer = Self {
            url,
            answer: Arc::new(watch::Sender::new(answer)),
            asked: Arc::default(),
            count: Arc::new(watch::Sender::new(0)),
        };
        let routes = Router::new().fallback(answered).with_state(peer.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        peer
    }

    pub fn set(&self, answer: Answer) {
        self.answer.send_replace(answer);
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// Waits until it was asked so many times.
    pub async fn was_asked(&self, times: usize) {
        let mut count = self.count.subscribe();
        timeout(DEADLINE, count.wait_for(|&count| count >= times)).await.expect("it is asked").unwrap();
    }
}

async fn answered(State(peer): State<Peer>, headers: HeaderMap, body: Bytes) -> Response {
    let body = String::from_utf8(body.to_vec()).unwrap();
    peer.asked.lock().unwrap().push(Asked { headers, body });
    peer.count.send_modify(|count| *count += 1);
    let mut answers = peer.answer.subscribe();
    let answer = answers.wait_for(|answer| !matches!(answer, Answer::Later)).await.unwrap().clone();
    match answer {
        Answer::Json(json) => axum::Json(json).into_response(),
        Answer::Text(text) => text.into_response(),
        Answer::Status(status) => StatusCode::from_u16(status).unwrap().into_response(),
        Answer::Redirect(to) => (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response(),
        Answer::Huge(bytes) => format!("{{\"keys\":[],\"filler\":\"{}\"}}", "x".repeat(bytes)).into_response(),
        Answer::Later => unreachable!("that was waited for"),
    }
}

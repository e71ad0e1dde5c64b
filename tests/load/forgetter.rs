//! A small server of JSON events that keeps the newest messages of its one room, and says so to whoever wants older ones. It may
//! keep nothing of one writer.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

/// Messages that are kept.
const KEPT: usize = 40;

/// What it keeps of the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeps {
    /// All of them.
    All,
    /// Those of the first writer alone it does not.
    AllButOnes,
}

#[derive(Default)]
struct Room {
    told: Vec<String>,
    people: Vec<UnboundedSender<String>>,
}

/// Starts one that lives as long as the test.
pub fn start(keeps: Keeps) -> SocketAddr {
    let (sender, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let room = Arc::new(Mutex::new(Room::default()));
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&room), keeps));
            }
        });
    });
    address.recv().unwrap()
}

#[expect(clippy::result_large_err, reason = "tungstenite wants it so")]
async fn serve(stream: TcpStream, room: Arc<Mutex<Room>>, keeps: Keeps) {
    let mut is_late = false;
    let look = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
        is_late = request.uri().query().is_some_and(|query| query.contains("cursor=0"));
        Ok(response)
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, look).await else { return };
    let (mut out, mut heard) = socket.split();
    let (sender, mut waiting) = unbounded_channel();
    let _ = sender.send(json!({"v": 1, "type": "room.welcome", "data": {}}).to_string());
    {
        let mut room = room.lock().unwrap();
        if is_late {
            room.tell_kept(&sender, keeps);
        }
        room.people.push(sender.clone());
    }
    tokio::spawn(async move {
        while let Some(text) = waiting.recv().await {
            if out.send(Message::text(text)).await.is_err() {
                return;
            }
        }
    });
    while let Some(Ok(Message::Text(text))) = heard.next().await {
        let said: Value = serde_json::from_str(&text).unwrap();
        let mut room = room.lock().unwrap();
        let number = (room.told.len() + 1).to_string();
        let data = json!({"text": said["data"]["text"]});
        let told = json!({"v": 1, "id": number, "type": "chat.message", "data": data}).to_string();
        room.people.iter().for_each(|person| drop(person.send(told.clone())));
        room.told.push(told);
        let _ = sender.send(json!({"v": 1, "type": "ack", "data": {"id": number}}).to_string());
    }
}

impl Room {
    fn tell_kept(&self, to: &UnboundedSender<String>, keeps: Keeps) {
        let first = self.told.len().saturating_sub(KEPT);
        let next = (first + 1).to_string();
        let _ = to.send(json!({"v": 1, "type": "room.gap", "data": {"after": "0", "next": next}}).to_string());
        for told in &self.told[first..] {
            // A message begins with its writer's place.
            if keeps == Keeps::All || !told.contains(r#""text":"0 "#) {
                let _ = to.send(told.clone());
            }
        }
    }
}

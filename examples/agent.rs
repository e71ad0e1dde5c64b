//! An agent in a trip room: it reads the trip, says what it is doing, plans a day, and does what people tell it.
//!
//! ```sh
//! cargo run --example agent -- ws://127.0.0.1:8080 lisbon
//! ```
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Failure = Box<dyn Error + Send + Sync>;

struct Room {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    asked: u32,
}

impl Room {
    async fn say(&mut self, kind: &str, data: Value) -> Result<(), Failure> {
        Ok(self.socket.send(Message::Text(json!({"type": kind, "data": data}).to_string().into())).await?)
    }

    /// The next event.
    async fn next(&mut self) -> Result<Value, Failure> {
        loop {
            match self.socket.next().await.ok_or("the connection ended")?? {
                Message::Text(text) => return Ok(serde_json::from_str(&text)?),
                Message::Close(frame) => return Err(format!("closed: {frame:?}").into()),
                _ => {}
            }
        }
    }

    /// Asks, and waits for the answer; what else comes meanwhile is of no interest to this agent.
    async fn ask(&mut self, kind: &str, data: Value) -> Result<Value, Failure> {
        self.asked += 1;
        let reference = self.asked.to_string();
        let frame = json!({"type": kind, "ref": reference, "data": data});
        self.socket.send(Message::Text(frame.to_string().into())).await?;
        loop {
            let event = self.next().await?;
            if event["ref"] == *reference {
                let is_refused = event["type"] == "error" || event["type"] == "doc.rejected";
                return if is_refused { Err(event["data"].to_string().into()) } else { Ok(event["data"].clone()) };
            }
        }
    }
}

async fn plan(room: &mut Room) -> Result<(), Failure> {
    let trip = room.ask("doc.read", json!({})).await?["value"].clone();
    let items = trip["items"].as_object().into_iter().flatten();
    if items.clone().any(|(_, item)| item["by"] == "agent:Scout") {
        return Ok(()); // it has planned before
    }
    let day = trip["trip"]["start_date"].as_str().unwrap_or("2026-05-01").to_owned();
    for (done, title) in (0u8..).zip(["Breakfast", "Museum of tiles", "Dinner by the river"]) {
        let status =
            json!({"state": "executing", "progress": f64::from(done) / 3.0, "message": format!("Planning {title}")});
        room.say("agent.status", status).await?;
        let item = json!({"op": "item.add", "item": {"kind": "activity", "title": title, "day": day}});
        room.ask("doc.patch", json!({"operations": [item]})).await?;
    }
    room.ask("chat.message", json!({"text": format!("{day} is planned."), "client_id": "planned"})).await?;
    room.say("agent.status", json!({"state": "completed"})).await
}

/// Comes into the room, does its work, and listens until the connection ends.
pub async fn visit(server: &str, room: &str) -> Result<(), Failure> {
    // `?name=` works while authentication is off; with it, an API key goes into an Authorization header.
    let (socket, _) = connect_async(format!("{server}/v1/rooms/{room}/socket?name=agent:Scout")).await?;
    let mut room = Room { socket, asked: 0 };
    let welcome = room.next().await?;
    println!("welcome {}", welcome["data"]["role"]);
    plan(&mut room).await?;
    println!("done");
    loop {
        let event = room.next().await?;
        match event["type"].as_str() {
            Some("agent.command") if event["data"]["action"] == "cancel" => {
                room.say("agent.status", json!({"state": "paused", "message": "Stopped"})).await?;
            }
            Some("doc.changed") => println!("changed {}", event["data"]["pointers"]),
            Some("chat.message") => println!("{}: {}", event["from"]["id"], event["data"]["text"]),
            _ => {}
        }
    }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next().unwrap_or_else(|| "ws://127.0.0.1:8080".to_owned());
    let room = arguments.next().unwrap_or_else(|| "lisbon".to_owned());
    loop {
        if let Err(error) = visit(&server, &room).await {
            println!("{error}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

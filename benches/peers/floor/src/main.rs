//! The floor: a relay of the y-websocket protocol without documents, state or log. It answers Step1 with an empty Step2
//! and passes updates and presence on to everybody else in the room; all that waits goes out in one write a client. What
//! it takes is what the kernel takes, so no server does the same for less. It must never look into an update.
//!
//!     floor [PORT]        any free port without one; it prints its address when it listens

mod client;
mod room;
mod socket;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::StreamExt;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};

use crate::client::{Client, frame};
use crate::room::{Mail, Room};
use crate::socket::Socket;

/// Connections that may wait to be accepted.
const BACKLOG: u32 = 8192;
/// Bytes that tungstenite reads at once; each connection owns as many.
const READ_BUFFER: usize = 1024;
/// The first bytes of a request for what the other side has, and the answer that nothing is there.
const STEP1: [u8; 2] = [0, 0];
const EMPTY_STEP2: [u8; 5] = [0, 1, 2, 0, 0];
/// The first bytes of an update and of presence.
const UPDATE: [u8; 2] = [0, 2];
const PRESENCE: u8 = 1;

type Rooms = Arc<Mutex<HashMap<String, Room>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let port = std::env::args().nth(1).map_or(0, |port| port.parse().expect("a port"));
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(([127, 0, 0, 1], port).into())?;
    let listener = socket.listen(BACKLOG)?;
    println!("ws://{}", listener.local_addr()?);
    let rooms = Rooms::default();
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(serve(stream, Arc::clone(&rooms)));
    }
}

/// One connection, from its upgrade to its end.
async fn serve(stream: TcpStream, rooms: Rooms) {
    let mut name = String::new();
    #[allow(clippy::result_large_err)] // tungstenite's own type
    let upgrade = |request: &Request, response: Response| {
        request.uri().path().clone_into(&mut name);
        Ok(response)
    };
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let Ok(upgraded) = tokio_tungstenite::accept_hdr_async_with_config(stream, upgrade, Some(config)).await else {
        return;
    };
    // No client speaks before it was answered, so nothing was read ahead.
    let (read, write) = upgraded.into_inner().into_split();
    let client = Arc::new(Client::new(write));
    let room = rooms.lock().expect("nobody panics").entry(name).or_insert_with(Room::open).clone();
    room.tell(Mail::Join(Arc::clone(&client))).await;
    tokio::select! {
        () = listen(read, config, &client, &room) => {}
        () = client.drain() => {}
    }
    room.tell(Mail::Leave(client.id)).await;
}

/// Takes the client's messages until it ends.
async fn listen(read: OwnedReadHalf, config: WebSocketConfig, client: &Arc<Client>, room: &Room) {
    let socket = Socket::new(read, Arc::clone(client));
    let mut stream = WebSocketStream::from_raw_socket(socket, Role::Server, Some(config)).await;
    while let Some(Ok(message)) = stream.next().await {
        let Message::Binary(bytes) = message else { continue };
        if bytes.starts_with(&STEP1) {
            client.send(&frame(&EMPTY_STEP2));
        } else if bytes.starts_with(&UPDATE) || bytes.first() == Some(&PRESENCE) {
            room.tell(Mail::Message { from: client.id, frame: Bytes::from(frame(&bytes)) }).await;
        }
    }
}

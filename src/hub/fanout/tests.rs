//! What everybody in a room is sent, over real sockets.

use std::sync::Arc;

use smallvec::smallvec;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::hub::outbox::Outbox;

const PEOPLE: u64 = 3 * PREFETCHED as u64 + 1;

/// A line to each of many, and the sockets at their ends. Every third speaks JSON.
async fn room(now: Instant) -> Vec<(Line, TcpStream)> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let mut room = Vec::new();
    for id in 0..PEOPLE {
        let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
        let (_, write) = near.expect("connected").into_split();
        let protocol = if id % 3 == 0 { Protocol::Events } else { Protocol::Yjs };
        let outbox = Arc::new(Outbox::new(write, 1 << 20, now));
        room.push((Line::new(ConnectionId(id), protocol, outbox), far.expect("accepted").0));
    }
    room
}

#[tokio::test]
async fn everybody_in_a_large_room_gets_what_the_others_wrote_once_and_in_order() {
    let now = Instant::now();
    let room = room(now).await;
    let update = |text: &'static str| Bytes::from_static(text.as_bytes());
    let (first, last) = (ConnectionId(1), ConnectionId(PEOPLE - 2));
    let fanouts = [
        Fanout { update: update("both"), authors: smallvec![(first, update("one")), (last, update("two"))] },
        Fanout { update: update("three"), authors: smallvec![(first, update("three"))] },
    ];
    let echo = |text| ServerMessage::Update(update(text));
    let echoes = [
        (ConnectionId(0), echo("no")),
        (first, echo("mine")),
        (ConnectionId(2), echo("my")),
        (ConnectionId(2), echo("own")),
    ];
    let tally = fan_out(now, room.iter().map(|(line, _)| line), &fanouts, None, &echoes);

    let mut heard = 0;
    for (line, mut far) in room {
        let texts: &[&'static str] = match line.id() {
            _ if *line.protocol() == Protocol::Events => &[],
            id if id == first => &["two", "mine"],
            ConnectionId(2) => &["both", "three", "my", "own"],
            id if id == last => &["one", "three"],
            _ => &["both", "three"],
        };
        let frames = texts.iter().map(|text| update_frame(line.protocol(), &update(text)));
        let expected: Vec<u8> = frames.flat_map(|frame| [&frame.head[..], &frame.body[..]].concat()).collect();
        let id = line.id();
        drop(line);
        let mut read = Vec::new();
        far.read_to_end(&mut read).await.expect("it is sent");
        assert_eq!(read, expected, "{id:?}");
        heard += usize::from(!read.is_empty());
    }
    assert_eq!((tally.sent, tally.queued, tally.overflowed), (heard, 0, 0));
}

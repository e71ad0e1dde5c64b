//! What a connection is still to be sent, over a real socket.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::hub::members::{Members, Patience};
use crate::telemetry::Metrics;
use crate::wire::hocuspocus::Address;

/// An outbox, and the socket of its peer.
async fn outbox(now: Instant, budget: usize) -> (Arc<Outbox>, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let (near, far) = tokio::join!(TcpStream::connect(listener.local_addr().expect("bound")), listener.accept());
    let (_, write) = near.expect("connected").into_split();
    (Arc::new(Outbox::new(write, budget, now)), far.expect("accepted").0)
}

fn frame(body: Vec<u8>) -> Frame {
    Frame::new(Opcode::Binary, &[], Bytes::from(body))
}

#[tokio::test]
async fn what_waits_for_a_document_that_was_closed_is_given_back() {
    let now = Instant::now();
    let (outbox, _far) = outbox(now, 1 << 30).await;
    let filler = frame(vec![0; 1 << 20]);
    while outbox.stalled_since().is_none() {
        outbox.control(now, &filler);
    }
    let patience = Patience { ping: Duration::from_mins(1), slow: Duration::from_mins(1) };
    let mut members = Members::new(now, patience, Arc::new(Metrics::new()));
    let entries = [AwarenessEntry { client: ClientId(1), clock: 1, state: Some(Bytes::from_static(b"{}")) }];
    for id in [1, 2].map(ConnectionId) {
        let line = Line::new(id, Protocol::Hocuspocus(Address::new("a")), Arc::clone(&outbox));
        line.deliver(now, &[], Some(PresenceDelivery { frame: &filler, entries: &entries }));
        members.insert(now, line);
    }
    members.remove(ConnectionId(1));
    let waiting = outbox.lock().backlog.as_ref().map(|backlog| backlog.presence_of());
    assert_eq!(waiting, Some(vec![ConnectionId(2)]));
}

#[tokio::test]
async fn a_socket_that_was_full_is_written_to_again_after_what_waited_was_dropped() {
    let now = Instant::now();
    let (outbox, mut far) = outbox(now, 8).await;
    let mut line = Line::new(ConnectionId(1), Protocol::Yjs, Arc::clone(&outbox));
    let mut filled = 0;
    while let Ok(taken) = outbox.socket.try_write(&[0; 1 << 14]) {
        filled += taken;
    }
    let (waits, control, healed) = (frame(vec![1; 8]), frame(vec![2; 8]), frame(vec![3; 8]));
    // The kernel may find room for a little more.
    while line.deliver(now, std::slice::from_ref(&waits), None) == Delivered::Written {
        filled += waits.len();
    }
    assert_eq!(line.deliver(now, std::slice::from_ref(&waits), None), Delivered::Overflowed);
    let begun = |backlog: &Backlog| backlog.frames().0.map(Frame::len).sum::<usize>();
    filled += outbox.lock().backlog.as_deref().map_or(0, begun);
    outbox.control(now, &control);

    let reading = async {
        let mut read = vec![0; filled + control.len()];
        far.read_exact(&mut read).await.expect("it is sent");
        read.split_off(filled)
    };
    let (read, drained) = tokio::join!(reading, poll_fn(|context| outbox.poll_drained(context)));
    assert_eq!(read, [&control.head[..], &control.body[..]].concat());
    assert_eq!(drained.expect("the peer is there"), Drained::Stale);

    assert_eq!(line.heal(now, std::slice::from_ref(&healed)), Delivered::Written);
    let mut read = vec![0; healed.len()];
    far.read_exact(&mut read).await.expect("it is sent");
    assert_eq!(read, [&healed.head[..], &healed.body[..]].concat());
}

//! What a connection is still to be sent, over a real socket.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::hub::members::{Members, Patience};
use crate::telemetry::Metrics;
use crate::wire::awareness::ClientId;
use crate::wire::hocuspocus::Address;
use crate::wire::{Protocol, ServerMessage};

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

/// Lets the socket take what it takes while `far` reads so many bytes; gives them.
async fn drained(outbox: &Outbox, far: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut read = vec![0; length];
    tokio::select! {
        biased;
        all = far.read_exact(&mut read) => { all.expect("it is sent"); }
        early = poll_fn(|context| outbox.poll_drained(context)) => panic!("{early:?}"),
    }
    poll_fn(|context| {
        assert!(outbox.poll_drained(context).is_pending(), "there is nothing more to do");
        Poll::Ready(())
    })
    .await;
    read
}

#[tokio::test]
async fn what_the_socket_does_not_take_follows_in_order_and_then_nothing_is_kept() {
    let now = Instant::now();
    let (outbox, mut far) = outbox(now, 1 << 30).await;
    let line = Line::new(ConnectionId(1), Protocol::Yjs, Arc::clone(&outbox));
    let entry = |clock| AwarenessEntry { client: ClientId(1), clock, state: Some(Bytes::from_static(b"{}")) };
    let presence = |clock| Protocol::Yjs.frame(&ServerMessage::Presence(vec![entry(clock)])).expect("it has presence");
    // Far more than a socket takes at once: it stops within the second frame.
    let (small, large) = (frame(vec![1; 100]), frame(vec![2; 64 << 20]));
    let first = [small.clone(), large.clone(), frame(vec![3; 50])];
    let told = PresenceDelivery { frame: &presence(1), entries: &[entry(1)] };
    assert_eq!(line.deliver(now, &first, Some(told)), Delivered::Queued);
    assert!(outbox.stalled_since().is_some());
    let told = PresenceDelivery { frame: &presence(2), entries: &[entry(2)] };
    assert_eq!(line.deliver(now, &[frame(vec![4; 10])], Some(told)), Delivered::Queued);
    outbox.control(now, &frame(vec![5; 20]));

    let expected = [small, large, frame(vec![3; 50]), frame(vec![4; 10]), frame(vec![5; 20]), presence(2)];
    let expected: Vec<u8> = expected.iter().flat_map(|frame| [&frame.head[..], &frame.body[..]].concat()).collect();
    let read = drained(&outbox, &mut far, expected.len()).await;
    assert!(read == expected, "{} bytes, of presence only the latest", read.len());
    assert!(outbox.lock().backlog.is_none());
    assert!(line.is_current());
    assert_eq!(outbox.stalled_since(), None);
}

#[tokio::test]
async fn presence_that_the_socket_has_begun_to_take_is_sent_to_its_end() {
    let now = Instant::now();
    let (outbox, mut far) = outbox(now, 1 << 30).await;
    let line = Line::new(ConnectionId(1), Protocol::Yjs, Arc::clone(&outbox));
    let state = Bytes::from(vec![b' '; 64 << 20]);
    let entries = [AwarenessEntry { client: ClientId(1), clock: 1, state: Some(state) }];
    let whole = Protocol::Yjs.frame(&ServerMessage::Presence(entries.to_vec())).expect("it has presence");
    let told = PresenceDelivery { frame: &whole, entries: &entries };
    assert_eq!(line.deliver(now, &[frame(vec![1; 100])], Some(told)), Delivered::Queued);
    let expected = [frame(vec![1; 100]), whole];
    let expected: Vec<u8> = expected.iter().flat_map(|frame| [&frame.head[..], &frame.body[..]].concat()).collect();
    assert!(drained(&outbox, &mut far, expected.len()).await == expected);
    assert!(outbox.lock().backlog.is_none());
}

#[tokio::test]
async fn who_is_dropped_in_the_middle_of_a_frame_is_sent_nothing_behind_it() {
    let now = Instant::now();
    let (outbox, _far) = outbox(now, 1 << 30).await;
    let line = Line::new(ConnectionId(1), Protocol::Yjs, Arc::clone(&outbox));
    assert_eq!(line.deliver(now, &[frame(vec![2; 64 << 20])], None), Delivered::Queued);
    outbox.abort(CloseReason::SlowClient);
    let ended = poll_fn(|context| outbox.poll_drained(context)).await.expect("the peer is there");
    assert_eq!(ended, Drained::Closed(CloseReason::SlowClient));
    assert_eq!(line.deliver(now, &[frame(vec![3; 10])], None), Delivered::Dropped);
}

#[tokio::test]
async fn lines_that_ended_are_told_one_by_one_and_the_others_go_on() {
    let now = Instant::now();
    let (outbox, mut far) = outbox(now, 1 << 30).await;
    let ids = [1, 2].map(ConnectionId);
    for id in ids.into_iter().chain([ids[0]]) {
        outbox.end_line(id, CloseReason::Normal);
    }
    let mut ended = Vec::new();
    for _ in ids {
        ended.push(poll_fn(|context| outbox.poll_drained(context)).await.expect("the peer is there"));
    }
    for id in ids {
        assert!(ended.contains(&Drained::Ended(id, CloseReason::Normal)), "{ended:?}");
    }
    assert_eq!(drained(&outbox, &mut far, 0).await, [0; 0]);
    assert!(outbox.lock().backlog.is_none());
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

//! What a connection is still to be sent, over a real socket.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

use super::*;
use crate::hub::members::{Members, Patience};
use crate::telemetry::Metrics;
use crate::wire::hocuspocus::Address;

#[tokio::test]
async fn what_waits_for_a_document_that_was_closed_is_given_back() {
    let now = Instant::now();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let (near, _far) = tokio::join!(TcpStream::connect(listener.local_addr().expect("bound")), listener.accept());
    let (_read, write) = near.expect("connected").into_split();
    let outbox = Arc::new(Outbox::new(write, 1 << 30, now));
    let filler = Frame::new(Opcode::Binary, &[], Bytes::from(vec![0; 1 << 20]));
    while outbox.lock().queue.is_empty() {
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
    let waiting: Vec<_> = outbox.lock().presence.iter().map(|(line, _)| *line).collect();
    assert_eq!(waiting, [ConnectionId(2)]);
}

//! What a socket may cost before anybody said who is behind it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Data, OpCode};
use yrs::{Doc, Text, Transact, WriteTxn};

use super::client::sync;
use super::hocuspocus::{Client, SECRET, Said, framed};
use super::house::{DEADLINE, House};

const LIMIT: usize = 64 * 1024;

fn fragment(at: usize, bytes: &[u8], is_last: bool) -> Message {
    let kind = if at == 0 { Data::Binary } else { Data::Continue };
    Message::Frame(Frame::message(bytes.to_vec(), OpCode::Data(kind), is_last))
}

/// The code that the server closes with.
async fn closed(client: &mut Client) -> CloseCode {
    let waiting = async {
        loop {
            match client.socket.next().await {
                Some(Ok(Message::Close(frame))) => return frame.unwrap().code,
                Some(Ok(_)) => {}
                other => panic!("the socket ended without a word: {other:?}"),
            }
        }
    };
    tokio::time::timeout(DEADLINE, waiting).await.expect("the server closes")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_without_an_end_is_not_kept_for_a_stranger() {
    let house = House::open(&["--jwt-secret", SECRET, "--max-waiting", "64KiB"]).await;
    // In fragments, with pings in between, and as a single frame of which the rest never comes.
    let mut client = Client::connect(&house).await;
    for at in 0..8 {
        // The server may have closed meanwhile.
        let _ = client.socket.send(fragment(at, &[7; LIMIT / 4], false)).await;
        let _ = client.socket.send(Message::Ping(Vec::new().into())).await;
    }
    assert_eq!(closed(&mut client).await, CloseCode::Library(4205));
    house.stop().await.0.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_was_let_in_sends_what_it_likes() {
    let house = House::open(&["--jwt-secret", SECRET, "--max-waiting", "64KiB"]).await;
    let mut client = Client::connect(&house).await;
    client.sign_in(Duration::from_mins(5)).await;
    let update = {
        let doc = Doc::with_client_id(1);
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 0, &"x".repeat(4 * LIMIT));
        txn.encode_update_v1()
    };
    let frame = framed(&sync(2, &update));
    let pieces: Vec<_> = frame.chunks(LIMIT).collect();
    for (at, piece) in pieces.iter().enumerate() {
        client.socket.send(fragment(at, piece, at + 1 == pieces.len())).await.unwrap();
    }
    client.until("it to be saved", Said::Saved).await;
    house.stop().await.0.unwrap();
}

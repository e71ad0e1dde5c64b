//! A room as one task: it takes all that waits, and writes once to each client whatever the others said.

use std::io::IoSlice;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::mpsc;

use crate::client::Client;

/// Messages that may wait for a room; who has more to say waits with it.
const MAILBOX: usize = 4096;

/// The way into a room.
#[derive(Clone)]
pub struct Room(mpsc::Sender<Mail>);

pub enum Mail {
    Join(Arc<Client>),
    Leave(u64),
    Message { from: u64, frame: Bytes },
}

impl Room {
    /// Starts an empty room. It lives as long as the process.
    pub fn open() -> Self {
        let (sender, receiver) = mpsc::channel(MAILBOX);
        tokio::spawn(run(receiver));
        Self(sender)
    }

    pub async fn tell(&self, mail: Mail) {
        // Its task ends with the process only.
        let _ = self.0.send(mail).await;
    }
}

async fn run(mut mailbox: mpsc::Receiver<Mail>) {
    let mut clients: Vec<Arc<Client>> = Vec::new();
    let mut mail = Vec::with_capacity(MAILBOX);
    let mut turn = Turn::default();
    while mailbox.recv_many(&mut mail, MAILBOX).await > 0 {
        for mail in mail.drain(..) {
            match mail {
                Mail::Join(client) => clients.push(client),
                Mail::Leave(id) => clients.retain(|client| client.id != id),
                Mail::Message { from, frame } => turn.add(from, &frame),
            }
        }
        turn.flush(&clients);
    }
}

/// What was said in one turn, in one row, and where in it each client's own words are.
#[derive(Default)]
struct Turn {
    bytes: Vec<u8>,
    own: Vec<(u64, Range<usize>)>,
}

impl Turn {
    fn add(&mut self, from: u64, frame: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(frame);
        self.own.push((from, start..self.bytes.len()));
    }

    /// Everybody gets what the others said. Beforehand, the own words of each are brought together, in order.
    fn flush(&mut self, clients: &[Arc<Client>]) {
        self.own.sort_by_key(|(client, range)| (*client, range.start));
        for client in clients {
            let first = self.own.partition_point(|(from, _)| *from < client.id);
            let own = self.own[first..].iter().take_while(|(from, _)| *from == client.id);
            let mut pieces = Vec::new();
            let mut at = 0;
            for (_, range) in own {
                pieces.push(&self.bytes[at..range.start]);
                at = range.end;
            }
            pieces.push(&self.bytes[at..]);
            let pieces: Vec<_> = pieces.into_iter().filter(|piece| !piece.is_empty()).map(IoSlice::new).collect();
            if !pieces.is_empty() {
                client.send_all(&pieces);
            }
        }
        self.bytes.clear();
        self.own.clear();
    }
}

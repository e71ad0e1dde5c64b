//! One client's outgoing side: written by its room straight into the socket; what the socket does not take waits here,
//! and the connection's task carries on. Bounded: a client that falls too far behind is cut off.

use std::io::{self, IoSlice};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::SockRef;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::Notify;

/// Bytes that may wait for one client.
const BEHIND_MAX: usize = 64 * 1024 * 1024;

static NEXT: AtomicU64 = AtomicU64::new(0);

pub struct Client {
    pub id: u64,
    socket: OwnedWriteHalf,
    waiting: Mutex<Vec<u8>>,
    /// Something waits, or too much does.
    behind: Notify,
}

impl Client {
    pub fn new(socket: OwnedWriteHalf) -> Self {
        Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            socket,
            waiting: Mutex::new(Vec::new()),
            behind: Notify::new(),
        }
    }

    /// Sends one piece, or keeps it.
    pub fn send(&self, bytes: &[u8]) {
        self.send_all(&[IoSlice::new(bytes)]);
    }

    /// Sends all `pieces` in one write, or keeps what the socket does not take.
    pub fn send_all(&self, pieces: &[IoSlice]) {
        let mut waiting = self.waiting.lock().expect("nobody panics");
        // An error shows when the connection's task reads or drains.
        let mut taken = if waiting.is_empty() { self.write(pieces).unwrap_or(0) } else { 0 };
        for piece in pieces {
            let skipped = taken.min(piece.len());
            taken -= skipped;
            waiting.extend_from_slice(&piece[skipped..]);
        }
        if !waiting.is_empty() {
            self.behind.notify_one();
        }
    }

    /// Asks the kernel without asking the runtime first: the socket nearly always takes all.
    fn write(&self, pieces: &[IoSlice]) -> io::Result<usize> {
        let socket = SockRef::from(self.socket.as_ref());
        match pieces {
            [piece] => socket.send(piece),
            pieces => socket.send_vectored(pieces),
        }
    }

    /// Sends what waits whenever something does; returns when the client is gone, or too far behind.
    pub async fn drain(&self) {
        loop {
            self.behind.notified().await;
            while self.waiting() > 0 {
                if self.waiting() > BEHIND_MAX || self.socket.writable().await.is_err() {
                    return;
                }
                let mut waiting = self.waiting.lock().expect("nobody panics");
                match self.socket.try_write(&waiting) {
                    Ok(taken) => drop(waiting.drain(..taken)),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(_) => return,
                }
                if waiting.is_empty() {
                    *waiting = Vec::new();
                }
            }
        }
    }

    fn waiting(&self) -> usize {
        self.waiting.lock().expect("nobody panics").len()
    }
}

/// A message as one unmasked binary WebSocket frame.
pub fn frame(message: &[u8]) -> Vec<u8> {
    const BINARY: u8 = 0x82;
    let mut frame = Vec::with_capacity(message.len() + 10);
    frame.push(BINARY);
    match (u8::try_from(message.len()), u16::try_from(message.len())) {
        (Ok(length @ 0..126), _) => frame.push(length),
        (_, Ok(length)) => {
            frame.push(126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frame.push(127);
            frame.extend_from_slice(&(message.len() as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(message);
    frame
}

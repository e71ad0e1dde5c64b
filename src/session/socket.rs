//! The bare TCP socket, and the messages that come from it. Reading goes through one buffer a thread, and what takes
//! messages apart is there only while one is under way, so that a silent connection owns no buffer. What tungstenite itself
//! writes (pongs, the answer to a close) goes through the outbox, in order with everything else.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::arriving::Arriving;
use crate::hub::outbox::Outbox;

/// How much is read from a socket at once.
const READ_BYTES: usize = 64 * 1024;

thread_local! {
    static READ_BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// Both sides of one TCP socket.
#[derive(Debug)]
pub struct Socket {
    read: OwnedReadHalf,
    outbox: Arc<Outbox>,
    /// Bytes that a message may have.
    message_bytes: usize,
    /// How many more bytes are read; nothing: as many as come.
    allowance: Option<usize>,
    /// The message that is under way.
    arriving: Option<Box<Arriving>>,
}

/// More came than was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more came than was allowed")]
pub struct OverAllowance;

impl Socket {
    /// `ahead` is what was already read from the socket. A message may have `message_bytes`.
    pub fn new(read: OwnedReadHalf, outbox: Arc<Outbox>, ahead: Bytes, message_bytes: usize) -> Self {
        let mut socket = Self { read, outbox, message_bytes, allowance: None, arriving: None };
        if !ahead.is_empty() {
            socket.begin().add(ahead);
        }
        socket
    }

    /// Where it is answered.
    pub fn outbox(&self) -> &Arc<Outbox> {
        &self.outbox
    }

    /// Reads so many more bytes from now on, or as many as come, and fails with [`OverAllowance`] beyond.
    pub fn allow(&mut self, bytes: Option<usize>) {
        self.allowance = bytes;
    }

    /// The next message, also one of those that tungstenite answers itself.
    pub fn poll_message(&mut self, context: &mut Context<'_>) -> Poll<Result<Message, Error>> {
        loop {
            if let Some(arriving) = &mut self.arriving {
                if let Some(heard) = arriving.next(&mut self.allowance, &self.outbox) {
                    return Poll::Ready(heard);
                }
                if arriving.is_between_messages() {
                    self.arriving = None;
                }
            }
            ready!(self.poll_read(context))?;
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        READ_BUFFER.with_borrow_mut(|buffer| {
            let mut target = ReadBuf::new(buffer);
            ready!(Pin::new(&mut self.read).poll_read(context, &mut target))?;
            self.begin().add(Bytes::copy_from_slice(target.filled()));
            Poll::Ready(Ok(()))
        })
    }

    fn begin(&mut self) -> &mut Arriving {
        self.arriving.get_or_insert_with(|| Box::new(Arriving::new(self.message_bytes)))
    }

    /// Reads and forgets until the peer ends or fails. A socket that is closed with something unread resets the
    /// connection, and the peer may lose the close frame that it was sent.
    pub async fn discard(mut self) {
        std::future::poll_fn(|context| {
            READ_BUFFER.with_borrow_mut(|buffer| {
                // A bounded number of rounds, so that a peer that never stops does not hold the thread.
                for _ in 0..16 {
                    let mut target = ReadBuf::new(buffer);
                    let read = ready!(Pin::new(&mut self.read).poll_read(context, &mut target));
                    if read.is_err() || target.filled().is_empty() {
                        return Poll::Ready(());
                    }
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Instant;

    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    #[tokio::test]
    async fn a_message_that_comes_byte_by_byte_is_whole_and_nothing_is_kept_when_it_was_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let mut peer = TcpStream::connect(listener.local_addr().expect("bound")).await.expect("it listens");
        let (read, write) = listener.accept().await.expect("it connects").0.into_split();
        let outbox = Arc::new(Outbox::new(write, 1_000, Instant::now()));
        let mut socket = Socket::new(read, outbox, Bytes::new(), 1_000);
        let frame = [0x82, 0x83, 0, 0, 0, 0, b'A', b'd', b'a'];
        for (at, byte) in frame.into_iter().enumerate() {
            assert!(poll_fn(|context| Poll::Ready(socket.poll_message(context))).await.is_pending());
            assert_eq!(socket.arriving.is_some(), at > 0);
            peer.write_all(&[byte]).await.expect("it is open");
            socket.read.readable().await.expect("it is open");
        }
        let heard = poll_fn(|context| socket.poll_message(context)).await.expect("a message");
        assert_eq!(heard, Message::Binary(Bytes::from_static(b"Ada")));
        assert!(poll_fn(|context| Poll::Ready(socket.poll_message(context))).await.is_pending());
        assert!(socket.arriving.is_none());
    }
}

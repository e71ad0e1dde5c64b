//! The bare TCP socket under tungstenite. Reading goes through one buffer a thread, so that an idle connection owns
//! next to none; what tungstenite itself writes (pongs, the answer to a close) goes through the outbox, in order with
//! everything else.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use crate::hub::outbox::Outbox;
use crate::wire::frame::Frame;

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
    /// What was read and not yet asked for.
    ahead: Bytes,
    /// How many more bytes are read; nothing: as many as come.
    allowance: Option<usize>,
}

/// More came than was allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more came than was allowed")]
pub struct OverAllowance;

impl Socket {
    /// `ahead` is what was already read from the socket.
    pub fn new(read: OwnedReadHalf, outbox: Arc<Outbox>, ahead: Bytes) -> Self {
        Self { read, outbox, ahead, allowance: None }
    }

    /// Reads so many more bytes from now on, or as many as come, and fails with [`OverAllowance`] beyond.
    pub fn allow(&mut self, bytes: Option<usize>) {
        self.allowance = bytes;
    }

    fn spend(&mut self, bytes: usize) -> io::Result<()> {
        if let Some(allowance) = &mut self.allowance {
            *allowance = allowance.checked_sub(bytes).ok_or_else(|| io::Error::other(OverAllowance))?;
        }
        Ok(())
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

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        target: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            let read = READ_BUFFER.with_borrow_mut(|buffer| {
                let mut source = ReadBuf::new(buffer);
                ready!(Pin::new(&mut self.read).poll_read(context, &mut source))?;
                let filled = source.filled();
                let taken = filled.len().min(target.remaining());
                self.spend(taken)?;
                target.put_slice(&filled[..taken]);
                if taken < filled.len() {
                    self.ahead = Bytes::copy_from_slice(&filled[taken..]);
                }
                Poll::Ready(Ok(()))
            });
            return read;
        }
        let taken = self.ahead.len().min(target.remaining());
        self.spend(taken)?;
        target.put_slice(&self.ahead[..taken]);
        self.ahead.advance(taken);
        if self.ahead.is_empty() {
            self.ahead = Bytes::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    /// Takes one whole frame: tungstenite writes each that way when it buffers none.
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outbox.control(Instant::now(), &Frame::from_encoded(Bytes::copy_from_slice(bytes)));
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outbox.shut_down();
        Poll::Ready(Ok(()))
    }
}

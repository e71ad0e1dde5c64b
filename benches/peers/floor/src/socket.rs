//! The socket under tungstenite: it reads, and what tungstenite itself would write (pongs, the answer to a close) goes out
//! in order with everything else.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::tcp::OwnedReadHalf;

use crate::client::Client;

pub struct Socket {
    read: OwnedReadHalf,
    client: Arc<Client>,
}

impl Socket {
    pub fn new(read: OwnedReadHalf, client: Arc<Client>) -> Self {
        Self { read, client }
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context, target: &mut ReadBuf) -> Poll<io::Result<()>> {
        Pin::new(&mut self.read).poll_read(context, target)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.client.send(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

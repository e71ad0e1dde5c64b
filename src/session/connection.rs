//! One WebSocket: messages in, the outbox out, and a close that says why. Used by each protocol's session.
//! It enforces the limits on frames and knows nothing of what is in them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::Message;

use super::arriving::TAKEN_AT_ONCE;
use super::socket::{OverAllowance, Socket};
use crate::hub::outbox::{Drained, Outbox};
use crate::room::id::ConnectionId;
use crate::wire::close::CloseReason;

/// Messages up to this size are copied out of the buffer that they were read into.
const READ_AHEAD_KEPT: usize = 64 * 1024;
/// How long a peer has to take its close frame and to go.
const GOODBYE: Duration = Duration::from_secs(3);

/// Limits of one connection.
#[derive(Debug, Clone, Copy)]
pub struct ConnectionLimits {
    /// Bytes of one message.
    pub message_bytes: usize,
    /// Bytes that may wait to be sent.
    pub outbox_bytes: usize,
}

/// An open WebSocket.
pub struct Connection {
    socket: Socket,
    /// What the outbox said while something else was waited for.
    put_off: Vec<Event>,
    /// The most that is read of a message before it is whole.
    unfinished: Option<usize>,
    form: Form,
}

/// Which frames a protocol has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Binary ones.
    Binary,
    /// Text.
    Text,
}

/// What happened on a connection.
#[derive(Debug)]
pub enum Event {
    /// A message in the protocol's form.
    Message(Bytes),
    /// The outbox overflowed and is empty again: each room has to bring the client up to date.
    Stale,
    /// A room ended one of the connection's lines.
    Ended(ConnectionId, CloseReason),
}

impl Connection {
    /// Takes over a socket whose upgrade was answered; `ahead` is what was already read from it.
    pub fn new(socket: TcpStream, ahead: Bytes, limits: ConnectionLimits) -> Self {
        let (read, write) = socket.into_split();
        let outbox = Arc::new(Outbox::new(write, limits.outbox_bytes, Instant::now()));
        let socket = Socket::new(read, outbox, ahead, limits.message_bytes);
        Self { socket, put_off: Vec::new(), unfinished: None, form: Form::Binary }
    }

    /// Takes no more than so many bytes for one message, however large it may be otherwise; or as large again. What is not
    /// a whole message yet is memory that nobody else counts.
    pub fn hold_to(&mut self, bytes: Option<usize>) {
        self.unfinished = bytes.map(|bytes| bytes.saturating_add(TAKEN_AT_ONCE));
        self.socket.allow(self.unfinished);
    }

    /// From now on the client speaks in this form.
    pub fn speak(&mut self, form: Form) {
        self.form = form;
    }

    /// Where this connection is answered.
    pub fn outbox(&self) -> &Arc<Outbox> {
        self.socket.outbox()
    }

    /// The next thing that happens, or why the connection ends. Cancel-safe.
    pub async fn next(&mut self) -> Result<Event, CloseReason> {
        loop {
            if let Some(event) = self.put_off.pop() {
                return Ok(event);
            }
            // A peer that floods with pings is as many frames as one that talks: others get their turn.
            tokio::task::coop::consume_budget().await;
            let message = poll_fn(|context| {
                match self.outbox().poll_drained(context) {
                    Poll::Ready(Ok(Drained::Stale)) => return Poll::Ready(Ok(Heard::Event(Event::Stale))),
                    Poll::Ready(Ok(Drained::Ended(line, reason))) => {
                        return Poll::Ready(Ok(Heard::Event(Event::Ended(line, reason))));
                    }
                    Poll::Ready(Ok(Drained::Closed(reason))) => return Poll::Ready(Err(reason)),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(CloseReason::Normal)),
                    Poll::Pending => {}
                }
                self.socket.poll_message(context).map(|heard| heard.map(Heard::Message).map_err(|error| reason(&error)))
            });
            let message = match message.await? {
                Heard::Message(message) => message,
                Heard::Event(event) => return Ok(event),
            };
            self.outbox().pulse().hear(Instant::now());
            match message {
                Message::Binary(bytes) if self.form == Form::Binary => {
                    // Only a whole message: pings may come between its fragments.
                    self.socket.allow(self.unfinished);
                    return Ok(Event::Message(own(bytes)));
                }
                Message::Text(text) if self.form == Form::Text => return Ok(Event::Message(own(text.into()))),
                Message::Binary(_) | Message::Text(_) => return Err(CloseReason::UnsupportedData),
                Message::Ping(_) | Message::Pong(_) | Message::Close(_) | Message::Frame(_) => {}
            }
        }
    }

    /// Waits for `work` while the outbox goes on being sent.
    pub async fn during<T>(&mut self, work: impl Future<Output = T>) -> Result<T, CloseReason> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Ok(done));
            }
            loop {
                match self.outbox().poll_drained(context) {
                    Poll::Ready(Ok(Drained::Stale)) => self.put_off.push(Event::Stale),
                    Poll::Ready(Ok(Drained::Ended(line, reason))) => self.put_off.push(Event::Ended(line, reason)),
                    Poll::Ready(Ok(Drained::Closed(reason))) => return Poll::Ready(Err(reason)),
                    Poll::Ready(Err(_)) => return Poll::Ready(Err(CloseReason::Normal)),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }

    /// Says why and goes: the close frame is sent behind everything that waits, then the peer gets a moment to leave.
    pub async fn finish(self, reason: CloseReason) {
        let Self { socket, .. } = self;
        let outbox = Arc::clone(socket.outbox());
        outbox.close(reason);
        let goodbye = async {
            // The outbox ends with the close frame, or because the peer is gone.
            while let Ok(Drained::Stale | Drained::Ended(..)) = poll_fn(|context| outbox.poll_drained(context)).await {}
            outbox.shut_down();
            socket.discard().await;
        };
        // Whoever takes longer is cut off.
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// A message that is kept must not keep what was read beside it, which may be much more.
fn own(message: Bytes) -> Bytes {
    if message.len() <= READ_AHEAD_KEPT { Bytes::copy_from_slice(&message) } else { message }
}

/// What a round of waiting came to.
enum Heard {
    Message(Message),
    Event(Event),
}

/// What an error of tungstenite means for the peer.
fn reason(error: &Error) -> CloseReason {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => CloseReason::FrameTooBig,
        Error::Io(error) if matches!(error.get_ref(), Some(inner) if inner.is::<OverAllowance>()) => {
            CloseReason::TooMuchWaiting
        }
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => CloseReason::Normal,
        Error::Utf8(_) => CloseReason::UnsupportedData,
        _ => CloseReason::ProtocolError,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_message_keeps_nothing_of_the_buffer_that_it_came_in() {
        let buffer = Bytes::from(vec![7; 1 << 20]);
        let message = own(buffer.slice(..100));
        assert!(message.is_unique() && message == buffer.slice(..100));
    }
}

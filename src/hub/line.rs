//! One room's way to one connection: who it is, how it is spoken to, and the outbox of its socket, which other
//! rooms may share. Made by a session, owned by the room's `Members`.
//! When the socket's outbox overflows, every line that goes through it is stale until its own room healed it.

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::outbox::{Delivered, Epoch, Outbox, PresenceDelivery};
use crate::room::event::Event;
use crate::room::id::ConnectionId;
use crate::wire::close::{CloseReason, Scope};
use crate::wire::frame::Frame;
use crate::wire::{Protocol, ServerMessage};

/// See the module.
#[derive(Debug)]
pub struct Line {
    id: ConnectionId,
    protocol: Protocol,
    outbox: Arc<Outbox>,
    /// The outbox's epoch up to which this line has lost nothing.
    epoch: Epoch,
}

impl Line {
    /// A line through `outbox`.
    pub fn new(id: ConnectionId, protocol: Protocol, outbox: Arc<Outbox>) -> Self {
        let epoch = outbox.epoch();
        Self { id, protocol, outbox, epoch }
    }

    /// Whose line it is.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// What the client speaks.
    pub fn protocol(&self) -> &Protocol {
        &self.protocol
    }

    /// The socket's outbox.
    pub fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// Sends document frames, then presence. Never waits.
    pub fn deliver(&self, now: Instant, frames: &[Frame], presence: Option<PresenceDelivery<'_>>) -> Delivered {
        self.outbox.deliver(now, self, frames, presence)
    }

    /// Sends a message that nothing makes up for.
    pub fn control(&self, now: Instant, message: &ServerMessage) {
        if let Some(frame) = self.protocol.frame(message) {
            self.outbox.control(now, &frame);
        }
    }

    /// Answers a stale line's question: from here on frames are queued again, unless the outbox overflowed anew.
    pub fn heal(&mut self, now: Instant, frames: &[Frame]) -> Delivered {
        match self.outbox.heal_epoch() {
            Some(epoch) => self.epoch = epoch,
            None => return Delivered::Dropped,
        }
        self.deliver(now, frames, None)
    }

    /// Whether the socket has taken all that was ever said on this line, and nothing was dropped.
    pub fn is_current(&self) -> bool {
        self.outbox.is_current(self.epoch)
    }

    /// The outbox's epoch up to which this line has lost nothing.
    pub(super) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Ends the line behind everything that waits: the document where the protocol can end one, else the socket.
    pub fn close(&self, reason: CloseReason) {
        match (&self.protocol, reason.scope()) {
            (Protocol::Hocuspocus(_), Scope::Document) => self.outbox.end_line(self.id, reason),
            (Protocol::Events, _) => {
                let event = Event::Closing(reason.into());
                self.control(Instant::now(), &ServerMessage::Event(event.encode(None, Timestamp::now(), None, None)));
                self.outbox.close(reason);
            }
            _ => self.outbox.close(reason),
        }
    }

    /// Drops what is queued and ends the socket.
    pub fn abort(&self, reason: CloseReason) {
        self.outbox.abort(reason);
    }
}

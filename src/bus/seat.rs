//! One open room's place on the bus. The room's task owns it: it says what the room has to say to other nodes and waits
//! here for what they say. Dropping it tells them that the room is closed here.

use std::sync::Arc;

use super::envelope::{Body, Envelope};
use super::seats::Queue;
use super::{Channel, Shared};
use crate::room::id::RoomId;
use crate::room::node::{NodeMessage, NodeNews, Recipient};

/// See the module.
pub struct Seat {
    shared: Arc<Shared>,
    room: RoomId,
    life: Life,
    said: u64,
    queue: Queue,
}

/// One opening of a room at this node.
pub(super) struct Life {
    /// Counts them.
    pub number: u64,
    /// How many other nodes had it open.
    pub others: usize,
}

impl Seat {
    pub(super) fn new(shared: Arc<Shared>, room: RoomId, life: Life, queue: Queue) -> Self {
        Self { shared, room, life, said: 0, queue }
    }

    /// How many other nodes had the room open when this seat was taken, as far as is known.
    pub fn others(&self) -> usize {
        self.life.others
    }

    /// Says something to other nodes. Never waits; what is lost on the way is missed by whoever hears the next message.
    pub fn say(&mut self, to: Recipient, message: NodeMessage) {
        self.send(to, Body::Room(message));
    }

    fn send(&mut self, to: Recipient, body: Body) {
        let envelope = Envelope { from: self.shared.node, life: self.life.number, sequence: self.said, to, body };
        self.said += 1;
        self.shared.wire.publish(&Channel::Room(self.room.clone()), envelope.encode(self.shared.cluster));
    }

    /// Waits for what comes next. Cancel-safe.
    pub async fn hear(&mut self) -> NodeNews {
        self.queue.next().await
    }

    /// What has come, without waiting.
    pub fn heard(&mut self) -> Option<NodeNews> {
        self.queue.try_next()
    }

    /// By how much of a period the regular work of this room lies apart from that of others, from 0 to 1.
    pub fn spread(&self) -> f64 {
        // The golden ratio spreads consecutive numbers evenly.
        (self.life.number as f64 * 0.618_033_988_749_895).fract()
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.send(Recipient::All, Body::Left);
        // A room that is opened again meanwhile has taken the place.
        let channel = Channel::Room(self.room.clone());
        self.shared.seats.leave(&self.room, self.life.number, || self.shared.wire.unsubscribe(&channel));
    }
}

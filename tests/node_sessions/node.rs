//! One node: a room, rows on their way to the store, and what has come from other nodes.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use triproom::room::document::Document;
use triproom::room::durability::LogPosition;
use triproom::room::effects::Effects;
use triproom::room::input::{Admission, Input};
use triproom::room::node::{NodeId, NodeNews};
use triproom::room::room::{Room, RoomLimits};
use triproom::room::view::ViewLimits;

pub const LIMITS: RoomLimits = RoomLimits {
    document_bytes: 1 << 20,
    presence_clients: 4,
    undo_bytes: 256 << 10,
    json: ViewLimits { values: 1_000_000, bytes: 32 << 20 },
};

pub struct Node {
    pub id: NodeId,
    pub room: Room,
    /// What has come by the wire.
    pub heard: VecDeque<NodeNews>,
    /// Nodes of which something was lost that will be noticed with their next message.
    pub gaps: HashSet<NodeId>,
    /// Rows that are not in the store yet.
    pub pending: VecDeque<Bytes>,
    durable: u64,
    now: Instant,
}

impl Node {
    pub fn open(id: NodeId, now: Instant, document: Document) -> Self {
        let mut room = Room::new(now, document, LIMITS);
        room.share(now, 0.5, 0);
        let (heard, gaps, pending) = Default::default();
        Self { id, room, heard, gaps, pending, durable: 0, now }
    }

    pub fn turn(&mut self, inputs: &mut VecDeque<Input>) -> Effects {
        self.now += Duration::from_millis(5);
        let effects = self.room.turn(self.now, inputs, Admission::Open);
        self.pending.extend(effects.log.iter().cloned());
        effects
    }

    pub fn serve(&mut self) -> Option<Effects> {
        let effects = self.room.has_requests().then(|| self.room.serve(Admission::Open))?;
        self.pending.extend(effects.log.iter().cloned());
        Some(effects)
    }

    pub fn look(&mut self, stored: Vec<Bytes>) -> Effects {
        let effects = self.room.take_stored(stored);
        self.pending.extend(effects.log.iter().cloned());
        effects
    }

    pub fn pass(&mut self, time: Duration) -> Effects {
        self.now += time;
        let replies = self.room.tick(self.now, Admission::Open);
        let mut effects = self.room.share_due(self.now);
        effects.replies = replies;
        effects
    }

    /// So many rows reach the store: they, and what follows.
    pub fn commit(&mut self, rows: usize) -> (Vec<Bytes>, Effects) {
        let rows: Vec<Bytes> = self.pending.drain(..rows.min(self.pending.len())).collect();
        self.durable += rows.len() as u64;
        let effects = self.room.durable(LogPosition(self.durable));
        (rows, effects)
    }
}

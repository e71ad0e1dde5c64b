//! The server of a session: a room, and a store that keeps rows in memory, some of which are durable.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;
use triproom::room::durability::LogPosition;
use triproom::room::effects::Effects;
use triproom::room::fold;
use triproom::room::input::{Admission, Input};
use triproom::room::room::{Room, RoomLimits};
use triproom::room::view::ViewLimits;
use triproom::wire::ServerMessage;

const LIMITS: RoomLimits = RoomLimits {
    document_bytes: 1 << 20,
    presence_clients: 4,
    undo_bytes: 256 << 10,
    json: ViewLimits { values: 1_000_000, bytes: 32 << 20 },
};

pub struct Server {
    pub room: Room,
    now: Instant,
    snapshot: Option<Bytes>,
    rows: Vec<Bytes>,
    /// How many of `rows` survive a kill.
    durable: usize,
    /// Rows of this life of the room that were folded away or durable before.
    before: u64,
    /// Rows of this life of the room.
    appended: u64,
}

impl Server {
    pub fn new() -> Self {
        let now = Instant::now();
        let document = fold::open(None, &[], LIMITS.document_bytes).expect("nothing is valid").document;
        Self {
            room: Room::new(now, document, LIMITS),
            now,
            snapshot: None,
            rows: Vec::new(),
            durable: 0,
            before: 0,
            appended: 0,
        }
    }

    pub fn turn(&mut self, inputs: &mut VecDeque<Input>, admission: Admission) -> Effects {
        self.now += Duration::from_millis(5);
        let effects = self.room.turn(self.now, inputs, admission);
        self.rows.extend(effects.log.iter().cloned());
        self.appended += effects.log.len() as u64;
        if effects.document_lost {
            let opened = fold::open(self.snapshot.as_ref(), &self.rows, LIMITS.document_bytes).expect("a good log");
            self.room.replace_document(opened.document);
        }
        effects
    }

    /// Some more rows, or all, reach the disk.
    pub fn commit(&mut self, rows: usize) -> Vec<(triproom::room::id::ConnectionId, ServerMessage)> {
        let more = rows.min(self.rows.len() - self.durable);
        self.durable += more;
        self.before += more as u64;
        self.room.durable(LogPosition(self.before)).replies
    }

    pub fn pending(&self) -> usize {
        self.rows.len() - self.durable
    }

    /// The process dies: what was not durable is gone, and the room is opened from the rest.
    pub fn kill(&mut self) {
        self.rows.truncate(self.durable);
        let opened = fold::open(self.snapshot.as_ref(), &self.rows, LIMITS.document_bytes).expect("a good log");
        assert!(
            opened.unusable.iter().all(|at| self.rows[*at] == super::session::WAITS),
            "only the impossible is unusable"
        );
        self.room = Room::new(self.now, opened.document, LIMITS);
        (self.before, self.appended) = (0, 0);
    }

    /// Folds the durable rows into a snapshot.
    pub fn compact(&mut self) {
        let folded = fold::fold(self.snapshot.as_ref(), &self.rows[..self.durable]).expect("a good log");
        self.snapshot = Some(folded.snapshot);
        for at in folded.superfluous.into_iter().rev() {
            self.rows.remove(at);
            self.durable -= 1;
        }
    }
}

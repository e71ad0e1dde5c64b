//! Counters and histograms of one thread, taken out once a second: nothing on the way of a delivery is shared with another thread.

use std::time::Duration;

use super::latency::Latency;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// From the moment that an edit was meant until another client sees it.
    Delivery,
    /// From the beginning of a connection until the document is there.
    Join,
    /// The same of a client that was there before.
    Reconnect,
    /// From the moment that a cursor's move or an agent's status was meant until another client sees it.
    Status,
    /// By how much later than meant the generator sent.
    SendLag,
    /// By how much later than meant the generator's threads came to what they had to do.
    TickLag,
}

/// How many measures there are.
const MEASURES: usize = 6;

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Edits that were sent and are measured.
    pub sent: u64,
    /// Edits that were sent, measured or not.
    pub sent_at_all: u64,
    /// Measured edits, each at each other client that sees it.
    pub deliveries: u64,
    /// Those of them that came when the load was over.
    pub in_drain: u64,
    /// Edits, measured or not, each at each other client that sees it.
    pub deliveries_at_all: u64,
    /// Bytes that came.
    pub bytes_in: u64,
    /// Messages that came.
    pub messages_in: u64,
    /// Edits that came again as news.
    pub doubled: u64,
    /// Pieces that came after something that their writer wrote later.
    pub out_of_order: u64,
    /// Messages that say something else than was written.
    pub corrupted: u64,
    /// Messages by which the server refuses something.
    pub denied: u64,
    /// Cursor moves and statuses that were sent.
    pub moves: u64,
    /// The same, each at each other client that sees it; newer ones may replace older ones.
    pub moves_seen: u64,
    /// Clients that came.
    pub joined: u64,
    /// Clients that went, for whatever reason.
    pub left: u64,
    /// Clients that had to go although nobody cut them off.
    pub closed: u64,
    /// Attempts to connect that failed.
    pub refused: u64,
}

impl Counts {
    /// Adds another thread's or second's.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.sent_at_all += other.sent_at_all;
        self.deliveries += other.deliveries;
        self.in_drain += other.in_drain;
        self.deliveries_at_all += other.deliveries_at_all;
        self.bytes_in += other.bytes_in;
        self.messages_in += other.messages_in;
        self.doubled += other.doubled;
        self.out_of_order += other.out_of_order;
        self.corrupted += other.corrupted;
        self.denied += other.denied;
        self.moves += other.moves;
        self.moves_seen += other.moves_seen;
        self.joined += other.joined;
        self.left += other.left;
        self.closed += other.closed;
        self.refused += other.refused;
    }
}

/// What a thread has measured since it was last asked.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    /// The counters.
    pub counts: Counts,
    measures: [Latency; MEASURES],
}

impl Meter {
    /// Takes down a time in nanoseconds.
    pub fn record(&mut self, measure: Measure, nanoseconds: u64) {
        self.measures[measure as usize].record(Duration::from_nanos(nanoseconds));
    }

    /// Takes down a timer that came so late, for each time that it should have come meanwhile.
    pub fn record_missed(&mut self, measure: Measure, late: Duration, every: Duration) {
        self.measures[measure as usize].record_missed(late, every);
    }

    /// The times of one measure.
    pub fn latency(&self, measure: Measure) -> &Latency {
        &self.measures[measure as usize]
    }

    /// What was measured so far; from here on it begins anew.
    pub fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// Adds what another thread has measured, or the same one in another second.
    pub fn add(&mut self, other: &Self) {
        self.counts.add(&other.counts);
        for (mine, others) in self.measures.iter_mut().zip(&other.measures) {
            mine.add(others);
        }
    }
}

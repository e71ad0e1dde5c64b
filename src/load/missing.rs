//! What has not arrived where it should have when the drain is over. Each `worker` counts that of its own people, and `conductor` adds
//! it up.

/// What has not arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Missing {
    /// Measured edits times the other people who should see each.
    pub expected: u64,
    /// Those of them that somebody does not see.
    pub lost: u64,
    /// Newest moves and statuses, each at each other person who should see it.
    pub statuses: u64,
    /// Those of them that somebody does not see.
    pub statuses_lost: u64,
    /// Of all edits, measured or not, how many came and cannot be seen, because an earlier one did not come.
    pub hidden: u64,
    /// How many people miss something.
    pub people: u64,
    /// How many have been there at all.
    pub joined: u64,
    /// How many of those lost their connection on purpose and have not come back.
    pub away: u64,
}

impl Missing {
    /// Adds what is missing on another thread.
    pub fn add(&mut self, other: &Self) {
        self.expected += other.expected;
        self.lost += other.lost;
        self.statuses += other.statuses;
        self.statuses_lost += other.statuses_lost;
        self.hidden += other.hidden;
        self.people += other.people;
        self.joined += other.joined;
        self.away += other.away;
    }
}

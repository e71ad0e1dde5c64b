//! Whether a run is to be believed and what went wrong in it: what was counted, how the generator itself did, and the one
//! word and exit code that follow from both. Nothing else decides an outcome.

use std::ops::AddAssign;

use serde::{Deserialize, Serialize};

use super::words::{count, many, milliseconds};

/// A generator that is later than this at one time in a hundred is saturated, if that is also much of what it measures.
const LAG_MAX_MS: f64 = 5.0;
/// How much of that is much.
const LAG_SHARE_MAX: f64 = 0.1;
/// Busier than this and a thread has no time to hear in time.
const BUSY_MAX_PERCENT: f64 = 90.0;

/// What is said first about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    outcome: Outcome,
    /// What was counted.
    #[serde(flatten)]
    pub tally: Tally,
    /// What else a reader must know, in whole sentences.
    pub notes: Vec<String>,
    /// How the load tester itself did.
    pub generator: Generator,
    /// What was asked for by `--p99-below`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
}

/// Counts of the measured part. Those of several processes are added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Logical updates that writers sent.
    pub sent: u64,
    /// Those times the other clients that must get each.
    pub expected_deliveries: u64,
    /// Logical updates that came at another client, each counted once there.
    pub deliveries: u64,
    /// Those of them that came when the load was over, of which neither rates nor the server's CPU say anything.
    #[serde(default)]
    pub deliveries_in_drain: u64,
    /// Deliveries that were still missing after the drain.
    pub lost: u64,
    /// The newest cursor or status of each, at each other client that must see it: newer ones replace older ones.
    #[serde(default)]
    pub statuses_expected: u64,
    /// Those of them that were still missing after the drain, or in whose place something was seen that nobody had said.
    #[serde(default)]
    pub statuses_lost: u64,
    /// Deliveries that came again on the same connection.
    pub doubled: u64,
    /// Deliveries that came after a newer one of the same writer.
    pub out_of_order: u64,
    /// Messages that could not be read.
    #[serde(default)]
    pub corrupt: u64,
    /// Rooms that a fresh client read after the drain.
    pub rooms_checked: u64,
    /// Rooms where it, or anybody, did not have what was written.
    pub rooms_diverged: u64,
    /// Rooms that none could read, or not all that was written there.
    #[serde(default)]
    pub rooms_unchecked: u64,
    /// Connections that were made.
    pub connections: u64,
    /// Connections that could not be made.
    pub refused: u64,
    /// Connections that the server ended.
    pub closed_early: u64,
}

impl Tally {
    /// Deliveries that came while there was load.
    pub fn deliveries_in_time(&self) -> u64 {
        self.deliveries.saturating_sub(self.deliveries_in_drain)
    }

    /// `0 of 12,250 deliveries`, or that there was nothing to lose.
    pub fn lost_of(&self) -> String {
        let mut parts = Vec::new();
        if (self.lost, self.expected_deliveries) != (0, 0) {
            parts.push(format!("{} of {}", count(self.lost), many(self.expected_deliveries, "delivery", "deliveries")));
        }
        if self.statuses_expected > 0 {
            let expected = many(self.statuses_expected, "last status", "last statuses");
            parts.push(format!("{} of {expected}", count(self.statuses_lost)));
        }
        if parts.is_empty() { "0, none was to be delivered".to_owned() } else { parts.join(", ") }
    }

    /// `1 of 1 room`, or that none was looked at, or which could not be.
    pub fn converged_of(&self) -> String {
        let rooms = self.rooms_checked.saturating_add(self.rooms_unchecked);
        if rooms == 0 {
            return "no room was checked".to_owned();
        }
        let same = self.rooms_checked.saturating_sub(self.rooms_diverged);
        let of = format!("{} of {}", count(same), many(rooms, "room", "rooms"));
        if self.rooms_unchecked == 0 {
            of
        } else {
            format!("{of}; {} could not be checked", count(self.rooms_unchecked))
        }
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        let add = |count: &mut u64, more: u64| *count = count.saturating_add(more);
        add(&mut self.sent, other.sent);
        add(&mut self.expected_deliveries, other.expected_deliveries);
        add(&mut self.deliveries, other.deliveries);
        add(&mut self.deliveries_in_drain, other.deliveries_in_drain);
        add(&mut self.lost, other.lost);
        add(&mut self.statuses_expected, other.statuses_expected);
        add(&mut self.statuses_lost, other.statuses_lost);
        add(&mut self.doubled, other.doubled);
        add(&mut self.out_of_order, other.out_of_order);
        add(&mut self.corrupt, other.corrupt);
        add(&mut self.rooms_checked, other.rooms_checked);
        add(&mut self.rooms_diverged, other.rooms_diverged);
        add(&mut self.rooms_unchecked, other.rooms_unchecked);
        add(&mut self.connections, other.connections);
        add(&mut self.refused, other.refused);
        add(&mut self.closed_early, other.closed_early);
    }
}

/// How the load tester itself did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Generator {
    /// It could not keep its own schedule, so the figures say more about it than about the server.
    pub saturated: bool,
    /// How late updates were sent.
    pub send_lag_p99_ms: f64,
    /// How late a timer of it came that should come many times a second.
    pub tick_lag_p99_ms: f64,
    /// 100 is one whole core; nothing where the system does not say it.
    pub cpu_percent: Option<f64>,
}

impl Generator {
    /// The same, with whether it was too slow for what it measured, of which 99 % took no longer than this.
    pub(super) fn judged(self, threads: usize, measured_p99_ms: f64) -> Self {
        let lag = self.send_lag_p99_ms.max(self.tick_lag_p99_ms);
        let is_late = lag > LAG_MAX_MS && lag > measured_p99_ms * LAG_SHARE_MAX;
        let is_busy = self.cpu_percent.is_some_and(|percent| percent > BUSY_MAX_PERCENT * threads as f64);
        Self { saturated: is_late || is_busy, ..self }
    }

    /// How it did, in a few words. Who was in time may still have been too busy to hear in time.
    pub fn word(&self) -> &'static str {
        match self.cpu_percent {
            _ if self.saturated => "SATURATED",
            Some(_) => "kept up",
            None => "was in time, and may have been too busy",
        }
    }

    /// How late it was with what it had a schedule for. Replays and sessions have no timers that come many times a second.
    pub fn lateness(&self) -> String {
        let kinds = [("sends", self.send_lag_p99_ms), ("timers", self.tick_lag_p99_ms)];
        let known = kinds.into_iter().filter(|(_, late)| *late > 0.0);
        let late: Vec<String> = known.map(|(what, late)| format!("{what} {} late", milliseconds(late))).collect();
        if late.is_empty() { "nothing was due".to_owned() } else { format!("{} (p99)", late.join(", ")) }
    }

    /// What it took of the machine.
    pub fn busy(&self) -> String {
        let unknown = "its CPU is not known on this system";
        self.cpu_percent.map_or_else(|| unknown.to_owned(), |percent| format!("{percent:.0} % of a core"))
    }
}

/// A bound on the latency that the scenario is about.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Bound {
    /// What was asked for.
    pub p99_below_ms: f64,
    /// What it was; nothing if too little came to tell.
    pub p99_ms: Option<f64>,
}

impl Bound {
    /// Whether it was not kept.
    pub fn missed(&self) -> bool {
        self.p99_ms.is_none_or(|p99| p99 >= self.p99_below_ms)
    }
}

/// What came of a run in one word. The worst one that holds is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was delivered, every room converged.
    Ok,
    /// That, and it took longer than asked for.
    BoundMissed,
    /// Nothing is known to be wrong, and not everything could be looked at.
    Unchecked,
    /// The generator itself was too slow: the figures are not to be trusted.
    Saturated,
    /// Connections were refused, or ended by the server.
    Disconnected,
    /// An update came before an older one of its writer.
    Reordered,
    /// An update came again on the same connection.
    Doubled,
    /// A message could not be read, or had something in it that nobody wrote.
    Corrupt,
    /// An update did not come.
    Lost,
    /// Somebody has another text than was written.
    Diverged,
}

impl Outcome {
    /// From the best to the worst.
    pub const ALL: [Self; 10] = [
        Self::Ok,
        Self::BoundMissed,
        Self::Unchecked,
        Self::Saturated,
        Self::Disconnected,
        Self::Reordered,
        Self::Doubled,
        Self::Corrupt,
        Self::Lost,
        Self::Diverged,
    ];

    /// What the process exits with.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Disconnected | Self::Reordered | Self::Doubled | Self::Corrupt | Self::Lost | Self::Diverged => 2,
            Self::Unchecked | Self::Saturated => 3,
            Self::BoundMissed => 4,
        }
    }

    /// As tables and reports say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::BoundMissed => "too slow",
            Self::Unchecked => "not checked",
            Self::Saturated => "not to be trusted",
            Self::Disconnected => "disconnected",
            Self::Reordered => "reordered",
            Self::Doubled => "doubled",
            Self::Corrupt => "corrupt",
            Self::Lost => "lost",
            Self::Diverged => "diverged",
        }
    }

    /// What it means, in one sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Ok => "Everything was delivered and every room converged.",
            Self::BoundMissed => "Everything was delivered, but slower than was asked for.",
            Self::Unchecked => "Nothing is known to be lost, but not every room could be checked.",
            Self::Saturated => "The load tester itself could not keep up: these figures are not to be trusted.",
            Self::Disconnected => "The server refused or ended connections.",
            Self::Reordered => "Updates came before older ones of the same writer.",
            Self::Doubled => "Updates came more than once on the same connection.",
            Self::Corrupt => "Messages came that cannot be read, or that nobody wrote.",
            Self::Lost => "Updates were lost.",
            Self::Diverged => "Rooms diverged: not everybody has what was written.",
        }
    }
}

impl Verdict {
    /// Judges a run.
    pub fn judge(tally: Tally, generator: Generator, bound: Option<Bound>, notes: Vec<String>) -> Self {
        Self { outcome: Outcome::Ok, tally, notes, generator, bound }.judged()
    }

    /// In one word.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// In one sentence, which claims nothing of what was not looked at.
    pub fn sentence(&self) -> &'static str {
        match self.outcome {
            Outcome::Ok if self.tally.rooms_checked == 0 => {
                "Everything was delivered; nobody wrote into a room, so none was checked."
            }
            Outcome::Lost if self.tally.lost == 0 => "The last cursors or statuses of somebody were lost.",
            Outcome::BoundMissed if self.bound.is_some_and(|bound| bound.p99_ms.is_none()) => {
                "Nothing is known to be lost, but too little came to tell how fast it is."
            }
            outcome => outcome.sentence(),
        }
    }

    /// The same, with the outcome that follows from the counts.
    pub(super) fn judged(mut self) -> Self {
        let tally = &self.tally;
        let found = [
            (Outcome::BoundMissed, self.bound.is_some_and(|bound| bound.missed())),
            (Outcome::Unchecked, tally.rooms_unchecked > 0),
            (Outcome::Saturated, self.generator.saturated),
            (Outcome::Disconnected, tally.refused > 0 || tally.closed_early > 0),
            (Outcome::Reordered, tally.out_of_order > 0),
            (Outcome::Doubled, tally.doubled > 0),
            (Outcome::Corrupt, tally.corrupt > 0),
            (Outcome::Lost, tally.lost > 0 || tally.statuses_lost > 0),
            (Outcome::Diverged, tally.rooms_diverged > 0),
        ];
        self.outcome =
            found.into_iter().filter(|(_, holds)| *holds).map(|(outcome, _)| outcome).max().unwrap_or(Outcome::Ok);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_that_is_late_by_much_of_what_it_measures_is_saturated() {
        let judged = |late, cpu_percent, measured| {
            let cpu_percent = Some(cpu_percent);
            let generator = Generator { send_lag_p99_ms: late, cpu_percent, ..Generator::default() };
            generator.judged(2, measured).saturated
        };
        assert!(judged(57.0, 20.0, 114.0) && judged(11.0, 20.0, 100.0) && judged(6.0, 20.0, 0.5));
        assert!(!judged(4.9, 20.0, 0.5) && !judged(9.0, 20.0, 100.0));
        assert!(judged(0.1, 181.0, 100.0) && !judged(0.1, 179.0, 100.0), "two threads have twice the time");
    }

    #[test]
    fn a_generator_whose_cpu_nobody_knows_is_not_said_to_have_kept_up() {
        let unseen = Generator { send_lag_p99_ms: 0.1, ..Generator::default() }.judged(1, 1.0);
        assert!(!unseen.word().contains("kept up") && unseen.busy().contains("not known"));
        let seen = Generator { cpu_percent: Some(11.0), ..unseen }.judged(1, 1.0);
        assert_eq!((seen.word(), seen.busy().as_str()), ("kept up", "11 % of a core"));
        let late = Generator { send_lag_p99_ms: 60.0, ..unseen }.judged(1, 1.0);
        assert_eq!(late.word(), "SATURATED", "what is known to be late is late");
    }
}

//! What does not add up in a trip: things at one time, journeys that nobody can make, money beyond the budget. Pure
//! rules from the JSON of a document to a bounded set of warnings; one file a family of rules. Called by whoever tells
//! people after a change, and by dry runs. A document may hold anything, so what cannot be read is passed over; nothing
//! is refused here.

mod booking;
mod budget;
mod dates;
mod facts;
mod findings;
mod overlap;
mod position;
mod status;
mod travel;

use std::hash::{BuildHasher, RandomState};

use hashbrown::HashMap;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use facts::Trip;
use findings::Findings;

pub use findings::WARNINGS_MAX;
pub use status::status_transition;

/// What kind of thing does not add up. The order is that of warnings of one severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WarningCode {
    /// Two items, or the nights of two stays, are at one time.
    TimeOverlap,
    /// Nobody gets from the one to the other in time.
    ImpossibleTravel,
    /// Two items are at one time in places far apart.
    LocationConflict,
    /// The trip, a category or a day costs more than is meant for it.
    BudgetExceeded,
    /// Two unlike items have one reference.
    BookingConflict,
    /// Something is before the trip or after it.
    OutsideDates,
    /// Prices are in another currency than the budget, and are not counted.
    CurrencyMixed,
    /// The trip's status went a way that it seldom goes.
    StatusTransition,
}

impl WarningCode {
    /// Every one.
    pub const ALL: [Self; 8] = [
        Self::TimeOverlap,
        Self::ImpossibleTravel,
        Self::LocationConflict,
        Self::BudgetExceeded,
        Self::BookingConflict,
        Self::OutsideDates,
        Self::CurrencyMixed,
        Self::StatusTransition,
    ];

    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TimeOverlap => "time_overlap",
            Self::ImpossibleTravel => "impossible_travel",
            Self::LocationConflict => "location_conflict",
            Self::BudgetExceeded => "budget_exceeded",
            Self::BookingConflict => "booking_conflict",
            Self::OutsideDates => "outside_dates",
            Self::CurrencyMixed => "currency_mixed",
            Self::StatusTransition => "status_transition",
        }
    }
}

impl Serialize for WarningCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// How much a warning matters. In JSON it is a number from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Low,
    /// The plan does not work as it is.
    Medium,
    /// What is booked does not work, or the money is not there.
    High,
}

impl Severity {
    /// As a number from 0 to 1.
    pub fn as_number(self) -> f64 {
        match self {
            Self::Low => 0.3,
            Self::Medium => 0.6,
            Self::High => 0.9,
        }
    }
}

impl Serialize for Severity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.as_number())
    }
}

/// Something that does not add up. Its code and pointers together say which one it is; the rest may change while it
/// lasts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What kind of thing.
    pub code: WarningCode,
    /// How much it matters.
    pub severity: Severity,
    /// JSON pointers to what it is about, a few at most: `/items/a1`.
    pub pointers: Vec<String>,
    /// What is wrong, in one sentence.
    pub text: String,
    /// What to do about it, in one sentence.
    pub suggestion: String,
}

impl Warning {
    /// Which warning this is among those of a trip, and among those of another moment.
    pub fn identity(&self) -> (WarningCode, &[String]) {
        (self.code, &self.pointers)
    }
}

/// How one set of warnings differs from another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    /// Those that are new or say something else than before.
    pub raised: Vec<Warning>,
    /// Those that are no more.
    pub cleared: Vec<Warning>,
}

impl Change {
    /// Whether there is no difference.
    pub fn is_empty(&self) -> bool {
        self.raised.is_empty() && self.cleared.is_empty()
    }
}

/// How the warnings `after` differ from those `before`.
pub fn changes(before: &[Warning], after: &[Warning]) -> Change {
    let by_identity =
        |set| -> HashMap<_, &Warning> { <[Warning]>::iter(set).map(|warning| (warning.identity(), warning)).collect() };
    let (was, is) = (by_identity(before), by_identity(after));
    let raised = after.iter().filter(|warning| was.get(&warning.identity()) != Some(warning));
    let cleared = before.iter().filter(|warning| !is.contains_key(&warning.identity()));
    Change { raised: raised.cloned().collect(), cleared: cleared.cloned().collect() }
}

/// All warnings about a trip, given as an object of a document's roots: at most [`WARNINGS_MAX`], the most severe
/// first. The same document has the same ones in the same order. Costs n log n of what the document holds.
pub fn find(roots: &Map<String, Value>) -> Vec<Warning> {
    judge(&Trip::read(roots))
}

/// The warnings about one trip, kept from change to change.
#[derive(Debug, Default)]
pub struct Warnings {
    hasher: RandomState,
    /// Of all that the rules look at.
    digest: Option<u64>,
    current: Vec<Warning>,
}

impl Warnings {
    /// Of a trip that was not looked at yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The set as it was found last.
    pub fn current(&self) -> &[Warning] {
        &self.current
    }

    /// Looks at the trip again, given as an object of the document's roots. Returns what changed, if anything did. The
    /// rules are gone through only when something changed that they look at.
    pub fn refresh(&mut self, roots: &Map<String, Value>) -> Option<Change> {
        let trip = Trip::read(roots);
        let digest = self.hasher.hash_one(&trip);
        if self.digest.replace(digest) == Some(digest) {
            return None;
        }
        let found = judge(&trip);
        let change = changes(&self.current, &found);
        self.current = found;
        Some(change).filter(|change| !change.is_empty())
    }
}

fn judge(trip: &Trip<'_>) -> Vec<Warning> {
    let mut findings = Findings::default();
    overlap::stays(trip, &mut findings);
    overlap::timed(trip, &mut findings);
    travel::too_far(trip, &mut findings);
    budget::exceeded(trip, &mut findings);
    budget::mixed(trip, &mut findings);
    booking::conflicts(trip, &mut findings);
    dates::outside(trip, &mut findings);
    findings.into_warnings()
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

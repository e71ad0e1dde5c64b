//! What went wrong with single clients, as a verdict counts it: a server that refuses is to be called refusing, and not losing. Used by
//! the scenarios that are not about a crowd.

use super::findings::Findings;
use super::meter::Counts;
use super::probe::ProbeError;

/// Reasons that are told.
const TOLD_MAX: usize = 5;

/// What went wrong with clients of one run.
#[derive(Debug, Default)]
pub struct Faults {
    refused: u64,
    closed_early: u64,
    corrupt: u64,
    /// Times that the server refused something and went on.
    denied: u64,
    reasons: Vec<String>,
}

impl Faults {
    /// What ended one client, and who that was.
    pub fn add(&mut self, who: &str, error: &ProbeError) {
        match error {
            ProbeError::Connect(_) | ProbeError::Denied(_) | ProbeError::TooSlow(_) => self.refused += 1,
            ProbeError::Closed(_) => self.closed_early += 1,
            ProbeError::Unreadable(_) => self.corrupt += 1,
        }
        self.tell(who, error);
    }

    /// What was refused to one client, which goes on.
    pub fn refuse(&mut self, who: &str, error: &ProbeError) {
        self.denied += 1;
        self.tell(who, error);
    }

    fn tell(&mut self, who: &str, error: &ProbeError) {
        let reason = format!("{who}: {error}");
        if self.reasons.len() < TOLD_MAX && !self.reasons.contains(&reason) {
            self.reasons.push(reason);
        }
    }

    /// Becomes part of what a thread has counted. What is told of it.
    pub fn count(self, counts: &mut Counts) -> Vec<String> {
        counts.refused += self.refused;
        counts.closed += self.closed_early;
        counts.corrupted += self.corrupt;
        counts.denied += self.denied;
        self.reasons
    }

    /// Becomes part of what was found.
    pub fn conclude(self, findings: &mut Findings) {
        findings.tally.refused += self.refused;
        findings.tally.closed_early += self.closed_early;
        findings.tally.corrupt += self.corrupt;
        findings.notes.extend(self.reasons);
    }
}

//! Patches that are done once, however often and to whichever node they are sent: what came of one is kept in the log beside
//! it, under the key that its author gave it, and remembered until the log tells. The part of `Room` that does so.
//! It must never take another patch under the same key for the same one.

use std::collections::VecDeque;
use std::fmt::Write;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::effects::Effects;
use super::event::{Added, Fault};
use super::kept::{EventKind, EventOrigin};
use super::principal::PrincipalId;
use super::request::RequestRefusal;
use super::room::Room;
use super::version::Version;

/// The most characters of a key.
pub const ONCE_KEY_MAX: usize = 255;
/// Under which kind the log keeps what came of such patches.
const KIND: &str = "_once";
/// So many are remembered until the log tells of them.
const REMEMBERED: usize = 256;

/// A patch that is to be done once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Its author and their key.
    pub origin: EventOrigin,
    /// Of what it was made of.
    digest: String,
}

/// What came of it. Its form stays: it is read long after it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    digest: String,
    /// The document's version right after it.
    pub version: String,
    /// The ids of what it added.
    pub added: Vec<Added>,
}

/// What was done lately. Owned by `Room`.
#[derive(Debug, Default)]
pub(super) struct Outcomes(VecDeque<(EventOrigin, Outcome)>);

impl Once {
    /// Of `operations`, as their author `by` sent them under `key`.
    pub fn new(by: &PrincipalId, key: &str, operations: &[u8]) -> Self {
        let hash = Sha256::digest(operations);
        let digest = hash[..16].iter().fold(String::new(), |mut digest, byte| {
            write!(digest, "{byte:02x}").expect("a text grows");
            digest
        });
        Self { origin: EventOrigin::of(by, KIND, key), digest }
    }

    /// What was done under the key, if that was this.
    pub fn is_done(&self, outcome: Outcome) -> Result<Outcome, RequestRefusal> {
        if outcome.digest == self.digest {
            return Ok(outcome);
        }
        let fault = Fault::new("idempotency_mismatch", "This key was used for other operations.");
        let fault = fault.at("/data/idempotency_key").hint("Make a new key for each new patch.");
        Err(RequestRefusal::Unfit(Box::new(fault)))
    }
}

impl Outcome {
    /// Reads what the log has.
    pub fn read(body: &[u8]) -> Option<Self> {
        serde_json::from_slice(body).ok()
    }
}

impl Room {
    /// What was done under a key, as far as is remembered.
    pub(super) fn done_once(&self, once: &Once) -> Option<Outcome> {
        self.outcomes.0.iter().find(|(origin, _)| *origin == once.origin).map(|(_, outcome)| outcome.clone())
    }

    /// A patch is done, which is not to be done again.
    pub(super) fn keep_outcome(&mut self, once: Once, version: Version, added: Vec<Added>, effects: &mut Effects) {
        let Once { origin, digest } = once;
        let outcome = Outcome { digest, version: version.to_string(), added };
        let body = serde_json::to_vec(&outcome).expect("it has text keys alone");
        let kind = EventKind::parse(KIND).expect("it is short");
        self.keep_internal(kind, Some(origin), body.into(), effects);
        if self.outcomes.0.len() == REMEMBERED {
            self.outcomes.0.pop_front();
        }
        self.outcomes.0.push_back((origin, outcome));
    }
}

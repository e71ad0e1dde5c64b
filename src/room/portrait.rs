//! What a stored room says, in a form by which two stores are compared: equal, one an earlier state of the other, or
//! neither. Command lines that copy rooms ask it. Blocks may be cut, folded and ordered differently; what they come to, what
//! waits, and what cannot be used must be the same.

use std::collections::BTreeSet;
use std::fmt;

use bytes::Bytes;

use super::content::Digest;
use super::fold::{self, Opened, UnusableSnapshot};
use super::version::Version;
use super::view::{ViewError, ViewLimits};

/// JSON is compared up to this size. Beyond, and where a document has none, the elements alone say that two are equal.
const JSON_LIMITS: ViewLimits = ViewLimits { values: 1_000_000, bytes: 32 << 20 };

/// What is stored of a room.
#[derive(Debug, Clone, Copy)]
pub struct Stored<'a> {
    /// The folded state.
    pub snapshot: Option<&'a Bytes>,
    /// The updates since then.
    pub rows: &'a [Bytes],
}

/// How what is stored at one place stands to what is stored at another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It says the same.
    Equal,
    /// It is an earlier state: all that it says, the other place says, too.
    Earlier,
    /// It says something that the other place does not say.
    Apart(Difference),
}

/// In what two stored rooms differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// How many edits of whom there are.
    StateVector,
    /// What is deleted.
    DeleteSet,
    /// What the same edits hold.
    Elements,
    /// What the document reads as.
    Json,
    /// Updates that wait for what is missing.
    Waiting,
    /// Rows that are no valid update.
    Unusable,
}

/// See the module.
#[derive(Debug, PartialEq, Eq)]
struct Portrait {
    clocks: Vec<(u64, u32)>,
    version: Version,
    digest: Digest,
    json: Result<Bytes, ViewError>,
    waiting: BTreeSet<Bytes>,
    unusable: BTreeSet<Bytes>,
    /// The document alone.
    state: Bytes,
}

impl Portrait {
    fn of(stored: Stored<'_>) -> Result<Self, UnusableSnapshot> {
        let Opened { document, unusable } = fold::open(stored.snapshot, stored.rows, usize::MAX)?;
        Ok(Self {
            clocks: document.sorted_clocks(),
            version: document.version(),
            digest: document.digest(),
            json: document.view(&JSON_LIMITS).map(|view| view.json),
            waiting: document.orphans().map(|orphan| orphan.raw.clone()).collect(),
            unusable: unusable.into_iter().map(|at| stored.rows[at].clone()).collect(),
            state: document.difference(&[]),
        })
    }

    fn difference(&self, other: &Self) -> Option<Difference> {
        [
            (self.clocks == other.clocks, Difference::StateVector),
            (self.version == other.version, Difference::DeleteSet),
            (self.digest == other.digest, Difference::Elements),
            (self.json == other.json, Difference::Json),
            (self.waiting == other.waiting, Difference::Waiting),
            (self.unusable == other.unusable, Difference::Unusable),
        ]
        .into_iter()
        .find_map(|(same, difference)| (!same).then_some(difference))
    }
}

/// How `there` stands to `here`. Reads both, and costs what opening both rooms costs.
pub fn relation(there: Stored<'_>, here: Stored<'_>) -> Result<Relation, UnusableSnapshot> {
    let (theirs, ours) = (Portrait::of(there)?, Portrait::of(here)?);
    if theirs.difference(&ours).is_none() {
        return Ok(Relation::Equal);
    }
    // An earlier state that is told all that is said here says exactly that; and one that holds more, or other things under
    // the same names, does not.
    let told = there.rows.iter().chain([&ours.state]).chain(&ours.waiting).chain(&ours.unusable);
    let told: Vec<Bytes> = told.cloned().collect();
    let told = Portrait::of(Stored { snapshot: there.snapshot, rows: &told })?;
    Ok(told.difference(&ours).map_or(Relation::Earlier, Relation::Apart))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::StateVector => "the state vector",
            Self::DeleteSet => "the delete set",
            Self::Elements => "the elements",
            Self::Json => "the JSON",
            Self::Waiting => "the updates that wait for others",
            Self::Unusable => "the rows that are no valid update",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{Doc, ReadTxn, StateVector, Text, Transact, WriteTxn};

    /// The updates of typing a text, one a letter, the first of which is deleted at the end.
    fn typed(client: u64, letters: &str) -> Vec<Bytes> {
        let doc = Doc::with_client_id(client);
        let mut rows = Vec::new();
        for (at, letter) in letters.chars().enumerate() {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("notes");
            text.insert(&mut txn, u32::try_from(at).expect("short"), &letter.to_string());
            rows.push(Bytes::from(txn.encode_update_v1()));
        }
        let mut txn = doc.transact_mut();
        let text = txn.get_or_insert_text("notes");
        text.remove_range(&mut txn, 0, 1);
        rows.push(Bytes::from(txn.encode_update_v1()));
        rows
    }

    fn rows(rows: &[Bytes]) -> Stored<'_> {
        Stored { snapshot: None, rows }
    }

    fn relation_of(there: &[Bytes], here: &[Bytes]) -> Relation {
        relation(rows(there), rows(here)).expect("no snapshots")
    }

    #[test]
    fn a_folded_room_is_equal_to_its_rows() {
        let all = typed(7, "hello");
        let folded = fold::fold(None, &all).expect("valid rows");
        let there = Stored { snapshot: Some(&folded.snapshot), rows: &[] };
        assert_eq!(relation(there, rows(&all)), Ok(Relation::Equal));
        assert_eq!(relation(rows(&all), there), Ok(Relation::Equal));
    }

    #[test]
    fn what_came_later_makes_an_earlier_state_of_what_was_before() {
        let all = typed(7, "hello");
        for known in 0..all.len() {
            assert_eq!(relation_of(&all[..known], &all), Relation::Earlier, "{known} rows");
            assert!(matches!(relation_of(&all, &all[..known]), Relation::Apart(_)), "{known} rows");
        }
        assert_eq!(relation_of(&all, &all[..5]), Relation::Apart(Difference::DeleteSet));
        let other = typed(8, "x");
        let both: Vec<Bytes> = all.iter().chain(&other).cloned().collect();
        assert_eq!(relation_of(&other, &both), Relation::Earlier);
        assert_eq!(relation_of(&other, &all), Relation::Apart(Difference::StateVector));
    }

    #[test]
    fn other_content_under_the_same_names_is_noticed() {
        assert_eq!(relation_of(&typed(7, "hellO"), &typed(7, "hello")), Relation::Apart(Difference::Elements));
        assert_eq!(relation_of(&typed(7, "hellO"), &typed(7, "hello, you")), Relation::Apart(Difference::Elements));
    }

    #[test]
    fn what_waits_and_what_is_garbage_counts() {
        let mut late = typed(7, "hello");
        late.remove(1);
        let garbage = Bytes::from_static(b"\x01garbage");
        let all: Vec<Bytes> = late.iter().chain([&garbage]).cloned().collect();
        assert_eq!(relation_of(&late, &all), Relation::Earlier);
        assert_eq!(relation_of(&all, &late), Relation::Apart(Difference::Unusable));
        assert_eq!(relation_of(&late[..1], &all), Relation::Earlier);
        assert_eq!(relation_of(&late[..2], &late[..1]), Relation::Apart(Difference::Waiting));
        assert_eq!(relation_of(&late, &typed(7, "hello")), Relation::Earlier, "what waited found its place");
    }

    #[test]
    fn a_snapshot_that_is_none_is_an_error() {
        let none = Bytes::from_static(b"xx");
        assert_eq!(relation(Stored { snapshot: Some(&none), rows: &[] }, rows(&[])), Err(UnusableSnapshot));
        let doc = Doc::new();
        let nothing: Bytes = doc.transact().encode_state_as_update_v1(&StateVector::default()).into();
        assert_eq!(relation(Stored { snapshot: Some(&nothing), rows: &[] }, rows(&[])), Ok(Relation::Equal));
    }
}

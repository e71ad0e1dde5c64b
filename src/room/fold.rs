//! Turns stored bytes into a document, and a document with its log into one snapshot.
//! `open` is used by `hub` when a room opens; `fold` when a log is compacted. Neither ever gives up a row that is
//! not surely part of the snapshot.

use bytes::Bytes;
use hashbrown::HashSet;

use super::change::{Outcome, Poisoned, gather};
use super::content::Digest;
use super::document::Document;
use super::row;
use super::update::CheckedUpdate;

/// A document, and which rows are not in it.
pub struct Opened {
    /// The document with everything that could be applied, orphans beside it.
    pub document: Document,
    /// Places in the given rows of those that are no valid update, or hold one; they are to be kept and looked into.
    pub unusable: Vec<usize>,
}

/// The updates of rows, one by one.
struct Updates {
    /// Each with the place of its row.
    all: Vec<(usize, Bytes)>,
}

impl Updates {
    fn of(rows: &[Bytes]) -> Self {
        let each = |(at, row): (usize, &Bytes)| row::updates(row).into_iter().map(move |update| (at, update));
        Self { all: rows.iter().enumerate().flat_map(each).collect() }
    }

    /// The rows of these updates, rising.
    fn rows(&self, updates: impl IntoIterator<Item = usize>) -> Vec<usize> {
        let mut rows: Vec<usize> = updates.into_iter().map(|at| self.all[at].0).collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}

/// The stored snapshot is no document: the room must not be opened as if it were empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stored snapshot cannot be decoded")]
pub struct UnusableSnapshot;

/// Builds the document from a snapshot and the rows after it.
pub fn open(snapshot: Option<&Bytes>, rows: &[Bytes], size_limit: usize) -> Result<Opened, UnusableSnapshot> {
    let updates = Updates::of(rows);
    let Opened { document, unusable } = open_updates(snapshot, &updates, size_limit)?;
    Ok(Opened { document, unusable: updates.rows(unusable) })
}

/// The same by updates: the places of those that cannot be used are their own, and so are the sources of what waits.
fn open_updates(snapshot: Option<&Bytes>, updates: &Updates, size_limit: usize) -> Result<Opened, UnusableSnapshot> {
    let (mut unusable, mut way) = (Vec::new(), Way::Gathered);
    loop {
        match attempt(snapshot, updates, size_limit, &unusable, way)? {
            Ok(opened) => return Ok(opened),
            // The library failed: from the start, more carefully.
            Err(Broken::Gathered) => way = Way::OneByOne,
            Err(Broken::By(updates)) => unusable.extend(updates),
        }
    }
}

/// How updates are applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Gathered,
    OneByOne,
}

/// On what the library failed.
enum Broken {
    /// On several updates together.
    Gathered,
    /// On these.
    By(Vec<usize>),
}

/// One attempt to build the document without the updates in `without`.
fn attempt(
    snapshot: Option<&Bytes>,
    updates: &Updates,
    size_limit: usize,
    without: &[usize],
    way: Way,
) -> Result<Result<Opened, Broken>, UnusableSnapshot> {
    let mut document = Document::for_stored();
    if let Some(snapshot) = snapshot {
        let update = CheckedUpdate::parse_state(snapshot.clone()).map_err(|_| UnusableSnapshot)?;
        let mut change = document.change();
        let outcome = change.apply(update, SNAPSHOT).map_err(|Poisoned| UnusableSnapshot)?;
        if !matches!(outcome, Outcome::Applied | Outcome::Known) {
            return Err(UnusableSnapshot);
        }
        change.finish().map_err(|Poisoned| UnusableSnapshot)?;
    }
    let mut unusable = without.to_vec();
    let without: HashSet<usize> = without.iter().copied().collect();
    let mut orphans = Vec::new();
    let mut change = document.change();
    let mut places = (0..updates.all.len()).filter(|at| !without.contains(at)).peekable();
    while places.peek().is_some() {
        let mut together = Vec::new();
        for at in places.by_ref().take(gather::MOST) {
            match CheckedUpdate::parse_stored(updates.all[at].1.clone()) {
                Ok(update) => together.push((at, update)),
                Err(_) => unusable.push(at),
            }
        }
        let at_once = match way {
            Way::Gathered => change.apply_at_once(together.iter().map(|(_, update)| update)),
            Way::OneByOne => Ok(false),
        };
        match at_once {
            Ok(true) => continue,
            Ok(false) => {}
            Err(Poisoned) => return Ok(Err(Broken::Gathered)),
        }
        for (at, update) in together {
            match change.apply(update, at as u64) {
                Ok(Outcome::Applied | Outcome::Known) => {}
                Ok(Outcome::Orphaned) => orphans.push(at),
                Ok(Outcome::Refused(_)) => unusable.push(at),
                Err(Poisoned) if way == Way::Gathered => return Ok(Err(Broken::Gathered)),
                Err(Poisoned) => return Ok(Err(Broken::By(vec![at]))),
            }
        }
    }
    let Ok(finished) = change.finish() else {
        return match way {
            Way::Gathered => Ok(Err(Broken::Gathered)),
            Way::OneByOne if orphans.is_empty() => Err(UnusableSnapshot),
            // Each was fine by itself, so it broke on one that had waited: without any of those.
            Way::OneByOne => Ok(Err(Broken::By(orphans))),
        };
    };
    unusable.extend(finished.impossible.into_iter().filter_map(|source| usize::try_from(source).ok()));
    document.open_to_strangers(size_limit);
    Ok(Ok(Opened { document, unusable }))
}

/// The source of a snapshot's content: no update has this place.
const SNAPSHOT: u64 = u64::MAX;

/// A snapshot and the places of the rows that it makes superfluous.
#[derive(Debug, PartialEq, Eq)]
pub struct Folded {
    /// The encoded state.
    pub snapshot: Bytes,
    /// Rows that are wholly in it. Orphans and unusable rows are not among them.
    pub superfluous: Vec<usize>,
}

/// Why a log is not folded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// See there.
    #[error(transparent)]
    UnusableSnapshot(#[from] UnusableSnapshot),
    /// Decoding the new snapshot did not give the same document; nothing may be dropped.
    #[error("the new snapshot does not decode to the same document")]
    RoundTrip,
}

/// Folds rows into a snapshot and proves that decoding it gives the same state vector, delete set and
/// elements.
pub fn fold(snapshot: Option<&Bytes>, rows: &[Bytes]) -> Result<Folded, FoldError> {
    let updates = Updates::of(rows);
    let Opened { document, unusable } = open_updates(snapshot, &updates, usize::MAX)?;
    let orphaned = document.orphans().filter_map(|orphan| usize::try_from(orphan.source).ok());
    let kept = updates.rows(unusable.into_iter().chain(orphaned));
    let encoded = document.difference(&[]);
    let again = open(Some(&encoded), &[], usize::MAX).map_err(|_| FoldError::RoundTrip)?.document;
    if fingerprint(&document) != fingerprint(&again) || document.delete_set() != again.delete_set() {
        return Err(FoldError::RoundTrip);
    }
    let superfluous = (0..rows.len()).filter(|at| kept.binary_search(at).is_err()).collect();
    Ok(Folded { snapshot: encoded, superfluous })
}

fn fingerprint(document: &Document) -> (Vec<(u64, u32)>, Digest) {
    (document.sorted_clocks(), document.digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{Doc, GetString, Map, ReadTxn, StateVector, Text, Transact, Update, WriteTxn, updates::decoder::Decode};

    /// The updates of typing a text, one a letter, with some deletes and a map beside it.
    fn typed(client: u64, letters: &str) -> Vec<Bytes> {
        let doc = Doc::with_client_id(client);
        let mut rows = Vec::new();
        for (at, letter) in letters.chars().enumerate() {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("notes");
            text.insert(&mut txn, u32::try_from(at).expect("short"), &letter.to_string());
            if at % 5 == 4 {
                txn.get_or_insert_map("trip").insert(&mut txn, "title", letters);
            }
            rows.push(Bytes::from(txn.encode_update_v1()));
        }
        rows
    }

    fn text(snapshot: &Bytes) -> String {
        let doc = Doc::new();
        let mut txn = doc.transact_mut();
        txn.apply_update(Update::decode_v1(snapshot).expect("valid")).expect("whole");
        let text = txn.get_or_insert_text("notes");
        text.get_string(&txn)
    }

    #[test]
    fn rows_become_one_snapshot() {
        let rows = typed(7, "hello world");
        let folded = fold(None, &rows).expect("valid rows");
        assert_eq!(folded.superfluous, (0..rows.len()).collect::<Vec<_>>());
        assert_eq!(text(&folded.snapshot), "hello world");
        let more = fold(Some(&folded.snapshot), &[]).expect("a snapshot alone");
        assert_eq!(text(&more.snapshot), "hello world");
    }

    #[test]
    fn a_row_whose_predecessor_is_missing_is_kept() {
        let mut rows = typed(7, "hello");
        rows.remove(2);
        let folded = fold(None, &rows).expect("valid rows");
        assert_eq!(folded.superfluous, [0, 1]);
        assert_eq!(text(&folded.snapshot), "he");
        let mut late = rows[2..].to_vec();
        late.push(typed(7, "hello")[2].clone());
        assert_eq!(text(&fold(Some(&folded.snapshot), &late).expect("valid rows").snapshot), "hello");
    }

    #[test]
    fn packed_rows_are_folded_like_single_ones_and_kept_when_something_in_them_cannot_be() {
        let typed = typed(7, "hello");
        let packed = |updates: &[&Bytes]| row::rows(updates.iter().copied()).remove(0);
        let rows = [packed(&[&typed[0], &typed[1]]), packed(&[&typed[2]]), packed(&[&typed[3], &typed[4]])];
        let folded = fold(None, &rows).expect("valid rows");
        assert_eq!((folded.superfluous, text(&folded.snapshot).as_str()), (vec![0, 1, 2], "hello"));

        let garbage = Bytes::from_static(b"\x01garbage");
        for bad in [garbage, impossible_parent()] {
            let mixed = [packed(&[&typed[0], &bad, &typed[1]]), packed(&[&typed[2]])];
            let folded = fold(None, &mixed).expect("the others are valid");
            assert_eq!((folded.superfluous, text(&folded.snapshot).as_str()), (vec![1], "hel"));
        }
        let waits = [packed(&[&typed[0], &typed[2]]), packed(&[&typed[0]])];
        assert_eq!(fold(None, &waits).expect("valid rows").superfluous, [1]);
    }

    #[test]
    fn garbage_among_the_rows_is_stepped_over_and_kept() {
        let mut rows = typed(7, "hello");
        rows.insert(3, Bytes::from_static(b"\x01garbage"));
        let folded = fold(None, &rows).expect("the others are valid");
        assert_eq!(folded.superfluous, [0, 1, 2, 4, 5]);
        assert_eq!(text(&folded.snapshot), "hello");
    }

    #[test]
    fn a_row_that_breaks_the_library_is_stepped_over_and_kept() {
        let mut rows = typed(7, "hello");
        rows.insert(2, impossible_parent());
        let folded = fold(None, &rows).expect("the others are valid");
        assert_eq!(folded.superfluous, [0, 1, 3, 4, 5]);
        assert_eq!(text(&folded.snapshot), "hello");
    }

    #[test]
    fn a_snapshot_that_is_none_is_an_error() {
        assert_eq!(fold(Some(&Bytes::from_static(b"xx")), &[]), Err(FoldError::UnusableSnapshot(UnusableSnapshot)));
    }

    /// A text inserted into a block that can hold nothing: client 7's first letter.
    fn impossible_parent() -> Bytes {
        Bytes::from_static(&[1, 1, 9, 0, 4, 0, 7, 0, 1, b'x', 0])
    }

    #[test]
    fn the_state_of_a_live_document_equals_its_log() {
        let rows = typed(9, "the quick brown fox");
        let opened = open(None, &rows, usize::MAX).expect("valid rows");
        assert!(opened.unusable.is_empty());
        let doc = Doc::new();
        let mut txn = doc.transact_mut();
        for row in &rows {
            txn.apply_update(Update::decode_v1(row).expect("valid")).expect("whole");
        }
        drop(txn);
        let expected = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(opened.document.difference(&[]), expected);
    }
}

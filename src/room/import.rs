//! Takes an update into a stored room that nobody has open, by the same checks as one that a stranger sends to an open one.
//! The command line imports by it. It says what is to be logged and must never let anything be logged that was refused.

use bytes::Bytes;

use super::change::{Outcome, Poisoned, Refusal};
use super::fold::{self, UnusableSnapshot};
use super::portrait::Stored;
use super::update::CheckedUpdate;
use crate::wire::lib0::Malformed;

/// What an update comes to in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Import {
    /// It is news, and to be logged.
    News,
    /// The same, but something that it builds on is missing: it waits.
    Waits,
    /// Everything in it is known. There is nothing to log.
    Known,
}

/// Why an update is not imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// The bytes are no Yjs update, or none that may be.
    #[error("this is no Yjs update that the server would take: {0}")]
    Malformed(#[from] Malformed),
    /// See there.
    #[error("the update is refused: {0}")]
    Refused(Refusal),
    /// See there.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
    /// See there.
    #[error(transparent)]
    UnusableSnapshot(#[from] UnusableSnapshot),
}

/// What `update` comes to in a room of which this is stored, and which may grow to `size_limit` bytes.
pub fn import(stored: Stored<'_>, update: Bytes, size_limit: usize) -> Result<Import, ImportError> {
    let update = CheckedUpdate::parse(update)?;
    let mut document = fold::open(stored.snapshot, stored.rows, size_limit)?.document;
    // Nobody is refused on an estimate.
    document.measure();
    let mut change = document.change();
    let outcome = change.apply(update, 0)?;
    change.finish()?;
    match outcome {
        Outcome::Applied => Ok(Import::News),
        Outcome::Orphaned => Ok(Import::Waits),
        Outcome::Known => Ok(Import::Known),
        Outcome::Refused(refusal) => Err(ImportError::Refused(refusal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{Doc, Text, Transact, WriteTxn};

    fn typed(letters: [&str; 2]) -> [Bytes; 2] {
        let doc = Doc::with_client_id(7);
        letters.map(|letters| {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("notes");
            text.insert(&mut txn, 0, letters);
            txn.encode_update_v1().into()
        })
    }

    #[test]
    fn updates_are_news_once() {
        let [first, second] = typed(["a", "b"]);
        let nothing = Stored { snapshot: None, rows: &[] };
        let one = [first.clone()];
        let one = Stored { snapshot: None, rows: &one };
        assert_eq!(import(nothing, first.clone(), 1_000), Ok(Import::News));
        assert_eq!(import(nothing, second.clone(), 1_000), Ok(Import::Waits));
        assert_eq!(import(one, second, 1_000), Ok(Import::News));
        assert_eq!(import(one, first, 1_000), Ok(Import::Known));
    }

    #[test]
    fn what_no_stranger_may_send_is_refused() {
        let nothing = Stored { snapshot: None, rows: &[] };
        let long = typed(["a", &"b".repeat(2_000)])[1].clone();
        let too_large = Err(ImportError::Refused(Refusal::TooLarge));
        assert_eq!(import(nothing, long, 1_000), too_large);
        let garbage = import(nothing, Bytes::from_static(b"\x01garbage"), 1_000);
        assert!(matches!(garbage, Err(ImportError::Malformed(_))), "{garbage:?}");
    }
}

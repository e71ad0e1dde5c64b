//! Several updates applied as one. Under load a turn takes hundreds, and to hand over each by itself costs the library more than
//! what is in them. Part of `change`; used by `Room` and `fold`.
//! It takes all of them or nothing, and only what needs no second thought: whatever waits, is known, or might be refused
//! is for [`Change::apply`], which can say of each what became of it.

use bytes::Bytes;

use super::{Attempt, Change, Poisoned, clock};
use crate::room::merge::merged;
use crate::room::placing::Placing;
use crate::room::update::{CheckedUpdate, Makeup};

/// Fewer are applied one by one.
pub const LEAST: usize = 4;
/// The most that is worth while together: what is long is not made shorter by it.
pub const MOST: usize = 512;
const MOST_BYTES: usize = 256 * 1024;

impl Change<'_> {
    /// Applies all of `updates`, which bring something new each, and says so; or says that it took nothing, and that they are to
    /// be applied one by one.
    pub fn apply_at_once<'u>(
        &mut self,
        updates: impl ExactSizeIterator<Item = &'u CheckedUpdate> + Clone,
    ) -> Result<bool, Poisoned> {
        let bytes: usize = updates.clone().map(|update| update.raw.len()).sum();
        let is_worth_it = (LEAST..=MOST).contains(&updates.len()) && bytes <= MOST_BYTES;
        if !is_worth_it || updates.clone().any(|update| update.makeup != Makeup::Plain || update.is_empty()) {
            return Ok(false);
        }
        let raws: Vec<Bytes> = updates.map(|update| update.raw.clone()).collect();
        let Some(mut update) = merged(&raws).and_then(|raw| CheckedUpdate::parse_stored(raw).ok()) else {
            return Ok(false);
        };
        let clocks = &*self.parts.clocks;
        let is_next = update.ranges.iter().all(|range| range.start == clock(clocks, range.client));
        if !is_next || update.ranges.is_empty() || self.refusal(&update).is_some() {
            return Ok(false);
        }
        if !self.parts.judge.is_worth_asking(bytes, *self.parts.size) {
            return Ok(false);
        }
        self.make_space_for(&update)?;
        let txn = self.txn.as_ref().expect("a change that failed is not used again");
        let placing = self.parts.judge.place(txn, &update);
        let is_plain = !placing.is_unsound() && placing.is_whole() && !placing.has_forgiven();
        if !is_plain || !self.knows_what_it_deletes(&placing) {
            return Ok(false);
        }
        match self.join(&mut update, Some(&placing)) {
            Ok(Some(joined)) => update.raw = joined,
            Ok(None) if update.decode().is_ok() => {}
            Ok(None) | Err(_) => return Ok(false),
        }
        let raw = update.raw.clone();
        match self.integrate_placed(update, Some(placing))? {
            Attempt::Whole => {
                *self.parts.size += raw.len();
                self.applied.push(raw);
                Ok(true)
            }
            // It had all that it builds on. One by one it will be seen which of them it is.
            Attempt::Missing(_) | Attempt::Impossible | Attempt::Unsound => Err(self.failed()),
        }
    }

    fn knows_what_it_deletes(&self, placing: &Placing) -> bool {
        placing.deletes().iter().all(|(client, range)| {
            let known = clock(self.parts.clocks, *client);
            range.end <= placing.placed(*client).unwrap_or(0).max(known)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use yrs::{Doc, IdSet, ReadTxn, StateVector, Text, TextRef, Transact, TransactionMut, WriteTxn};

    use super::*;
    use crate::room::change::Outcome;
    use crate::room::content::Digest;
    use crate::room::document::Document;
    use crate::room::merge::tests::{after, said, step, typed};

    fn parsed(updates: &[Bytes]) -> Vec<CheckedUpdate> {
        let parse = |raw: &Bytes| CheckedUpdate::parse(raw.clone()).expect("an honest update");
        updates.iter().map(parse).collect()
    }

    /// The update of one edit of the text.
    fn edited(doc: &Doc, edit: impl FnOnce(&mut TransactionMut<'_>, TextRef)) -> Bytes {
        let mut txn = doc.transact_mut();
        let text = txn.get_or_insert_text("text");
        edit(&mut txn, text);
        txn.encode_update_v1().into()
    }

    /// A document that was told these, one by one.
    fn told(updates: &[Bytes]) -> Document {
        let mut document = Document::new(1 << 20);
        let mut change = document.change();
        for update in parsed(updates) {
            change.apply(update, 1).expect("harmless");
        }
        change.finish().expect("harmless");
        document
    }

    /// Applies updates at once if that can be done, else one by one: whether it was, and what everybody is told.
    fn tell(document: &mut Document, updates: &[Bytes], may_gather: bool) -> (bool, Option<Bytes>) {
        let mut change = document.change();
        let updates = parsed(updates);
        let at_once = may_gather && change.apply_at_once(updates.iter()).expect("harmless");
        for update in updates.into_iter().filter(|_| !at_once) {
            let outcome = change.apply(update, 1).expect("harmless");
            assert!(matches!(outcome, Outcome::Applied | Outcome::Known));
        }
        (at_once, change.finish().expect("harmless").update)
    }

    fn is_in(document: &Document) -> (Digest, IdSet, Vec<(u64, u32)>) {
        (document.digest(), document.delete_set(), document.sorted_clocks())
    }

    proptest! {
        #[test]
        fn all_at_once_is_the_same_as_one_by_one(steps in prop::collection::vec(step(), 1..80), known in 0usize..60) {
            let said = said(&steps);
            let (before, news) = said.split_at(known.min(said.len()));
            let (mut at_once, mut singly) = (told(before), told(before));
            let everybody = [tell(&mut at_once, news, true).1, tell(&mut singly, news, false).1];
            prop_assert_eq!(is_in(&at_once), is_in(&singly));
            let heard = everybody.map(|update| after(&[before, update.as_slice()].concat()));
            prop_assert_eq!(&heard[0], &heard[1]);
        }
    }

    #[test]
    fn typing_is_applied_at_once_and_becomes_one_block() {
        let mut document = Document::new(1 << 20);
        let doc = Doc::with_client_id(7);
        let typed = typed(&doc, 100);
        let (at_once, update) = tell(&mut document, &typed[..50], true);
        assert!(at_once);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert!(update.expect("much is new").len() < 80);
        assert!(tell(&mut document, &typed[50..], true).0);
        assert_eq!(document.difference(&[]), state);
    }

    #[test]
    fn deletions_go_along() {
        let doc = Doc::with_client_id(7);
        let mut updates = typed(&doc, 10);
        updates.extend((0..5).map(|_| edited(&doc, |txn, text| text.remove_range(txn, 2, 1))));
        let mut document = Document::new(1 << 20);
        assert!(tell(&mut document, &updates, true).0);
        assert_eq!(is_in(&document), is_in(&told(&updates)));
    }

    #[test]
    fn text_that_is_deleted_in_the_same_turn_goes_along() {
        let doc = Doc::with_client_id(7);
        let mut updates = typed(&doc, 4);
        updates.push(edited(&doc, |txn, text| text.insert(txn, 0, "pasted")));
        updates.push(edited(&doc, |txn, text| text.remove_range(txn, 0, 6)));
        let mut document = Document::new(1 << 20);
        assert!(tell(&mut document, &updates, true).0);
        assert_eq!(is_in(&document), is_in(&told(&updates)));
    }

    #[test]
    fn a_large_document_is_gone_through_when_enough_was_said() {
        let doc = Doc::with_client_id(7);
        let long = edited(&doc, |txn, text| text.insert(txn, 0, &"x".repeat(40_000)));
        let typed = typed(&doc, 100);
        let mut document = told(&[long]);
        let at_once: Vec<bool> = typed.chunks(10).map(|chunk| tell(&mut document, chunk, true).0).collect();
        assert_eq!((at_once.first(), at_once.last()), (Some(&false), Some(&true)), "{at_once:?}");
    }

    #[test]
    fn what_needs_a_second_thought_is_not_taken_at_all() {
        let typed = typed(&Doc::with_client_id(7), 9);
        let with = |odd: &[u8]| [&typed[1..], &[Bytes::copy_from_slice(odd)]].concat();
        let cases = [
            ("known already", with(&typed[0])),
            ("a hole", [&typed[1..3], &typed[4..]].concat()),
            ("an impossible parent", with(&[1, 1, 9, 0, 4, 0, 7, 0, 1, b'x', 0])),
            ("a neighbour that is not there", with(&[1, 1, 9, 0, 0x84, 8, 5, 1, b'x', 0])),
            ("a deletion of what is not there", with(&[0, 1, 8, 1, 0, 1])),
            ("two values at one key", with(&[1, 1, 9, 0, 0x28, 1, 1, b't', 1, b'k', 2, 126, 126, 0])),
            ("only few", typed[1..4].to_vec()),
            ("what is only sound because another of them deletes it", {
                let entry: &[u8] = &[1, 1, 9, 0, 0x24, 1, 1, b't', 1, b'k', 2, b'a', b'b', 0];
                [&with(entry)[..], &[Bytes::from_static(&[0, 1, 9, 1, 0, 2])]].concat()
            }),
        ];
        for (what, updates) in cases {
            let mut document = told(&typed[..1]);
            let before = is_in(&document);
            let mut change = document.change();
            let updates = parsed(&updates);
            assert_eq!(change.apply_at_once(updates.iter()), Ok(false), "{what}");
            assert_eq!(change.finish().expect("harmless").update, None, "{what}");
            assert_eq!(is_in(&document), before, "{what}");
        }
    }
}

//! How much the library is given in one transaction. When that ends, it joins the blocks of one client that go on where the
//! one before ended, from the last to the first, and keeps each of the ever longer texts until all is done: a hundred thousand
//! letters that came one by one would take gigabytes. Used by `change`. Within one update such blocks are joined before
//! (`merge`), so only the number of updates counts.

use super::update::CheckedUpdate;

/// Updates of one transaction times their bytes: half of that is the most that the library keeps.
const MOST: usize = 64 << 20;

/// What a transaction has been given.
#[derive(Debug, Default)]
pub(super) struct Together {
    updates: usize,
    bytes: usize,
}

impl Together {
    /// Whether `update` is to go into another transaction.
    pub(super) fn is_full_for(&self, update: &CheckedUpdate) -> bool {
        self.updates > 0 && (self.updates + 1).saturating_mul(self.bytes.saturating_add(update.weight)) > MOST
    }

    /// It was given this, too.
    pub(super) fn add(&mut self, update: &CheckedUpdate) {
        self.updates += 1;
        self.bytes = self.bytes.saturating_add(update.weight);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use yrs::updates::encoder::Encode;
    use yrs::{Any, Array, Doc, GetString, Map, OffsetKind, Options, Text, Transact, WriteTxn};

    use super::*;
    use crate::room::change::Outcome;
    use crate::room::document::Document;
    use crate::room::scan::{TEXT, VALUES, scan};
    use crate::wire::lib0::put_number;

    const CLIENT: u64 = 7;

    /// So many blocks of one client in the root `t`, each behind the one before and of one element.
    fn one_by_one(reference: u8, content: &[u8], key: Option<u8>, count: u32) -> Bytes {
        let mut raw = vec![1];
        put_number(&mut raw, u64::from(count));
        put_number(&mut raw, CLIENT);
        raw.extend([0, reference | if key.is_some() { 0x20 } else { 0 }, 1, 1, b't']);
        raw.extend(key.into_iter().flat_map(|key| [1, key]));
        raw.extend_from_slice(content);
        for at in 1..count {
            raw.push(0x80 | reference);
            put_number(&mut raw, CLIENT);
            put_number(&mut raw, u64::from(at - 1));
            raw.extend_from_slice(content);
        }
        raw.push(0);
        raw.into()
    }

    fn blocks(encoded: &[u8]) -> usize {
        let mut count = 0;
        scan(encoded, |_| count += 1).expect("an update");
        count
    }

    #[test]
    fn what_was_typed_letter_by_letter_is_one_block_to_the_library() {
        let mut update = CheckedUpdate::parse(one_by_one(TEXT, b"\x01x", None, 20_000)).expect("an honest update");
        assert!(update.goes_on);
        update.join(|_| true).expect("valid");
        assert_eq!(blocks(&update.take_decoded().expect("valid").encode_v1()), 1);
        assert_eq!(blocks(&update.raw), 20_000, "others and the log get it as it was sent");
    }

    #[test]
    fn the_values_of_a_list_are_one_block_and_those_at_a_key_are_not() {
        let values = |key| {
            let raw = one_by_one(VALUES, &[1, 126], key, 20_000);
            CheckedUpdate::parse(raw).expect("an honest update")
        };
        let mut list = values(None);
        list.join(|_| true).expect("valid");
        assert_eq!(blocks(&list.take_decoded().expect("valid").encode_v1()), 1);
        let mut entries = values(Some(b'k'));
        entries.join(|_| false).expect("valid");
        assert_eq!(blocks(&entries.take_decoded().expect("valid").encode_v1()), 20_000);

        for (key, length) in [(None, 20_000), (Some(b'k'), 1)] {
            let mut document = Document::new(1 << 20);
            let mut change = document.change();
            assert_eq!(change.apply(values(key), 1), Ok(Outcome::Applied));
            change.finish().expect("harmless");
            let doc = Doc::new();
            let mut txn = doc.transact_mut();
            let state = CheckedUpdate::parse_stored(document.difference(&[]))
                .and_then(|mut all| all.take_decoded())
                .expect("valid");
            txn.apply_update(state).expect("whole");
            let found = match key {
                None => txn.get_or_insert_array("t").len(&txn),
                Some(_) => txn.get_or_insert_map("t").len(&txn),
            };
            assert_eq!(found, length);
        }
    }

    #[test]
    fn a_change_that_needs_several_transactions_is_one_update_for_everybody() {
        let mut options = Options::with_client_id(yrs::ClientID::new(CLIENT));
        options.offset_kind = OffsetKind::Utf16;
        let doc = Doc::with_options(options);
        let mut updates = Vec::new();
        for at in 0..40 {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("t");
            let end = text.len(&txn);
            text.insert(&mut txn, end, &"word ".repeat(60_000));
            if at % 7 == 0 {
                txn.get_or_insert_map("m").insert(&mut txn, at.to_string(), Any::Null);
            }
            updates.push(CheckedUpdate::parse(txn.encode_update_v1().into()).expect("an honest update"));
        }
        let mut given = Together::default();
        let fitting = updates.iter().take_while(|update| {
            let fits = !given.is_full_for(update);
            given.add(update);
            fits
        });
        assert!((2..20).contains(&fitting.count()), "several transactions are needed");

        let mut document = Document::new(64 << 20);
        let mut change = document.change();
        // The last one comes too early, and waits.
        let last = updates.len() - 1;
        updates.swap(last - 1, last);
        for update in updates {
            assert!(matches!(change.apply(update, 1), Ok(Outcome::Applied | Outcome::Orphaned)));
        }
        let update = change.finish().expect("harmless").update.expect("much is new");
        assert_eq!(document.orphans().count(), 0);
        let other = Doc::new();
        other
            .transact_mut()
            .apply_update(CheckedUpdate::parse_stored(update).and_then(|mut all| all.take_decoded()).expect("valid"))
            .expect("whole");
        let text = |doc: &Doc| doc.get_or_insert_text("t").get_string(&doc.transact());
        assert_eq!(text(&other).len(), text(&doc).len());
        assert!(text(&other) == text(&doc));
    }
}

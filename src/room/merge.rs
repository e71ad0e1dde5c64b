//! Several updates as one: what a turn says to everybody who wrote none of it, what an author hears back, what somebody who joins
//! lacks. Used by `change`, `durability` and `state`.
//! The cost is that of the bytes. The library reckons the same from the document, and looks through the whole text of each
//! author for it. It must never leave out what one of the updates says.
//! What goes on where the block before it ended can become one block with it, as clients themselves keep it: to cut a block
//! in two, which every client does when it has to, gives back the two as they were. That holds for what is in a text or a list,
//! and it must be known to be there: what was set at a key of a map follows each other in the same way, and must stay apart
//! (see `placing`).

use bytes::Bytes;
use hashbrown::HashMap;

use super::placing::without_overlaps;
use super::scan::{Block, Content, Id, TEXT, VALUES, scan_all};
use crate::wire::lib0::{Reader, put_byte_string, put_number};

/// The blocks of one client.
struct Section {
    client: u64,
    clock: u32,
    /// The clock that goes on behind it.
    end: u32,
    count: u64,
    bytes: Vec<u8>,
    /// The last block, when it may go on and its content is not written yet.
    open: Option<Open>,
}

struct Open {
    reference: u8,
    right: Option<Id>,
    /// Letters or values,
    content: Vec<u8>,
    /// and how many values.
    values: u64,
}

/// All that `updates` say. They were checked, and bring what is new and nothing else, in an order in which they can be applied;
/// when one of them does not, there is no answer.
pub(super) fn merged(updates: &[Bytes]) -> Option<Bytes> {
    joined(updates, |_| Joins::Never)
}

/// Whether a block may become one with the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Joins {
    /// It is, or may be, at a key; or the two are soon cut again.
    Never,
    /// Both are in a text or a list.
    Sure,
}

/// The same, and texts and values that go on become one block where `joins` says so, which is asked with the first element of the
/// second one.
pub(super) fn joined(updates: &[Bytes], joins: impl Fn(Id) -> Joins) -> Option<Bytes> {
    let (mut sections, mut by_client) = (Vec::<Section>::new(), HashMap::<u64, usize>::new());
    let (mut deletes, mut is_whole) = (Vec::new(), true);
    for raw in updates {
        let each = |block: &Block| {
            if block.content == Content::Skip {
                return;
            }
            let at = *by_client.entry(block.client).or_insert_with(|| {
                sections.push(Section::beginning_at(block.client, block.clock));
                sections.len() - 1
            });
            is_whole &= sections[at].add(block, raw, &joins).is_some();
        };
        scan_all(raw, each, |client, range| deletes.push((client, range))).ok()?;
    }
    if !is_whole {
        return None;
    }
    // As clients do: of two that write in one place, it saves them work.
    sections.sort_unstable_by_key(|section| std::cmp::Reverse(section.client));
    let mut out = Vec::with_capacity(updates.iter().map(Bytes::len).sum());
    put_number(&mut out, sections.len() as u64);
    for mut section in sections {
        section.close();
        for number in [section.count, section.client, u64::from(section.clock)] {
            put_number(&mut out, number);
        }
        out.extend_from_slice(&section.bytes);
    }
    let deletes = without_overlaps(deletes);
    let clients: Vec<_> = deletes.chunk_by(|one, other| one.0 == other.0).collect();
    put_number(&mut out, clients.len() as u64);
    for ranges in clients {
        put_number(&mut out, ranges[0].0);
        put_number(&mut out, ranges.len() as u64);
        for (_, range) in ranges {
            put_number(&mut out, u64::from(range.start));
            put_number(&mut out, u64::from(range.end - range.start));
        }
    }
    Some(out.into())
}

impl Section {
    fn beginning_at(client: u64, clock: u32) -> Self {
        Self { client, clock, end: clock, count: 0, bytes: Vec::new(), open: None }
    }

    /// Nothing when the block does not go on where the section ends.
    fn add(&mut self, block: &Block, raw: &[u8], joins: impl Fn(Id) -> Joins) -> Option<()> {
        if block.clock != self.end {
            return None;
        }
        self.end += block.length;
        let mut payload = Reader::new(&raw[block.payload.clone()]);
        let (content, values) = match block.reference {
            TEXT => (payload.byte_string().ok()?, 0),
            VALUES => {
                let count = payload.count().ok()?;
                (payload.take(payload.left()).ok()?, count as u64)
            }
            _ => (&[][..], 0),
        };
        match &mut self.open {
            Some(open)
                if block.goes_on()
                    && (open.reference, open.right) == (block.reference, block.right)
                    && joins((block.client, block.clock)) == Joins::Sure =>
            {
                open.content.extend_from_slice(content);
                open.values += values;
            }
            _ => {
                self.close();
                self.count += 1;
                let (reference, right) = (block.reference, block.right);
                if reference == TEXT || reference == VALUES {
                    self.bytes.extend_from_slice(&raw[block.bytes.start..block.payload.start]);
                    self.open = Some(Open { reference, right, content: content.to_vec(), values });
                } else {
                    self.bytes.extend_from_slice(&raw[block.bytes.clone()]);
                }
            }
        }
        Some(())
    }

    fn close(&mut self) {
        let Some(open) = self.open.take() else { return };
        if open.reference == TEXT {
            put_byte_string(&mut self.bytes, &open.content);
        } else {
            put_number(&mut self.bytes, open.values);
            self.bytes.extend_from_slice(&open.content);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;
    use yrs::updates::decoder::Decode;
    use yrs::{ClientID, Doc, GetString, IdSet, Map, Options, ReadTxn, StateVector, Text, Transact, Update, WriteTxn};

    use super::*;
    use crate::room::content::Digest;

    /// What one of several people does, or that they hear of all that was said so far.
    #[derive(Debug, Clone)]
    pub(in crate::room) enum Step {
        Type(usize, u32, String),
        Delete(usize, u32),
        Set(usize, u8),
        Mark(usize, u32),
        Hear(usize),
    }

    pub(in crate::room) fn step() -> impl Strategy<Value = Step> {
        let who = 0..3usize;
        prop_oneof![
            4 => (who.clone(), 0..40u32, "[a-c🌍é]{1,3}").prop_map(|(who, at, letters)| Step::Type(who, at, letters)),
            4 => (who.clone(), "[a-c]{1,2}").prop_map(|(who, letters)| Step::Type(who, u32::MAX, letters)),
            2 => (who.clone(), 0..40u32).prop_map(|(who, at)| Step::Delete(who, at)),
            1 => (who.clone(), 0..3u8).prop_map(|(who, value)| Step::Set(who, value)),
            1 => (who.clone(), 0..40u32).prop_map(|(who, at)| Step::Mark(who, at)),
            2 => who.prop_map(Step::Hear),
        ]
    }

    /// The updates of those steps, in the order in which they were made.
    pub(in crate::room) fn said(steps: &[Step]) -> Vec<Bytes> {
        let docs: Vec<Doc> = (0..3).map(|who| Doc::with_client_id(10 + who)).collect();
        let mut said: Vec<Bytes> = Vec::new();
        for step in steps {
            let (Step::Type(who, ..) | Step::Delete(who, _) | Step::Set(who, _) | Step::Mark(who, _) | Step::Hear(who)) =
                step;
            let mut txn = docs[*who].transact_mut();
            let text = txn.get_or_insert_text("text");
            let length = text.len(&txn);
            // Yrs counts bytes here, and must not be asked to cut a letter.
            let letters = text.get_string(&txn);
            let place = |at: u32| {
                let mut at = at.min(length) as usize;
                while !letters.is_char_boundary(at) {
                    at -= 1;
                }
                u32::try_from(at).expect("it is short")
            };
            let after = |at: u32| {
                let letter = letters[at as usize..].chars().next();
                letter.map(|letter| u32::try_from(letter.len_utf8()).expect("at most four"))
            };
            match step {
                Step::Type(_, at, letters) => text.insert(&mut txn, place(*at), letters),
                Step::Delete(_, at) => {
                    let at = place(*at);
                    if let Some(length) = after(at) {
                        text.remove_range(&mut txn, at, length);
                    }
                }
                Step::Set(_, value) => {
                    txn.get_or_insert_map("map").insert(&mut txn, "key", i64::from(*value));
                }
                Step::Mark(_, at) => {
                    let at = place(*at);
                    if let Some(length) = after(at) {
                        text.format(&mut txn, at, length, [("bold".into(), true.into())].into());
                    }
                }
                Step::Hear(_) => {
                    for raw in &said {
                        txn.apply_update(Update::decode_v1(raw).expect("valid")).expect("whole");
                    }
                    continue;
                }
            }
            if txn.has_changes() {
                said.push(txn.encode_update_v1().into());
            }
        }
        said
    }

    /// What a document says to which this was told; how its blocks are cut does not count.
    pub(in crate::room) fn after(updates: &[Bytes]) -> (Digest, IdSet, String) {
        // Else the library deletes marks that do nothing, when it sees them, and that is no part of what it was told.
        let doc = Doc::with_options(Options { cleanup_formatting: false, ..Options::with_client_id(ClientID::new(1)) });
        for raw in updates {
            doc.transact_mut().apply_update(Update::decode_v1(raw).expect("valid")).expect("whole");
        }
        let txn = doc.transact();
        assert!(!txn.has_missing_updates());
        let digest = Digest::of(&txn.encode_state_as_update_v1(&StateVector::default())).expect("valid");
        let deleted = txn.snapshot().delete_set;
        drop(txn);
        (digest, deleted, doc.get_or_insert_text("text").get_string(&doc.transact()))
    }

    proptest! {
        #[test]
        fn one_update_does_what_all_of_them_do(
            steps in prop::collection::vec(step(), 1..60),
            cut in 0usize..60,
            joins: bool,
        ) {
            let said = said(&steps);
            let cut = cut.min(said.len());
            let joins = if joins { Joins::Sure } else { Joins::Never };
            let one = joined(&said[cut..], |_| joins);
            let one = one.expect("each goes on where the one before ended");
            prop_assert_eq!(after(&[&said[..cut], std::slice::from_ref(&one)].concat()), after(&said));
            let all: usize = said[cut..].iter().map(Bytes::len).sum();
            prop_assert!(one.len() <= all + 2, "{} bytes of {all}", one.len());
        }
    }

    /// The updates of so many letters, one behind the other.
    pub(in crate::room) fn typed(doc: &Doc, letters: u32) -> Vec<Bytes> {
        let letter = |at| {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("text");
            text.insert(&mut txn, at, "x");
            txn.encode_update_v1().into()
        };
        (0..letters).map(letter).collect()
    }

    #[test]
    fn what_is_typed_becomes_one_block() {
        let doc = Doc::with_client_id(7);
        let typed = typed(&doc, 20);
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        assert_eq!(joined(&typed, |_| Joins::Sure).expect("one after the other"), state);
        assert!(merged(&typed).expect("one after the other").len() > state.len());
    }

    #[test]
    fn a_hole_has_no_answer() {
        let doc = Doc::with_client_id(7);
        let typed = typed(&doc, 3);
        assert_eq!(merged(&[typed[0].clone(), typed[2].clone()]), None);
    }
}

//! What an encoded state says, in a form by which two can be compared although their blocks are cut differently:
//! a digest over every single element, where it stands and what it is. Called by `document`, and by `fold` before log
//! rows are dropped.
//! It reads the bytes and not the library's views, which can take for ever to walk what a stranger made; its cost is
//! that of the bytes.

use std::hash::{DefaultHasher, Hash, Hasher};

use super::scan::{Block, Content, Id, TEXT, hash, scan};
use crate::wire::lib0::{Malformed, Reader};

/// A digest of an encoded state. Two documents with the same state vector, the same delete set and the same digest
/// hold the same elements in the same places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Reads `encoded`, a whole state.
    pub fn of(encoded: &[u8]) -> Result<Self, Malformed> {
        let mut walk = Walk::default();
        let mut failed = None;
        scan(encoded, |block| {
            if let Err(error) = walk.block(block, encoded) {
                failed.get_or_insert(error);
            }
        })?;
        failed.map_or(Ok(Self(walk.total())), Err)
    }
}

/// Clients may come in any order: each has a hash of its own, and the order among them does not count.
#[derive(Default)]
struct Walk {
    sum: u64,
    client: Option<u64>,
    hash: DefaultHasher,
    /// How many elements that are deleted came just now, in however many blocks.
    deleted: u64,
    /// How long the text is that came just now, in however many blocks.
    letters: u64,
    /// The element before, and what it was put before of.
    last: Option<(Id, Option<Id>)>,
}

impl Walk {
    fn total(&mut self) -> u64 {
        self.end_deleted();
        self.end_text();
        if self.client.is_none() { self.sum } else { self.sum.wrapping_add(self.hash.finish()) }
    }

    /// A run of deleted elements is hashed as its length: a few bytes can say billions.
    fn end_deleted(&mut self) {
        let deleted = std::mem::take(&mut self.deleted);
        if deleted > 0 {
            (1u8, deleted).hash(&mut self.hash);
        }
    }

    /// A text is hashed as its bytes, and then how long it is.
    fn end_text(&mut self) {
        let letters = std::mem::take(&mut self.letters);
        if letters > 0 {
            (4u8, letters).hash(&mut self.hash);
        }
    }

    fn block(&mut self, block: &Block, encoded: &[u8]) -> Result<(), Malformed> {
        if self.client != Some(block.client) {
            let sum = self.total();
            *self = Self { sum, client: Some(block.client), ..Self::default() };
            block.client.hash(&mut self.hash);
        }
        if block.content != Content::Deleted {
            self.end_deleted();
        }
        if block.reference != TEXT {
            self.end_text();
        }
        match block.content {
            // A placeholder says where something is missing.
            Content::Skip => (0u8, block.length).hash(&mut self.hash),
            // What is deleted may be remembered with or without its place.
            Content::Deleted => self.deleted += u64::from(block.length),
            Content::SharedType | Content::Other => {
                self.stand(block, encoded);
                self.letters += if block.reference == TEXT { u64::from(block.length) } else { 0 };
                self.last = Some(((block.client, block.clock + block.length - 1), block.right));
                return hash_elements(block.reference, &encoded[block.payload.clone()], &mut self.hash);
            }
        }
        // Nothing is ever one block with what is deleted.
        self.last = None;
        Ok(())
    }

    /// An element that merely continues the one before stands where it would if they were one block.
    fn stand(&mut self, block: &Block, encoded: &[u8]) {
        let continues = self.last == Some((block.left.unwrap_or((0, 0)), block.right)) && block.left.is_some();
        if !continues {
            self.end_text();
            (2u8, block.left, block.right, block.position(encoded)).hash(&mut self.hash);
        }
    }
}

/// Hashes each element of a block's content by itself. The numbers are Yjs' content references.
fn hash_elements(reference: u8, payload: &[u8], into: &mut DefaultHasher) -> Result<(), Malformed> {
    let mut reader = Reader::new(payload);
    match reference {
        // As a stream of bytes, so that it does not matter where it is cut; `Walk` says how long it is.
        TEXT => into.write(reader.byte_string()?),
        // JSON, whose keys may change their order.
        5 => (5u8, json(reader.text()?)).hash(into),
        6 => (6u8, reader.text()?, json(reader.text()?)).hash(into),
        8 => {
            for _ in 0..reader.count()? {
                (8u8, value(&mut reader)?).hash(into);
            }
        }
        9 => (9u8, reader.text()?, value(&mut reader)?).hash(into),
        other => (other, payload).hash(into),
    }
    Ok(())
}

fn json(text: &str) -> u64 {
    // Objects are kept sorted, so equal ones are written alike.
    serde_json::from_str::<serde_json::Value>(text).map_or_else(|_| hash(text), |value| hash(&value.to_string()))
}

/// A hash of one plain value in which the order of an object's keys does not count. The numbers are lib0's tags; how
/// deep it can go was checked when the bytes were scanned.
fn value(reader: &mut Reader<'_>) -> Result<u64, Malformed> {
    let tag = reader.byte()?;
    Ok(match tag {
        117 => {
            let mut hash = DefaultHasher::new();
            for _ in 0..reader.count()? {
                value(reader)?.hash(&mut hash);
            }
            hash.finish()
        }
        118 => {
            let mut sum = 1u64;
            for _ in 0..reader.count()? {
                let entry = (reader.text()?, value(reader)?);
                sum = sum.wrapping_add(hash(&entry));
            }
            sum
        }
        122 | 123 => hash(&(tag, reader.take(8)?)),
        124 => hash(&(tag, reader.take(4)?)),
        116 => hash(&(tag, reader.byte_string()?)),
        119 => hash(&(tag, reader.text()?)),
        125 => {
            let mut bytes = Vec::new();
            loop {
                bytes.push(reader.byte()?);
                if bytes.last().is_none_or(|byte| byte & 0x80 == 0) {
                    break hash(&(tag, bytes));
                }
            }
        }
        _ => u64::from(tag),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::fold;
    use bytes::Bytes;
    use yrs::{Any, Array, Doc, Map, ReadTxn, StateVector, Text, Transact, WriteTxn};

    fn encoded(doc: &Doc) -> Vec<u8> {
        doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    #[test]
    fn how_blocks_are_cut_makes_no_difference() {
        let doc = Doc::with_client_id(7);
        let mut rows = Vec::new();
        for letter in ["a", "b", "🏝", "d"] {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("undeclared");
            let end = text.len(&txn);
            text.insert(&mut txn, end, letter);
            rows.push(txn.encode_update_v1());
        }
        // Merging keeps each letter a block of its own; the document makes one of them.
        let apart = yrs::merge_updates_v1(&rows).expect("valid");
        assert_ne!(apart, encoded(&doc));
        assert_eq!(Digest::of(&apart), Digest::of(&encoded(&doc)));
    }

    #[test]
    fn the_order_of_keys_makes_no_difference_and_everything_else_does() {
        let with = |json: &str, place: u32| {
            let doc = Doc::with_client_id(7);
            let mut txn = doc.transact_mut();
            let list = txn.get_or_insert_array("list");
            list.insert(&mut txn, 0, 1i64);
            list.insert(&mut txn, place, Any::from_json(json).expect("JSON"));
            drop(txn);
            Digest::of(&encoded(&doc)).expect("valid")
        };
        let digest = with(r#"{"a":1,"b":[true,null],"c":"x"}"#, 0);
        assert_eq!(digest, with(r#"{"c":"x","b":[true,null],"a":1}"#, 0));
        assert_ne!(digest, with(r#"{"c":"y","b":[true,null],"a":1}"#, 0));
        assert_ne!(digest, with(r#"{"c":"x","b":[null,true],"a":1}"#, 0));
        assert_ne!(digest, with(r#"{"a":1,"b":[true,null],"c":"x"}"#, 1));
    }

    #[test]
    fn every_kind_of_content_survives_a_fold() {
        let doc = Doc::with_client_id(7);
        {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("rich");
            text.insert(&mut txn, 0, "bold 🏝 and not");
            text.format(
                &mut txn,
                0,
                4,
                [("bold".into(), true.into()), ("size".into(), 3.into())].into_iter().collect(),
            );
            text.insert_embed(&mut txn, 2, Any::from_json(r#"{"z":1,"a":{"y":2,"x":3}}"#).expect("JSON"));
            text.remove_range(&mut txn, 1, 3);
            let map = txn.get_or_insert_map("map");
            map.insert(&mut txn, "k", vec![1u8, 2]);
            map.insert(&mut txn, "k", Any::from_json(r#"{"q":[1,2.5,"s"],"p":null}"#).expect("JSON"));
        }
        let rows = [Bytes::from(encoded(&doc))];
        fold::fold(None, &rows).expect("the same after a round trip");
    }

    #[test]
    fn a_few_bytes_that_say_billions_are_read_at_once() {
        // A hundred clients, each with two thousand million collected elements.
        let mut raw = vec![100];
        for client in 0..100 {
            raw.extend([1, client, 0, 0, 0xfe, 0xff, 0xff, 0xff, 0x07]);
        }
        raw.push(0);
        fold::fold(None, &[raw.into()]).expect("valid");
    }

    #[test]
    fn documents_that_views_take_for_ever_to_read_are_read_at_once() {
        let doc = Doc::new();
        {
            let mut txn = doc.transact_mut();
            txn.get_or_insert_text("undeclared").insert(&mut txn, 0, &"🏝x".repeat(1_000_000));
        }
        fold::fold(None, &[Bytes::from(encoded(&doc))]).expect("valid");
    }
}

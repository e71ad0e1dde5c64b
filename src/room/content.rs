//! Reads a whole document from its roots: how deep it is nested, and a digest of what it says, by which two
//! documents can be compared. Called by `document` before it takes a deep update and by `fold` before log rows are
//! dropped. It must never recurse deeper than `nesting::DEEPEST`, and writes nothing.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use yrs::branch::{Branch, BranchPtr};
use yrs::types::Attrs;
use yrs::types::text::YChange;
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Out, ReadTxn, Text, TextRef};

use super::nesting::DEEPEST;
use super::update::{Content as BlockContent, scan};

/// What a document says, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// A hash over every root, key, value, text and mark.
    pub digest: u64,
    /// How deep shared types are nested below the roots.
    pub depth: u32,
}

/// Reading a text with its marks costs its pieces times the marks that are on at once. More than this is no document
/// of an honest editor: its texts are read without marks.
const MARKS_COST_MAX: usize = 50_000_000;
/// So many values of one character in a row are not values of an array but the letters of a text. Reading on, one by
/// one, would cost the square of its length.
const LETTERS_MAX: usize = 64;

/// Reads everything that `txn` can see. `encoded` is the state of the same document.
pub fn read<T: ReadTxn>(txn: &T, encoded: &[u8]) -> Content {
    let marks = if marks_are_affordable(encoded) { Marks::Read } else { Marks::Skip };
    let mut walk = Walk { txn, marks, hash: DefaultHasher::new(), depth: 0 };
    let roots: BTreeMap<String, Out> = txn.root_refs().map(|(name, root)| (name.to_owned(), root)).collect();
    for (name, root) in &roots {
        if let Some(branch) = branch_of(root) {
            name.hash(&mut walk.hash);
            walk.branch(branch, root, 0);
        }
    }
    Content { digest: walk.hash.finish(), depth: walk.depth }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Marks {
    Read,
    Skip,
}

fn marks_are_affordable(encoded: &[u8]) -> bool {
    let (mut marks, mut keys) = (0, HashSet::new());
    let scanned = scan(encoded, |block| {
        if let BlockContent::Mark(key) = block.content {
            marks += 1;
            keys.insert(key);
        }
    });
    scanned.is_ok() && marks * keys.len() <= MARKS_COST_MAX
}

fn branch_of(out: &Out) -> Option<BranchPtr> {
    Some(match out {
        Out::YText(shared) => pointer(shared),
        Out::YArray(shared) => pointer(shared),
        Out::YMap(shared) => pointer(shared),
        Out::YXmlElement(shared) => pointer(shared),
        Out::YXmlFragment(shared) => pointer(shared),
        Out::YXmlText(shared) => pointer(shared),
        Out::UndefinedRef(branch) => *branch,
        Out::Any(_) | Out::YDoc(_) => return None,
    })
}

fn pointer(shared: &impl AsRef<Branch>) -> BranchPtr {
    BranchPtr::from(shared.as_ref())
}

struct Walk<'t, T> {
    txn: &'t T,
    marks: Marks,
    hash: DefaultHasher,
    depth: u32,
}

impl<T: ReadTxn> Walk<'_, T> {
    /// A shared type is read as what every one of them is: keyed values and a sequence.
    fn branch(&mut self, branch: BranchPtr, typed: &Out, depth: u32) {
        self.depth = self.depth.max(depth);
        if depth >= DEEPEST {
            return;
        }
        if let Out::YXmlElement(element) = typed {
            element.try_tag().hash(&mut self.hash);
        }
        let txn = self.txn;
        let keyed: BTreeMap<String, Out> =
            MapRef::from(branch).iter(txn).map(|(key, value)| (key.to_owned(), value)).collect();
        for (key, value) in &keyed {
            key.hash(&mut self.hash);
            self.value(value, depth);
        }
        // A root that nobody declared here may be a text or an array: it is read as both.
        if matches!(typed, Out::YText(_) | Out::YXmlText(_) | Out::UndefinedRef(_)) {
            self.text(&TextRef::from(branch), depth);
        }
        if !matches!(typed, Out::YText(_) | Out::YXmlText(_)) {
            let array = ArrayRef::from(branch);
            array.len(txn).hash(&mut self.hash);
            let mut letters = 0;
            for value in array.iter(txn) {
                letters = if is_letter(&value) { letters + 1 } else { 0 };
                if letters > LETTERS_MAX {
                    break;
                }
                self.value(&value, depth);
            }
        }
    }

    fn text(&mut self, text: &TextRef, depth: u32) {
        if self.marks == Marks::Skip {
            self.hash.write(text.get_string(self.txn).as_bytes());
            return;
        }
        let mut marks = Vec::new();
        for chunk in text.diff(self.txn, YChange::identity) {
            let next = sorted(chunk.attributes.as_deref());
            if next != marks {
                next.hash(&mut self.hash);
                marks = next;
            }
            match &chunk.insert {
                // Where one chunk ends and the next begins is no content.
                Out::Any(Any::String(text)) => self.hash.write(text.as_bytes()),
                other => self.value(other, depth),
            }
        }
    }

    fn value(&mut self, value: &Out, depth: u32) {
        match value {
            Out::Any(any) => hash_any(any, &mut self.hash),
            Out::YDoc(doc) => doc.guid().hash(&mut self.hash),
            shared => {
                if let Some(branch) = branch_of(shared) {
                    self.branch(branch, shared, depth + 1);
                }
            }
        }
    }
}

fn is_letter(value: &Out) -> bool {
    matches!(value, Out::Any(Any::String(text)) if text.len() <= 4 && text.chars().count() == 1)
}

fn sorted(attributes: Option<&Attrs>) -> Vec<(String, u64)> {
    let mut marks: Vec<(String, u64)> = attributes
        .into_iter()
        .flatten()
        .map(|(key, value)| {
            let mut hash = DefaultHasher::new();
            hash_any(value, &mut hash);
            (key.to_string(), hash.finish())
        })
        .collect();
    marks.sort_unstable();
    marks
}

fn hash_any(any: &Any, hash: &mut DefaultHasher) {
    match any {
        Any::Null => 0u8.hash(hash),
        Any::Undefined => 1u8.hash(hash),
        Any::Bool(value) => (2u8, value).hash(hash),
        Any::String(text) => (4u8, text).hash(hash),
        Any::Buffer(bytes) => (5u8, bytes).hash(hash),
        Any::Array(values) => {
            (6u8, values.len()).hash(hash);
            values.iter().for_each(|value| hash_any(value, hash));
        }
        Any::Map(values) => {
            (7u8, values.len()).hash(hash);
            let ordered: BTreeMap<_, _> = values.iter().collect();
            for (key, value) in ordered {
                key.hash(hash);
                hash_any(value, hash);
            }
        }
        Any::Number(number) => (3u8, format!("{number:?}")).hash(hash),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::room::fold;
    use bytes::Bytes;
    use std::time::{Duration, Instant};
    use yrs::{Doc, Transact, WriteTxn};

    fn content(doc: &Doc) -> Content {
        let encoded = doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
        fold::open(None, &[Bytes::from(encoded)], usize::MAX).expect("valid").document.content()
    }

    /// Nothing here takes a second; what it guards against takes hours.
    fn in_time(work: impl FnOnce()) {
        let started = Instant::now();
        work();
        assert!(started.elapsed() < Duration::from_mins(1));
    }

    #[test]
    fn a_long_text_in_a_root_that_nobody_declared_is_read_in_time() {
        let doc = Doc::new();
        {
            let mut txn = doc.transact_mut();
            txn.get_or_insert_text("undeclared").insert(&mut txn, 0, &"x".repeat(2_000_000));
        }
        in_time(|| {
            content(&doc);
        });
    }

    #[test]
    fn a_text_with_tens_of_thousands_of_marks_at_once_is_read_in_time() {
        let doc = Doc::new();
        {
            let mut txn = doc.transact_mut();
            let text = txn.get_or_insert_text("notes");
            text.insert(&mut txn, 0, &"x".repeat(20_000));
        }
        // Marks are written as bytes: the library's own way of adding so many would take as long.
        let mut raw = vec![1];
        crate::wire::lib0::put_number(&mut raw, 30_000);
        raw.extend([9, 0]);
        for mark in 0..30_000u32 {
            let key = format!("m{mark}");
            if mark == 0 {
                raw.extend([6, 1, 5]);
                raw.extend(b"notes");
            } else {
                raw.push(0x86);
                crate::wire::lib0::put_number(&mut raw, 9);
                crate::wire::lib0::put_number(&mut raw, u64::from(mark - 1));
            }
            crate::wire::lib0::put_byte_string(&mut raw, key.as_bytes());
            crate::wire::lib0::put_byte_string(&mut raw, b"true");
        }
        raw.push(0);
        let rows = [Bytes::from(doc.transact().encode_state_as_update_v1(&yrs::StateVector::default())), raw.into()];
        let opened = fold::open(None, &rows, usize::MAX).expect("valid");
        assert!(opened.unusable.is_empty());
        in_time(|| {
            opened.document.content();
        });
    }

    #[test]
    fn marks_and_values_are_part_of_what_a_document_says() {
        let base = Doc::with_client_id(1);
        {
            let mut txn = base.transact_mut();
            txn.get_or_insert_text("notes").insert(&mut txn, 0, "bold or not");
            txn.get_or_insert_array("list").insert_range(&mut txn, 0, [1i64, 2]);
        }
        let before = content(&base);
        {
            let mut txn = base.transact_mut();
            let text = txn.get_or_insert_text("notes");
            text.format(&mut txn, 0, 4, [("bold".into(), true.into())].into_iter().collect());
        }
        let marked = content(&base);
        assert_ne!(before, marked);
        {
            let mut txn = base.transact_mut();
            txn.get_or_insert_array("list").insert(&mut txn, 0, 3i64);
        }
        assert_ne!(marked, content(&base));
    }
}

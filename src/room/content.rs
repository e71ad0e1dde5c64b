//! Reads a whole document from its roots: how deep it is nested, and a digest of what it says, by which two
//! documents can be compared. Called by `document` before it takes a deep update and by `fold` before log rows are
//! dropped. It must never recurse deeper than `nesting::DEEPEST`, and writes nothing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use yrs::branch::{Branch, BranchPtr};
use yrs::types::Attrs;
use yrs::types::text::YChange;
use yrs::{Any, Array, ArrayRef, Map, MapRef, Out, ReadTxn, Text, TextRef};

use super::nesting::DEEPEST;

/// What a document says, in short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// A hash over every root, key, value, text and mark.
    pub digest: u64,
    /// How deep shared types are nested below the roots.
    pub depth: u32,
}

/// Reads everything that `txn` can see.
pub fn read<T: ReadTxn>(txn: &T) -> Content {
    let mut walk = Walk { txn, hash: DefaultHasher::new(), depth: 0 };
    let roots: BTreeMap<String, Out> = txn.root_refs().map(|(name, root)| (name.to_owned(), root)).collect();
    for (name, root) in &roots {
        if let Some(branch) = branch_of(root) {
            name.hash(&mut walk.hash);
            walk.branch(branch, root, 0);
        }
    }
    Content { digest: walk.hash.finish(), depth: walk.depth }
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
            for value in ArrayRef::from(branch).iter(txn) {
                self.value(&value, depth);
            }
        }
    }

    fn text(&mut self, text: &TextRef, depth: u32) {
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

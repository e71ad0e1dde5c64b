//! JSON Patch (RFC 6902) onto a live document. `Patch::parse` is the only way to make one from bytes; `apply` plans it on
//! the JSON of the roots that it names, and only a plan without a fault is written, as the smallest difference, in one
//! change of the document; `preview` plans it and writes nothing.
//! Called by `Room`, which treats what comes out like any author's update.
//! All operations are done or none: nothing in here may fail once something was written.

mod error;
mod excerpt;
mod list;
mod parse;
mod plan;
mod preview;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod rfc;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use json_patch::PatchOperation;
use serde_json::{Map, Value};

use super::change::Poisoned;
use super::document::Document;
use super::role::Writes;
use super::trip::{self, Rule};
use super::view::{Entries, Roots, ViewError, ViewLimits};

pub use error::{Current, PatchCode, PatchError};
pub use excerpt::{EXCERPT_BYTES_MAX, Excerpt};
pub use preview::{CHANGES_MAX, Preview, ValueChange};

/// A patch of more operations than this, or one that copies, may take long whatever the document's size.
const FEW_OPERATIONS: usize = 64;

/// A JSON Patch of which every operation is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    operations: Vec<PatchOperation>,
}

/// Why a patch was not applied. But for the last, the document is as it was.
#[derive(Debug, thiserror::Error)]
pub enum PatchFailure {
    /// An operation cannot be done.
    #[error(transparent)]
    Refused(#[from] Box<PatchError>),
    /// What it would change cannot be given as JSON.
    #[error(transparent)]
    Unreadable(#[from] ViewError),
    /// The document would pass its size limit.
    #[error("the document would pass its size limit")]
    DocumentTooLarge,
    /// See there. The document is to be loaded anew.
    #[error(transparent)]
    Poisoned(#[from] Poisoned),
}

impl Patch {
    /// Whether to apply it may take long enough to be kept away from other rooms' tasks, even in a small document.
    pub fn is_heavy(&self) -> bool {
        let copies = |operation: &PatchOperation| matches!(operation, PatchOperation::Copy(_));
        self.operations.len() > FEW_OPERATIONS || self.operations.iter().any(copies)
    }

    /// Applies it in the name of somebody who may write `writes`. Gives the update for everybody, which is to be logged
    /// like one that came; nothing when the document says all of it already.
    pub fn apply(
        &self,
        document: &mut Document,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Option<Bytes>, PatchFailure> {
        let names = self.roots();
        let before = document.read(names.as_ref().map_or(Roots::All, Roots::Named), limits)?;
        let after = self.plan(&before, writes, limits)?;
        let difference = fitting(document, before.json, after)?;
        if difference.is_empty() {
            return Ok(None);
        }
        let size = document.size();
        Ok(document.edit(|txn| difference.write(txn, size))?)
    }

    /// What `apply` would do, or why it would not. The document stays as it is; its estimates of its size may get better.
    pub fn preview(
        &self,
        document: &mut Document,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Preview, PatchFailure> {
        let names = self.whole_roots();
        let before = document.read(names.as_ref().map_or(Roots::All, Roots::Named), limits)?;
        let after = self.plan(&before, writes, limits)?;
        let preview = Preview::new(&before.json, &after);
        fitting(document, before.json, after)?;
        Ok(preview)
    }

    /// What it reads or writes of which roots; nothing when it names the whole document. Of an item, only that item.
    fn roots(&self) -> Option<BTreeMap<String, Entries>> {
        let mut roots = BTreeMap::new();
        for operation in &self.operations {
            for pointer in [Some(operation.path()), parse::source(operation)].into_iter().flatten() {
                let mut tokens = pointer.tokens().map(|token| token.decoded().into_owned());
                let root = tokens.next()?;
                let entry = tokens.next().filter(|_| is_by_id(&root));
                match (entry, roots.entry(root).or_insert_with(|| Entries::Named(BTreeSet::new()))) {
                    (Some(entry), Entries::Named(entries)) => drop(entries.insert(entry)),
                    (None, entries) => *entries = Entries::All,
                    (Some(_), Entries::All) => {}
                }
            }
        }
        Some(roots)
    }

    /// The same roots, none of them in part.
    fn whole_roots(&self) -> Option<BTreeMap<String, Entries>> {
        self.roots().map(|roots| roots.into_keys().map(|name| (name, Entries::All)).collect())
    }
}

/// What is to be written, if the document has space for it.
fn fitting(
    document: &mut Document,
    before: Map<String, Value>,
    after: Map<String, Value>,
) -> Result<write::Difference, PatchFailure> {
    let difference = write::Difference::new(before, after);
    if difference.is_empty() || document.has_space(difference.bytes()) {
        return Ok(difference);
    }
    Err(PatchFailure::DocumentTooLarge)
}

/// Whether the entries of a root have nothing to do with each other.
fn is_by_id(root: &str) -> bool {
    trip::ROOTS.iter().any(|field| field.name == root && matches!(field.rule, Rule::ById(_)))
}

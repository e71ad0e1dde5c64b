//! JSON Patch (RFC 6902) and the trip's own verbs onto a live document. `Patch::parse` and `Patch::parse_operations` are
//! the only ways to make one from bytes; `apply` plans it on the JSON of the roots that it names, and only a plan without
//! a fault is written, as the smallest difference, in one change of the document; `preview` plans it and writes nothing.
//! Called by `Room`, which treats what comes out like any author's update.
//! All operations are done or none: nothing in here may fail once something was written.

mod error;
mod excerpt;
mod leaves;
mod list;
mod operation;
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
mod undo;
mod verb;
mod write;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use json_patch::jsonptr::Pointer;
use serde_json::{Map, Value};

use super::change::Poisoned;
use super::document::Document;
use super::role::Writes;
use super::run::RunId;
use super::trip::{self, Rule};
use super::view::{Entries, Reading, Roots, ViewError, ViewLimits};
use operation::Operation;

pub use error::{Current, PatchCode, PatchError};
pub use excerpt::{EXCERPT_BYTES_MAX, Excerpt};
pub use preview::{CHANGES_MAX, Preview, ValueChange};
pub use undo::{Kept, TakenBack, Trace, Why, take_back};
pub use verb::{Context, Usage, VERBS};

/// A patch of more operations than this, or one that copies, may take long whatever the document's size.
const FEW_OPERATIONS: usize = 64;

/// Roots by their names.
type Json = Map<String, Value>;

/// A list of operations, each of which is well-formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Patch {
    operations: Vec<Operation>,
    run: Option<RunId>,
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
    /// The same as part of a run of its author, an agent.
    #[must_use]
    pub fn in_run(self, run: Option<RunId>) -> Self {
        Self { run, ..self }
    }

    /// The run that it is part of.
    pub fn run(&self) -> Option<&RunId> {
        self.run.as_ref()
    }

    /// What it does, in short: the names of its operations and how many there are of each.
    pub fn summary(&self) -> String {
        let mut counts: Vec<(&str, usize)> = Vec::new();
        for operation in &self.operations {
            match counts.iter_mut().find(|(name, _)| *name == operation.name()) {
                Some((_, count)) => *count += 1,
                None => counts.push((operation.name(), 1)),
            }
        }
        let part = |(name, count)| if count == 1 { String::from(name) } else { format!("{name} ×{count}") };
        counts.into_iter().map(part).collect::<Vec<_>>().join(", ")
    }

    /// Whether to apply it may take long enough to be kept away from other rooms' tasks, even in a small document.
    pub fn is_heavy(&self) -> bool {
        self.operations.len() > FEW_OPERATIONS || self.operations.iter().any(Operation::copies)
    }

    /// The ids of what its verbs add, each with the place of its operation in the list.
    pub fn added(&self) -> impl Iterator<Item = (usize, &str)> {
        self.operations.iter().enumerate().filter_map(|(at, operation)| match operation {
            Operation::Verb(verb) => verb.added().map(|id| (at, id)),
            Operation::Json(_) => None,
        })
    }

    /// Applies it in the name of somebody who may write `writes`. Gives the update for everybody, which is to be logged
    /// like one that came; nothing when the document says all of it already.
    pub fn apply(
        &self,
        document: &mut Document,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Option<Bytes>, PatchFailure> {
        let (before, after) = self.readings(document, writes, limits)?;
        write_difference(document, before, after)
    }

    /// The same, and what was changed, for `take_back`.
    pub fn apply_traced(
        &self,
        document: &mut Document,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Option<(Bytes, Trace)>, PatchFailure> {
        let (before, after) = self.readings(document, writes, limits)?;
        let recording = undo::Recording::begin(document, &before, &after)?;
        let Some(update) = write_difference(document, before, after)? else { return Ok(None) };
        Ok(Some((update, recording.end(document)?)))
    }

    /// The roots that it touches, as they are and as they are to be.
    fn readings(&self, document: &Document, writes: Writes, limits: &ViewLimits) -> Result<(Json, Json), PatchFailure> {
        let before = read(document, self.roots().as_ref(), limits)?;
        match self.plan(&before, writes, limits) {
            Ok(after) => Ok((before.json, after)),
            Err(error) if before.partial.is_empty() || !self.is_verb(error.index) => Err(error.into()),
            // An agent that is wrong about an id is told which ones there are.
            Err(error) => {
                let whole = read(document, self.whole_roots().as_ref(), limits);
                let explained = whole.ok().and_then(|whole| self.plan(&whole, writes, limits).err());
                Err(explained.unwrap_or(error).into())
            }
        }
    }

    /// What `apply` would do, or why it would not. The document stays as it is; its estimates of its size may get better.
    pub fn preview(
        &self,
        document: &mut Document,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Preview, PatchFailure> {
        let before = read(document, self.whole_roots().as_ref(), limits)?;
        let after = self.plan(&before, writes, limits)?;
        let preview = Preview::new(&before.json, &after);
        fitting(document, before.json, after)?;
        Ok(preview)
    }

    fn is_verb(&self, index: Option<usize>) -> bool {
        index.is_some_and(|at| matches!(self.operations[at], Operation::Verb(_)))
    }

    /// What it reads or writes of which roots; nothing when it names the whole document. Of an item, only that item.
    fn roots(&self) -> Option<BTreeMap<String, Entries>> {
        let touched: Vec<_> = self.operations.iter().flat_map(Operation::touched).collect();
        named(touched.iter().map(|pointer| &**pointer))
    }

    /// The same roots, none of them in part.
    fn whole_roots(&self) -> Option<BTreeMap<String, Entries>> {
        self.roots().map(|roots| roots.into_keys().map(|name| (name, Entries::All)).collect())
    }
}

fn read(
    document: &Document,
    roots: Option<&BTreeMap<String, Entries>>,
    limits: &ViewLimits,
) -> Result<Reading, ViewError> {
    document.read(roots.map_or(Roots::All, Roots::Named), limits)
}

/// What of which roots some pointers lead to; nothing when one leads to the whole document.
fn named<'p>(pointers: impl Iterator<Item = &'p Pointer>) -> Option<BTreeMap<String, Entries>> {
    let mut roots = BTreeMap::new();
    for pointer in pointers {
        let mut tokens = pointer.tokens().map(|token| token.decoded().into_owned());
        let root = tokens.next()?;
        let entry = tokens.next().filter(|_| is_by_id(&root));
        match (entry, roots.entry(root).or_insert_with(|| Entries::Named(BTreeSet::new()))) {
            (Some(entry), Entries::Named(entries)) => drop(entries.insert(entry)),
            (None, entries) => *entries = Entries::All,
            (Some(_), Entries::All) => {}
        }
    }
    Some(roots)
}

/// Makes the document say `after`, which says `before`.
fn write_difference(document: &mut Document, before: Json, after: Json) -> Result<Option<Bytes>, PatchFailure> {
    let difference = fitting(document, before, after)?;
    if difference.is_empty() {
        return Ok(None);
    }
    let size = document.size();
    Ok(document.edit(|txn| difference.write(txn, size))?)
}

/// What is to be written, if the document has space for it.
fn fitting(document: &mut Document, before: Json, after: Json) -> Result<write::Difference, PatchFailure> {
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

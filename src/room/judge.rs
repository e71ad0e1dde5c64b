//! What a document keeps to judge updates before they are applied: where its blocks are, and what is deleted. Made
//! when it is first asked for, kept up to date by each `Change`, given back by `forget`. Owned by `document`.

use std::collections::HashMap;
use std::sync::OnceLock;

use yrs::{ID, IdSet, ReadTxn, StateVector};

use super::change::clock;
use super::roots::Roots;
use super::update::CheckedUpdate;
use super::verdict::{self, Holder, Verdict};

/// What is known of a document's blocks beside the library's own knowledge, which it shares with nobody.
#[derive(Debug, Default)]
pub(super) struct Judge {
    roots: Option<Roots>,
    deleted: OnceLock<IdSet>,
}

impl Judge {
    /// See [`super::document::Document::only_touches`]; `txn` is open on the document.
    pub(super) fn only_touches(
        &mut self,
        txn: &impl ReadTxn,
        update: &CheckedUpdate,
        root: &str,
        holder: impl Fn(u64) -> Holder,
    ) -> Verdict {
        if self.roots.as_ref().is_none_or(|roots| roots.root() != root) {
            self.roots = Roots::of_state(&txn.encode_state_as_update_v1(&StateVector::default()), root).ok();
        }
        let Some(roots) = &self.roots else { return Verdict::Unknown };
        verdict::verdict(update, roots, || self.delete_set(txn), holder)
    }

    /// See [`super::document::Document::brings_nothing`].
    pub(super) fn brings_nothing(
        &self,
        txn: &impl ReadTxn,
        clocks: &HashMap<u64, u32>,
        update: &CheckedUpdate,
    ) -> bool {
        verdict::brings_nothing(update, |client| clock(clocks, client), || self.delete_set(txn))
    }

    /// The document took this update, or has at least all that is in it.
    pub(super) fn applied(&mut self, raw: &[u8]) {
        if self.roots.as_mut().is_some_and(|roots| roots.extend(raw).is_err()) {
            self.roots = None;
        }
    }

    /// This is deleted now.
    pub(super) fn deleted(&mut self, more: &IdSet) {
        let Some(deleted) = self.deleted.get_mut() else { return };
        for (client, ranges) in more.iter() {
            for range in ranges.iter() {
                deleted.insert(ID::new(*client, range.start), range.end - range.start);
            }
        }
    }

    /// Gives back the memory.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    fn delete_set(&self, txn: &impl ReadTxn) -> &IdSet {
        self.deleted.get_or_init(|| txn.snapshot().delete_set)
    }
}

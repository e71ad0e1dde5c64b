//! What a document keeps to judge updates before they are applied: where its blocks are, and what is deleted. Made
//! when it is first asked for, kept up to date by each `Change`, given back when nobody asks any more. Owned by
//! `document`.

use std::sync::OnceLock;

use hashbrown::HashMap;
use yrs::{ID, IdSet, ReadTxn, StateVector};

use super::change::clock;
use super::document::COMMENTS;
use super::placing::Placing;
use super::roots::{Area, Roots};
use super::scan::Id;
use super::update::CheckedUpdate;
use super::verdict::{self, Holder, Verdict};

const SCANNED: &str = "the library writes what can be scanned, and the update was scanned when it was parsed";

/// So many bytes of a document may be gone through for one of the updates.
const DOCUMENT_FOR_A_BYTE: usize = 64;

/// What is known of a document's blocks beside the library's own knowledge, which it shares with nobody.
#[derive(Debug, Default)]
pub(super) struct Judge {
    roots: Option<Roots>,
    deleted: OnceLock<IdSet>,
    /// Since somebody last wanted to forget.
    asked: bool,
    /// Bytes of updates for which it was not worth while to find out what is where.
    forgone: usize,
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
        self.asked = true;
        if self.roots.as_ref().is_some_and(|roots| roots.root() != root) {
            self.roots = None;
        }
        let roots = self.roots.get_or_insert_with(|| index(txn, root));
        verdict::verdict(update, roots, || delete_set(&self.deleted, txn), holder)
    }

    /// Whether it knows what is where, or had better find out for updates of so many bytes, together with those of which
    /// it was asked before: that costs what the whole document costs, which is `size` bytes.
    pub(super) fn is_worth_asking(&mut self, bytes: usize, size: usize) -> bool {
        self.asked = true;
        self.forgone = self.forgone.saturating_add(bytes);
        self.roots.is_some() || size <= self.forgone.saturating_mul(DOCUMENT_FOR_A_BYTE)
    }

    /// Finds out where an update's blocks will be.
    pub(super) fn place(&mut self, txn: &impl ReadTxn, update: &CheckedUpdate) -> Placing {
        self.asked = true;
        let roots = self.roots.get_or_insert_with(|| index(txn, COMMENTS));
        Placing::of(&update.raw, roots).expect(SCANNED)
    }

    /// Whether a block is surely in a list or a text, wherever that is; `placing` is of an update that is not applied yet.
    pub(super) fn is_in_list(&self, placing: Option<&Placing>, id: Id) -> bool {
        let Some(roots) = &self.roots else { return false };
        let found = placing.map_or_else(|| roots.find(id), |placing| placing.find(id, roots));
        found.is_some_and(|(area, _)| matches!(area, Area::Element | Area::Outside))
    }

    /// See [`super::document::Document::brings_nothing`].
    pub(super) fn brings_nothing(
        &mut self,
        txn: &impl ReadTxn,
        clocks: &HashMap<u64, u32>,
        update: &CheckedUpdate,
    ) -> bool {
        self.asked = true;
        verdict::brings_nothing(update, |client| clock(clocks, client), || delete_set(&self.deleted, txn))
    }

    /// The document took this update, of each client up to some clock, which `reached` tells; `placing` says where it is,
    /// if that was asked.
    pub(super) fn applied(&mut self, raw: &[u8], placing: Option<Placing>, reached: impl Fn(u64) -> u32) {
        let Some(roots) = &mut self.roots else { return };
        let placing = placing.unwrap_or_else(|| Placing::of(raw, roots).expect(SCANNED));
        roots.extend(placing, reached);
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

    /// Gives back the memory when nobody asked since this was called last.
    pub(super) fn forget_unasked(&mut self) {
        if !std::mem::take(&mut self.asked) {
            *self = Self::default();
        }
    }
}

fn delete_set<'d>(known: &'d OnceLock<IdSet>, txn: &impl ReadTxn) -> &'d IdSet {
    known.get_or_init(|| txn.snapshot().delete_set)
}

fn index(txn: &impl ReadTxn, root: &str) -> Roots {
    Roots::of_state(&txn.encode_state_as_update_v1(&StateVector::default()), root).expect(SCANNED)
}

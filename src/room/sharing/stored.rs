//! What a room learns from the store, where nobody is left to say it or the document was loaded anew from there. Part of `sharing`.
//! It must never have the document loaded anew for the same row again and again.

use std::hash::BuildHasher;
use std::time::{Duration, Instant};

use bytes::Bytes;
use smallvec::smallvec;

use super::Sharing;
use crate::room::document::Document;
use crate::room::effects::{Effects, Fanout};
use crate::room::node::Kept;
use crate::room::room::Room;
use crate::room::taking::NOBODY;

/// For so many refused rows, at most, the document is loaded anew.
const REFUSED_MAX: usize = 1_024;

impl Sharing {
    /// The store is read within this time.
    pub(super) fn look_within(&mut self, now: Instant, time: Duration) {
        let at = now + time.mul_f64(self.spread);
        self.look_at = Some(self.look_at.map_or(at, |known| known.min(at)));
    }

    /// Whether a refused update is no row of the log, or one that was not refused before.
    pub(super) fn is_news(&mut self, kept: Kept, refused: &Bytes) -> bool {
        if kept == Kept::Unsaved {
            return true;
        }
        self.refused.len() < REFUSED_MAX && self.refused.insert(self.hasher.hash_one(refused))
    }
}

impl Room {
    /// Takes what is in the store: all of it, most of which is known.
    pub fn take_stored(&mut self, updates: Vec<Bytes>) -> Effects {
        let mut effects = Effects::default();
        let updates = updates.into_iter().map(|update| (Kept::Saved, update)).collect();
        effects.document_lost = self.apply_from_nodes(updates, &mut effects).is_err();
        effects
    }

    /// Tells everybody what is in the document and was not in the one that broke, as far as they were told of that. What other
    /// nodes said in the turn that broke it, and no log has, comes again when documents are compared.
    pub(in crate::room) fn pass_on_untold(&mut self, broken: &Document, effects: &mut Effects) {
        let orphans = self.document.orphans().filter(|orphan| !broken.has_orphan(&orphan.raw));
        let orphans = orphans.map(|orphan| orphan.raw.clone());
        let updates: Vec<Bytes> = self.document.untold(&broken.told()).into_iter().chain(orphans).collect();
        for update in updates {
            self.note_author(None);
            self.note_sets(&update, None, effects);
            effects.fanouts.push(Fanout { update: update.clone(), authors: smallvec![(NOBODY, update)] });
        }
        self.note_saved();
    }
}

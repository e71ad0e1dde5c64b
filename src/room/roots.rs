//! Which blocks of a document are below one of its roots, and which are entries of maps, by client and clock: what
//! `verdict` and `placing` ask about everything that an update names. Built from an encoded state and told of each update that is applied afterwards; owned by
//! `judge`.
//! A block keeps its area when the document collects it: nobody can move it, so what was said of it stays true. It
//! must never say "inside" of a block that is elsewhere.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::placing::Placing;
use super::scan::Id;
use crate::wire::lib0::Malformed;

/// Where a block is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Area {
    /// Below the root, in an array, a text or a fragment.
    Element,
    /// Below the root, as what a map has, or had, at a key.
    Entry,
    /// Below another root, in an array, a text or a fragment; or where it is depends on the reader.
    Outside,
    /// Below another root, as what a map has, or had, at a key.
    OutsideEntry,
    /// It was collected before it was looked at: nothing is left of it, and what is put beside or into it is nothing.
    Gone,
    /// No honest client would have made it, and the library must not be given it.
    Unsound,
}

impl Area {
    /// Whether a map has it, or had it.
    pub(super) fn is_entry(self) -> bool {
        matches!(self, Self::Entry | Self::OutsideEntry)
    }

    /// Whether it is not below the root, or may not be.
    pub(super) fn is_outside(self) -> bool {
        matches!(self, Self::Outside | Self::OutsideEntry | Self::Unsound)
    }
}

/// Where each block of a document is, seen from one root. Eight bytes for each run of blocks of one client in one
/// area.
#[derive(Debug)]
pub(super) struct Roots {
    root: Box<str>,
    clients: HashMap<u64, Areas>,
}

impl Roots {
    /// Reads a whole state. Costs about as much as decoding it.
    pub(super) fn of_state(encoded: &[u8], root: &str) -> Result<Self, Malformed> {
        let mut roots = Self { root: root.into(), clients: HashMap::new() };
        let placing = Placing::of(encoded, &roots)?;
        roots.extend(placing, |_| u32::MAX);
        Ok(roots)
    }

    /// The document took what was placed here, of each client up to some clock.
    pub(super) fn extend(&mut self, placing: Placing, reached: impl Fn(u64) -> u32) {
        for (client, areas) in placing.into_areas() {
            let reached = reached(client);
            let known = self.clients.entry(client).or_default();
            for (end, area) in areas.ranges {
                known.push(end.min(reached), area);
            }
        }
    }

    /// The root that it is about.
    pub(super) fn root(&self) -> &str {
        &self.root
    }

    /// How far a client's blocks are known.
    pub(super) fn end(&self, client: u64) -> u32 {
        self.clients.get(&client).map_or(0, Areas::end)
    }

    /// Where a block is, and up to which clock its client's blocks are all there. Nothing when it is not known.
    pub(super) fn find(&self, (client, clock): Id) -> Option<(Area, u32)> {
        self.clients.get(&client)?.find(clock)
    }

    /// Whether a client has written nothing yet, or nothing but what is below the root.
    pub(super) fn is_only_inside(&self, client: u64) -> bool {
        self.clients.get(&client).is_none_or(|areas| !areas.outside && areas.ranges[..] != [(areas.end(), Area::Gone)])
    }
}

/// Where the blocks of one client are: from some clock on without a hole.
#[derive(Debug, Default)]
pub(super) struct Areas {
    /// Where each run ends; it starts where the one before ends.
    ranges: SmallVec<[(u32, Area); 2]>,
    /// Whether any is outside.
    outside: bool,
}

impl Areas {
    /// One past the last clock.
    pub(super) fn end(&self) -> u32 {
        self.ranges.last().map_or(0, |(end, _)| *end)
    }

    /// Everything from the present end to `end` is in `area`.
    pub(super) fn push(&mut self, end: u32, area: Area) {
        if end <= self.end() {
            return;
        }
        self.outside |= area.is_outside();
        match self.ranges.last_mut() {
            Some(last) if last.1 == area => last.0 = end,
            _ => self.ranges.push((end, area)),
        }
    }

    /// Where a block is, and where its run ends.
    pub(super) fn find(&self, clock: u32) -> Option<(Area, u32)> {
        let at = self.ranges.partition_point(|(end, _)| *end <= clock);
        self.ranges.get(at).map(|(end, area)| (*area, *end))
    }

    /// Whether any block is outside.
    pub(super) fn has_outside(&self) -> bool {
        self.outside
    }
}

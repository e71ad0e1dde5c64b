//! Finds out where the blocks of an update will be that the document does not have: below a root or elsewhere, among
//! elements or as what a map has at a key. Used by `roots` to grow, by `judge` to tell what the library must not be given,
//! and by `verdict` to look at an update before it is applied.
//! The library frees memory too early, and the process may die of it, when several living elements are one entry (a part
//! of them outlives the map), and when an element gets a key from the neighbour at its right (it hides the entry that is
//! there). No Yjs client makes either; npm yjs throws when the first is collected.
//! Where a block lands depends on the reader: npm yjs (`Item.getMissing`) and the library (`Update::missing_dependency`)
//! ask the left neighbour for the parent, else the right one, else take what is written; beside a collected neighbour
//! yjs drops the block, and the library asks the other one. So here a block is in an area only when *all* that it
//! names is. The cost is that of the bytes, whatever they say.

use std::ops::Range;

use hashbrown::HashMap;
use smallvec::{SmallVec, smallvec};

use super::roots::{Area, Areas, Roots};
use super::scan::{Block, Content, Id, Place, scan_all};
use crate::wire::lib0::Malformed;

/// What an update brings to a document, and what it deletes.
#[derive(Debug, Default)]
pub(super) struct Placing {
    sections: Vec<Section>,
    by_client: HashMap<u64, usize>,
    deletes: Vec<(u64, Range<u32>)>,
    /// Some client's blocks do not continue what is known.
    has_holes: bool,
    is_unsound: bool,
    has_forgiven: bool,
}

/// The new blocks of one client.
#[derive(Debug)]
struct Section {
    client: u64,
    /// How far this client's blocks were known before.
    start: u32,
    /// One past the last clock of them.
    end: u32,
    /// In the order of their clocks.
    blocks: Vec<NewBlock>,
    /// So many of them have their area.
    placed: usize,
    areas: Areas,
    state: State,
}

/// How far the placing of one client's blocks is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing is known to hinder it.
    Open,
    /// It waits for a block of another client to be placed.
    Waits,
    /// The next block builds on something that is not there, or on itself.
    Stuck,
}

#[derive(Debug, Clone, Copy)]
struct NewBlock {
    end: u32,
    names: Names,
    elements: Elements,
}

/// What the new part of a block holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Elements {
    /// At most one.
    One,
    /// Several, of which some are still there when the update is applied.
    Several,
    /// Several, all of which the update itself deletes.
    Deleted,
}

/// What a block says about its place.
#[derive(Debug, Clone, Copy)]
enum Names {
    /// Nothing.
    Nothing,
    /// That it is directly below a root.
    Root {
        is_ours: bool,
        has_key: bool,
    },
    /// A block that holds it.
    Parent {
        parent: Id,
        has_key: bool,
    },
    /// The neighbours that it has.
    Left(Id),
    Right(Id),
    Both(Id, Id),
}

impl Names {
    /// What a block names of which everything before `reached` is known: what is new of it stands behind that.
    fn of(block: &Block, reached: u32, raw: &[u8], root: &str) -> Self {
        let has_key = block.key.is_some();
        let before = (block.clock < reached).then(|| (block.client, reached - 1));
        match (before.or(block.left), block.right, block.place) {
            (.., Place::Nowhere) => Self::Nothing,
            (Some(left), Some(right), _) => Self::Both(left, right),
            (Some(left), None, _) => Self::Left(left),
            (None, Some(right), _) => Self::Right(right),
            (None, None, Place::Inside(client, clock) | Place::Beside(client, clock)) => {
                Self::Parent { parent: (client, clock), has_key }
            }
            (None, None, Place::Root { name_end, name_length }) => {
                let name = &raw[name_end - name_length as usize..name_end];
                Self::Root { is_ours: name == root.as_bytes(), has_key }
            }
        }
    }
}

/// Why the area of a block cannot be told.
enum Missing {
    /// It builds on a block of this section that has a clock below this and no area yet.
    Other(usize, u32),
    /// It builds on something that is nowhere.
    Unknown,
}

impl Placing {
    /// Finds the areas of what is new in an update. Blocks that build on something missing have none, nor has what
    /// follows them.
    pub(super) fn of(raw: &[u8], roots: &Roots) -> Result<Self, Malformed> {
        let mut placing = Self::default();
        let (mut holes, mut deletes) = (SmallVec::<[u64; 1]>::new(), Vec::new());
        let each_block = |block: &Block| {
            if holes.last() != Some(&block.client) && !placing.take(block, raw, roots) {
                holes.push(block.client);
            }
        };
        scan_all(raw, each_block, |client, range| deletes.push((client, range)))?;
        placing.has_holes = !holes.is_empty();
        placing.deletes = without_overlaps(deletes);
        placing.forgive_what_is_deleted();
        for section in 0..placing.sections.len() {
            placing.place(section, roots);
        }
        Ok(placing)
    }

    /// Takes one block of the update, in the order of the bytes. Says no when there is a hole before it.
    fn take(&mut self, block: &Block, raw: &[u8], roots: &Roots) -> bool {
        let end = block.clock + block.length;
        // An update names each client in one run.
        let last = self.sections.last().filter(|section| section.client == block.client);
        let reached = last.map_or_else(|| roots.end(block.client), |section| section.end);
        if block.content == Content::Skip || end <= reached {
            return true;
        }
        if block.clock > reached {
            return false;
        }
        if last.is_none() {
            self.by_client.insert(block.client, self.sections.len());
            self.sections.push(Section {
                client: block.client,
                start: reached,
                end: 0,
                blocks: Vec::new(),
                placed: 0,
                areas: Areas::default(),
                state: State::Open,
            });
        }
        let section = self.sections.last_mut().expect("there is one for this client");
        let elements = if end - reached > 1 && block.is_plural() { Elements::Several } else { Elements::One };
        section.blocks.push(NewBlock { end, names: Names::of(block, reached, raw, roots.root()), elements });
        section.end = end;
        true
    }

    /// What npm yjs' undo manager keeps of a key that was set several times is one block, all of it deleted by the
    /// update that brings it.
    fn forgive_what_is_deleted(&mut self) {
        for section in &mut self.sections {
            let mut start = section.start;
            for block in &mut section.blocks {
                if block.elements == Elements::Several {
                    let after = self
                        .deletes
                        .partition_point(|(client, range)| (*client, range.start) <= (section.client, start));
                    let before = after.checked_sub(1).map(|at| &self.deletes[at]);
                    if before.is_some_and(|(client, range)| *client == section.client && block.end <= range.end) {
                        block.elements = Elements::Deleted;
                    }
                }
                start = block.end;
            }
        }
    }

    /// Finds the areas of one client's blocks, and of those of others on which they build. A client's blocks are
    /// placed in their order, as they are applied.
    fn place(&mut self, start: usize, roots: &Roots) {
        let mut path: SmallVec<[(usize, u32); 2]> = smallvec![(start, u32::MAX)];
        while let Some(&(at, until)) = path.last() {
            let section = &self.sections[at];
            let more = section.state != State::Stuck && section.areas.end() <= until;
            let Some(block) = section.blocks.get(section.placed).filter(|_| more).copied() else {
                if self.sections[at].state == State::Waits {
                    self.sections[at].state = State::Open;
                }
                path.pop();
                continue;
            };
            let found = self.area(&block, roots);
            match found {
                Ok(area) => {
                    let section = &mut self.sections[at];
                    section.areas.push(block.end, area);
                    section.placed += 1;
                    self.is_unsound |= area == Area::Unsound;
                    self.has_forgiven |= area.is_entry() && block.elements == Elements::Deleted;
                }
                Err(Missing::Other(other, clock)) if self.sections[other].state == State::Open && other != at => {
                    self.sections[at].state = State::Waits;
                    path.push((other, clock));
                }
                Err(_) => self.sections[at].state = State::Stuck,
            }
        }
    }

    fn area(&self, block: &NewBlock, roots: &Roots) -> Result<Area, Missing> {
        let inside = |has_key| if has_key { Area::Entry } else { Area::Element };
        let outside = |has_key| if has_key { Area::OutsideEntry } else { Area::Outside };
        let area = match block.names {
            Names::Nothing => Area::Gone,
            Names::Root { is_ours: true, has_key } => inside(has_key),
            Names::Root { is_ours: false, has_key } => outside(has_key),
            Names::Parent { parent, has_key } => match self.area_of(parent, roots)? {
                Area::Element | Area::Entry => inside(has_key),
                Area::Outside | Area::OutsideEntry => outside(has_key),
                Area::Gone => Area::Gone,
                Area::Unsound => Area::Unsound,
            },
            Names::Left(left) => self.area_of(left, roots)?,
            // Nothing is ever put before an entry: a map's newest is its last.
            Names::Right(right) => match self.area_of(right, roots)? {
                area if area.is_entry() => Area::Unsound,
                area => area,
            },
            Names::Both(left, right) => match (self.area_of(left, roots)?, self.area_of(right, roots)?) {
                (Area::Element, Area::Element) => Area::Element,
                (Area::Gone, Area::Gone) => Area::Gone,
                (Area::Unsound, _) | (_, Area::Unsound) => Area::Unsound,
                (left, right) if left.is_entry() || right.is_entry() => Area::Unsound,
                _ => Area::Outside,
            },
        };
        Ok(if area.is_entry() && block.elements == Elements::Several { Area::Unsound } else { area })
    }

    fn area_of(&self, id: Id, roots: &Roots) -> Result<Area, Missing> {
        if let Some((area, _)) = self.find(id, roots) {
            return Ok(area);
        }
        match self.by_client.get(&id.0) {
            Some(other) if id.1 < self.sections[*other].end => Err(Missing::Other(*other, id.1)),
            _ => Err(Missing::Unknown),
        }
    }

    /// Where a block is or will be, and up to which clock its client's blocks are all there.
    pub(super) fn find(&self, id: Id, roots: &Roots) -> Option<(Area, u32)> {
        roots.find(id).or_else(|| self.sections[*self.by_client.get(&id.0)?].areas.find(id.1))
    }

    /// Whether all that it brings has its area.
    pub(super) fn is_whole(&self) -> bool {
        !self.has_holes && self.sections.iter().all(|section| section.state != State::Stuck)
    }

    /// Whether it holds something that the library must not be given.
    pub(super) fn is_unsound(&self) -> bool {
        self.is_unsound
    }

    /// Whether it has several elements at one key, borne because the very same update deletes them.
    pub(super) fn has_forgiven(&self) -> bool {
        self.has_forgiven
    }

    /// Up to which clock a client's blocks have their areas, if it brings any of that client.
    pub(super) fn placed(&self, client: u64) -> Option<u32> {
        let section = &self.sections[*self.by_client.get(&client)?];
        Some(section.areas.end().max(section.start))
    }

    /// The clients of which it brings something.
    pub(super) fn writers(&self) -> impl Iterator<Item = u64> {
        self.sections.iter().map(|section| section.client)
    }

    /// Whether anything that it brings is outside.
    pub(super) fn has_outside(&self) -> bool {
        self.sections.iter().any(|section| section.areas.has_outside())
    }

    /// What it deletes, by client and clock and without overlaps.
    pub(super) fn deletes(&self) -> &[(u64, Range<u32>)] {
        &self.deletes
    }

    /// What it brings, by client.
    pub(super) fn into_areas(self) -> impl Iterator<Item = (u64, Areas)> {
        self.sections.into_iter().map(|section| (section.client, section.areas))
    }
}

/// Ranges by client and clock, joined where they touch.
pub(super) fn without_overlaps(mut ranges: Vec<(u64, Range<u32>)>) -> Vec<(u64, Range<u32>)> {
    ranges.sort_unstable_by_key(|(client, range)| (*client, range.start));
    ranges.dedup_by(|(client, next), (before, range)| {
        let touches = client == before && next.start <= range.end;
        if touches {
            range.end = range.end.max(next.end);
        }
        touches
    });
    ranges
}

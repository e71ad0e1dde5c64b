//! Finds out where the blocks of an update will be that the document does not have: below a root or elsewhere.
//! Used by `roots` to grow, and by `verdict` to look at an update before it is applied.
//! Where a block lands depends on the reader: npm yjs (`Item.getMissing`) and the library (`Update::missing_dependency`)
//! ask the left neighbour for the parent, else the right one, else take what is written; beside a collected neighbour
//! yjs drops the block, and the library asks the other one. So here a block is in an area only when *all* that it
//! names is. The cost is that of the bytes, whatever they say.

use std::collections::HashMap;
use std::ops::Range;

use super::roots::{Area, Areas, Roots};
use super::scan::{Block, Content, Id, Place, scan_all};

/// An update builds on something that is not there, or on itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unplaced;

/// What an update brings to a document, and what it deletes.
#[derive(Debug, Default)]
pub(super) struct Placing {
    sections: Vec<Section>,
    by_client: HashMap<u64, usize>,
    deletes: Vec<(u64, Range<u32>)>,
}

/// The new blocks of one client.
#[derive(Debug)]
struct Section {
    client: u64,
    /// One past the last clock of them.
    end: u32,
    /// In the order of their clocks.
    blocks: Vec<NewBlock>,
    /// So many of them have their area.
    placed: usize,
    areas: Areas,
    /// It waits for a block of another client to be placed.
    waits: bool,
}

#[derive(Debug, Clone, Copy)]
struct NewBlock {
    end: u32,
    names: Names,
    /// It has several elements that live.
    is_plural: bool,
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
        let has_key = block.has_key;
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
    /// Finds the area of everything that is new in a well-formed update.
    pub(super) fn of(raw: &[u8], roots: &Roots) -> Result<Self, Unplaced> {
        let mut placing = Self::default();
        let (mut gap, mut deletes) = (false, Vec::new());
        let each_block =
            |block: &Block| gap = gap || (block.content != Content::Skip && placing.take(block, raw, roots).is_err());
        scan_all(raw, each_block, |client, range| deletes.push((client, range))).map_err(|_| Unplaced)?;
        if gap {
            return Err(Unplaced);
        }
        placing.deletes = deletes;
        for section in 0..placing.sections.len() {
            placing.place(section, roots)?;
        }
        Ok(placing)
    }

    /// Takes one block of the update, in the order of the bytes.
    fn take(&mut self, block: &Block, raw: &[u8], roots: &Roots) -> Result<(), Unplaced> {
        let end = block.clock + block.length;
        // An update names each client in one run.
        let last = self.sections.last().filter(|section| section.client == block.client);
        let reached = last.map_or_else(|| roots.end(block.client), |section| section.end);
        if block.clock > reached {
            return Err(Unplaced);
        }
        if end <= reached {
            return Ok(());
        }
        if last.is_none() {
            self.by_client.insert(block.client, self.sections.len());
            self.sections.push(Section {
                client: block.client,
                end: 0,
                blocks: Vec::new(),
                placed: 0,
                areas: Areas::default(),
                waits: false,
            });
        }
        let section = self.sections.last_mut().expect("there is one for this client");
        let is_plural = end - reached > 1 && block.content != Content::Deleted;
        section.blocks.push(NewBlock { end, names: Names::of(block, reached, raw, roots.root()), is_plural });
        section.end = end;
        Ok(())
    }

    /// Finds the areas of one client's blocks, and of those of others on which they build. A client's blocks are
    /// placed in their order, as they are applied.
    fn place(&mut self, start: usize, roots: &Roots) -> Result<(), Unplaced> {
        let mut path = vec![(start, u32::MAX)];
        while let Some(&(at, until)) = path.last() {
            let section = &self.sections[at];
            let block = section.blocks.get(section.placed).filter(|_| section.areas.end() <= until).copied();
            let Some(block) = block else {
                self.sections[at].waits = false;
                path.pop();
                continue;
            };
            match self.area(&block, roots) {
                Ok(area) => {
                    let section = &mut self.sections[at];
                    section.areas.push(block.end, area);
                    section.placed += 1;
                }
                Err(Missing::Other(other, clock)) if !self.sections[other].waits && other != at => {
                    self.sections[at].waits = true;
                    path.push((other, clock));
                }
                Err(_) => return Err(Unplaced),
            }
        }
        Ok(())
    }

    fn area(&self, block: &NewBlock, roots: &Roots) -> Result<Area, Missing> {
        let inside = |has_key| if has_key { Area::Entry } else { Area::Element };
        let area = match block.names {
            Names::Nothing => Area::Gone,
            Names::Root { is_ours, has_key } => {
                if is_ours {
                    inside(has_key)
                } else {
                    Area::Outside
                }
            }
            Names::Parent { parent, has_key } => match self.area_of(parent, roots)? {
                Area::Element | Area::Entry => inside(has_key),
                elsewhere => elsewhere,
            },
            Names::Left(left) => self.area_of(left, roots)?,
            // Nothing is ever put before an entry: a map's newest is its last.
            Names::Right(right) => match self.area_of(right, roots)? {
                Area::Entry => Area::Outside,
                area => area,
            },
            Names::Both(left, right) => match (self.area_of(left, roots)?, self.area_of(right, roots)?) {
                (Area::Element, Area::Element) => Area::Element,
                (Area::Gone, Area::Gone) => Area::Gone,
                _ => Area::Outside,
            },
        };
        // The library frees memory too early when several living elements are one entry, and the process may die of it.
        Ok(if area == Area::Entry && block.is_plural { Area::Outside } else { area })
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

    /// The clients of which it brings something.
    pub(super) fn writers(&self) -> impl Iterator<Item = u64> {
        self.sections.iter().map(|section| section.client)
    }

    /// Whether anything that it brings is outside.
    pub(super) fn has_outside(&self) -> bool {
        self.sections.iter().any(|section| section.areas.has_outside())
    }

    /// What it deletes, by client and clock and without overlaps.
    pub(super) fn take_deletes(&mut self) -> Vec<(u64, Range<u32>)> {
        let mut deletes = std::mem::take(&mut self.deletes);
        deletes.sort_unstable_by_key(|(client, range)| (*client, range.start));
        deletes.dedup_by(|(client, next), (before, range)| {
            let touches = client == before && next.start <= range.end;
            if touches {
                range.end = range.end.max(next.end);
            }
            touches
        });
        deletes
    }

    /// What it brings, by client.
    pub(super) fn into_areas(self) -> impl Iterator<Item = (u64, Areas)> {
        self.sections.into_iter().map(|section| (section.client, section.areas))
    }
}

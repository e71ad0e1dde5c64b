//! How deep shared types are nested. The CRDT library recurses over them (when one is deleted, when one is read),
//! so a chain of a few thousand would overflow a stack; a document stays below `DEEPEST`.
//! Called by `update` (what is in an update) and `change` (what the document may come to).

use hashbrown::HashMap;

use super::scan::{Block, Content, Place, scan};
use crate::wire::lib0::Malformed;

/// The deepest nesting of shared types that a document may have. Stacks here bear more than ten times that.
pub const DEEPEST: u32 = 1_000;

/// How deep the shared types of an update are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Nesting {
    /// The deepest of those whose way up to a root is in the update itself.
    from_root: u32,
    /// The longest way up from one of the others to something that is not in the update.
    from_elsewhere: u32,
}

impl Nesting {
    /// How deep a document may be afterwards that is not deeper than `depth` now.
    pub(super) fn on_top_of(self, depth: u32) -> u32 {
        let elsewhere = if self.from_elsewhere == 0 { 0 } else { depth.saturating_add(self.from_elsewhere) };
        depth.max(self.from_root).max(elsewhere)
    }
}

/// How deep the shared types of an update are nested.
pub(super) fn of_update(raw: &[u8]) -> Result<Nesting, Malformed> {
    let mut blocks = Blocks::default();
    scan(raw, |block| blocks.push(block))?;
    Ok(blocks.nesting())
}

/// The blocks of one update, by client and clock.
#[derive(Default)]
struct Blocks {
    all: Vec<Block>,
    /// Where in `all` each client's blocks start and end; an update names a client once.
    clients: HashMap<u64, (usize, usize)>,
}

impl Blocks {
    fn push(&mut self, block: &Block) {
        let at = self.all.len();
        self.clients.entry(block.client).or_insert((at, at)).1 = at + 1;
        self.all.push(block.clone());
    }

    fn find(&self, client: u64, clock: u32) -> Option<usize> {
        let (start, end) = *self.clients.get(&client)?;
        let blocks = &self.all[start..end];
        let after = blocks.partition_point(|block| block.clock <= clock);
        let found = after.checked_sub(1)?;
        (clock < blocks[found].clock + blocks[found].length).then_some(start + found)
    }

    /// Where to go on from a block on its way up.
    fn up(&self, at: usize) -> Up {
        let (parent, level) = match self.all[at].place {
            Place::Root { .. } | Place::Nowhere => return Up::Root,
            Place::Inside(client, clock) => (self.find(client, clock), 1),
            Place::Beside(client, clock) => (self.find(client, clock), 0),
        };
        parent.map_or(Up::Elsewhere, |parent| Up::Block(parent, level))
    }

    fn nesting(&self) -> Nesting {
        // For each block: how many shared types of this update hold it, and whether that is all up to a root.
        let mut known: Vec<Option<(u32, bool)>> = vec![None; self.all.len()];
        let mut path = Vec::new();
        let mut nesting = Nesting::default();
        for start in 0..self.all.len() {
            let mut at = start;
            let (mut depth, rooted) = loop {
                if let Some(found) = known[at] {
                    break found;
                }
                // Entered before its parent is known, so that a circle of parents ends, too.
                known[at] = Some((0, false));
                match self.up(at) {
                    Up::Block(parent, level) => {
                        path.push((at, level));
                        at = parent;
                    }
                    Up::Root => {
                        path.push((at, 0));
                        break (0, true);
                    }
                    Up::Elsewhere => {
                        path.push((at, 0));
                        break (0, false);
                    }
                }
            };
            while let Some((block, level)) = path.pop() {
                depth += level;
                known[block] = Some((depth, rooted));
            }
            if self.all[start].content == Content::SharedType {
                let (depth, rooted) = known[start].expect("it was just found");
                let deepest = if rooted { &mut nesting.from_root } else { &mut nesting.from_elsewhere };
                *deepest = (*deepest).max(depth + 1);
            }
        }
        nesting
    }
}

enum Up {
    Block(usize, u32),
    Root,
    Elsewhere,
}

#[cfg(test)]
mod tests {
    use super::*;
    use yrs::{Doc, Map, MapPrelim, MapRef, ReadTxn, StateVector, Transact, WriteTxn};

    fn nested(levels: u32, beside: u32) -> Vec<u8> {
        let doc = Doc::new();
        let mut txn = doc.transact_mut();
        let root = txn.get_or_insert_map("root");
        let mut map: MapRef = root.insert(&mut txn, "down", MapPrelim::default());
        for _ in 1..levels {
            map = map.insert(&mut txn, "down", MapPrelim::default());
        }
        for side in 0..beside {
            root.insert(&mut txn, format!("side{side}"), MapPrelim::from([("title", "x")]));
        }
        drop(txn);
        doc.transact().encode_state_as_update_v1(&StateVector::default())
    }

    #[test]
    fn a_chain_is_as_deep_as_it_is_long() {
        assert_eq!(of_update(&nested(100, 0)).expect("valid").on_top_of(7), 100);
    }

    #[test]
    fn many_types_side_by_side_are_not_deep() {
        assert_eq!(of_update(&nested(2, 4_000)).expect("valid").on_top_of(0), 2);
        assert_eq!(of_update(&nested(2, 4_000)).expect("valid").on_top_of(7), 7);
    }

    #[test]
    fn what_hangs_on_something_elsewhere_adds_to_it() {
        let doc = Doc::new();
        let map: MapRef = doc.get_or_insert_map("root").insert(&mut doc.transact_mut(), "down", MapPrelim::default());
        let mut txn = doc.transact_mut();
        let map: MapRef = map.insert(&mut txn, "down", MapPrelim::default());
        map.insert(&mut txn, "down", MapPrelim::default());
        assert_eq!(of_update(&txn.encode_update_v1()).expect("valid").on_top_of(7), 9);
    }

    #[test]
    fn blocks_that_are_each_others_parents_end() {
        let circle = [2, 1, 5, 0, 7, 0, 6, 0, 1, 1, 6, 0, 7, 0, 5, 0, 1, 0];
        assert!(of_update(&circle).expect("well-formed").on_top_of(0) >= 2);
    }
}

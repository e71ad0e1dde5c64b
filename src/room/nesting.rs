//! How deep shared types are nested. The CRDT library recurses over them (when one is deleted, when one is read),
//! so a chain of a few thousand would overflow a stack; a document stays below `DEEPEST`.
//! Called by `update` (what an update adds, at most) and `document` (what the document has).

use std::collections::HashMap;

use super::update::{Block, Content, Place, scan};
use crate::wire::lib0::Malformed;

/// The deepest nesting of shared types that a document may have. Stacks here bear more than ten times that.
pub const DEEPEST: u32 = 1_000;

/// Up to so many shared types in one update, their number itself is the estimate of their depth.
pub(super) const CHEAP: u32 = 32;

/// By how many levels the shared types of an update are nested in each other.
pub(super) fn added_by(raw: &[u8]) -> Result<u32, Malformed> {
    let mut blocks = Blocks::default();
    scan(raw, |block| blocks.push(block))?;
    Ok(blocks.deepest())
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

    /// The block that says where this one is, and whether this one is a level below it.
    fn parent(&self, at: usize) -> Option<(usize, u32)> {
        match self.all[at].place {
            Place::Root => None,
            Place::Inside(client, clock) => self.find(client, clock).map(|parent| (parent, 1)),
            Place::Beside(client, clock) => self.find(client, clock).map(|parent| (parent, 0)),
        }
    }

    fn deepest(&self) -> u32 {
        let mut depths: Vec<Option<u32>> = vec![None; self.all.len()];
        let mut path = Vec::new();
        let mut deepest = 0;
        for start in 0..self.all.len() {
            let (mut at, mut depth) = (start, 0);
            // A block is entered as 0 before its parent is known, so a circle of parents ends too.
            while depths[at].is_none() {
                depths[at] = Some(0);
                let Some((parent, level)) = self.parent(at) else {
                    path.push((at, 0));
                    break;
                };
                path.push((at, level));
                at = parent;
            }
            if path.last().is_none_or(|(last, _)| *last != at) {
                depth = depths[at].unwrap_or(0);
            }
            while let Some((block, level)) = path.pop() {
                depth += level;
                depths[block] = Some(depth);
            }
            if self.all[start].content == Content::SharedType {
                deepest = deepest.max(depths[start].unwrap_or(0) + 1);
            }
        }
        deepest
    }
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
        assert_eq!(added_by(&nested(100, 0)), Ok(100));
    }

    #[test]
    fn many_types_side_by_side_are_not_deep() {
        assert_eq!(added_by(&nested(2, 4_000)), Ok(2));
    }
}

//! Where in a document an entry of a map is: found in its encoded state, because the library tells nobody. Costs what reading
//! the state costs. It must never name a place that is not an entry's, from the root on.

use hashbrown::HashMap;
use json_patch::jsonptr::PointerBuf;

use crate::room::scan::{self, Block, Id, Place};

/// So many blocks are gone along: entries that were overwritten often, and maps in maps.
const STEPS_MAX: usize = 4_096;

/// What leads on from a block.
enum Link {
    /// It has the key of the one before it.
    Behind(Id),
    /// It is at this key of a root.
    InRoot(String, String),
    /// It is at this key of what another block holds.
    InBlock(Id, String),
    /// It is no entry.
    Nowhere,
}

/// A pointer to the entry that a block is, or was, the value of. Nothing when it is none, or too far away.
pub fn pointer(state: &[u8], id: Id) -> Option<PointerBuf> {
    let mut links: HashMap<u64, Vec<(u32, Link)>> = HashMap::new();
    scan::scan(state, |block| links.entry(block.client).or_default().push((block.clock, link(state, block)))).ok()?;
    let (mut tokens, mut at) = (Vec::new(), id);
    for _ in 0..STEPS_MAX {
        let of_client = links.get(&at.0)?;
        let index = of_client.partition_point(|(clock, _)| *clock <= at.1).checked_sub(1)?;
        match &of_client[index].1 {
            Link::Behind(left) => at = *left,
            Link::InBlock(parent, key) => {
                tokens.push(key);
                at = *parent;
            }
            Link::InRoot(root, key) => {
                tokens.extend([key, root]);
                return Some(PointerBuf::from_tokens(tokens.into_iter().rev()));
            }
            Link::Nowhere => return None,
        }
    }
    None
}

fn link(state: &[u8], block: &Block) -> Link {
    if block.right.is_some() {
        return Link::Nowhere;
    }
    let key = || block.key(state).map(str::to_owned);
    match (block.left, block.place) {
        (Some(left), _) => Link::Behind(left),
        (None, Place::Root { name_end, name_length }) => {
            let name = &state[name_end - name_length as usize..name_end];
            let name = std::str::from_utf8(name).ok().map(str::to_owned);
            name.zip(key()).map_or(Link::Nowhere, |(name, key)| Link::InRoot(name, key))
        }
        (None, Place::Inside(client, clock)) => key().map_or(Link::Nowhere, |key| Link::InBlock((client, clock), key)),
        (None, Place::Beside(..) | Place::Nowhere) => Link::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, Map, MapPrelim, ReadTxn, StateVector, Text, Transact, Update, WriteTxn};

    use super::*;

    #[test]
    fn entries_are_found_however_often_they_were_overwritten_and_elements_are_not() {
        let doc = Doc::with_client_id(7);
        let mut txn = doc.transact_mut();
        let items = txn.get_or_insert_map("items");
        let item = items.insert(&mut txn, "a/b", MapPrelim::from([("title", "0")]));
        txn.get_or_insert_text("notes").insert(&mut txn, 0, "text");
        drop(txn);
        for title in 1..9 {
            item.insert(&mut doc.transact_mut(), "title", title.to_string());
        }
        let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
        let end = Update::decode_v1(&state).expect("an update").state_vector().get(&yrs::ClientID::new(7));
        assert_eq!(pointer(&state, (7, end - 1)).expect("it is an entry").as_str(), "/items/a~1b/title");
        assert_eq!(pointer(&state, (7, 0)).expect("so is what holds it").as_str(), "/items/a~1b");
        assert_eq!((pointer(&state, (7, 3)), pointer(&state, (8, 0))), (None, None));
    }
}

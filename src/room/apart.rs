//! Takes the update of a turn apart by who wrote it: an author hears the others at once, and of its own when that is durable.
//! Used by `hub`'s fan-out. It must never leave out what the author has not written itself.

use std::ops::Range;

use bytes::Bytes;
use hashbrown::HashMap;

use super::id::ConnectionId;
use super::scan::{Block, scan};
use crate::wire::lib0::{Reader, put_number};

/// An update of which each client's blocks have one author, and which deletes nothing.
#[derive(Debug)]
pub struct Apart {
    /// Whose blocks stand where, each client's with what stands before them.
    sections: Vec<(ConnectionId, Range<usize>)>,
    /// What stands behind them all.
    rest: Range<usize>,
}

/// What one client's blocks are to come to.
struct Written {
    author: ConnectionId,
    clocks: u64,
}

impl Apart {
    /// Takes `update` apart, which is to be what `authors` wrote, each of these updates by itself. Nothing when that cannot be
    /// done: somebody deletes, two wrote under one client id, or there is more in it than they wrote.
    pub fn of(update: &[u8], authors: &[(ConnectionId, Bytes)]) -> Option<Self> {
        let mut written: HashMap<u64, Written> = HashMap::with_capacity(authors.len());
        for (author, raw) in authors {
            let mut is_one = true;
            let each = |block: &Block| {
                let written = written.entry(block.client).or_insert(Written { author: *author, clocks: 0 });
                is_one &= written.author == *author;
                written.clocks += u64::from(block.length);
            };
            let deletes = scan(raw, each).ok()?;
            if deletes || !is_one {
                return None;
            }
        }
        let mut reader = Reader::new(update);
        reader.count().ok()?;
        let mut sections: Vec<(ConnectionId, Range<usize>)> = Vec::with_capacity(written.len());
        let (mut end, mut last, mut is_known) = (reader.position(), None, true);
        let each = |block: &Block| {
            let Some(written) = written.get_mut(&block.client) else {
                is_known = false;
                return;
            };
            match written.clocks.checked_sub(u64::from(block.length)) {
                Some(left) => written.clocks = left,
                None => is_known = false,
            }
            if last.replace(block.client) == Some(block.client)
                && let Some((_, bytes)) = sections.last_mut()
            {
                bytes.end = block.bytes.end;
            } else {
                sections.push((written.author, end..block.bytes.end));
            }
            end = block.bytes.end;
        };
        let deletes = scan(update, each).ok()?;
        let is_whole = written.values().all(|written| written.clocks == 0);
        (!deletes && is_known && is_whole).then_some(Self { sections, rest: end..update.len() })
    }

    /// What everybody but `author` wrote of the update that was taken apart; nothing when nobody else did.
    pub fn without(&self, author: ConnectionId, update: &[u8]) -> Option<Bytes> {
        let others = || self.sections.iter().filter(|(writer, _)| *writer != author);
        let count = others().count();
        if count == 0 {
            return None;
        }
        let mut out = Vec::with_capacity(update.len());
        put_number(&mut out, count as u64);
        others().for_each(|(_, bytes)| out.extend_from_slice(&update[bytes.clone()]));
        out.extend_from_slice(&update[self.rest.clone()]);
        Some(out.into())
    }
}

#[cfg(test)]
mod tests {
    use yrs::{Doc, Text, Transact, WriteTxn};

    use super::*;
    use crate::room::merge::merged;

    const ADA: ConnectionId = ConnectionId(1);
    const BOB: ConnectionId = ConnectionId(2);

    fn typed(client: u64, letters: &str) -> Bytes {
        let doc = Doc::with_client_id(client);
        let mut txn = doc.transact_mut();
        let text = txn.get_or_insert_text("text");
        text.insert(&mut txn, 0, letters);
        txn.encode_update_v1().into()
    }

    fn all(authors: &[(ConnectionId, Bytes)]) -> Bytes {
        let updates: Vec<Bytes> = authors.iter().map(|(_, raw)| raw.clone()).collect();
        merged(&updates).expect("they fit together")
    }

    #[test]
    fn an_author_hears_the_others_and_not_itself() {
        let authors = [(ADA, typed(300, "abc")), (BOB, typed(5, "de")), (ADA, typed(7, "f"))];
        let update = all(&authors);
        let apart = Apart::of(&update, &authors).expect("nobody deletes");
        assert_eq!(apart.without(ADA, &update), Some(authors[1].1.clone()));
        assert_eq!(apart.without(BOB, &update), Some(all(&[authors[0].clone(), authors[2].clone()])));
        assert_eq!(apart.without(ConnectionId(3), &update), Some(update.clone()));
        let own = &authors[..1];
        assert_eq!(Apart::of(&own[0].1, own).expect("its own").without(ADA, &own[0].1), None);
    }

    #[test]
    fn what_cannot_be_told_apart_is_not() {
        let authors = [(ADA, typed(7, "abc")), (BOB, typed(5, "de"))];
        let update = all(&authors);
        assert!(Apart::of(&update, &authors[..1]).is_none(), "somebody else wrote something, too");
        let more = [authors[0].clone(), authors[1].clone(), (BOB, typed(9, "f"))];
        assert!(Apart::of(&update, &more).is_none(), "not all of it is there");
        assert!(Apart::of(&all(&more), &[more[0].clone(), more[1].clone(), (ADA, typed(5, "x"))]).is_none());
        let deletes = Bytes::from_static(&[0, 1, 5, 1, 0, 1]);
        let with = [authors[0].clone(), authors[1].clone(), (BOB, deletes)];
        assert!(Apart::of(&all(&with), &with).is_none(), "an author's own deletions must wait until they are durable");
        let same_client = [(ADA, typed(7, "abc")), (BOB, typed(7, "abc"))];
        assert!(Apart::of(&same_client[0].1, &same_client).is_none());
    }
}

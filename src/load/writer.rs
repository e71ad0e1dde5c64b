//! What one writer of a room writes: letters that follow from the seed, each edit behind the one before. An edit is valid for
//! whoever knows nothing of the other writers, and any part of the text can be checked letter by letter. Used by the clients that
//! write, and by whoever checks what arrived. It must give the bytes that a real client gives: a test compares them.

use crate::wire::lib0::{put_byte_string, put_number};

/// The shared text that everybody writes into: the trip's notes.
pub const ROOT: &str = "notes";
/// Letters of one edit.
pub const EDIT: u32 = 16;

/// A text in one block, without a neighbour.
const FIRST: u8 = 4;
/// The same, behind another block.
const BEHIND: u8 = 0x84;

/// One writer's hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Writer {
    /// The Yjs client id it writes under.
    pub client: u64,
    seed: u64,
}

impl Writer {
    /// The writer at `place` in `room`, both counted from nothing. `client` is its Yjs client id.
    pub fn new(seed: u64, room: usize, place: usize, client: u64) -> Self {
        Self { client, seed: mix(mix(mix(seed) ^ room as u64) ^ place as u64) }
    }

    /// The letters at these clocks.
    pub fn letters(&self, clocks: std::ops::Range<u32>) -> impl Iterator<Item = u8> + use<> {
        let seed = self.seed;
        clocks.map(move |clock| letter(seed, clock))
    }

    /// Whether `text` is what stands from this clock on.
    pub fn wrote(&self, clock: u32, text: &[u8]) -> bool {
        let (mut clock, mut rest) = (clock, text);
        while !rest.is_empty() {
            let letters = &eight(self.seed, clock / 8)[(clock % 8) as usize..];
            let (now, later) = rest.split_at(letters.len().min(rest.len()));
            if *now != letters[..now.len()] {
                return false;
            }
            clock = clock.wrapping_add(u32::try_from(now.len()).expect("eight at most"));
            rest = later;
        }
        true
    }

    /// Appends the Yjs update that has these clocks; an update of nothing when there are none.
    pub fn update(&self, clocks: std::ops::Range<u32>, out: &mut Vec<u8>) {
        if clocks.is_empty() {
            out.extend_from_slice(&[0, 0]);
            return;
        }
        out.extend_from_slice(&[1, 1]);
        put_number(out, self.client);
        put_number(out, clocks.start.into());
        if clocks.start == 0 {
            out.extend_from_slice(&[FIRST, 1]);
            put_byte_string(out, ROOT.as_bytes());
        } else {
            out.push(BEHIND);
            put_number(out, self.client);
            put_number(out, u64::from(clocks.start) - 1);
        }
        put_number(out, clocks.len() as u64);
        out.extend(self.letters(clocks));
        out.push(0);
    }
}

fn letter(seed: u64, clock: u32) -> u8 {
    eight(seed, clock / 8)[(clock % 8) as usize]
}

/// Eight letters, of which a writer has one behind the other.
fn eight(seed: u64, number: u32) -> [u8; 8] {
    mix(seed ^ u64::from(number)).to_le_bytes().map(|byte| b'a' + byte % 26)
}

/// The finalizer of `SplitMix64`: each bit of what goes in changes half of what comes out.
pub fn mix(seed: u64) -> u64 {
    let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use yrs::updates::decoder::Decode;
    use yrs::{Doc, GetString, ReadTxn, Text, Transact, Update};

    use super::*;

    #[test]
    fn the_bytes_are_those_of_the_library() {
        let writer = Writer::new(1, 2, 3, 4_000_000_000);
        let doc = Doc::with_client_id(writer.client);
        let notes = doc.get_or_insert_text(ROOT);
        for edit in 0..3 {
            let clocks = edit * EDIT..(edit + 1) * EDIT;
            let text = String::from_utf8(writer.letters(clocks.clone()).collect()).expect("letters");
            let mut txn = doc.transact_mut();
            notes.insert(&mut txn, edit * EDIT, &text);
            let mut ours = Vec::new();
            writer.update(clocks, &mut ours);
            assert_eq!(ours, txn.encode_update_v1());
        }
        let mut all = Vec::new();
        writer.update(0..3 * EDIT, &mut all);
        assert_eq!(all, doc.transact().encode_state_as_update_v1(&yrs::StateVector::default()));
    }

    #[test]
    fn a_part_alone_can_be_checked() {
        let writer = Writer::new(1, 0, 0, 7);
        let text: Vec<u8> = writer.letters(20..60).collect();
        assert!(writer.wrote(20, &text) && !writer.wrote(21, &text));
        assert!(!Writer::new(1, 0, 1, 7).wrote(20, &text), "every writer's letters are their own");
        assert!(!Writer::new(1, 1, 0, 7).wrote(20, &text), "and every room's");
    }

    #[test]
    fn writers_that_know_nothing_of_each_other_do_not_disturb_each_other() {
        let doc = Doc::new();
        let notes = doc.get_or_insert_text(ROOT);
        let writers = [0, 1, 2].map(|place| Writer::new(9, 0, place, 100 + place as u64));
        for edit in 0..4 {
            for writer in &writers {
                let mut update = Vec::new();
                writer.update(edit * EDIT..(edit + 1) * EDIT, &mut update);
                doc.transact_mut().apply_update(Update::decode_v1(&update).expect("an update")).expect("it fits");
            }
        }
        let whole: Vec<u8> = writers.iter().flat_map(|writer| writer.letters(0..4 * EDIT)).collect();
        assert_eq!(notes.get_string(&doc.transact()), String::from_utf8(whole).expect("letters"));
    }
}

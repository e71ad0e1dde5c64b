//! Rows of the log. A row is one update as a client sent it or, when a turn took several, some of these, each as it was sent:
//! a row costs the store as much as dozens of short updates. `Room` makes them, the store asks whether they hold several, and
//! whoever reads a log takes them apart with `updates`. What waits for others gets a row of its own, so that what is beside it can be folded.
//!
//! A packed row is `MARK`, then each update as a lib0 byte string.

use bytes::Bytes;
use smallvec::{SmallVec, smallvec};

use crate::wire::lib0::{Malformed, Reader, put_byte_string};

/// No update begins with this: it would be one of more clients than it has bytes. The last byte is the version of the form.
const MARK: [u8; 6] = [0xff, 0xff, 0xff, 0xff, 0x0f, 1];
/// An update of more bytes than this stands alone, and a packed row is not much longer.
const PACKED_MAX: usize = 32 * 1024;

/// The rows for what one turn took, in order.
pub(crate) fn rows<'u>(updates: impl Iterator<Item = &'u Bytes>) -> Vec<Bytes> {
    let mut rows = Vec::new();
    let mut together: SmallVec<[&Bytes; 8]> = SmallVec::new();
    let mut bytes = 0;
    for update in updates {
        if bytes + update.len() > PACKED_MAX {
            rows.extend(packed(&together));
            together.clear();
            bytes = 0;
        }
        bytes += update.len();
        together.push(update);
    }
    rows.extend(packed(&together));
    rows
}

/// The updates of a row, in order. A row that is damaged is given as it is: it is no update.
pub fn updates(row: &Bytes) -> SmallVec<[Bytes; 1]> {
    let packed = row.strip_prefix(&MARK[..]).and_then(|rest| unpacked(row, rest).ok());
    packed.unwrap_or_else(|| smallvec![row.clone()])
}

/// Whether there are several updates in a row, going by how it begins.
pub fn holds_several(row: &[u8]) -> bool {
    row.starts_with(&MARK)
}

fn packed(updates: &[&Bytes]) -> Option<Bytes> {
    match updates {
        [] => None,
        [update] => Some(Bytes::clone(update)),
        updates => {
            let bytes: usize = updates.iter().map(|update| update.len() + 3).sum();
            let mut row = Vec::with_capacity(MARK.len() + bytes);
            row.extend_from_slice(&MARK);
            for update in updates {
                put_byte_string(&mut row, update);
            }
            Some(row.into())
        }
    }
}

fn unpacked(row: &Bytes, rest: &[u8]) -> Result<SmallVec<[Bytes; 1]>, Malformed> {
    let mut reader = Reader::new(rest);
    let mut updates = SmallVec::new();
    while reader.left() > 0 {
        updates.push(row.slice_ref(reader.byte_string()?));
    }
    Ok(updates)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::room::update::CheckedUpdate;

    fn unpack(rows: &[Bytes]) -> Vec<Bytes> {
        rows.iter().flat_map(updates).collect()
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(lengths in prop::collection::vec(prop_oneof![1..200usize, 1..40_000usize], 0..50)) {
            let given: Vec<Bytes> = lengths.iter().map(|length| vec![7; *length].into()).collect();
            let rows = rows(given.iter());
            prop_assert_eq!(unpack(&rows), given.clone());
            prop_assert!(rows.len() <= given.len());
            let longest = lengths.iter().copied().max().unwrap_or(0).max(PACKED_MAX);
            prop_assert!(rows.iter().all(|row| row.len() <= longest + MARK.len() + 3 * given.len()));
        }

        #[test]
        fn no_update_is_taken_for_a_packed_row(mut bytes: Vec<u8>) {
            bytes.splice(0..0, MARK);
            prop_assert!(CheckedUpdate::parse_stored(bytes.into()).is_err());
        }
    }

    #[test]
    fn a_single_update_is_kept_as_it_came() {
        let update = Bytes::from_static(&[0, 0]);
        assert!(!holds_several(&update));
        assert_eq!(rows([&update].into_iter()), [update]);
    }

    #[test]
    fn a_packed_row_that_was_cut_is_no_update() {
        let given = [Bytes::from_static(b"abc"), Bytes::from_static(b"defg")];
        let row = rows(given.iter()).remove(0);
        let cut = row.slice(..row.len() - 1);
        assert_eq!(updates(&cut).to_vec(), [cut]);
    }
}

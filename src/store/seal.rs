//! What the columns of rows and events hold: their places and their checksums, the same in every database.
//! Used by the sinks, which write them, and by the readers, which check them. Pure.

use super::Sequence;
use super::ledger::QueuedRow;
use crate::room::kept::EventSeq;

/// A queued row with what its table adds.
pub(super) struct SealedRow<'a> {
    pub(super) row: &'a QueuedRow,
    /// The room's id in the database.
    pub(super) room: i64,
    pub(super) checksum: u32,
}

impl<'a> SealedRow<'a> {
    pub(super) fn new(row: &'a QueuedRow, room: i64) -> Self {
        Self { row, room, checksum: row_checksum(row.sequence, room, &row.data) }
    }
}

/// Covers the row's place too, so that a row of another room is not taken for one of this.
pub(super) fn row_checksum(sequence: Sequence, room: i64, data: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&sequence.0.to_le_bytes());
    hasher.update(&room.to_le_bytes());
    hasher.update(data);
    hasher.finalize()
}

/// Covers all of an event but its room and by what it is known: so it is the same in whichever database it lies.
pub(super) fn event_checksum(seq: EventSeq, at: i64, kind: &str, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&seq.0.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(&(kind.len() as u64).to_le_bytes());
    hasher.update(kind.as_bytes());
    hasher.update(body);
    hasher.finalize()
}

/// Sequences, generations and lengths as a database's integers, which are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("no counter here reaches 2^63")
}

//! What the columns of a row hold: its place and its checksum, the same in every database.
//! Used by the sinks, which write rows, and by the readers, which check them. Pure.

use super::Sequence;
use super::ledger::QueuedRow;

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

/// Sequences, generations and lengths as a database's integers, which are signed.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).expect("no counter here reaches 2^63")
}

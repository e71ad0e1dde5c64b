//! What is to be said of an update by somebody who may not write everywhere, before it is applied: whether it stays
//! below one root, and whether it says anything new at all. Asked by `judge`.
//! The update is a stranger's, and every byte of it may be there to deceive: what is not surely inside is refused.

use std::ops::Range;

use yrs::{ClientID, IdSet};

use super::placing::Placing;
use super::roots::{Area, Roots};
use super::scan::scan_all;
use super::update::CheckedUpdate;

/// What an update would do to a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that is new in it is below the root; perhaps nothing is new. Applying it changes nothing elsewhere,
    /// now or later.
    Inside,
    /// It brings something to another place, or deletes something there.
    Outside,
    /// It builds on something that the document does not have, or deletes it.
    Unknown,
    /// It brings blocks under a client id that is not the writer's: what that client wrote or writes would be lost.
    Forged,
}

/// Whose a client id is, in the eyes of one writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// The writer's: the room took blocks of it from the same principal. That somebody announced it in its presence
    /// is no proof, anybody can.
    Writer,
    /// Somebody else's.
    Other,
    /// Unknown: a new client's, or one's of whom the room has only heard by the document. The writer may use it unless the
    /// document has something of it outside of the root.
    Nobody,
}

/// Judges an update against one root. `deleted` is all that is deleted in the document; it is asked for only when the
/// update deletes something outside.
pub(super) fn verdict<'d>(
    update: &CheckedUpdate,
    roots: &Roots,
    deleted: impl Fn() -> &'d IdSet,
    holder: impl Fn(u64) -> Holder,
) -> Verdict {
    let Ok(placing) = Placing::of(&update.raw, roots) else { return Verdict::Unknown };
    if !placing.is_whole() {
        return Verdict::Unknown;
    }
    if placing.has_outside() {
        return Verdict::Outside;
    }
    let own = |client| match holder(client) {
        Holder::Writer => true,
        Holder::Other => false,
        Holder::Nobody => roots.is_only_inside(client),
    };
    if !placing.writers().all(own) {
        return Verdict::Forged;
    }
    for (client, range) in placing.deletes() {
        let mut clock = range.start;
        while clock < range.end {
            let Some((area, end)) = placing.find((*client, clock), roots) else { return Verdict::Unknown };
            clock = match area {
                Area::Element | Area::Entry | Area::Gone => end,
                Area::Outside | Area::OutsideEntry | Area::Unsound => match deleted_until(deleted(), *client, clock) {
                    Some(end) => end,
                    None => return Verdict::Outside,
                },
            };
        }
    }
    Verdict::Inside
}

/// Whether an update says nothing that the document does not know: it brings no block, and deletes only what is
/// deleted. `deleted` is asked for only when it deletes something.
pub(super) fn brings_nothing<'d>(
    update: &CheckedUpdate,
    clock: impl Fn(u64) -> u32,
    deleted: impl Fn() -> &'d IdSet,
) -> bool {
    let known = update.ranges.iter().all(|range| range.end <= clock(range.client));
    if !known || !update.deletes {
        return known;
    }
    let deleted = deleted();
    let mut news = false;
    let each_deleted = |client, range: Range<u32>| {
        news |= deleted_until(deleted, client, range.start).is_none_or(|end| end < range.end);
    };
    scan_all(&update.raw, |_| {}, each_deleted).expect("it was scanned when it was parsed");
    !news
}

/// Up to where everything is deleted from a clock on.
fn deleted_until(deleted: &IdSet, client: u64, clock: u32) -> Option<u32> {
    let ranges = deleted.get(&ClientID::new(client))?.as_slice();
    let after = ranges.partition_point(|(range, ())| range.start <= clock);
    let (range, ()) = ranges.get(after.checked_sub(1)?)?;
    (clock < range.end).then_some(range.end)
}

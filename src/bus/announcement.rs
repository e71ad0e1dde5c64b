//! What a node tells every other one, whatever rooms they have open.

use crate::room::id::RoomId;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Announcement {
    /// Who may be in a room has changed.
    Roster(RoomId),
    /// A room's document is deleted.
    Deleted(RoomId),
}

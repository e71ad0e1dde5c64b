//! The names of things: a room's, a connection's.
//! Made at the edges (session, api, store) from a string that somebody sent; everything inside passes
//! `RoomId`. It must never hold an empty name, a NUL, or more bytes than a database key bears.

use std::fmt;
use std::sync::Arc;

/// The most bytes that any room's name may have, whatever the configured limit: the store's key column and a
/// log line must bear it.
pub const ROOM_NAME_CEILING: usize = 4096;

/// A room's name: any non-empty Unicode text without NUL (that byte separates a document from a session in
/// the Hocuspocus protocol). Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RoomId(Arc<str>);

/// Why a name is not a room's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RoomIdError {
    /// There is nothing in it.
    #[error("the room's name is empty")]
    Empty,
    /// It is longer than the configured limit.
    #[error("the room's name has {length} bytes, the limit is {limit}")]
    TooLong {
        /// Bytes that came.
        length: usize,
        /// Bytes that are allowed.
        limit: usize,
    },
    /// It holds a NUL.
    #[error("the room's name holds a NUL character")]
    Nul,
}

impl RoomId {
    /// Checks `name` against `limit` bytes (at most [`ROOM_NAME_CEILING`]).
    pub fn parse(name: &str, limit: usize) -> Result<Self, RoomIdError> {
        let limit = limit.min(ROOM_NAME_CEILING);
        if name.is_empty() {
            return Err(RoomIdError::Empty);
        }
        if name.len() > limit {
            return Err(RoomIdError::TooLong { length: name.len(), limit });
        }
        if name.contains('\0') {
            return Err(RoomIdError::Nul);
        }
        Ok(Self(name.into()))
    }

    /// The name for a line of a log: line breaks and escapes in it are written out, so that it is nothing but a name.
    pub fn for_log(&self) -> impl fmt::Display + '_ {
        self.0.escape_debug()
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// One connected socket, for the life of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_piece_of_a_line_of_the_log() {
        let room = RoomId::parse("x\n2026-01-01 ERROR forged \u{1b}[31m 日本", 100).expect("a name");
        assert_eq!(room.for_log().to_string(), r"x\n2026-01-01 ERROR forged \u{1b}[31m 日本");
    }
}

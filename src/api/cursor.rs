//! Where a list goes on: the key of the last entry that was sent, in a form that nobody takes for more than it is.
//! A cursor gives no right: what is listed behind it is what the caller may see anyhow.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use super::code::Code;
use super::problem::Problem;

/// Bytes of the checksum that tells a cursor from any other text.
const CHECK_BYTES: usize = 4;

/// The lists that are sent in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum List {
    /// The rooms of the caller, by name.
    Rooms,
    /// The members of a room, by id.
    Members,
}

/// A place in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    list: List,
    key: String,
}

impl Cursor {
    /// The place behind the entry whose key is `last`.
    pub fn new(list: List, key: String) -> Self {
        Self { list, key }
    }

    /// Reads a cursor of this list.
    pub fn parse(list: List, text: &str) -> Result<Self, Problem> {
        let key = Self::unpack(list, text).ok_or_else(|| {
            Problem::new(Code::BadCursor, "The cursor is not one that this list gave.")
                .at("cursor")
                .hint("Send `next` of the former page as it was, or nothing for the first page.")
        })?;
        Ok(Self { list, key })
    }

    /// The key of the last entry that was sent.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn unpack(list: List, text: &str) -> Option<String> {
        let mut bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
        let check = bytes.split_off(bytes.len().checked_sub(CHECK_BYTES)?);
        if check != list.check(&bytes) {
            return None;
        }
        String::from_utf8(bytes).ok()
    }
}

impl List {
    fn check(self, key: &[u8]) -> [u8; CHECK_BYTES] {
        let salt: &[u8] = match self {
            Self::Rooms => b"rooms",
            Self::Members => b"members",
        };
        let mut hash = crc32fast::Hasher::new();
        hash.update(salt);
        hash.update(key);
        hash.finalize().to_le_bytes()
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = self.key.clone().into_bytes();
        bytes.extend_from_slice(&self.list.check(self.key.as_bytes()));
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_as_it_was_and_in_its_own_list_alone() {
        let cursor = Cursor::new(List::Members, "zoë".to_owned());
        assert_eq!(Cursor::parse(List::Members, &cursor.to_string()), Ok(cursor.clone()));
        for text in ["", "zoe", "AAAA", &format!("{cursor}A")] {
            assert_eq!(Cursor::parse(List::Members, text).expect_err(text).code(), Code::BadCursor);
        }
        assert!(Cursor::parse(List::Rooms, &cursor.to_string()).is_err());
    }
}

//! The version of a document: a short text that two documents share when they hold the same edits. Made by `document`,
//! compared by `room`, shown by REST as an entity tag. It must come out the same after a restart and however blocks are cut.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use yrs::IdSet;

/// Bytes of a version: half of a SHA-256.
pub const BYTES: usize = 16;

/// A document's version, written as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Version([u8; BYTES]);

/// Not a version: those are 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version is 32 hexadecimal digits, as the server gave it")]
pub struct NoVersion;

impl Version {
    /// The version of a document with these clocks, sorted by client, that deleted this.
    pub(super) fn of(clocks: &[(u64, u32)], deleted: &IdSet) -> Self {
        let mut hash = Sha256::new();
        for (client, clock) in clocks {
            hash.update(client.to_le_bytes());
            hash.update(clock.to_le_bytes());
        }
        // No client has this id, so clocks and deletes are told apart.
        hash.update(u64::MAX.to_le_bytes());
        for (client, ranges) in deleted.iter() {
            let mut joined: Option<(u32, u32)> = None;
            let mut put = |(start, end): (u32, u32)| {
                hash.update(client.get().to_le_bytes());
                hash.update(start.to_le_bytes());
                hash.update(end.to_le_bytes());
            };
            for range in ranges.iter() {
                joined = match joined {
                    Some((start, end)) if end == range.start => Some((start, range.end)),
                    before => {
                        before.into_iter().for_each(&mut put);
                        Some((range.start, range.end))
                    }
                };
            }
            joined.into_iter().for_each(put);
        }
        let digest = hash.finalize();
        Self(digest[..BYTES].try_into().expect("a SHA-256 has more bytes"))
    }

    /// The version that has these bytes.
    pub fn from_bytes(bytes: [u8; BYTES]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn to_bytes(self) -> [u8; BYTES] {
        self.0
    }

    /// Whether it is the version of a document in which nobody ever wrote.
    pub fn is_of_nothing(self) -> bool {
        self == Self::of(&[], &IdSet::default())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Version {
    type Err = NoVersion;

    fn from_str(text: &str) -> Result<Self, NoVersion> {
        let mut bytes = [0; BYTES];
        if text.len() != 2 * BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(NoVersion);
        }
        for (byte, at) in bytes.iter_mut().zip((0..).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| NoVersion)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_as_it_is_written() {
        let version = Version::of(&[(7, 3), (9, 1)], &IdSet::new());
        assert_eq!(version.to_string().parse(), Ok(version));
        assert_eq!(version.to_string().len(), 32);
        assert_ne!(version, Version::of(&[(7, 3)], &IdSet::new()));
        for odd in ["", "7", "é", &"g".repeat(32), &"é".repeat(16), &"0".repeat(33)] {
            assert_eq!(odd.parse::<Version>(), Err(NoVersion));
        }
    }
}

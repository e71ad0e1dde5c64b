//! Updates that cannot be part of the document yet, because what they build on has not arrived.
//! The document stays whole without them; they are kept here as the raw bytes that came, bounded, and tried again
//! when blocks that they wait for arrive. Owned by `document`. They are logged and relayed like any update, so
//! dropping one from here never loses it.

use bytes::Bytes;
use smallvec::SmallVec;

/// The most orphans that a room keeps.
const ORPHANS_MAX: usize = 1_024;
/// The most bytes of orphans that a room keeps.
const ORPHAN_BYTES_MAX: usize = 16 << 20;
/// One sender may hold this share of either limit: one quarter.
const SENDER_SHARE: usize = 4;

/// "Of this client, everything below this clock."
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// Whose blocks are missing.
    pub client: u64,
    /// The clock that the document must have reached.
    pub clock: u32,
}

/// One update that waits.
#[derive(Debug)]
pub struct Orphan {
    /// The bytes as they came.
    pub raw: Bytes,
    /// Who sent it: a connection's number, or a row's sequence while a document is loaded.
    pub source: u64,
    /// What it waits for; when any of these has come it is worth another try.
    pub needs: SmallVec<[Need; 2]>,
}

/// All that wait in one room.
#[derive(Debug, Default)]
pub struct Orphans {
    waiting: Vec<Orphan>,
    bytes: usize,
}

impl Orphans {
    /// Whether one more of `bytes` from `source` is within the bounds.
    pub fn has_space(&self, source: u64, bytes: usize) -> bool {
        let (mut count, mut held) = (1, bytes);
        for orphan in self.waiting.iter().filter(|orphan| orphan.source == source) {
            count += 1;
            held += orphan.raw.len();
        }
        self.waiting.len() < ORPHANS_MAX
            && self.bytes + bytes <= ORPHAN_BYTES_MAX
            && count <= ORPHANS_MAX / SENDER_SHARE
            && held <= ORPHAN_BYTES_MAX / SENDER_SHARE
    }

    /// Whether exactly these bytes wait already.
    pub fn contains(&self, raw: &Bytes) -> bool {
        self.waiting.iter().any(|orphan| orphan.raw == *raw)
    }

    /// Keeps one more.
    pub fn push(&mut self, orphan: Orphan) {
        self.bytes += orphan.raw.len();
        self.waiting.push(orphan);
    }

    /// Takes one out that has something to hope for: `reached` says whether a need is met.
    pub fn take_ready(&mut self, reached: impl Fn(&Need) -> bool) -> Option<Orphan> {
        let at = self.waiting.iter().position(|orphan| orphan.needs.iter().any(&reached))?;
        let orphan = self.waiting.remove(at);
        self.bytes -= orphan.raw.len();
        Some(orphan)
    }

    /// Forgets one, if it waits.
    pub fn forget(&mut self, raw: &Bytes) {
        if let Some(at) = self.waiting.iter().position(|orphan| orphan.raw == *raw) {
            self.bytes -= self.waiting.remove(at).raw.len();
        }
    }

    /// All that wait, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Orphan> {
        self.waiting.iter()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

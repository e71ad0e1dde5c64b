//! The whole document in its encoded form, for those who join: encoded once, kept while it is of use.
//! What changes afterwards is kept as a tail of updates that are sent behind it, until the tail is long enough
//! that encoding anew is cheaper for everybody. Owned by `document`.

use bytes::Bytes;

/// A tail shorter than this is never a reason to encode anew.
const TAIL_BYTES_MIN: usize = 16 * 1024;
/// More updates than this in the tail cost a joining client more than they save here.
const TAIL_UPDATES_MAX: usize = 256;

/// An encoded state and what came after it.
#[derive(Debug, Default)]
pub struct CachedState {
    full: Option<Bytes>,
    tail: Vec<Bytes>,
    tail_bytes: usize,
}

impl CachedState {
    /// The document changed by `update`.
    pub fn changed(&mut self, update: &Bytes) {
        let Some(full) = &self.full else { return };
        self.tail_bytes += update.len();
        self.tail.push(update.clone());
        if self.tail.len() > TAIL_UPDATES_MAX || self.tail_bytes > TAIL_BYTES_MIN.max(full.len() / 10) {
            self.forget();
        }
    }

    /// Drops everything: the next reader encodes anew.
    pub fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether the next `get` need not encode.
    pub fn is_ready(&self) -> bool {
        self.full.is_some()
    }

    /// The state and the updates to send behind it, encoding with `encode` when nothing is kept.
    pub fn get(&mut self, encode: impl FnOnce() -> Bytes) -> (&Bytes, &[Bytes]) {
        (self.full.get_or_insert_with(encode), &self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_encodes_nothing_and_a_long_tail_starts_anew() {
        let mut state = CachedState::default();
        let update = Bytes::from(vec![0u8; 1000]);
        state.changed(&update);
        assert_eq!(state.get(|| Bytes::from(vec![0u8; 100_000])).1.len(), 0);
        for _ in 0..3 {
            state.changed(&update);
        }
        let (full, tail) = state.get(|| panic!("kept"));
        assert_eq!((full.len(), tail.len()), (100_000, 3));
        for _ in 0..20 {
            state.changed(&update);
        }
        assert!(!state.is_ready());
    }
}

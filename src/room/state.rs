//! The whole document in its encoded form, for those who join: encoded once, kept while it is of use.
//! What changes afterwards is kept as a tail, until that is long enough that encoding anew is cheaper for everybody. A
//! joiner is sent the tail as one update *before* the state: npm clients hold it until the state has come, and the
//! moment they call "synced" they have all of it. Owned by `document`.

use bytes::Bytes;

use super::merge::merged;

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
    /// The tail as one update, once somebody asked for it.
    merged: Option<Bytes>,
}

impl CachedState {
    /// The document changed by `update`.
    pub fn changed(&mut self, update: &Bytes) {
        let Some(full) = &self.full else { return };
        self.tail_bytes += update.len();
        self.tail.push(update.clone());
        self.merged = None;
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

    /// The update to send first, if there is one, and the state; `encode` is called when none is kept.
    pub fn get(&mut self, encode: impl Fn() -> Bytes) -> (Option<Bytes>, Bytes) {
        if !self.tail.is_empty() && self.merged.is_none() {
            let by_library = || yrs::merge_updates_v1(self.tail.iter().map(AsRef::as_ref)).ok().map(Bytes::from);
            self.merged = merged(&self.tail).or_else(by_library);
            if self.merged.is_none() {
                self.forget();
            }
        }
        (self.merged.clone(), self.full.get_or_insert_with(encode).clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_encodes_nothing_and_a_long_tail_starts_anew() {
        let mut state = CachedState::default();
        let update = Bytes::from_static(&[0, 0]);
        state.changed(&update);
        let full = Bytes::from(vec![0u8; 100]);
        assert_eq!(state.get(|| full.clone()), (None, full.clone()), "what was before is in the state");
        state.changed(&update);
        assert_eq!(state.get(|| panic!("kept")), (Some(update.clone()), full));
        for _ in 0..=TAIL_UPDATES_MAX {
            state.changed(&update);
        }
        assert!(!state.is_ready());
    }
}

//! Pauses between tries of what may succeed later: each about twice as long as the one before, and no two alike, so that
//! those who failed together do not come back together. The writer and the Postgres pool wait by it.

use std::time::Duration;

/// Pause after the first failure; doubles up to [`LONGEST`].
const FIRST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug)]
pub(super) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(super) fn new() -> Self {
        Self { next: FIRST }
    }

    /// How long to wait now: between half of its turn and all of it.
    pub(super) fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(LONGEST);
        // Without random bytes all wait equally long, which is no reason to fail.
        let share = getrandom::u32().unwrap_or(u32::MAX);
        whole / 2 + (whole / 2).mul_f64(f64::from(share) / f64::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound_and_differ() {
        let (mut one, mut other) = (Backoff::new(), Backoff::new());
        let (mut whole, mut same) = (FIRST, 0);
        for _ in 0..20 {
            let pauses = [one.pause(), other.pause()];
            assert!(pauses.iter().all(|pause| (whole / 2..=whole).contains(pause)), "{pauses:?} of {whole:?}");
            same += u32::from(pauses[0] == pauses[1]);
            whole = (whole * 2).min(LONGEST);
        }
        assert_eq!(whole, LONGEST);
        assert!(same < 5);
    }
}

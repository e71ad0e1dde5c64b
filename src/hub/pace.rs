//! When a room may flush next. Writing to everybody is what costs; a flush that was dear is followed by a pause in
//! proportion, so that the fan-out of one room leaves most of a core to others, and what arrives meanwhile becomes one
//! bigger update. The pause is shorter while things come one by one, for then waiting costs them more than it saves. A room that
//! is calm never waits.

use std::time::{Duration, Instant};

/// Flushes cheaper than this are not worth a pause, which is coarse,
const CHEAP: Duration = Duration::from_micros(100);
/// unless they had more than so many updates: where that goes on, 40,000 come a second, which cost less in fewer and bigger turns.
const FEW: usize = 64;
/// The pause after such a flush.
const SHORT: Duration = Duration::from_millis(1);

/// The pause after flushes of one kind.
#[derive(Debug)]
pub struct Pace {
    /// How many times what it took the pause is after a flush of one,
    factor_of_one: u32,
    /// and after one of several.
    factor: u32,
    /// The longest pause after a flush, for each that it had,
    longest_for_each: Duration,
    /// and for all together.
    longest: Duration,
    rest_until: Option<Instant>,
}

impl Pace {
    /// Document updates: a pause four times as long as the flush took, twice after a single one; at most 2.5 ms for each, and 10 ms
    /// for all.
    pub fn of_updates() -> Self {
        Self {
            factor_of_one: 2,
            factor: 4,
            longest_for_each: Duration::from_micros(2_500),
            longest: Duration::from_millis(10),
            rest_until: None,
        }
    }

    /// Presence, which grows with the square of a room's people: ten times as long, at most 100 ms.
    pub fn of_presence() -> Self {
        let longest = Duration::from_millis(100);
        Self { factor_of_one: 10, factor: 10, longest_for_each: longest, longest, rest_until: None }
    }

    /// A flush of so many took from `started` to `ended`.
    pub fn flushed(&mut self, count: usize, started: Instant, ended: Instant) {
        let cost = ended.saturating_duration_since(started);
        let factor = if count > 1 { self.factor } else { self.factor_of_one };
        let longest = self.longest_for_each.saturating_mul(u32::try_from(count).unwrap_or(u32::MAX)).min(self.longest);
        self.rest_until = if cost >= CHEAP {
            Some(ended + (cost * factor).min(longest))
        } else {
            (count > FEW).then(|| ended + SHORT)
        };
    }

    /// Until when to wait, if `now` is too early for a flush.
    pub fn rest(&self, now: Instant) -> Option<Instant> {
        self.rest_until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dear_flushes_are_followed_by_a_pause_and_cheap_ones_are_not() {
        let start = Instant::now();
        let after = |micros| start + Duration::from_micros(micros);
        let mut pace = Pace::of_updates();
        pace.flushed(64, start, after(50));
        assert_eq!(pace.rest(after(50)), None);
        pace.flushed(65, start, after(50));
        assert_eq!(pace.rest(after(50)), Some(after(1_050)), "so many come that turns cost more than they say");
        pace.flushed(4, start, after(2_000));
        assert_eq!(pace.rest(after(2_100)), Some(after(10_000)));
        assert_eq!(pace.rest(after(10_000)), None);
        pace.flushed(2, start, after(2_000));
        assert_eq!(pace.rest(after(2_100)), Some(after(7_000)), "two may wait for twice as long as one");
        pace.flushed(9, start, after(500_000));
        assert_eq!(pace.rest(after(500_000)), Some(after(510_000)));
        pace.flushed(1, start, after(1_000));
        assert_eq!(pace.rest(after(1_100)), Some(after(3_000)), "the next one may well be alone, too");
        pace.flushed(1, start, after(9_000));
        assert_eq!(pace.rest(after(9_000)), Some(after(11_500)));
    }
}

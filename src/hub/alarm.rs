//! The one timer of a room's task.

use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::time::Sleep;

use super::beginning::BEGINNING;

/// What may be late rings in all rooms at multiples of this, so that a process that sleeps is woken less often.
const TOGETHER: Duration = Duration::from_millis(25);

/// The time at or after `time` at which other rooms ring, too.
pub fn with_others(time: Instant) -> Instant {
    let beat = time.saturating_duration_since(*BEGINNING).as_nanos().div_ceil(TOGETHER.as_nanos());
    u32::try_from(beat).map_or(time, |beat| *BEGINNING + TOGETHER * beat)
}

/// A timer that is moved only when it would ring too late, or has rung.
#[derive(Debug)]
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Instant,
}

impl Alarm {
    /// Rings at `now` if it is not set.
    pub fn new(now: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(now.into())), at: now }
    }

    /// Rings at `at` or before.
    pub fn set(&mut self, at: Instant) {
        if at < self.at || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(at.into());
            self.at = at;
        }
    }

    /// Waits for the ring. Cancel-safe.
    pub async fn ring(&mut self) {
        self.sleep.as_mut().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_ring_together_and_none_too_early() {
        let now = Instant::now().max(*BEGINNING);
        for micros in [0, 1, 24_999, 25_000, 25_001, 60_000_000] {
            let time = now + Duration::from_micros(micros);
            let beat = with_others(time);
            assert!(time <= beat && beat < time + TOGETHER);
            assert_eq!(with_others(beat), beat);
            assert_eq!((beat - *BEGINNING).as_nanos() % TOGETHER.as_nanos(), 0);
        }
    }
}

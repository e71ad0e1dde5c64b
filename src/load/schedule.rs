//! When things are meant to happen: at moments that are settled before the run, however the server fares. Latency is counted from
//! the moment that was meant, never from the real sending, so a server (or generator) that falls behind cannot hide it.

use std::ops::Range;
use std::time::Duration;

/// How long a run takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Load that is not measured, before.
    pub warm_up: Duration,
    /// What is measured.
    pub measured: Duration,
    /// How long what was sent may take to arrive, after.
    pub drain: Duration,
}

impl Times {
    /// How long there is load.
    pub fn load(&self) -> Duration {
        self.warm_up + self.measured
    }
}

/// Something that happens again and again. Moments are nanoseconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    phase: u64,
    interval: u64,
    count: u32,
    first_measured: u32,
}

impl Schedule {
    /// So many times a second, the first time at a part of the interval (0 to 1) that differs between those who act, or
    /// they would all act at once. A rate of nothing is never.
    pub fn new(rate: f64, part: f64, times: Times) -> Self {
        let interval = Duration::try_from_secs_f64(1.0 / rate).map_or(u64::MAX, nanoseconds);
        if rate <= 0.0 || interval == 0 || interval == u64::MAX {
            return Self { phase: 0, interval: 1, count: 0, first_measured: 0 };
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a part of the interval")]
        let phase = (interval as f64 * part.clamp(0.0, 1.0)) as u64;
        let before = |end: Duration| {
            let moments = nanoseconds(end).saturating_sub(phase).div_ceil(interval);
            u32::try_from(moments).unwrap_or(u32::MAX)
        };
        Self { phase, interval, count: before(times.load()), first_measured: before(times.warm_up) }
    }

    /// When the time with this number is meant to be.
    pub fn moment(&self, number: u32) -> u64 {
        self.phase + self.interval.saturating_mul(number.into())
    }

    /// How many times there are.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Which of them are measured.
    pub fn measured(&self) -> Range<u32> {
        self.first_measured..self.count
    }
}

/// A time as a number of nanoseconds.
pub fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_lie_between_beginning_and_end() {
        let second = Duration::from_secs(1);
        let times = Times { warm_up: second, measured: 2 * second, drain: second };
        for (rate, part, count, first) in [(5.0, 0.0, 15, 5), (5.0, 0.5, 15, 5), (0.4, 0.9, 1, 0), (0.0, 0.5, 0, 0)] {
            let schedule = Schedule::new(rate, part, times);
            assert_eq!((schedule.count(), schedule.measured()), (count, first..count), "{rate} {part}");
            for number in 0..count {
                let moment = Duration::from_nanos(schedule.moment(number));
                assert!(moment < times.load());
                assert_eq!(moment >= times.warm_up, number >= first);
            }
        }
        assert_eq!(Schedule::new(4.0, 0.5, times).moment(2), 625_000_000);
    }
}

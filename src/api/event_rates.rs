//! How many events each principal may say over HTTP, as over a socket: in the long run so many a second, a burst of five
//! seconds' worth. Part of `Api`. It must never remember more principals than speak at the time.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::code::Code;
use super::problem::Problem;
use crate::room::principal::{PrincipalId, PrincipalKind};

/// A burst may have so many seconds' worth of events.
const BURST: u32 = 5;
/// Those who have not spoken for a while are forgotten after so many events.
const TIDY_EVERY: usize = 1_024;

/// See the module.
pub(super) struct EventRates {
    people: DefaultKeyedRateLimiter<PrincipalId>,
    agents: DefaultKeyedRateLimiter<PrincipalId>,
    said: AtomicUsize,
}

impl EventRates {
    /// Of people `per_second`, three times that of agents.
    pub fn new(per_second: u32) -> Self {
        let limiter = |per_second: u32| {
            let per = |count: u32| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
            let quota = Quota::per_second(per(per_second)).allow_burst(per(per_second.saturating_mul(BURST)));
            RateLimiter::keyed(quota)
        };
        let (people, agents) = (limiter(per_second), limiter(per_second.saturating_mul(3)));
        Self { people, agents, said: AtomicUsize::new(0) }
    }

    /// Somebody wants to say something.
    pub fn check(&self, who: &PrincipalId) -> Result<(), Problem> {
        let limiter = if who.kind() == PrincipalKind::Agent { &self.agents } else { &self.people };
        if self.said.fetch_add(1, Ordering::Relaxed) % TIDY_EVERY == TIDY_EVERY - 1 {
            self.people.retain_recent();
            self.agents.retain_recent();
        }
        limiter.check_key(who).map_err(|not_until| {
            let wait = not_until.wait_time_from(DefaultClock::default().now());
            Problem::new(Code::RateLimited, "That is more events than one may say.").after(wait)
        })
    }
}

//! How many events each principal may say over HTTP, as over a socket. Part of `Api`. It must never remember more principals than speak at the time.

use std::sync::atomic::{AtomicUsize, Ordering};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, RateLimiter};

use super::code::Code;
use super::problem::Problem;
use crate::room::principal::{PrincipalId, PrincipalKind};
use crate::session::consumer::{events_per_second, quota};

/// Those who have not spoken for a while are forgotten after so many events.
const TIDY_EVERY: usize = 1_024;

/// See the module.
pub(super) struct EventRates {
    people: DefaultKeyedRateLimiter<PrincipalId>,
    agents: DefaultKeyedRateLimiter<PrincipalId>,
    said: AtomicUsize,
}

impl EventRates {
    /// `events` a second of people; of agents more.
    pub fn new(events: u32) -> Self {
        let limiter = |kind| RateLimiter::keyed(quota(events_per_second(events, kind)));
        let (people, agents) = (limiter(PrincipalKind::User), limiter(PrincipalKind::Agent));
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

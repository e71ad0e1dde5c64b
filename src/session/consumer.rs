//! How much a program may say, by what its credential makes it: agents say more than people's programs. Used by JSON sockets
//! and by events over HTTP, so that both keep the same limit.

use std::num::NonZeroU32;

use governor::Quota;

use crate::room::principal::PrincipalKind;

/// So many times as much as a person's program may say, an agent may.
const AGENTS: u32 = 3;
/// A burst may have so many seconds' worth of events.
const BURST: u32 = 5;

/// How many events a second a program may say in the long run, when a person's may say `events`.
pub fn events_per_second(events: u32, kind: PrincipalKind) -> u32 {
    events.saturating_mul(if kind == PrincipalKind::Agent { AGENTS } else { 1 }).max(1)
}

/// The same as what a limiter takes, with bursts.
pub fn quota(per_second: u32) -> Quota {
    let per = |count| NonZeroU32::new(count).unwrap_or(NonZeroU32::MIN);
    Quota::per_second(per(per_second)).allow_burst(per(per_second.saturating_mul(BURST)))
}

//! How often tokens from one address may be refused, and whose address a request counts for.
//! `Access::identify` counts here. It must never stand in the way of a credential that is found good without effort.

use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::http::HeaderMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use quick_cache::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Refused;
use super::options::Forwarded;

/// Addresses that are remembered; those that fail least often are forgotten first.
const ADDRESSES: usize = 65_536;

/// The most that are asked about at once for one address, however many may fail.
const AT_ONCE: u32 = 64;
/// An address with too many failures is asked for one by one for so long.
const SUSPECT: Duration = Duration::from_mins(1);

/// All addresses.
pub(super) struct Failures {
    quota: Quota,
    addresses: Cache<IpAddr, Arc<Address>>,
}

struct Address {
    limiter: DefaultDirectRateLimiter,
    /// How many may be asked about at once.
    asking: Arc<Semaphore>,
    /// The same while the address is suspect.
    asking_alone: Arc<Semaphore>,
    /// Until when nothing is done for this address that takes effort.
    over_until: Mutex<Option<Instant>>,
}

/// How much may be done to check a credential.
#[derive(Clone, Copy)]
pub(super) enum Effort<'a> {
    /// The store and others may be asked.
    Any,
    /// Not after too many refusals for this address.
    Within(&'a Failures, IpAddr),
}

/// To be held until the answer is there.
pub(super) struct Asking(#[expect(dead_code, reason = "held, not read")] Option<OwnedSemaphorePermit>);

impl Effort<'_> {
    /// To be called before anybody is asked. Waits while as many are asked about as may be refused: of a flood of bad
    /// tokens the rest is refused without a question.
    pub(super) async fn spend(self) -> Result<Asking, Refused> {
        let Self::Within(failures, from) = self else { return Ok(Asking(None)) };
        let address = failures.address(from);
        let places = if address.is_suspect()? { &address.asking_alone } else { &address.asking };
        let place = Arc::clone(places).acquire_owned().await.expect("it is never closed");
        address.is_suspect()?;
        Ok(Asking(Some(place)))
    }
}

impl Failures {
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        Self { quota: Quota::per_minute(a_minute), addresses: Cache::new(ADDRESSES) }
    }

    /// What may be done for this address.
    pub(super) fn effort(&self, from: IpAddr) -> Effort<'_> {
        Effort::Within(self, from)
    }

    fn address(&self, from: IpAddr) -> Arc<Address> {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Address::new(self.quota)));
        match self.addresses.get_or_insert_with(&network(from), new) {
            Ok(address) => address,
            Err(never) => match never {},
        }
    }

    /// Counts a refusal, and gives it back, or that there were too many.
    pub(super) fn count(&self, from: IpAddr, refused: Refused) -> Refused {
        let address = self.address(from);
        let Err(not_until) = address.limiter.check() else { return refused };
        let retry_after = not_until.wait_time_from(DefaultClock::default().now());
        *address.over_until.lock().expect("nothing panics while it is held") = Some(Instant::now() + retry_after);
        Refused::TooManyFailures { retry_after }
    }
}

impl Address {
    fn new(quota: Quota) -> Self {
        let at_once = quota.burst_size().get().min(AT_ONCE);
        Self {
            limiter: RateLimiter::direct(quota),
            asking: Arc::new(Semaphore::new(at_once as usize)),
            asking_alone: Arc::new(Semaphore::new(1)),
            over_until: Mutex::new(None),
        }
    }

    /// Whether too many were refused lately; an error while nothing is done for it.
    fn is_suspect(&self) -> Result<bool, Refused> {
        let over_until = *self.over_until.lock().expect("nothing panics while it is held");
        let Some(until) = over_until else { return Ok(false) };
        let now = Instant::now();
        match until.saturating_duration_since(now) {
            Duration::ZERO => Ok(now < until + SUSPECT),
            retry_after => Err(Refused::TooManyFailures { retry_after }),
        }
    }
}

/// The address that a request counts for: the socket's, or what the proxy in front saw.
pub(super) fn address(peer: IpAddr, headers: &HeaderMap, forwarded: Forwarded) -> IpAddr {
    let last = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?.rsplit(',').next()?.trim();
        // Some proxies add the port.
        last.parse().ok().or_else(|| last.parse::<std::net::SocketAddr>().ok().map(|address| address.ip()))
    };
    match forwarded {
        Forwarded::Ignored => peer,
        Forwarded::Trusted => last().unwrap_or(peer),
    }
}

/// What one person usually has: an IPv4 address, or 64 bits of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::access::BadToken;

    const BAD: Refused = Refused::BadToken(BadToken::Signature);

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// What becomes at once of the wish to ask; nothing when it has to wait.
    fn ask(failures: &Failures, address: &str) -> Option<Result<Asking, Refused>> {
        failures.effort(ip(address)).spend().now_or_never()
    }

    #[test]
    fn after_too_many_failures_an_address_is_over_and_others_are_not() {
        let failures = Failures::new(NonZeroU32::new(3).expect("not zero"));
        for _ in 0..3 {
            assert_eq!(failures.count(ip("192.0.2.1"), BAD), BAD);
            assert!(matches!(ask(&failures, "192.0.2.1"), Some(Ok(_))));
        }
        assert!(matches!(failures.count(ip("192.0.2.1"), BAD), Refused::TooManyFailures { .. }));
        assert!(matches!(ask(&failures, "192.0.2.1"), Some(Err(_))));
        assert!(matches!(ask(&failures, "::ffff:192.0.2.1"), Some(Err(_))), "the same address in IPv6 clothes");
        assert!(matches!(ask(&failures, "192.0.2.2"), Some(Ok(_))));
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failures = Failures::new(NonZeroU32::MIN);
        failures.count(ip("2001:db8::1"), BAD);
        failures.count(ip("2001:db8::2"), BAD);
        assert!(matches!(ask(&failures, "2001:db8::3"), Some(Err(_))));
        assert!(matches!(ask(&failures, "2001:db8:0:1::3"), Some(Ok(_))));
    }

    #[test]
    fn of_many_at_once_no_more_are_asked_about_than_may_fail() {
        let failures = Failures::new(NonZeroU32::new(3).expect("not zero"));
        let asked: Vec<_> =
            (0..3).map(|_| ask(&failures, "192.0.2.1").expect("a place").expect("none failed")).collect();
        let mut late = Box::pin(failures.effort(ip("192.0.2.1")).spend());
        assert!(late.as_mut().now_or_never().is_none());
        for _ in 0..4 {
            failures.count(ip("192.0.2.1"), BAD);
        }
        drop(asked);
        assert!(matches!(late.now_or_never(), Some(Err(Refused::TooManyFailures { .. }))), "nobody is asked about it");
    }

    #[test]
    fn a_trusted_proxy_says_who_is_behind_it() {
        let mut headers = HeaderMap::new();
        headers.append("x-forwarded-for", "198.51.100.7, 203.0.113.9".parse().expect("a value"));
        let peer = ip("127.0.0.1");
        assert_eq!(address(peer, &headers, Forwarded::Ignored), peer);
        assert_eq!(address(peer, &headers, Forwarded::Trusted), ip("203.0.113.9"));
        headers.append("x-forwarded-for", "[2001:db8::1]:443".parse().expect("a value"));
        assert_eq!(address(peer, &headers, Forwarded::Trusted), ip("2001:db8::1"));
        headers.append("x-forwarded-for", "unknown".parse().expect("a value"));
        assert_eq!(address(peer, &headers, Forwarded::Trusted), peer);
    }
}

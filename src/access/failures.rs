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

use super::Refused;
use super::options::Forwarded;

/// Addresses that are remembered; those that fail least often are forgotten first.
const ADDRESSES: usize = 65_536;

/// All addresses.
pub(super) struct Failures {
    quota: Quota,
    addresses: Cache<IpAddr, Arc<Address>>,
}

struct Address {
    limiter: DefaultDirectRateLimiter,
    /// Until when nothing is done for this address that takes effort.
    over_until: Mutex<Option<Instant>>,
}

/// How much may be done to check a credential.
#[derive(Debug, Clone, Copy)]
pub(super) enum Effort {
    /// The store and others may be asked.
    Any,
    /// Nobody is asked for so long: too many were refused.
    None(Duration),
}

impl Effort {
    /// To be called before anybody is asked.
    pub(super) fn spend(self) -> Result<(), Refused> {
        match self {
            Self::Any => Ok(()),
            Self::None(retry_after) => Err(Refused::TooManyFailures { retry_after }),
        }
    }
}

impl Failures {
    pub(super) fn new(a_minute: NonZeroU32) -> Self {
        Self { quota: Quota::per_minute(a_minute), addresses: Cache::new(ADDRESSES) }
    }

    /// What may be done for this address now.
    pub(super) fn effort(&self, from: IpAddr) -> Effort {
        let Some(address) = self.addresses.get(&network(from)) else { return Effort::Any };
        let over_until = *address.over_until.lock().expect("nothing panics while it is held");
        match over_until.map(|until| until.saturating_duration_since(Instant::now())) {
            None | Some(Duration::ZERO) => Effort::Any,
            Some(left) => Effort::None(left),
        }
    }

    /// Counts a refusal, and gives it back, or that there were too many.
    pub(super) fn count(&self, from: IpAddr, refused: Refused) -> Refused {
        let new = || Ok::<_, std::convert::Infallible>(Arc::new(Address::new(self.quota)));
        let address = match self.addresses.get_or_insert_with(&network(from), new) {
            Ok(address) => address,
            Err(never) => match never {},
        };
        let Err(not_until) = address.limiter.check() else { return refused };
        let retry_after = not_until.wait_time_from(DefaultClock::default().now());
        *address.over_until.lock().expect("nothing panics while it is held") = Some(Instant::now() + retry_after);
        Refused::TooManyFailures { retry_after }
    }
}

impl Address {
    fn new(quota: Quota) -> Self {
        Self { limiter: RateLimiter::direct(quota), over_until: Mutex::new(None) }
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
    use super::*;
    use crate::access::BadToken;

    const BAD: Refused = Refused::BadToken(BadToken::Signature);

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn after_too_many_failures_an_address_is_over_and_others_are_not() {
        let failures = Failures::new(NonZeroU32::new(3).expect("not zero"));
        for _ in 0..3 {
            assert_eq!(failures.count(ip("192.0.2.1"), BAD), BAD);
            assert!(matches!(failures.effort(ip("192.0.2.1")), Effort::Any));
        }
        assert!(matches!(failures.count(ip("192.0.2.1"), BAD), Refused::TooManyFailures { .. }));
        assert!(failures.effort(ip("192.0.2.1")).spend().is_err());
        assert!(failures.effort(ip("::ffff:192.0.2.1")).spend().is_err(), "the same address in IPv6 clothes");
        assert!(failures.effort(ip("192.0.2.2")).spend().is_ok());
    }

    #[test]
    fn a_network_of_ipv6_is_one_address() {
        let failures = Failures::new(NonZeroU32::MIN);
        failures.count(ip("2001:db8::1"), BAD);
        failures.count(ip("2001:db8::2"), BAD);
        assert!(failures.effort(ip("2001:db8::3")).spend().is_err());
        assert!(failures.effort(ip("2001:db8:0:1::3")).spend().is_ok());
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

//! Idempotency keys whose requests are being worked on: each is held by one request at a time. Part of the state of REST;
//! `idempotency` holds them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use crate::room::principal::PrincipalId;

/// Old answers are looked for no more often than this.
const TIDY: Duration = Duration::from_mins(10);

/// See the module. Clones share the keys.
#[derive(Debug, Clone, Default)]
pub struct InFlight {
    keys: Arc<Mutex<HashSet<Key>>>,
    tidied: Arc<Mutex<Option<Instant>>>,
}

/// Each principal has keys of its own.
type Key = (PrincipalId, String);

/// Holds a key while its request is worked on.
#[derive(Debug)]
pub struct Held {
    flight: InFlight,
    key: Key,
}

impl InFlight {
    /// Holds a key; nothing if somebody does.
    pub fn hold(&self, scope: &PrincipalId, key: &str) -> Option<Held> {
        let key = (scope.clone(), key.to_owned());
        let fresh = self.keys().insert(key.clone());
        // Only who holds it may make what lets go of it.
        fresh.then(|| Held { flight: self.clone(), key })
    }

    /// Whether whoever asks should drop what is old.
    pub fn is_time_to_tidy(&self) -> bool {
        let mut tidied = self.tidied.lock().expect("nothing panics while it holds this");
        let due = tidied.is_none_or(|before| before.elapsed() >= TIDY);
        if due {
            *tidied = Some(Instant::now());
        }
        due
    }

    fn keys(&self) -> MutexGuard<'_, HashSet<Key>> {
        self.keys.lock().expect("nothing panics while it holds this")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.flight.keys().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_request_of_its_principal() {
        let (ada, bob) = (PrincipalId::user("ada").expect("an id"), PrincipalId::user("bob").expect("an id"));
        let flight = InFlight::default();
        let held = flight.hold(&ada, "1").expect("free");
        assert!(flight.hold(&ada, "1").is_none() && flight.hold(&ada, "1").is_none());
        assert!(flight.hold(&bob, "1").is_some() && flight.hold(&ada, "2").is_some());
        drop(held);
        assert!(flight.hold(&ada, "1").is_some());
    }
}

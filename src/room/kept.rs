//! What a room keeps beside its document: the events of its log, and the latest value of what only counts as it is now.
//! The core makes them, the store keeps them, readers get them back. Pure data. It must never know what is in a body.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::event::AGENT_STATUS;
use super::principal::PrincipalId;

/// The most bytes of an event's kind, and of a latest value's key.
pub const KEPT_NAME_MAX: usize = 255;

/// An event's number in its room: 1 for the first, rising by one, whichever node took it. 0 is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventSeq(pub u64);

impl EventSeq {
    /// A number that no event has.
    pub const MAX: Self = Self(i64::MAX.cast_unsigned());
}

/// How many events one log handle has been given; an event's own number there, counted from 1. The event's number in its
/// room is known once it is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EventPosition(pub u64);

/// What an event or a latest value is about, as the room's vocabulary names it: `chat.message`. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKind(Arc<str>);

/// Whose latest value it is among those of its kind: an agent's, say. Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LatestKey(Arc<str>);

/// Neither an event's kind nor a latest value's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it has to be 1 to {KEPT_NAME_MAX} bytes without NUL")]
pub struct NoKeptName;

/// What makes an event the same as an earlier one: who sent it, and the id that they gave it. Cheap to copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EventOrigin([u8; 32]);

/// An event on its way into the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEvent {
    /// When it happened; kept to the millisecond.
    pub at: SystemTime,
    /// What it is about.
    pub kind: EventKind,
    /// By which it is known when it is sent again; without one every event is another.
    pub origin: Option<EventOrigin>,
    /// All else, in a form of the caller's. The caller bounds it.
    pub body: Bytes,
}

/// An event that is in the log now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommittedEvent {
    /// Which of the handle's events it is. They come in order, each once.
    pub position: EventPosition,
    /// Its number in the room, or that of the event that it repeats.
    pub seq: EventSeq,
    /// Whether it is new.
    pub standing: EventStanding,
}

/// What an event is to the log that it was put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventStanding {
    /// Nobody has heard of it.
    New,
    /// The log had one of this origin; this one is not kept.
    Repeated,
}

/// An event as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredEvent {
    /// Its number.
    pub seq: EventSeq,
    /// When it happened, to the millisecond.
    pub at: SystemTime,
    /// What it is about.
    pub kind: EventKind,
    /// All else.
    pub body: Bytes,
}

/// A value of which the latest counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Latest {
    /// What it is about.
    pub kind: EventKind,
    /// Whose it is.
    pub key: LatestKey,
    /// Since when it is so, to the millisecond; of two the later one stays.
    pub at: SystemTime,
    /// The value.
    pub body: Bytes,
}

impl EventOrigin {
    /// Of what `who` sent under an id of their own, as an event of this kind.
    pub fn of(who: &PrincipalId, kind: &str, client_id: &str) -> Self {
        // Hashed, so that a stranger's id costs an index no more than any other. Neither principals nor kinds hold a NUL.
        let hash = Sha256::new().chain_update(who.as_str()).chain_update([0]).chain_update(kind);
        let hash = hash.chain_update([0]).chain_update(client_id);
        Self(hash.finalize().into())
    }

    /// Of what somebody decides on a suggestion: there is one decision, whoever makes it.
    pub fn of_decision(suggestion: EventSeq) -> Self {
        // Nobody's id is empty, so nobody sends this.
        let hash = Sha256::new().chain_update([0]).chain_update(b"suggestion").chain_update(suggestion.0.to_le_bytes());
        Self(hash.finalize().into())
    }

    /// Of what two blocks hide of each other: there is one conflict, whichever node notices it, in whichever order they came.
    pub fn of_conflict(one: (u64, u32), other: (u64, u32)) -> Self {
        let hash = Sha256::new().chain_update([0]).chain_update(b"conflict");
        let add = |hash: Sha256, (client, clock): (u64, u32)| {
            hash.chain_update(client.to_le_bytes()).chain_update(clock.to_le_bytes())
        };
        Self(add(add(hash, one.min(other)), one.max(other)).finalize().into())
    }

    /// As it is kept.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl EventKind {
    /// Checks a kind.
    pub fn parse(kind: &str) -> Result<Self, NoKeptName> {
        check(kind).map(|kind| Self(kind.into()))
    }

    /// Whether it is the server's own and nobody is told of it.
    pub fn is_internal(&self) -> bool {
        self.0.starts_with('_')
    }

    /// Whether those who listen hear of it from the log: some have heard of it already, when it was so.
    pub fn is_told(&self) -> bool {
        !self.is_internal() && *self.0 != *AGENT_STATUS
    }

    /// The kind as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl LatestKey {
    /// Checks a key.
    pub fn parse(key: &str) -> Result<Self, NoKeptName> {
        check(key).map(|key| Self(key.into()))
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check(name: &str) -> Result<&str, NoKeptName> {
    if (1..=KEPT_NAME_MAX).contains(&name.len()) && !name.contains('\0') { Ok(name) } else { Err(NoKeptName) }
}

impl fmt::Debug for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Debug for LatestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_differ_by_who_and_by_what() {
        let (ada, bob) = (PrincipalId::user("ada").unwrap(), PrincipalId::user("bob").unwrap());
        assert_eq!(EventOrigin::of(&ada, "k", "1"), EventOrigin::of(&ada, "k", "1"));
        assert_ne!(EventOrigin::of(&ada, "k", "1"), EventOrigin::of(&ada, "k", "2"));
        assert_ne!(EventOrigin::of(&ada, "k", "1"), EventOrigin::of(&bob, "k", "1"));
        let a = PrincipalId::user("a").unwrap();
        assert_ne!(EventOrigin::of(&ada, "k", ""), EventOrigin::of(&a, "k", "da"));
    }

    #[test]
    fn names_are_short_and_without_nul() {
        for bad in ["", "a\0b", &"x".repeat(KEPT_NAME_MAX + 1)] {
            assert!(EventKind::parse(bad).is_err() && LatestKey::parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(EventKind::parse("chat.message").unwrap().as_str(), "chat.message");
        assert_eq!(LatestKey::parse(&"x".repeat(KEPT_NAME_MAX)).unwrap().as_str().len(), KEPT_NAME_MAX);
    }
}

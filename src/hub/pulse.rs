//! The signs of life of one connection's peer: when it was last heard, asked and told something. Part of its `Outbox`.
//! Its own task and its rooms write it, a room's `Members` read it; it must never make any of them wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::beginning::BEGINNING;

/// See the module. What is said, which is most often, stands first (see `Outbox`).
#[derive(Debug)]
#[repr(C)]
pub struct Pulse {
    said: Moment,
    heard: Moment,
    asked: Moment,
    /// How many messages, pings and pongs came from the peer.
    heard_count: AtomicU64,
}

/// Milliseconds since the beginning.
#[derive(Debug)]
struct Moment(AtomicU64);

impl Pulse {
    /// Of a connection that is opened now.
    pub(super) fn new(now: Instant) -> Self {
        Self { said: Moment::at(now), heard: Moment::at(now), asked: Moment::at(now), heard_count: AtomicU64::new(0) }
    }

    /// The peer was heard.
    pub fn hear(&self, now: Instant) {
        self.heard.set(now);
        self.heard_count.fetch_add(1, Ordering::Relaxed);
    }

    /// The peer is sent a message.
    pub(super) fn say(&self, now: Instant) {
        self.said.set(now);
    }

    /// The peer is asked whether it lives.
    pub(super) fn ask(&self, now: Instant) {
        self.asked.set(now);
    }

    /// How often the peer was heard.
    pub fn heard_count(&self) -> u64 {
        self.heard_count.load(Ordering::Relaxed)
    }

    /// When the peer was last heard.
    pub fn heard(&self) -> Instant {
        self.heard.get()
    }

    /// When the peer was last sent a message.
    pub fn said(&self) -> Instant {
        self.said.get()
    }

    /// When the peer was last asked whether it lives.
    pub fn asked(&self) -> Instant {
        self.asked.get()
    }
}

impl Moment {
    fn at(now: Instant) -> Self {
        Self(AtomicU64::new(millis(now)))
    }

    fn set(&self, now: Instant) {
        self.0.store(millis(now), Ordering::Relaxed);
    }

    fn get(&self) -> Instant {
        *BEGINNING + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

/// What was before the beginning counts as that.
fn millis(now: Instant) -> u64 {
    let since = now.saturating_duration_since(*BEGINNING);
    since.as_secs() * 1_000 + u64::from(since.subsec_millis())
}

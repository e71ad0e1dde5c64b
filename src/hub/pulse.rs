//! The signs of life of one connection's peer: when it was last heard, asked and told something. Part of its `Outbox`.
//! Its own task and its rooms write it, a room's `Members` read it; it must never make any of them wait.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// See the module.
#[derive(Debug)]
pub struct Pulse {
    opened: Instant,
    heard: Moment,
    said: Moment,
    asked: Moment,
    /// How many messages, pings and pongs came from the peer.
    heard_count: AtomicU64,
}

/// Milliseconds since the connection was opened.
#[derive(Debug, Default)]
struct Moment(AtomicU64);

impl Pulse {
    /// Of a connection that is opened now.
    pub(super) fn new(now: Instant) -> Self {
        let (heard, said, asked) = Default::default();
        Self { opened: now, heard, said, asked, heard_count: AtomicU64::new(0) }
    }

    /// The peer was heard.
    pub fn hear(&self, now: Instant) {
        self.heard.set(self.opened, now);
        self.heard_count.fetch_add(1, Ordering::Relaxed);
    }

    /// The peer is sent a message.
    pub(super) fn say(&self, now: Instant) {
        self.said.set(self.opened, now);
    }

    /// The peer is asked whether it lives.
    pub(super) fn ask(&self, now: Instant) {
        self.asked.set(self.opened, now);
    }

    /// How often the peer was heard.
    pub fn heard_count(&self) -> u64 {
        self.heard_count.load(Ordering::Relaxed)
    }

    /// When the peer was last heard.
    pub fn heard(&self) -> Instant {
        self.heard.get(self.opened)
    }

    /// When the peer was last sent a message.
    pub fn said(&self) -> Instant {
        self.said.get(self.opened)
    }

    /// When the peer was last asked whether it lives.
    pub fn asked(&self) -> Instant {
        self.asked.get(self.opened)
    }
}

impl Moment {
    fn set(&self, opened: Instant, now: Instant) {
        let millis = now.saturating_duration_since(opened).as_millis();
        self.0.store(u64::try_from(millis).expect("five hundred million years"), Ordering::Relaxed);
    }

    fn get(&self, opened: Instant) -> Instant {
        opened + Duration::from_millis(self.0.load(Ordering::Relaxed))
    }
}

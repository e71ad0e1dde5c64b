//! The one timer of a room's task.

use std::pin::Pin;
use std::time::Instant;

use tokio::time::Sleep;

/// A timer that is moved only when it would ring too late, or has rung.
#[derive(Debug)]
pub struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Instant,
}

impl Alarm {
    /// Rings at `now` if it is not set.
    pub fn new(now: Instant) -> Self {
        Self { sleep: Box::pin(tokio::time::sleep_until(now.into())), at: now }
    }

    /// Rings at `at` or before.
    pub fn set(&mut self, at: Instant) {
        if at < self.at || self.sleep.is_elapsed() {
            self.sleep.as_mut().reset(at.into());
            self.at = at;
        }
    }

    /// Waits for the ring. Cancel-safe.
    pub async fn ring(&mut self) {
        self.sleep.as_mut().await;
    }
}

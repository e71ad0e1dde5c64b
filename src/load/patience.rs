//! How long fresh clients wait for what is not there, all of them together: a server that has lost everything in a thousand rooms
//! is waited for once, and one that is slow and right has that time in every room. Used by `check`. It must never bound how long
//! a server is read that goes on showing other rooms.

use std::cell::Cell;
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep_until};

/// How many times as long as it may show nothing a server may show more and more of the rooms that it has shown, and no other one.
const TRICKLE: u32 = 4;
/// Rooms that are opened at the same time, at most.
const OPENING: usize = 8;
/// Rooms that are waited for beside those, at most: they were opened, and something is missing in them.
const WAITING: usize = 256;

/// What the fresh clients of one check have of it.
#[derive(Debug)]
pub struct Patience {
    /// How long a server may show no other room, and no more of those that it has shown, before nobody waits any longer.
    silence: Duration,
    opening: Semaphore,
    waiting: Semaphore,
    /// When the last room was shown.
    shown: Cell<Instant>,
    /// When the last of anything was.
    grown: Cell<Instant>,
}

/// The right to have a room open.
#[derive(Debug)]
pub struct Turn<'a> {
    permit: SemaphorePermit<'a>,
}

impl Patience {
    /// So much of it, from now on, for so many rooms at the same time, at most.
    pub fn new(most: usize, patience: Duration) -> Self {
        let opening = most.clamp(1, OPENING);
        Self {
            silence: patience,
            opening: Semaphore::new(opening),
            waiting: Semaphore::new((most.max(1) - opening).min(WAITING)),
            shown: Cell::new(Instant::now()),
            grown: Cell::new(Instant::now()),
        }
    }

    /// Waits until a room may be opened; nothing if nobody waits any longer.
    pub async fn turn(&self) -> Option<Turn<'_>> {
        tokio::select! {
            biased;
            () = self.run_out() => None,
            permit = self.opening.acquire() => Some(Turn { permit: permit.expect("nobody closes it") }),
        }
    }

    /// The server has shown the room of this turn. What is missing there is waited for, and others are opened meanwhile.
    pub fn shown<'a>(&'a self, turn: &mut Turn<'a>) {
        self.shown.set(Instant::now());
        if let Ok(permit) = self.waiting.try_acquire() {
            turn.permit = permit;
        }
    }

    /// The server has shown more of a room than before.
    pub fn grown(&self) {
        self.grown.set(Instant::now());
    }

    /// What comes of something, or nothing if nobody waits any longer.
    pub async fn during<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = work => Some(done),
            () = self.run_out() => None,
        }
    }

    async fn run_out(&self) {
        loop {
            let (shown, grown) = (self.shown.get(), self.grown.get());
            let end = (shown.max(grown) + self.silence).min(shown + self.silence * TRICKLE);
            if Instant::now() >= end {
                return;
            }
            sleep_until(end).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn no_more_rooms_are_open_than_are_allowed() {
        for most in [1, 5, 10, 1_000] {
            let (patience, mut turns) = (Patience::new(most, Duration::from_secs(1)), Vec::new());
            while let Some(Some(mut turn)) = patience.turn().now_or_never() {
                patience.shown(&mut turn);
                turns.push(turn);
                // One task may not take so many turns in a row: what looks taken would only be put off.
                tokio::task::yield_now().await;
            }
            assert_eq!(turns.len(), most.min(OPENING + WAITING));
        }
    }
}

//! How a room's connections are sent away while the server drains: each in its turn, because old clients come back
//! without jitter, and cut off when it does not go. Owned by the room task.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Drain;
use super::members::Members;
use crate::room::id::ConnectionId;
use crate::wire::close::CloseReason;

/// A client that was told to go has so long to take its close frame.
const FAREWELL: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Leaving {
    drain: watch::Receiver<Option<Arc<Drain>>>,
    /// Who is to be sent away when.
    due: VecDeque<(Instant, ConnectionId)>,
    /// Who was told to go, and when it is cut off if it has not.
    told: VecDeque<(Instant, ConnectionId)>,
}

impl Leaving {
    /// Nobody has to go before `drain` says so.
    pub(super) fn new(drain: watch::Receiver<Option<Arc<Drain>>>) -> Self {
        Self { drain, due: VecDeque::new(), told: VecDeque::new() }
    }

    /// Whether the server drains.
    pub(super) fn is_draining(&self) -> bool {
        self.drain.borrow().is_some()
    }

    /// Waits for the drain to begin; false means that the hub is gone. Cancel-safe.
    pub(super) async fn begins(&mut self) -> bool {
        if !self.due.is_empty() {
            return std::future::pending().await;
        }
        self.drain.changed().await.is_ok()
    }

    /// Gives everybody a turn, if the drain has begun since this was last asked.
    pub(super) fn plan(&mut self, members: &Members) {
        if let Some(drain) = self.drain.borrow_and_update().as_ref() {
            self.due = members.ids().map(|id| (drain.next_place(), id)).collect();
        }
    }

    /// Whether `plan` has something to do.
    pub(super) fn has_begun(&self) -> bool {
        self.drain.has_changed().unwrap_or(false)
    }

    /// Somebody comes, perhaps in the middle of a drain.
    pub(super) fn comes(&mut self, connection: ConnectionId) {
        if let Some(drain) = &*self.drain.borrow() {
            self.due.push_back((drain.next_place(), connection));
        }
    }

    /// Sends away those whose turn it is.
    pub(super) fn send_away(&mut self, now: Instant, members: &mut Members) {
        while let Some((_, connection)) = self.due.pop_front_if(|(due, _)| *due <= now) {
            if let Some(member) = members.get_mut(connection) {
                member.line.close(CloseReason::Restart);
                self.told.push_back((now + FAREWELL, connection));
            }
        }
        while let Some((_, connection)) = self.told.pop_front_if(|(due, _)| *due <= now) {
            if let Some(member) = members.get_mut(connection) {
                member.line.abort(CloseReason::Restart);
            }
        }
    }

    /// When `send_away` has something to do.
    pub(super) fn next(&self) -> Option<Instant> {
        [self.due.front(), self.told.front()].into_iter().flatten().map(|(due, _)| *due).min()
    }
}

//! How a room's task comes to its end: when nobody needs the room any more, when it was deleted, and what those are told
//! who are still here. Part of `task`.

use std::time::Instant;

use super::super::mail::Mail;
use super::{RETRY, RoomTask};
use crate::wire::close::CloseReason;

impl RoomTask {
    /// When closing is to be tried, if only time is in its way.
    pub(super) fn closing_time(&mut self, now: Instant) -> Option<Instant> {
        let rested = self.idle_since? + self.shared.options.room_idle;
        if self.leaving.is_draining() || rested <= now {
            // What else is in its way wakes the room by itself, but for somebody who is just coming in.
            return (self.room().is_settled() && !self.saving.is_compacting()).then(|| now + RETRY);
        }
        Some(rested)
    }

    /// Whether nobody needs the room any more and all of it is on disk.
    pub(super) fn may_close(&mut self) -> bool {
        let now = Instant::now();
        let Some(since) = self.idle_since else { return false };
        let draining = self.leaving.is_draining();
        let rested = now.duration_since(since) >= self.shared.options.room_idle;
        let busy = self.saving.is_holding() || !self.room().is_settled() || !self.mail.is_empty();
        let is_used = (self.room().has_guests() || self.room().has_outputs()) && !draining;
        if !(draining || rested) || busy || is_used {
            return false;
        }
        let lane = &self.shared.lane;
        let is_folding = if !draining {
            self.saving.compact_before_closing(now, lane)
        } else if self.seat.is_none() {
            let size = self.room.as_ref().map_or(0, |room| room.document().size());
            self.saving.compact_before_stopping(now, size, lane)
        } else {
            // Other nodes may have the room open, and one of them folds it.
            false
        };
        !is_folding
    }

    /// The room is deleted: everybody is told.
    pub(super) fn say_farewell(&mut self) {
        tracing::info!("the room is deleted");
        self.farewell = CloseReason::RoomNotFound;
        for line in self.members.lines() {
            line.close(CloseReason::RoomNotFound);
        }
    }
}

impl Drop for RoomTask {
    /// Whoever is still here when the task ends, ends with it: the room was lost.
    fn drop(&mut self) {
        // A socket that carries other rooms, too, is not cut off because one of them was deleted.
        for line in self.members.lines().filter(|_| self.farewell != CloseReason::RoomNotFound) {
            line.abort(self.farewell);
        }
        self.mail.close();
        let rest = std::iter::from_fn(|| self.mail.try_recv().ok());
        for mail in self.waiting.drain(..).chain(rest) {
            if let Mail::Join(line, _) | Mail::Listen(line, ..) = *mail {
                line.close(CloseReason::TryAgain);
            }
        }
    }
}

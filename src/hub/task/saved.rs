//! What a room's task does when more of its log is durable: at once where somebody waits for that, and else with its next turn.
//! Part of `task`. It must never tell anybody of what is not durable.

use std::time::Instant;

use super::RoomTask;
use crate::room::durability::Telling;
use crate::room::effects::Effects;
use crate::store::Saved;

impl RoomTask {
    /// When what is durable is to be told.
    pub(super) fn telling(&mut self, now: Instant) -> Telling {
        if self.saving.is_holding() || self.members.is_empty() || self.leaving.is_draining() {
            return Telling::AtOnce;
        }
        self.room().telling(now)
    }

    /// More is durable.
    pub(super) fn durable(&mut self, Saved { durable, events }: &Saved) {
        let now = Instant::now();
        let Effects { replies, answers, shares, .. } = self.room().durable(*durable);
        self.share(shares);
        self.tell(now, replies, answers);
        if !events.is_empty() {
            let effects = self.room().committed(now, events);
            self.carry_out(now, effects);
            self.retaining.grown(events.len());
        }
        self.note_saved(now);
    }

    /// Before a turn: what is durable by now, and is to be told with what comes of the turn.
    pub(super) fn take_echoes(&mut self, now: Instant) {
        if let Telling::By(_) = self.telling(now)
            && let Some(saved) = self.saving.progress_by_now()
        {
            let Effects { replies, answers, shares, .. } = self.room().durable(saved.durable);
            debug_assert!(
                saved.events.is_empty() && answers.is_empty() && shares.is_empty(),
                "only echoes are waited for"
            );
            self.echoes = replies;
            self.echoes.sort_by_key(|(author, _)| *author);
            self.note_saved(now);
        }
    }

    /// Tells what nothing came with.
    pub(super) fn tell_echoes(&mut self, now: Instant) {
        let echoes = std::mem::take(&mut self.echoes);
        self.tell(now, echoes, Vec::new());
    }

    fn note_saved(&mut self, now: Instant) {
        self.saving.hand_over();
        let size = self.room().document().size();
        self.saving.compact_if_long(now, size, &self.shared.lane);
    }
}

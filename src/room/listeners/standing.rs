//! What listeners are told of durability: that all is saved, and when nothing can be. The part of `Room` that tells it.
//! It must never call durable what is not.

use std::time::{Duration, Instant};

use crate::room::effects::Effects;
use crate::room::event::{self, Event, Notice};
use crate::room::input::Admission;
use crate::room::room::Room;

/// That everything is durable is said at most so often.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// See the module. Owned by `Listeners`.
#[derive(Default)]
pub(super) struct Standing {
    saved: Saved,
    told: Option<Instant>,
    /// Whether changes are taken, as they were told last.
    admission: Admission,
}

/// Whether what was changed is durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Saved {
    /// It is, and they know.
    #[default]
    Told,
    /// It is not, as far as is known.
    NotYet,
    /// It is, and they are to be told.
    Untold,
}

impl Standing {
    /// Something was changed.
    pub fn changed(&mut self) {
        self.saved = Saved::NotYet;
    }
}

impl Room {
    /// All that was written may be durable by now: it was just stored, or came from the store.
    pub(in crate::room) fn note_saved(&mut self) {
        let is_durable = self.durability.is_settled();
        let saved = &mut self.listeners.standing.saved;
        if *saved == Saved::NotYet && is_durable {
            *saved = Saved::Untold;
        }
    }

    /// A change was not taken, because nothing can be saved.
    pub(in crate::room) fn note_read_only(&mut self, effects: &mut Effects) {
        if !self.listeners.all.is_empty() && self.listeners.standing.admission == Admission::Open {
            self.listeners.standing.admission = Admission::ReadOnly;
            self.tell_all(&Event::Notice(Notice::of(Admission::ReadOnly)), effects);
        }
    }

    /// Tells that everything is durable, if it is time.
    pub(in crate::room) fn tell_standing(&mut self, admission: Admission, effects: &mut Effects) {
        if self.listeners.standing.admission == Admission::ReadOnly && admission == Admission::Open {
            self.listeners.standing.admission = Admission::Open;
            self.tell_all(&Event::Notice(Notice::of(Admission::Open)), effects);
        }
        if self.next_saved().is_some_and(|due| due <= self.now) {
            let standing = &mut self.listeners.standing;
            (standing.saved, standing.told) = (Saved::Told, Some(self.now));
            let version = self.version().to_string();
            self.tell_all(&Event::Saved(event::Saved { version }), effects);
        }
    }

    /// When there is something to tell of that.
    pub(in crate::room) fn next_saved(&self) -> Option<Instant> {
        let Standing { saved, told, .. } = &self.listeners.standing;
        let due = (*saved == Saved::Untold).then(|| told.map_or(self.now, |told| told + TELL_EVERY));
        // Whether changes are taken again is a matter of all rooms, and nobody says when it is so.
        let is_read_only = self.listeners.standing.admission == Admission::ReadOnly;
        is_read_only.then(|| self.now + TELL_EVERY).or(due)
    }
}

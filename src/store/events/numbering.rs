//! Which number each event of a commit gets: the next of its room, or that of the event that it repeats. Pure; the statements
//! say what is in the database while its counters are locked. It must never leave a hole, nor number one event twice.

use std::collections::BTreeMap;

use hashbrown::HashMap;

use super::waiting::{EventId, QueuedEvent};
use crate::room::kept::{EventSeq, EventStanding};

/// What an event was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) struct Numbered {
    pub(in crate::store) seq: EventSeq,
    pub(in crate::store) standing: EventStanding,
}

/// Events that the database has, by their rooms and origins.
pub(super) type Known = HashMap<(i64, Vec<u8>), (EventSeq, EventId)>;

/// What is to be written, and what is to be said.
#[derive(Debug)]
pub(super) struct Numbering<'a> {
    /// With their rooms' ids and their numbers.
    pub(super) new: Vec<(i64, EventSeq, &'a QueuedEvent)>,
    /// One an event; nothing for those whose room is gone.
    pub(super) answers: Vec<Option<Numbered>>,
    /// The rooms' counters as they are afterwards.
    pub(super) counters: BTreeMap<i64, EventSeq>,
}

impl<'a> Numbering<'a> {
    /// `events` with the ids of their rooms, as far as these are there; `counters` has all of those.
    pub(super) fn new(
        events: impl Iterator<Item = (Option<i64>, &'a QueuedEvent)>,
        mut counters: BTreeMap<i64, EventSeq>,
        mut known: Known,
    ) -> Self {
        let (mut new, mut answers) = (Vec::new(), Vec::new());
        for (room, event) in events {
            let Some(room) = room else {
                answers.push(None);
                continue;
            };
            let key = (room, event.origin().to_vec());
            // One of this very id was written by an earlier try.
            if let Some((seq, id)) = known.get(&key) {
                let standing = if *id == event.id { EventStanding::New } else { EventStanding::Repeated };
                answers.push(Some(Numbered { seq: *seq, standing }));
                continue;
            }
            let last = counters.get_mut(&room).expect("the counters of all rooms are locked");
            last.0 += 1;
            let seq = *last;
            known.insert(key, (seq, event.id));
            answers.push(Some(Numbered { seq, standing: EventStanding::New }));
            new.push((room, seq, event));
        }
        Self { new, answers, counters }
    }
}

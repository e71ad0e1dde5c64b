//! In which order a room tells of the events in its log: by their numbers, though nodes hear of them in any order. What it
//! waits for too long is left out here; whoever hears of a later one reads the log. Owned by `posting`.
//! It must never tell of an event twice.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::kept::{EventKind, EventSeq};

/// An event that another node committed comes by now, or has to be read from the log.
const PATIENCE: Duration = Duration::from_millis(100);
/// The most events that wait for an earlier one.
const EARLY_MAX: usize = 256;

/// An event of the log, on its way to those who listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptEvent {
    /// Its number.
    pub seq: EventSeq,
    /// What it is about.
    pub kind: EventKind,
    /// As the log has it.
    pub body: Bytes,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Journal {
    /// All up to here were told of, or left out.
    told: EventSeq,
    /// What waits for earlier ones,
    early: BTreeMap<EventSeq, KeptEvent>,
    /// since when.
    since: Option<Instant>,
}

impl Journal {
    /// Of a room whose newest event is `last`.
    pub fn new(last: EventSeq) -> Self {
        Self { told: last, early: BTreeMap::new(), since: None }
    }

    /// The newest event that was told of.
    pub fn told(&self) -> EventSeq {
        self.told
    }

    /// An event is in the log.
    pub fn hear(&mut self, now: Instant, event: KeptEvent) {
        if event.seq > self.told {
            self.since.get_or_insert(now);
            self.early.insert(event.seq, event);
        }
    }

    /// What can be told of now, in order.
    pub fn due(&mut self, now: Instant) -> Vec<KeptEvent> {
        let mut due = Vec::new();
        let late =
            self.since.is_some_and(|since| now.duration_since(since) >= PATIENCE) || self.early.len() > EARLY_MAX;
        while let Some(first) = self.early.first_entry()
            && (late || first.key().0 == self.told.0 + 1)
        {
            let event = first.remove();
            self.told = event.seq;
            due.push(event);
        }
        self.since = if self.early.is_empty() {
            None
        } else if due.is_empty() {
            self.since
        } else {
            Some(now)
        };
        due
    }

    /// When `due` has something, however little else happens.
    pub fn next_due(&self) -> Option<Instant> {
        self.since.map(|since| since + PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(seq: u64) -> KeptEvent {
        KeptEvent { seq: EventSeq(seq), kind: EventKind::parse("k").expect("a kind"), body: Bytes::new() }
    }

    fn due(journal: &mut Journal, now: Instant) -> Vec<u64> {
        journal.due(now).iter().map(|event| event.seq.0).collect()
    }

    #[test]
    fn events_are_told_in_order_each_once() {
        let (mut journal, now) = (Journal::new(EventSeq(4)), Instant::now());
        for seq in [6, 4, 7] {
            journal.hear(now, event(seq));
            assert!(due(&mut journal, now).is_empty(), "{seq} waits for 5, or was told of");
        }
        journal.hear(now, event(5));
        assert_eq!(due(&mut journal, now), [5, 6, 7]);
        journal.hear(now, event(6));
        assert!(due(&mut journal, now).is_empty() && journal.next_due().is_none());
    }

    #[test]
    fn what_does_not_come_is_left_out_after_a_while() {
        let (mut journal, now) = (Journal::new(EventSeq(0)), Instant::now());
        journal.hear(now, event(2));
        assert_eq!(journal.next_due(), Some(now + PATIENCE));
        assert_eq!(due(&mut journal, now + PATIENCE), [2]);
        journal.hear(now + PATIENCE, event(1));
        assert!(due(&mut journal, now + PATIENCE).is_empty());
    }

    #[test]
    fn no_more_waits_than_may() {
        let (mut journal, now) = (Journal::new(EventSeq(0)), Instant::now());
        for seq in (2..).take(EARLY_MAX + 1) {
            journal.hear(now, event(seq));
        }
        assert_eq!(journal.due(now).len(), EARLY_MAX + 1);
    }
}

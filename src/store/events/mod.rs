//! The events of rooms and their latest values, in the store: on their way into it and out of it.
//! `waiting` is their part of the ledger, `numbering` gives events their numbers, `statements` are the SQL, compiled once
//! for each engine by `sqlite` and `postgres`; `retention` deletes the oldest. It must never look into a body.

mod numbering;
pub(super) mod postgres;
pub(super) mod retention;
pub(super) mod sqlite;
pub(super) mod waiting;

use std::num::NonZeroU16;

pub use retention::Retention;

pub(super) use numbering::Numbered;
pub(super) use waiting::{News, Waiting};

use crate::room::kept::{EventKind, EventOrigin, EventSeq, StoredEvent};

/// Which events of a room are wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventQuery {
    /// Where they begin or end.
    pub span: EventSpan,
    /// Of these kinds; empty: of all. Of rare kinds all events of the room are looked through.
    pub kinds: Vec<EventKind>,
    /// Only the one of this origin.
    pub origin: Option<EventOrigin>,
    /// The most of them.
    pub limit: NonZeroU16,
}

/// From where to page on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSpan {
    /// The first ones behind this one.
    After(EventSeq),
    /// The last ones before this one.
    Before(EventSeq),
}

/// What there is of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventPage {
    /// The events, rising whichever way is paged.
    pub events: Vec<StoredEvent>,
    /// The first event that is kept has this number, and all behind it are; with none kept, the next one will.
    pub first: EventSeq,
    /// The number of the newest event that the room ever had; 0 without one.
    pub last: EventSeq,
    /// Events of the page that fail their checksum: left out, logged and counted.
    pub damaged: usize,
}

impl Default for EventPage {
    /// Of a room that never had an event.
    fn default() -> Self {
        Self { events: Vec::new(), first: EventSeq(1), last: EventSeq(0), damaged: 0 }
    }
}

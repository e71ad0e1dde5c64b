//! One connection as its room sees it: what it may write, how it hears of durability, what it is owed. Owned by `Room`.

use std::sync::Arc;

use bytes::Bytes;

use super::id::ConnectionId;
use super::input::UpdateKind;
use super::listeners::Greeting;
use super::principal::Principal;
use super::role::Writes;
use crate::wire::SyncStatus;

/// How a client hears that what it sent is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// Its own updates come back (y-websocket).
    Echo,
    /// One `SyncStatus` for each of its updates and answers (Hocuspocus). "Saved" only as often as the client counts.
    Status,
    /// It has no document and sends no updates: events and answers say what is durable (JSON sockets).
    Events,
}

/// A connection that comes into a room.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Which one.
    pub connection: ConnectionId,
    /// Who it speaks for.
    pub principal: Arc<Principal>,
    /// What it may write.
    pub writes: Writes,
    /// How it hears of durability.
    pub receipt: Receipt,
    /// What a JSON socket is told first.
    pub greeting: Option<Box<Greeting>>,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Client {
    pub principal: Arc<Principal>,
    pub writes: Writes,
    pub receipt: Receipt,
    /// Its first Step1 was answered, and it was told who is here.
    pub greeted: bool,
    pub debt: Debt,
    /// It asked who is here.
    pub curious: bool,
    /// It is being closed for what it sent: nothing that it sent is called saved any more.
    pub refused: bool,
    /// A probe that came while the room had not taken all that the client sent before it.
    pub probe: Option<Box<Bytes>>,
    statuses: Statuses,
}

/// What a client has that the room refused to take.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Debt {
    /// Nothing.
    #[default]
    None,
    /// An update that came while nothing could be saved; the client will be asked for what it has.
    ForNow,
    /// An update that the client may not write; it will be asked when it may.
    Forbidden,
    /// An update, and the client was asked.
    Asked,
}

/// What a client that counts is still to be told. Its counter is one after each Step1 of its own, one more with each
/// update, one less with each "saved"; version 2 of its library does not stop at zero, so not one may be too many.
/// Whatever answer comes after a client's Step1 was sent after it, and says all that the client had then.
#[derive(Debug, Default)]
struct Statuses {
    /// Step1s of the client that were not answered.
    unanswered: u32,
    /// The client's Step1 counts until it answers the room's.
    counts_answer: bool,
    /// Answers that are to come to Step1s of the room, and count for nothing.
    uncounted: u32,
    /// Updates that were refused: each still counts.
    refused: u32,
}

impl Client {
    /// A connection that has just come.
    pub fn new(arrival: &Arrival) -> Self {
        Self {
            principal: Arc::clone(&arrival.principal),
            writes: arrival.writes,
            receipt: arrival.receipt,
            greeted: false,
            debt: Debt::None,
            curious: false,
            refused: false,
            probe: None,
            statuses: Statuses::default(),
        }
    }

    /// The client sends a Step1 of its own: its counter starts anew.
    pub fn starts_anew(&mut self) {
        let statuses = &mut self.statuses;
        statuses.unanswered = statuses.unanswered.saturating_add(1);
        let overtaken = u32::from(std::mem::replace(&mut statuses.counts_answer, true));
        statuses.uncounted = statuses.uncounted.saturating_add(overtaken);
        statuses.refused = 0;
    }

    /// How many Step1s answer those of the client: one each.
    pub fn answers(&mut self) -> u32 {
        std::mem::take(&mut self.statuses.unanswered)
    }

    /// The room asks on its own.
    pub fn asked(&mut self) {
        self.statuses.uncounted = self.statuses.uncounted.saturating_add(1);
    }

    /// The status that an update of this kind is answered with when it is taken; nothing for who does not count.
    pub fn status(&mut self, kind: UpdateKind) -> Option<SyncStatus> {
        let statuses = &mut self.statuses;
        match (self.receipt, kind) {
            (Receipt::Echo | Receipt::Events, _) => None,
            (Receipt::Status, UpdateKind::Live) => Some(SyncStatus::Saved),
            (Receipt::Status, UpdateKind::Overtaken) => Some(SyncStatus::Refused),
            (Receipt::Status, UpdateKind::Answer) if std::mem::take(&mut statuses.counts_answer) => {
                Some(SyncStatus::Saved)
            }
            // Nobody asked, or nobody knows any more that somebody did.
            (Receipt::Status, UpdateKind::Answer) if statuses.uncounted == 0 => Some(SyncStatus::Saved),
            (Receipt::Status, UpdateKind::Answer) => {
                statuses.uncounted -= 1;
                Some(SyncStatus::Refused)
            }
        }
    }

    /// An update that counts was refused.
    pub fn refuse(&mut self) {
        self.statuses.refused = self.statuses.refused.saturating_add(1);
    }

    /// All that was refused has come after all: how many statuses that is worth.
    pub fn take_refused(&mut self) -> u32 {
        std::mem::take(&mut self.statuses.refused)
    }
}

//! Agents that say how they are without a connection, by HTTP: each counts as here for a while after it spoke. The part of
//! `Room` that keeps their place. It must never keep one that has a connection, nor one that is silent.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::client::{Arrival, Receipt};
use super::effects::Effects;
use super::event::Fault;
use super::event::status::AgentStatus;
use super::id::ConnectionId;
use super::input::Input;
use super::principal::{Principal, PrincipalId};
use super::request::{Answer, RequestRefusal};
use super::role::Writes;
use super::room::Room;

/// An agent that has no connection is here for so long after it said how it is.
pub const STAY: Duration = Duration::from_mins(1);
/// The most of them in one room.
const GUESTS_MAX: usize = 256;

/// See the module. Owned by `Room`.
#[derive(Default)]
pub(super) struct Guests {
    here: BTreeMap<PrincipalId, Guest>,
    numbered: u64,
}

struct Guest {
    connection: ConnectionId,
    until: Instant,
}

impl Room {
    /// An agent says how it is, by whatever way.
    pub(super) fn guest_says(
        &mut self,
        by: &Arc<Principal>,
        status: AgentStatus,
        effects: &mut Effects,
    ) -> Result<Answer, RequestRefusal> {
        let until = self.now + STAY;
        let is_full = self.guests.here.len() >= GUESTS_MAX;
        let connection = match self.guests.here.get_mut(&by.id) {
            Some(guest) => {
                guest.until = until;
                guest.connection
            }
            None if is_full => {
                let fault = Fault::new("too_many_agents", "Too many agents without a connection are here.");
                let fault = fault.hint("Connect to the JSON socket instead.").retry_after(STAY);
                return Err(RequestRefusal::Unfit(Box::new(fault)));
            }
            None => self.guest_comes(by, until, effects),
        };
        self.agent_says(connection, status);
        Ok(Answer::Done)
    }

    fn guest_comes(&mut self, by: &Arc<Principal>, until: Instant, effects: &mut Effects) -> ConnectionId {
        self.guests.numbered += 1;
        let connection = ConnectionId::of_guest(self.guests.numbered);
        let principal = Arc::clone(by);
        let receipt = Receipt::Events;
        self.welcome(&Arrival { connection, principal, writes: Writes::Nothing, receipt, greeting: None }, effects);
        self.agent_comes(connection, by);
        self.guests.here.insert(by.id.clone(), Guest { connection, until });
        connection
    }

    /// Those who were silent for long enough are gone.
    pub(super) fn show_guests_out(&mut self, now: Instant, effects: &mut Effects) {
        let gone: Vec<_> = self.guests.here.extract_if(.., |_, guest| guest.until <= now).collect();
        for (_, guest) in gone {
            self.take(now, Input::Leave(guest.connection), effects);
        }
    }

    /// Whether such an agent is here: the room is needed until it is gone.
    pub fn has_guests(&self) -> bool {
        !self.guests.here.is_empty()
    }

    /// When the next one is gone.
    pub(super) fn next_guest(&self) -> Option<Instant> {
        self.guests.here.values().map(|guest| guest.until).min()
    }
}

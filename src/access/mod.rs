//! Who is asking, and what they may do: tokens, keys, tickets, the webhook, roles, rosters.
//! `session` and `api` turn what a caller presents into an [`Identity`], that into a [`Pass`] for a room, and ask the pass
//! before everything. It must never look into a document, and no rule stands anywhere but in [`may`](mod@may).

pub mod identity;
pub mod may;
pub mod options;
mod pass;
mod presented;
mod refused;
pub mod webhook;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;

pub use identity::{Credential, Grant, Identity};
pub use may::{Action, Decision, Denial, Standing, may, role_in, writes_in};
pub use options::AccessOptions;
pub use pass::{Pass, PassChange, PassEnd};
pub use presented::{Presented, Token};
pub use refused::{BadToken, Refused};

use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::role::Role;
use crate::store::directory::{Directory, Member, RoomEntry, RoomSettings, Roster};

/// See the module. A cheap handle.
#[derive(Clone)]
pub struct Access(());

/// What a ticket is wanted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The caller's own use.
    Own,
    /// Whoever gets the link: a guest.
    Shared,
}

/// A wish for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketRequest {
    /// The role; the caller's own when nothing is said, or viewer for a shared one.
    pub role: Option<Role>,
    /// How long it should hold; at most as long as the options say.
    pub ttl: Option<Duration>,
    /// For whom.
    pub purpose: Purpose,
}

/// A ticket: a token for one room and one role.
#[derive(Clone, PartialEq, Eq)]
pub struct Ticket {
    /// What is presented later.
    pub token: String,
    /// Until when.
    pub expires_at: SystemTime,
    /// With which role at most.
    pub role: Role,
}

/// Why access cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum AccessError {}

#[expect(clippy::todo, clippy::unused_async, unused_variables, reason = "to come")]
impl Access {
    /// Reads secrets and key sets, and starts what refreshes them.
    pub async fn open(options: AccessOptions, directory: Directory) -> Result<Self, AccessError> {
        todo!()
    }
    /// Whether authentication is off.
    pub fn is_open(&self) -> bool {
        todo!()
    }
    /// Whether a request may come from the origin that it names, if it names one.
    pub fn allows_origin(&self, headers: &HeaderMap) -> bool {
        todo!()
    }
    /// The address that a request counts for.
    pub fn address(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        todo!()
    }
    /// Who is asking. `room` is what they want to enter, if it is known: a webhook is asked about it.
    pub async fn identify(
        &self,
        presented: &Presented,
        room: Option<&RoomId>,
        from: IpAddr,
    ) -> Result<Arc<Identity>, Refused> {
        todo!()
    }
    /// Lets somebody into a room in which they have a role.
    pub async fn enter(&self, who: &Arc<Identity>, room: &RoomId) -> Result<Pass, Refused> {
        todo!()
    }
    /// Makes a room. The caller becomes its owner, unless their role comes from outside.
    pub async fn create_room(
        &self,
        who: &Arc<Identity>,
        room: RoomId,
        settings: RoomSettings,
    ) -> Result<Pass, Refused> {
        todo!()
    }
    /// Settings and members of the pass's room, read afresh while authentication is off. Nothing: nobody made the room.
    pub async fn members(&self, pass: &Pass) -> Result<Option<Arc<Roster>>, Refused> {
        todo!()
    }
    /// Adds a member.
    pub async fn add_member(
        &self,
        pass: &Pass,
        who: PrincipalId,
        name: Option<String>,
        role: Role,
    ) -> Result<Member, Refused> {
        todo!()
    }
    /// Gives a member another role.
    pub async fn change_member(&self, pass: &Pass, who: &PrincipalId, role: Role) -> Result<Member, Refused> {
        todo!()
    }
    /// Takes a member's place away.
    pub async fn remove_member(&self, pass: &Pass, who: &PrincipalId) -> Result<(), Refused> {
        todo!()
    }
    /// Changes a room's settings.
    pub async fn configure(&self, pass: &Pass, settings: RoomSettings) -> Result<(), Refused> {
        todo!()
    }
    /// Deletes a room's roster; everybody's pass ends. The document is the hub's to delete.
    pub async fn delete_room(&self, pass: &Pass) -> Result<(), Refused> {
        todo!()
    }
    /// At most `limit` rooms that the caller has a role in, by name, from the one behind `after` on.
    pub async fn rooms(&self, who: &Identity, after: Option<&RoomId>, limit: usize) -> Result<Vec<RoomEntry>, Refused> {
        todo!()
    }
    /// Signs a ticket.
    pub fn issue_ticket(&self, pass: &Pass, request: TicketRequest) -> Result<Ticket, Refused> {
        todo!()
    }
}

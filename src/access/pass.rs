//! A right to be in a room that follows every change: role, removal, revocation, expiry, deletion of the room.
//! `session` and `api` hold one for each connection or request. It must never grant by itself: `may` does.

use std::sync::Arc;
use std::time::SystemTime;

use super::Refused;
use super::identity::Identity;
use super::may::{Action, Decision};
use crate::room::id::RoomId;
use crate::room::principal::Principal;
use crate::room::role::{Role, Writes};
use crate::store::directory::Roster;

/// See the module. What it answers is always of now; [`changed`](Self::changed) says when to ask again.
#[derive(Debug)]
pub struct Pass(());

/// What happened to a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassChange {
    /// The role is another one.
    Role(Role),
    /// It is over.
    Ended(PassEnd),
}

/// Why a pass is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassEnd {
    /// The credential's time is up.
    #[error("the token has expired")]
    Expired,
    /// The credential was taken back.
    #[error("the credential was revoked")]
    Revoked,
    /// The principal, or who let them in, has no role in the room any more.
    #[error("the role in this room was taken away")]
    Removed,
    /// The room is gone.
    #[error("the room was deleted")]
    RoomDeleted,
}

#[expect(clippy::todo, clippy::unused_async, unused_variables, reason = "to come")]
impl Pass {
    /// Who holds it.
    pub fn identity(&self) -> &Arc<Identity> {
        todo!()
    }
    /// Who holds it.
    pub fn principal(&self) -> &Principal {
        todo!()
    }
    /// The room that it is for.
    pub fn room(&self) -> &RoomId {
        todo!()
    }
    /// The role now; the last one when there is none any more.
    pub fn role(&self) -> Role {
        todo!()
    }
    /// Whether its holder may do this now.
    pub fn may(&self, action: Action<'_>) -> Decision {
        todo!()
    }
    /// What its holder may write now.
    pub fn writes(&self) -> Writes {
        todo!()
    }
    /// Settings and members now; nothing while authentication is off (then see [`Access::members`](super::Access::members)).
    pub fn roster(&self) -> Option<Arc<Roster>> {
        todo!()
    }
    /// When the credential ends.
    pub fn expires_at(&self) -> Option<SystemTime> {
        todo!()
    }
    /// Waits for the next change. Cancel-safe; never resolves when nothing can change. Once it said that the pass is over
    /// it says so again at once.
    pub async fn changed(&mut self) -> PassChange {
        todo!()
    }
    /// Takes a newer credential of the same principal.
    pub fn renew(&mut self, identity: Arc<Identity>) -> Result<(), Refused> {
        todo!()
    }
}

//! Who is asking: a principal, what proved it, and what that proof grants before any room is looked at.
//! Made by `access` alone (tokens, keys, tickets, webhook); `may` decides by it. It must never hold a rule, nor show a
//! token.

use std::sync::Arc;
use std::time::SystemTime;

use super::webhook::Question;
use crate::room::id::RoomId;
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;
use crate::store::directory::{KeyId, RoomScope};

/// Somebody who proved who they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// What the proof grants. The role in a room is [`role_in`](super::may::role_in).
    pub grant: Grant,
    /// What proved it.
    pub credential: Credential,
    /// From when on it proves nothing any more.
    pub expires_at: Option<SystemTime>,
    /// When it was signed, to the second, if it is for the room that was there then and for no later one of that name.
    pub signed_at: Option<SystemTime>,
    /// When that room was made, to the millisecond, if whoever signed knew it.
    pub room_made_at: Option<SystemTime>,
}

/// What proved an identity.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing: authentication is off.
    Open,
    /// A JWT of the product's login.
    Token,
    /// An agent's API key.
    Key(KeyId),
    /// A ticket of this server.
    Ticket,
    /// The same, asked for with an API key, with which it ends.
    KeysTicket(KeyId),
    /// The product's webhook, which is asked again while the identity is in use.
    Webhook(Question),
}

impl Credential {
    /// Whether it is a ticket.
    pub fn is_ticket(&self) -> bool {
        matches!(self, Self::Ticket | Self::KeysTicket(_))
    }
}

/// What an identity brings along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grant {
    /// This role in every room: authentication is off, or it is the product's own backend.
    Everywhere(Role),
    /// What the room's members say, but never more than `cap`.
    Member {
        /// The most.
        cap: Role,
    },
    /// An agent's key: this role in these rooms; a member row of the agent lowers it.
    Rooms {
        /// Where.
        rooms: RoomScope,
        /// The most.
        role: Role,
    },
    /// This role in one room: a ticket, a JWT that names a room, the webhook's answer.
    Room {
        /// Where.
        room: RoomId,
        /// The most.
        role: Role,
        /// The member whose ticket it is and on whose own role it hangs. Nobody: it stands for itself.
        issuer: Option<PrincipalId>,
    },
}

//! Tickets for those who are in a room: for themselves, or for whoever gets the link.
//! `api` calls it. A ticket must never give more than whoever asks for it may give.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::ticket::{self, Behind, Ticket};
use super::{Access, AccessOptions, Action, Credential, Grant, Identity, Pass, Refused};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;

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
    /// The role; when nothing is said the caller's own, or viewer for a shared one.
    pub role: Option<Role>,
    /// How long it should hold; at most as long as the options say.
    pub ttl: Option<Duration>,
    /// For whom.
    pub purpose: Purpose,
}

impl TicketRequest {
    /// The role of the ticket that whoever has this pass asks for, if they may have it.
    pub fn role_for(&self, pass: &Pass) -> Result<Role, Refused> {
        let (role, action) = match self.purpose {
            Purpose::Own => {
                let role = self.role.unwrap_or_else(|| pass.role());
                (role, Action::IssueTicket(role))
            }
            Purpose::Shared => {
                let role = self.role.unwrap_or(Role::Viewer);
                (role, Action::Share(role))
            }
        };
        pass.may(action).allowed()?;
        Ok(role)
    }
}

impl Access {
    /// Signs a ticket.
    pub fn issue_ticket(&self, pass: &Pass, request: TicketRequest) -> Result<Ticket, Refused> {
        let identity = pass.identity();
        let role = request.role_for(pass)?;
        let holder = match request.purpose {
            Purpose::Own => Arc::clone(&identity.principal),
            Purpose::Shared => {
                let id = PrincipalId::guest(&ticket::random_text()).expect("random text is short and plain");
                Arc::new(Principal::new(id, None))
            }
        };
        let AccessOptions { ticket_ttl, ticket_ttl_max, .. } = self.shared.options;
        let ttl = request.ttl.unwrap_or(ticket_ttl).clamp(Duration::from_secs(1), ticket_ttl_max);
        let mut until = SystemTime::now() + ttl;
        if identity.credential.is_ticket() {
            // Nobody lives for ever on tickets for tickets.
            until = identity.expires_at.map_or(until, |end| end.min(until));
        }
        let made = pass.roster().map(|roster| roster.created_at);
        Ok(self.shared.tickets.sign(&holder, (pass.room(), made), role, until, &behind(identity)))
    }
}

/// On whose word a ticket stands that somebody with this identity asks for.
fn behind(identity: &Identity) -> Behind {
    if let Credential::Key(key) | Credential::KeysTicket(key) = &identity.credential {
        return Behind::Key(key.clone());
    }
    match &identity.grant {
        Grant::Member { .. } => Behind::Member(identity.principal.id.clone()),
        Grant::Room { issuer: Some(issuer), .. } => Behind::Member(issuer.clone()),
        Grant::Room { issuer: None, .. } => Behind::Other("grant"),
        Grant::Rooms { .. } | Grant::Everywhere(_) => Behind::Other("service"),
    }
}

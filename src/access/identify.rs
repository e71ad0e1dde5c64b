//! From what a caller presents to who they are: each kind of token goes to what checks it, and refusals are counted.
//! `session` and `api` call it once for each credential. A token must never be tried as anything but what it looks like.

use std::net::IpAddr;
use std::sync::Arc;

use super::api_key::Keys;
use super::webhook::Question;
use super::{Access, BadToken, Credential, Grant, Identity, Presented, Refused, Shared, Token, jwt, ticket};
use crate::room::id::RoomId;
use crate::room::principal::{Principal, PrincipalId};
use crate::room::role::Role;

impl Access {
    /// Who is asking. `room` is what they want to enter, if it is known: a webhook is asked about it.
    pub async fn identify(
        &self,
        presented: &Presented,
        room: Option<&RoomId>,
        from: IpAddr,
    ) -> Result<Arc<Identity>, Refused> {
        if self.is_open() {
            return Ok(self.anybody(presented));
        }
        let token = presented.token.as_ref().ok_or(Refused::NoToken)?;
        let checked = self.check(token, presented, room, from).await;
        checked.map_err(|refused| match refused {
            // The webhook turns somebody down for a room.
            Refused::BadToken(_) | Refused::NoSuchRoom => {
                tracing::debug!(%from, %refused, "a token was refused");
                self.shared.failures.count(from, refused)
            }
            other => other,
        })
    }

    async fn check(
        &self,
        token: &Token,
        presented: &Presented,
        room: Option<&RoomId>,
        from: IpAddr,
    ) -> Result<Arc<Identity>, Refused> {
        let Shared { options, failures, tickets, keys, tokens, webhook, .. } = &*self.shared;
        let (text, effort) = (token.text(), failures.effort(from));
        if text.len() > options.token_bytes {
            return Err(BadToken::TooLong.into());
        }
        if Keys::is_key(text) {
            return keys.find(text, effort).await;
        }
        match (jwt::header(text), tokens, webhook) {
            (Some(header), _, _) if ticket::is_ticket(&header) => {
                let identity = tickets.verify(text)?;
                if let Credential::KeysTicket(key) = &identity.credential {
                    keys.stands(key).await?;
                }
                Ok(Arc::new(named(identity, presented)))
            }
            (Some(header), Some(tokens), _) => tokens.verify(text, &header, effort).await.map(Arc::new),
            (_, _, Some(webhook)) => webhook.identify(Question::new(token, room, from), effort).await,
            _ => Err(BadToken::Malformed.into()),
        }
    }

    /// With authentication off everybody is an owner by the name that they say; or, with a ticket, what that says.
    fn anybody(&self, presented: &Presented) -> Arc<Identity> {
        let ticket = presented.token.as_ref().map(Token::text).filter(|text| {
            text.len() <= self.shared.options.token_bytes
                && jwt::header(text).is_some_and(|header| ticket::is_ticket(&header))
        });
        if let Some(identity) = ticket.and_then(|ticket| self.shared.tickets.verify(ticket).ok())
            && let Grant::Room { role, .. } = identity.grant
        {
            // Who may come in by another name as well is not sent away when the ticket ends.
            let (grant, credential) = (Grant::Everywhere(role), Credential::Open);
            return Arc::new(named(Identity { grant, credential, expires_at: None, ..identity }, presented));
        }
        let name = presented.name.as_deref().map(str::trim).unwrap_or_default();
        // There may be very many of them.
        if name.is_empty() { Arc::clone(&self.shared.nobody) } else { Arc::new(by_name(name)) }
    }
}

/// An owner by whatever name, while authentication is off; also by none.
pub(super) fn by_name(name: &str) -> Identity {
    let agent = name.strip_prefix("agent:").map(str::trim);
    let named = agent.map_or_else(|| PrincipalId::user(name), PrincipalId::agent);
    let id = named.or_else(|_| PrincipalId::guest("anonymous")).expect("that is an id");
    let principal = Arc::new(Principal::new(id, Some(agent.unwrap_or(name))));
    let (grant, credential) = (Grant::Everywhere(Role::Owner), Credential::Open);
    Identity { principal, grant, credential, expires_at: None, signed_at: None, room_made_at: None }
}

/// Guests may say what they would like to be called.
fn named(mut identity: Identity, presented: &Presented) -> Identity {
    if identity.principal.id.is_guest() && identity.principal.name.is_none() {
        identity.principal = Arc::new(Principal::new(identity.principal.id.clone(), presented.name.as_deref()));
    }
    identity
}

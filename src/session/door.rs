//! Where a client is shown into a room: who it is, what it may, a lease of the room. Used by the session of each
//! protocol. It must never open a room for somebody who may not enter it.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::seat::Seat;
use crate::access::{Access, Identity, Presented, Refused, Token};
use crate::hub::Hub;
use crate::room::client::Receipt;
use crate::room::id::{ConnectionId, RoomId};
use crate::wire::close::CloseReason;

/// See the module.
pub struct Door {
    /// The rooms.
    pub hub: Hub,
    /// Who may enter them.
    pub access: Access,
    /// What the request brought along.
    pub presented: Presented,
    /// The address that the client counts for.
    pub from: IpAddr,
    /// Bytes of one presence state.
    pub presence_bytes: usize,
    /// Where connections get their ids.
    pub ids: Arc<AtomicU64>,
}

/// Why a client is not shown in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TurnedAway {
    /// It may not enter.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Nobody may at present.
    #[error("the room cannot be served now, try again")]
    NotNow(CloseReason),
}

impl Door {
    /// Shows a client into `room`. A token that it sent in a message counts more than what the request brought.
    pub async fn admit(&self, room: &RoomId, token: Option<Token>, receipt: Receipt) -> Result<Seat, TurnedAway> {
        let identity = self.identify(room, token).await?;
        let pass = self.access.enter(&identity, &self.hub.name(room)).await?;
        let lease = self.hub.enter(room).map_err(|error| {
            tracing::info!(room = %room.for_log(), %error, "a room cannot be entered");
            TurnedAway::NotNow(if self.hub.is_draining() { CloseReason::Restart } else { CloseReason::TryAgain })
        })?;
        let id = ConnectionId(self.ids.fetch_add(1, Ordering::Relaxed));
        Ok(Seat::new(id, self.hub.clone(), lease, pass, receipt, self.presence_bytes))
    }

    /// Who a client is that wants to enter `room`.
    pub async fn identify(&self, room: &RoomId, token: Option<Token>) -> Result<Arc<Identity>, Refused> {
        let name = self.presented.name.clone();
        let presented = Presented { token: token.or_else(|| self.presented.token.clone()), name };
        self.access.identify(&presented, Some(room), self.from).await
    }
}

impl From<&TurnedAway> for CloseReason {
    fn from(error: &TurnedAway) -> Self {
        match error {
            TurnedAway::NotNow(reason) => *reason,
            TurnedAway::Refused(refused) => match refused {
                Refused::NoToken | Refused::BadToken(_) => Self::Unauthorized,
                Refused::Expired => Self::TokenExpired,
                Refused::TooManyFailures { .. } => Self::RateLimited,
                Refused::NoSuchRoom => Self::RoomNotFound,
                Refused::StoreDown | Refused::IssuerDown => Self::TryAgain,
                _ => Self::Forbidden,
            },
        }
    }
}

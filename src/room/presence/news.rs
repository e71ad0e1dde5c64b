//! Of which clients something is to be told, and who said it. Owned by `Presence`, which tells it once for all that changed
//! in between. It must never hold a state: what is told is how things are then.

use crate::room::id::ConnectionId;
use crate::wire::awareness::ClientId;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct News {
    changed: Vec<ClientId>,
    origin: Option<Origin>,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// One connection, all of it.
    One(ConnectionId),
    /// Several, or none.
    Many,
}

impl News {
    /// Something is to be told of a client.
    pub fn note(&mut self, client: ClientId, origin: Origin) {
        self.changed.push(client);
        self.origin = match self.origin {
            None => Some(origin),
            Some(known) if known == origin => Some(known),
            Some(_) => Some(Origin::Many),
        };
    }

    /// Whether something is to be told of a client.
    pub fn are_of(&self, client: ClientId) -> bool {
        self.changed.contains(&client)
    }

    /// All of them, each once, when there are any. From here on there is nothing to be told.
    pub fn take(&mut self) -> Option<(Vec<ClientId>, Origin)> {
        let origin = self.origin.take()?;
        let mut clients = std::mem::take(&mut self.changed);
        clients.sort_unstable();
        clients.dedup();
        Some((clients, origin))
    }
}

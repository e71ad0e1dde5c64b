//! What goes into a room's turn. Made by sessions and by the room task, taken by `Room::turn`.

use bytes::Bytes;

use super::client::Arrival;
use super::event::attention::Attention;
use super::event::request::Subscription;
use super::event::status::AgentStatus;
use super::id::ConnectionId;
use super::node::NodeNews;
use super::request::Request;
use super::role::Writes;
use super::update::CheckedUpdate;
use crate::wire::awareness::AwarenessEntry;

/// What a connection says.
#[derive(Debug)]
pub enum Input {
    /// It is here.
    Join(Arrival),
    /// From now on it may write this.
    Permit {
        /// Who.
        to: ConnectionId,
        /// What.
        writes: Writes,
    },
    /// It is gone.
    Leave(ConnectionId),
    /// "This is what I have": an encoded state vector.
    Step1 {
        /// Who says it.
        from: ConnectionId,
        /// The vector; empty means "nothing".
        known: Bytes,
    },
    /// A change of the document.
    Update {
        /// Who made it.
        from: ConnectionId,
        /// The change.
        update: Box<CheckedUpdate>,
        /// In which of the two ways it came.
        kind: UpdateKind,
    },
    /// An awareness update.
    Presence {
        /// Who says it.
        from: ConnectionId,
        /// Of whom what is said.
        entries: Vec<AwarenessEntry>,
    },
    /// "Who is here?"
    QueryPresence(ConnectionId),
    /// A text for everybody else who speaks a protocol that has such a thing.
    Stateless {
        /// Who says it.
        from: ConnectionId,
        /// The text, UTF-8.
        text: Bytes,
    },
    /// An agent says how it is.
    Status {
        /// Which connection.
        from: ConnectionId,
        /// How it is.
        status: Box<AgentStatus>,
    },
    /// Somebody who is here by a JSON socket says where they look.
    Attend {
        /// Which connection.
        from: ConnectionId,
        /// Where.
        attention: Box<Attention>,
    },
    /// A JSON socket wants to hear of other changes.
    Subscribe {
        /// Which.
        from: ConnectionId,
        /// Of which.
        wanted: Subscription,
    },
    /// "Tell me when all that I sent is on disk."
    Probe {
        /// Who asks.
        from: ConnectionId,
        /// To be sent back as it is.
        probe: Bytes,
    },
    /// Something is asked from outside; `Room::serve` answers it.
    Request(Request),
    /// What comes from, or of, the other nodes that serve the room.
    Node(NodeNews),
    /// The connection's outbox overflowed and is empty again: it lacks what came after `known`.
    Heal {
        /// Who lacks something.
        to: ConnectionId,
        /// A state vector that it surely has.
        known: Bytes,
    },
}

/// How an update came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateKind {
    /// As the answer to the room's Step1: often nothing new in it, but the whole delete set.
    Answer,
    /// As it was typed.
    Live,
    /// In either way, and a Step1 of the same client came behind it: it is in the client's new count.
    Overtaken,
}

/// Whether updates are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admission {
    /// They are.
    #[default]
    Open,
    /// They are not, until the store has caught up: what is not yet saved is over its budget.
    ReadOnly,
}

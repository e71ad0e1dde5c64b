//! What the nodes that serve one room say to each other about it. Made and taken by `Room` (see `sharing`), carried by
//! `bus`. It must never hold what only one node can understand: a connection's number, a position in its log.

use bytes::Bytes;

use super::id::ConnectionId;
pub use super::journal::KeptEvent;
use super::principal::PrincipalId;
use super::request::Present;
use super::version::Version;
pub use super::writers::Claim;
use crate::wire::awareness::{AwarenessEntry, ClientId};

/// One running server: a random number, drawn anew at each start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u64);

/// Tells a room from one of the same name that was deleted before: its number in the database that the nodes share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Incarnation(pub i64);

/// A message about one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeMessage {
    /// Updates, as they stand in the log of whoever took them, or a difference.
    Updates {
        /// Whether they are in the store.
        kept: Kept,
        /// The updates, in order.
        updates: Vec<Bytes>,
    },
    /// Updates that are in the store, and too big for the wire: whoever hears it reads them there.
    Stored,
    /// Who is in the room by way of the node that says it.
    Here(Here),
    /// A stateless text for all who speak a protocol that has such a thing.
    Text(Bytes),
    /// An event that is in the room's log now.
    Kept(KeptEvent),
    /// A piece of a text that an agent is writing, as JSON sockets hear it.
    Output(Bytes),
    /// A client that remembers the clocks of everybody has come: each node asks its clients to raise theirs.
    Returned,
    /// "This is what I have."
    Digest {
        /// What is expected in return.
        round: Round,
        /// Which room of the name it is; filled in by whoever sends it, when it is known: a room that nobody wrote to is
        /// none yet.
        incarnation: Option<Incarnation>,
        /// The encoded state vector.
        vector: Bytes,
        /// The version, which speaks for the deletions, too.
        version: Version,
    },
}

/// Whether updates are in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// They are: whoever hears of them need not write them.
    Saved,
    /// They are not, as far as the sender knows: whoever takes them writes them, too.
    Unsaved,
}

/// How much of who is here is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// Everything: who is not named is not there.
    All,
    /// What changed.
    Changes,
}

/// What a digest asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Round {
    /// The document's difference, who is here, and a digest to answer in turn.
    Open,
    /// The document's difference and a digest to answer in turn, if there is one.
    Check,
    /// The document's difference.
    Reply,
}

/// Who is in a room by way of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Here {
    /// All of it or what is new.
    pub extent: Extent,
    /// Presence states.
    pub presence: Vec<NodePresence>,
    /// People and agents; with no connections, somebody is gone.
    pub people: Vec<Present>,
    /// Whose the client ids are, also of those who are away.
    pub claims: Vec<NodeClaim>,
}

/// The presence of a client that is connected to another node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodePresence {
    /// The state.
    pub entry: AwarenessEntry,
    /// Whose client it is, as far as it is known.
    pub principal: Option<PrincipalId>,
}

/// Whose a client id is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeClaim {
    /// The client id.
    pub client: ClientId,
    /// Whose it is.
    pub principal: PrincipalId,
    /// How they came by it.
    pub claim: Claim,
}

/// Whom a message is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recipient {
    /// Every node that has the room open.
    All,
    /// One of them.
    One(NodeId),
}

/// What a room hears of the other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeNews {
    /// A node says something.
    Said {
        /// Which.
        from: NodeId,
        /// What.
        message: NodeMessage,
    },
    /// A node has closed the room, and what it said before was heard.
    Left(NodeId),
    /// A node is dead, or has closed the room and not everything that it said was heard.
    Gone(NodeId),
    /// Something that a node said did not arrive.
    Missed(NodeId),
    /// For a while nodes may not have heard each other.
    Parted,
}

/// Where the numbers begin of the connections that stand for other nodes. Those of sockets never get there.
const NODES: u64 = 1 << 63;
/// And of those that stand for agents without a connection.
const GUESTS: u64 = 1 << 62;

impl ConnectionId {
    /// The connection that stands for another node.
    pub(super) fn of_node(number: u64) -> Self {
        Self(NODES | number)
    }

    /// What stands for all who hear of the room's events without a socket.
    pub const HEADLESS: Self = Self(GUESTS);

    /// The connection that stands for an agent that has none.
    pub(super) fn of_guest(number: u64) -> Self {
        Self(GUESTS | number.max(1))
    }

    /// Whether it stands for another node.
    pub(super) fn is_node(self) -> bool {
        self.0 & NODES != 0
    }
}

//! What a room wants done after a turn. Made by `Room`, carried out by `hub`.

use bytes::Bytes;
use smallvec::SmallVec;

use super::id::ConnectionId;
use super::journal::KeptEvent;
use super::kept::NewEvent;
use super::node::{NodeMessage, Recipient};
use super::request::{Answer, RequestId};
use crate::wire::ServerMessage;
use crate::wire::close::CloseReason;

/// News of the document for everybody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fanout {
    /// All that changed, as one update, for those who wrote none of it.
    pub update: Bytes,
    /// Who wrote it and what, as it came, in order; an author may be there more than once. An author gets what the
    /// others wrote, and hears nothing of its own until that is durable.
    pub authors: SmallVec<[(ConnectionId, Bytes); 1]>,
}

/// Who hears an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Every JSON socket.
    Everybody,
    /// One of them.
    One(ConnectionId),
}

/// What a turn leads to. The order among the parts: fan-out, log, texts, replies, answers, closes.
#[derive(Debug, Default)]
pub struct Effects {
    /// News for everybody.
    pub fanouts: SmallVec<[Fanout; 1]>,
    /// Rows for the log, in order (see `row`).
    pub log: Vec<Bytes>,
    /// Texts for everybody but the one who said them.
    pub texts: Vec<(ConnectionId, Bytes)>,
    /// Messages to single connections.
    pub replies: Vec<(ConnectionId, ServerMessage)>,
    /// Events for JSON sockets, each encoded.
    pub events: Vec<(Audience, Bytes)>,
    /// Events for the log, in order, behind the rows.
    pub keeps: Vec<NewEvent>,
    /// Events that are in the log, for those who listen, in order.
    pub kept: Vec<KeptEvent>,
    /// Set when there may be events in the log that nobody here has told of.
    pub look: bool,
    /// Answers to requests.
    pub answers: Vec<(RequestId, Answer)>,
    /// Sockets to close.
    pub closes: Vec<(ConnectionId, CloseReason)>,
    /// Messages to other nodes.
    pub shares: Vec<(Recipient, NodeMessage)>,
    /// Connections that must show that they live.
    pub challenges: Vec<ConnectionId>,
    /// Set when other nodes have put something into the store that is to be read there and given to
    /// `Room::take_stored`.
    pub fetch: bool,
    /// Set when the document in memory is unusable: log what there is to log, load the document anew and give it to
    /// `Room::replace_document` before the next turn.
    pub document_lost: bool,
}

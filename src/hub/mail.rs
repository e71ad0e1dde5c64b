//! What reaches a room's task: what connections say, that they come and go, and what visitors ask.
//! Sent by sessions and visits through a `Lease`.

use std::sync::Weak;

use tokio::sync::{mpsc, oneshot};

use super::Standing;
use super::feed::{Following, Interest};
use super::lane::Entrance;
use super::line::Line;
use crate::room::client::Arrival;
use crate::room::id::ConnectionId;
use crate::room::input::Input;
use crate::room::node::NodeNews;
use crate::room::request::{Answer, Ask};

/// Mail on its way. Boxed, because a mailbox keeps places for some dozens, whether there is any mail or not.
pub type Letter = Box<Mail>;
/// Where a room's mail is put.
pub type Mailbox = mpsc::Sender<Letter>;
/// Where the room's task gets it from.
pub type Inbox = mpsc::Receiver<Letter>;

/// One piece of mail.
#[derive(Debug)]
pub enum Mail {
    /// A connection joins; its line is where the room answers.
    Join(Line, Arrival),
    /// The same of a JSON socket, which is told where the room's log begins for it once it was welcomed.
    Listen(Line, Arrival, oneshot::Sender<Following>),
    /// A connection is gone. Sent once for each join, after everything else it said.
    Leave(ConnectionId),
    /// The same, of one that lost its right to be there and may get it back: by this line it is told of what it wrote.
    ShownOut(ConnectionId, Weak<Line>),
    /// A connection says something.
    Said(Input),
    /// The same, so big that the turn is done in the lane; the entrance bounds how many of these there are.
    Heavy(Input, Entrance),
    /// Somebody without a connection asks something; the entrance is there when it is big.
    Ask(Ask, oneshot::Sender<Answer>, Option<Entrance>),
    /// Somebody wants to hear of the room's events from now on.
    Follow(Interest, oneshot::Sender<Following>),
    /// Somebody wants to know whether this node is the first of those that have the room open.
    Standing(oneshot::Sender<Standing>),
    /// What comes from other nodes; not by way of the mailbox.
    Node(NodeNews),
    /// The room is being deleted: it ends, and everybody is sent away.
    Delete,
    /// The room may have been deleted by another node: the store is asked.
    Verify,
    /// A stale connection's queue is empty: it can be healed.
    Drained(ConnectionId),
}

//! What is asked of a room from outside of its connections: to be read as JSON or as an update, to take an update or a
//! patch. Asked by `hub`'s visits, answered by `Room::serve`, one at a time, and in the order in which they reach the room.
//! A change is answered when it is durable, and what is kept of it is, too; never before.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;

use super::durability::LogPosition;
use super::event::edits::Undone;
use super::event::post::{AgentOutput, Post};
use super::event::status::AgentStatus;
use super::event::{AgentNow, Fault, RoleChanged};
use super::kept::{EventPosition, EventSeq, Logged};
use super::once::{Once, Outcome};
use super::patch::{Patch, PatchError, PatchFailure, Preview};
use super::principal::{Principal, PrincipalId};
use super::role::Writes;
use super::run::AgentRun;
use super::suggesting::{Decision, Suggestion};
use super::trip::warnings::Warning;
use super::undoing::Record;
use super::update::CheckedUpdate;
use super::version::Version;
use super::view::{DocumentView, ViewError};
use crate::wire::close::CloseReason;

/// Tells the requests of one room apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub u64);

/// A request.
#[derive(Debug)]
pub struct Request {
    /// Which one.
    pub id: RequestId,
    /// What is asked.
    pub ask: Ask,
}

/// What can be asked.
#[derive(Debug)]
pub enum Ask {
    /// The document as JSON, and who is here.
    View,
    /// The document as a Yjs update: what somebody lacks who has this encoded state vector; empty means "all".
    State(Bytes),
    /// To take an update.
    Apply {
        /// Its author.
        by: PrincipalId,
        /// What its author may write.
        writes: Writes,
        /// The update.
        update: Box<CheckedUpdate>,
    },
    /// To take a patch.
    Patch {
        /// Its author.
        by: Arc<Principal>,
        /// What its author may write.
        writes: Writes,
        /// The patch.
        patch: Box<Patch>,
        /// Only if the document is this one.
        if_match: Option<Version>,
        /// Only if it was not done before.
        once: Option<Once>,
    },
    /// To take back what an agent did in a run.
    Undo {
        /// Who wants it, and may write everything.
        by: Arc<Principal>,
        /// Which run.
        run: AgentRun,
        /// What the log has of it, in order.
        records: Vec<(EventSeq, Record)>,
    },
    /// To put a change forward.
    Suggest {
        /// Who does.
        by: Arc<Principal>,
        /// The change.
        patch: Box<Patch>,
        /// What it was made of.
        operations: Value,
        /// Only if the document is this one.
        if_match: Option<Version>,
    },
    /// To decide on a suggestion.
    Decide {
        /// Who does, and may write everything.
        by: Arc<Principal>,
        /// Which one.
        suggestion: Box<Suggestion>,
        /// How.
        decision: Decision,
    },
    /// To say when all that was written so far is durable.
    Settled,
    /// To keep something and tell it to everybody.
    Post {
        /// Who says it.
        by: Arc<Principal>,
        /// What.
        post: Box<Post>,
    },
    /// To keep that somebody has another role, and tell it to everybody.
    NoteRole {
        /// Who gave it.
        by: Arc<Principal>,
        /// Whose, and which.
        changed: RoleChanged,
    },
    /// To tell everybody of a text that grows.
    Output {
        /// The agent that writes it.
        by: Arc<Principal>,
        /// What is new of it.
        output: Box<AgentOutput>,
    },
    /// To tell everybody how an agent is that has no connection.
    Status {
        /// The agent.
        by: Arc<Principal>,
        /// How it is.
        status: Box<AgentStatus>,
    },
    /// To say what a patch would do, and do nothing.
    Preview {
        /// What its author may write.
        writes: Writes,
        /// The patch.
        patch: Box<Patch>,
    },
}

impl Ask {
    /// Whether it is about what the log tells, which the document may lack while another node has not said it.
    pub fn is_of_the_log(&self) -> bool {
        matches!(self, Self::Undo { .. })
    }
}

/// What came of a request.
#[derive(Debug)]
pub enum Answer {
    /// See [`Ask::View`].
    View(RoomView),
    /// See [`Ask::State`].
    State(Bytes),
    /// The change is durable, or said nothing new; the document was this one when it was made.
    Saved(Version),
    /// The patch was done before, and this came of it; that is durable.
    DoneBefore(Outcome),
    /// See [`Ask::Preview`]; the document's version, and the warnings that would be new.
    Preview(Version, Box<Preview>, Vec<Warning>),
    /// See [`Ask::Undo`]; it is durable.
    Undone(Box<Undone>),
    /// It is in the log, and durable.
    Kept(Logged),
    /// It is done, and nothing of it is kept.
    Done,
    /// It was not done, and nothing has changed.
    Refused(RequestRefusal),
}

/// A room as its visitors see it.
#[derive(Debug, Clone)]
pub struct RoomView {
    /// The version of its document.
    pub version: Version,
    /// Its document, or why it cannot be shown.
    pub document: Result<Arc<DocumentView>, ViewError>,
    /// Who is here, in the order of their ids.
    pub present: Vec<Present>,
    /// The agents that are here, and the latest that each says of itself, in the order of their ids.
    pub agents: Vec<AgentNow>,
    /// The newest event of its log.
    pub last_event: EventSeq,
}

impl RoomView {
    /// The document's JSON, for those who take nothing else.
    pub fn json(&self) -> Result<&Bytes, RequestRefusal> {
        match &self.document {
            Ok(document) => Ok(&document.json),
            Err(error) => Err(RequestRefusal::Unreadable(*error)),
        }
    }
}

/// Somebody who is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Who.
    pub principal: Arc<Principal>,
    /// With how many connections.
    pub connections: usize,
}

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestRefusal {
    /// Too much is unsaved.
    #[error("changes cannot be saved at the moment; try again")]
    ReadOnly,
    /// The author may not write this.
    #[error("the update changes more than its author may write")]
    Forbidden,
    /// The document is another one.
    #[error("the document has changed: its version is {0}")]
    OtherVersion(Version),
    /// An operation of the patch cannot be done.
    #[error(transparent)]
    Patch(Box<PatchError>),
    /// What was said does not fit with what was said before.
    #[error("{}", .0.content().message)]
    Unfit(Box<Fault>),
    /// The document cannot be given as JSON.
    #[error(transparent)]
    Unreadable(#[from] ViewError),
    /// The document would pass its limit.
    #[error("the document would pass its size limit")]
    TooLarge,
    /// The update would harm the document.
    #[error("the update cannot be taken")]
    Harmful,
}

impl From<PatchFailure> for RequestRefusal {
    fn from(failure: PatchFailure) -> Self {
        match failure {
            PatchFailure::Refused(error) => Self::Patch(error),
            PatchFailure::Unreadable(error) => error.into(),
            PatchFailure::DocumentTooLarge => Self::TooLarge,
            PatchFailure::Poisoned(_) => Self::Harmful,
        }
    }
}

impl From<CloseReason> for RequestRefusal {
    fn from(reason: CloseReason) -> Self {
        if reason == CloseReason::TooLarge { Self::TooLarge } else { Self::Harmful }
    }
}

/// A change that was made, and what is said of it when it is durable.
#[derive(Debug)]
struct Unsaved {
    row: LogPosition,
    event: EventPosition,
    id: RequestId,
    answer: Answer,
}

/// All requests of a room that are not answered. Owned by `Room`.
#[derive(Debug, Default)]
pub(super) struct Requests {
    open: VecDeque<Request>,
    /// Changes that were made and are not durable.
    unsaved: VecDeque<Unsaved>,
}

impl Requests {
    pub fn push(&mut self, request: Request) {
        self.open.push_back(request);
    }

    pub fn pop(&mut self) -> Option<Request> {
        self.open.pop_front()
    }

    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }

    /// Whether the next one is dear by itself, whatever the document is like.
    pub fn next_is_heavy(&self) -> bool {
        self.open.front().is_some_and(|request| match &request.ask {
            Ask::Patch { patch, .. }
            | Ask::Preview { patch, .. }
            | Ask::Suggest { patch, .. }
            | Ask::Decide { decision: Decision::Accept(patch), .. } => patch.is_heavy(),
            Ask::Undo { records, .. } => records.len() > 1,
            _ => false,
        })
    }

    /// Whether the next one does not touch the document.
    pub fn next_is_light(&self) -> bool {
        let ask = self.open.front().map(|request| &request.ask);
        matches!(ask, Some(Ask::Post { .. } | Ask::NoteRole { .. } | Ask::Output { .. } | Ask::Status { .. }))
    }

    /// A change was made, the last row of which is at `row`, and the last event that is kept of it at `event`; then it is
    /// answered.
    pub fn save(&mut self, row: LogPosition, event: EventPosition, id: RequestId, answer: Answer) {
        self.unsaved.push_back(Unsaved { row, event, id, answer });
    }

    /// Whether some change is waited for.
    pub fn has_unsaved(&self) -> bool {
        !self.unsaved.is_empty()
    }

    /// The log is on disk up to this row and this event.
    pub fn reached(&mut self, row: LogPosition, event: EventPosition) -> Vec<(RequestId, Answer)> {
        let mut answers = Vec::new();
        while let Some(saved) = self.unsaved.pop_front_if(|unsaved| unsaved.row <= row && unsaved.event <= event) {
            answers.push((saved.id, saved.answer));
        }
        answers
    }
}

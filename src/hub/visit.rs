//! A room for those who have no connection: it is read and changed through its mailbox, as everything in it is.
//! Used by `api` and `session`. A visit holds a lease, so the room stays while it lasts; it must never outlive its request.

use std::num::NonZeroU16;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::feed::{Following, Interest};
use super::follower::Follower;
use super::lane::{HEAVY_BYTES, Lane};
use super::mail::Mail;
use super::registry::{Lease, RoomFailed};
use super::{EnterError, Hub};
use crate::room::event::post::{AgentOutput, Post};
use crate::room::event::status::AgentStatus;
use crate::room::event::{Added, Fault, RoleChanged};
use crate::room::id::RoomId;
use crate::room::kept::{EventSeq, Logged};
use crate::room::once::{Once, Outcome};
use crate::room::patch::{Patch, Preview};
use crate::room::principal::{Principal, PrincipalId};
use crate::room::request::{Answer, Ask, RequestRefusal, RoomView};
use crate::room::role::Writes;
use crate::room::trip::warnings::Warning;
use crate::room::update::CheckedUpdate;
use crate::room::version::Version;
use crate::store::{EventPage, EventQuery, EventSpan, StoreError};
use crate::wire::lib0::Malformed;

/// See the module.
pub struct Visit {
    hub: Hub,
    lease: Lease,
    room: RoomId,
}

/// Why a visit came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum VisitError {
    /// The room says no; nothing was changed.
    #[error(transparent)]
    Refused(#[from] RequestRefusal),
    /// It is no update.
    #[error("the update is malformed: {0}")]
    Malformed(#[from] Malformed),
    /// The room could not be loaded, or was lost. What was asked may have been done.
    #[error("the room cannot be served now, try again")]
    Failed,
}

impl Hub {
    /// Visits a room, opening it when it is not live.
    pub fn visit(&self, room: &RoomId) -> Result<Visit, EnterError> {
        Ok(Visit { hub: self.clone(), lease: self.enter(room)?, room: room.clone() })
    }
}

impl Hub {
    /// A follower of a room that tells it where it begins.
    pub fn follower(&self, room: &RoomId, following: Following, after: Option<EventSeq>) -> Follower {
        Follower::new(self.shared.store.clone(), room.clone(), following, after)
    }
}

impl Visit {
    /// The document as JSON, and who is here.
    pub async fn view(&self) -> Result<RoomView, VisitError> {
        match self.ask(Ask::View, 0).await? {
            Answer::View(view) => Ok(view),
            other => Err(unexpected(&other)),
        }
    }

    /// The document as a Yjs update: what somebody lacks who has the encoded state vector `known`; empty means "all".
    pub async fn state(&self, known: Bytes) -> Result<Bytes, VisitError> {
        match self.ask(Ask::State(known), 0).await? {
            Answer::State(update) => Ok(update),
            other => Err(unexpected(&other)),
        }
    }

    /// Takes a Yjs update of somebody who may write `writes`; done when it is durable. The version is the document's
    /// right after it.
    pub async fn apply(&self, by: PrincipalId, writes: Writes, raw: Bytes) -> Result<Version, VisitError> {
        let bytes = raw.len();
        let update = if bytes > HEAVY_BYTES {
            self.hub.lane().run(move || CheckedUpdate::parse(raw)).await.map_err(|_| VisitError::Failed)??
        } else {
            CheckedUpdate::parse(raw)?
        };
        self.change(Ask::Apply { by, writes, update: Box::new(update) }, bytes).await
    }

    /// Takes a patch of somebody who may write `writes`; done when it is durable. The version is the document's right
    /// after it.
    pub async fn patch(
        &self,
        by: Arc<Principal>,
        writes: Writes,
        patch: Patch,
        if_match: Option<Version>,
    ) -> Result<Version, VisitError> {
        self.change(Ask::Patch { by, writes, patch: Box::new(patch), if_match, once: None }, 0).await
    }

    /// The same, unless it was done before, by whichever node; then this is what came of it. The ids are of what it added.
    pub async fn patch_once(
        &self,
        by: Arc<Principal>,
        writes: Writes,
        patch: Patch,
        if_match: Option<Version>,
        once: Once,
    ) -> Result<(String, Vec<Added>), VisitError> {
        let wanted = EventQuery {
            span: EventSpan::Before(EventSeq::MAX),
            kinds: Vec::new(),
            origin: Some(once.origin),
            limit: NonZeroU16::MIN,
        };
        let known = self.events(wanted).await.map_err(|_| VisitError::Failed)?.events.pop();
        if let Some(outcome) = known.and_then(|event| Outcome::read(&event.body)) {
            let Outcome { version, added, .. } = once.is_done(outcome)?;
            return Ok((version, added));
        }
        let added = Added::of(&patch);
        match self.ask(Ask::Patch { by, writes, patch: Box::new(patch), if_match, once: Some(once) }, 0).await? {
            Answer::Saved(version) => Ok((version.to_string(), added)),
            Answer::DoneBefore(Outcome { version, added, .. }) => Ok((version, added)),
            other => Err(unexpected(&other)),
        }
    }

    /// Notes that somebody's role was changed by `by`; done when that is durable and everybody is told.
    pub async fn note_role(&self, by: Arc<Principal>, changed: RoleChanged) -> Result<(), VisitError> {
        match self.ask(Ask::NoteRole { by, changed }, 0).await? {
            Answer::Kept(_) => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// What a patch of somebody who may write `writes` would do, and of what it would make the trip warn.
    pub async fn preview(
        &self,
        writes: Writes,
        patch: Patch,
    ) -> Result<(Version, Box<Preview>, Vec<Warning>), VisitError> {
        match self.ask(Ask::Preview { writes, patch: Box::new(patch) }, 0).await? {
            Answer::Preview(version, preview, warnings) => Ok((version, preview, warnings)),
            other => Err(unexpected(&other)),
        }
    }

    /// Keeps something and tells it to everybody; done when it is durable.
    pub async fn post(&self, by: Arc<Principal>, post: Post) -> Result<Logged, VisitError> {
        match self.ask(Ask::Post { by, post: Box::new(post) }, 0).await? {
            Answer::Kept(logged) => Ok(logged),
            other => Err(unexpected(&other)),
        }
    }

    /// Tells everybody of a text that grows; when it is whole, done when it is durable as a message.
    pub async fn output(&self, by: Arc<Principal>, output: AgentOutput) -> Result<Option<Logged>, VisitError> {
        match self.ask(Ask::Output { by, output: Box::new(output) }, 0).await? {
            Answer::Kept(logged) => Ok(Some(logged)),
            Answer::Done => Ok(None),
            other => Err(unexpected(&other)),
        }
    }

    /// Tells everybody how an agent is that has no connection; for a minute it counts as here.
    pub async fn report(&self, by: Arc<Principal>, status: AgentStatus) -> Result<(), VisitError> {
        match self.ask(Ask::Status { by, status: Box::new(status) }, 0).await? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Follows the room's events from behind `after` on; without it, those that come.
    pub async fn follow(&self, interest: Interest, after: Option<EventSeq>) -> Result<Follower, VisitError> {
        let (reply, following) = oneshot::channel();
        self.send(Mail::Follow(interest, reply)).await?;
        let following = following.await.map_err(|_| VisitError::Failed)?;
        Ok(self.hub.follower(&self.room, following, after))
    }

    /// A page of the room's log of events.
    pub async fn events(&self, wanted: EventQuery) -> Result<EventPage, StoreError> {
        self.hub.shared.store.events(&self.room, wanted).await
    }

    /// Returns when all that was written so far is durable, with the document's version.
    pub async fn settled(&self) -> Result<Version, VisitError> {
        self.change(Ask::Settled, 0).await
    }

    async fn change(&self, ask: Ask, bytes: usize) -> Result<Version, VisitError> {
        match self.ask(ask, bytes).await? {
            Answer::Saved(version) => Ok(version),
            other => Err(unexpected(&other)),
        }
    }

    /// Bytes of what is taken back at once.
    pub(super) fn undo_bytes(&self) -> usize {
        self.hub.shared.options.undo_bytes
    }

    /// How heavy work is done.
    pub(super) fn lane(&self) -> &Lane {
        self.hub.lane()
    }

    pub(super) async fn ask(&self, ask: Ask, bytes: usize) -> Result<Answer, VisitError> {
        let entrance = if bytes > HEAVY_BYTES { Some(self.hub.lane().enter(self.lease.turn()).await) } else { None };
        let (reply, answer) = oneshot::channel();
        self.send(Mail::Ask(ask, reply, entrance)).await?;
        match answer.await.map_err(|_| VisitError::Failed)? {
            Answer::Refused(refusal) => Err(refusal.into()),
            answer => Ok(answer),
        }
    }

    async fn send(&self, mail: Mail) -> Result<(), VisitError> {
        self.lease.send(Box::new(mail)).await.map_err(|RoomFailed| VisitError::Failed)
    }
}

impl From<VisitError> for Fault {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::Refused(refusal) => refusal.into(),
            VisitError::Malformed(_) | VisitError::Failed => Self::new("try_again", format!("{error}.")).later(),
        }
    }
}

/// A room answers what it was asked.
pub(super) fn unexpected(answer: &Answer) -> VisitError {
    tracing::error!(?answer, "an answer to another question");
    VisitError::Failed
}

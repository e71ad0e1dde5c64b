//! One client in one room: what it says becomes the room's mail, and its right to be there is followed. Used by the
//! session of each protocol.
//! Bytes are decoded and checked here, in the client's own task, so that a room is never kept busy by garbage.

use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::select_all;
use tokio::sync::oneshot;

use crate::access::{Credential, Pass, PassChange, PassEnd};
use crate::hub::Hub;
use crate::hub::follower::Follower;
use crate::hub::lane::HEAVY_BYTES;
use crate::hub::line::Line;
use crate::hub::mail::{Letter, Mail};
use crate::hub::outbox::Outbox;
use crate::hub::registry::{Lease, RoomFailed};
use crate::room::client::{Arrival, Receipt};
use crate::room::id::ConnectionId;
use crate::room::input::{Input, UpdateKind};
use crate::room::listeners::Greeting;
use crate::room::update::CheckedUpdate;
use crate::wire::Protocol;
use crate::wire::awareness::{self, AwarenessError};
use crate::wire::close::CloseReason;
use crate::wire::lib0::Malformed;
use crate::wire::yjs::ClientMessage;

/// See the module.
pub struct Seat {
    id: ConnectionId,
    lease: Lease,
    pass: Pass,
    hub: Hub,
    receipt: Receipt,
    presence_bytes: usize,
}

/// What the room is to be told of a message, if anything.
pub enum Reading<'s> {
    /// This.
    Done(Option<Mail>),
    /// What comes out of it: the message is so big that it waits until there may be one more. Boxed, because an idle
    /// connection should not be as big as the rarest thing that it may do.
    Waiting(Pin<Box<dyn Future<Output = Result<Option<Mail>, CloseReason>> + Send + 's>>),
}

impl Seat {
    /// Enters the room of `pass`; nobody knows of it before `take`.
    pub fn new(id: ConnectionId, hub: Hub, lease: Lease, pass: Pass, receipt: Receipt, presence_bytes: usize) -> Self {
        Self { id, lease, pass, hub, receipt, presence_bytes }
    }

    /// Which connection it is to the room.
    pub fn id(&self) -> ConnectionId {
        self.id
    }

    /// The right to be here.
    pub fn pass(&self) -> &Pass {
        &self.pass
    }

    /// The same, to renew it.
    pub fn pass_mut(&mut self) -> &mut Pass {
        &mut self.pass
    }

    /// Tells the room that the client is here, and how it is spoken to.
    pub async fn take(&self, protocol: Protocol, outbox: Arc<Outbox>) -> Result<(), RoomFailed> {
        self.send(Box::new(Mail::Join(Line::new(self.id, protocol, outbox), self.arrival(None)))).await
    }

    /// The same for a JSON socket, with what it is told first. Returns when it was told, with what follows of the log.
    pub async fn take_as_listener(&self, outbox: Arc<Outbox>, greeting: Greeting) -> Result<Follower, RoomFailed> {
        let after = greeting.cursor;
        let (reply, following) = oneshot::channel();
        let line = Line::new(self.id, Protocol::Events, outbox);
        self.send(Box::new(Mail::Listen(line, self.arrival(Some(Box::new(greeting))), reply))).await?;
        let following = following.await.map_err(|_| RoomFailed)?;
        Ok(self.hub.follower(self.pass.room(), following, after))
    }

    fn arrival(&self, greeting: Option<Box<Greeting>>) -> Arrival {
        Arrival {
            connection: self.id,
            principal: Arc::clone(self.pass.principal()),
            writes: self.pass.writes(),
            receipt: self.receipt,
            greeting,
        }
    }

    /// Tells the room that the client is gone. A room that failed needs not be told.
    pub async fn leave(self) {
        let _ = self.send(Box::new(Mail::Leave(self.id))).await;
    }

    /// Tells the room that the client lost its right to be there, and how it is told what became of what it wrote.
    pub async fn show_out(self, line: Weak<Line>) {
        let _ = self.send(Box::new(Mail::ShownOut(self.id, line))).await;
    }

    /// Sends mail to the room, or gives it back while its mailbox is full.
    pub fn try_send(&self, mail: Mail) -> Result<Option<Letter>, RoomFailed> {
        self.lease.try_send(mail)
    }

    /// Sends mail to the room, waiting while its mailbox is full.
    pub async fn send(&self, mail: Letter) -> Result<(), RoomFailed> {
        self.lease.send(mail).await
    }

    /// A message of the client that is none.
    pub fn malformed(&self, error: Malformed) -> CloseReason {
        let room = self.pass.room();
        tracing::info!(room = %room.for_log(), connection = self.id.0, %error, "a malformed message");
        CloseReason::Malformed
    }

    /// The client's document was closed, and maybe not its socket.
    pub fn note_closed(&self, reason: CloseReason) {
        let room = self.pass.room();
        tracing::info!(room = %room.for_log(), connection = self.id.0, reason = reason.label(), "a document is closed");
    }

    /// Counts a frame of the client.
    pub fn count(&self, bytes: usize) {
        let metrics = self.hub.metrics();
        metrics.frames_in.increment(1);
        metrics.bytes_in.increment(bytes as u64);
    }

    /// The client's outbox is empty after an overflow.
    pub fn drained(&self) -> Mail {
        Mail::Drained(self.id)
    }

    /// Whether the right to be here can change at all.
    pub fn may_change(&self) -> bool {
        self.pass.identity().credential != Credential::Open
    }

    /// Waits until the right to be here changes; an error is its end. What is returned tells the room what the client
    /// may write from now on. Cancel-safe.
    pub async fn change(&mut self) -> Result<Mail, CloseReason> {
        match self.pass.changed().await {
            PassChange::Role(_) => Ok(self.permit()),
            PassChange::Ended(end) => Err(end.into()),
        }
    }

    /// What tells the room what the client may write.
    pub fn permit(&self) -> Mail {
        Mail::Said(Input::Permit { to: self.id, writes: self.pass.writes() })
    }

    /// What the room is to be told of a message of `bytes` bytes, if anything.
    pub fn read(&self, message: ClientMessage, bytes: usize) -> Result<Reading<'_>, CloseReason> {
        let from = self.id;
        let input = match message {
            ClientMessage::Step1(known) => Input::Step1 { from, known },
            ClientMessage::Step2(update) => return self.read_update(update, UpdateKind::Answer),
            ClientMessage::Update(update) => return self.read_update(update, UpdateKind::Live),
            ClientMessage::Awareness(update) => {
                let entries = awareness::decode(&update, self.presence_bytes).map_err(|error| match error {
                    AwarenessError::Malformed(error) => self.malformed(error),
                    AwarenessError::StateTooLarge => CloseReason::TooLarge,
                })?;
                Input::Presence { from, entries }
            }
            ClientMessage::QueryAwareness => Input::QueryPresence(from),
            ClientMessage::Probe(probe) => Input::Probe { from, probe },
            ClientMessage::Unknown(kind) => {
                tracing::debug!(kind, "a message of an unknown type is ignored");
                return Ok(Reading::Done(None));
            }
        };
        if bytes <= HEAVY_BYTES {
            return Ok(Reading::Done(Some(Mail::Said(input))));
        }
        let entering = async { Ok(Some(Mail::Heavy(input, self.hub.lane().enter(self.lease.turn()).await))) };
        Ok(Reading::Waiting(Box::pin(entering)))
    }

    fn read_update(&self, raw: Bytes, kind: UpdateKind) -> Result<Reading<'_>, CloseReason> {
        let from = self.id;
        if raw.len() <= HEAVY_BYTES {
            let update = CheckedUpdate::parse(raw).map_err(|error| self.malformed(error))?;
            let update = Box::new(update);
            // An answer tells the room something even when nothing is in it, and so does what is counted.
            let says_nothing = update.is_empty() && kind == UpdateKind::Live && self.receipt == Receipt::Echo;
            return Ok(Reading::Done((!says_nothing).then(|| Mail::Said(Input::Update { from, update, kind }))));
        }
        Ok(Reading::Waiting(Box::pin(self.read_heavy_update(raw, kind))))
    }

    async fn read_heavy_update(&self, raw: Bytes, kind: UpdateKind) -> Result<Option<Mail>, CloseReason> {
        let entrance = self.hub.lane().enter(self.lease.turn()).await;
        let parsed = self.hub.lane().run(move || CheckedUpdate::parse(raw)).await;
        let update = parsed.map_err(|_| CloseReason::ServerError)?.map_err(|error| self.malformed(error))?;
        Ok(Some(Mail::Heavy(Input::Update { from: self.id, update: Box::new(update), kind }, entrance)))
    }
}

/// Does something for one seat for which others may have to be waited for: no longer than the client may be in all of
/// these. Nothing is allocated when there is nothing to wait for.
pub async fn while_here<T>(seats: impl Iterator<Item = &Seat>, work: impl Future<Output = T>) -> Result<T, PassEnd> {
    let mut work = pin!(work);
    if let Some(done) = work.as_mut().now_or_never() {
        return Ok(done);
    }
    let ends: Vec<_> = seats.filter(|seat| seat.may_change()).map(|seat| Box::pin(seat.pass.over())).collect();
    if ends.is_empty() {
        return Ok(work.await);
    }
    tokio::select! {
        biased;
        (end, ..) = select_all(ends) => Err(end),
        done = work => Ok(done),
    }
}

/// A message that is none, of a client that is in no room.
pub fn malformed(error: Malformed) -> CloseReason {
    tracing::info!(%error, "a malformed message");
    CloseReason::Malformed
}

impl From<PassEnd> for CloseReason {
    fn from(end: PassEnd) -> Self {
        match end {
            PassEnd::Expired => Self::TokenExpired,
            PassEnd::Revoked => Self::Unauthorized,
            PassEnd::Removed => Self::Forbidden,
            PassEnd::RoomDeleted => Self::RoomNotFound,
        }
    }
}

//! A y-websocket client in its one room: each of its messages becomes a piece of the room's mail.
//! Bytes are decoded and checked here, in the client's own task, so that a room is never kept busy by garbage.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;

use super::connection::{Connection, Event};
use crate::hub::Hub;
use crate::hub::lane::HEAVY_BYTES;
use crate::hub::mail::Mail;
use crate::hub::registry::{Lease, RoomFailed};
use crate::room::id::ConnectionId;
use crate::room::input::{Input, UpdateKind};
use crate::room::update::CheckedUpdate;
use crate::wire::awareness::{self, AwarenessError};
use crate::wire::close::CloseReason;
use crate::wire::lib0::Malformed;
use crate::wire::yjs::{ClientMessage, decode};

/// Serves one client until it goes or has to go; then the room is told, and the client is.
pub async fn serve(mut connection: Connection, lease: Lease, hub: Hub, presence_bytes: usize) -> CloseReason {
    let id = connection.outbox().id();
    let session = Session { id, lease, hub, presence_bytes };
    let conversation = async {
        match session.lease.send(Mail::Join(Arc::clone(connection.outbox()))).await {
            Ok(()) => session.converse(&mut connection).await,
            Err(RoomFailed) => CloseReason::TryAgain,
        }
    };
    let reason = AssertUnwindSafe(conversation).catch_unwind().await.unwrap_or(CloseReason::ServerError);
    // Whatever happened, the room is told, and first: others see at once that the client is gone. A room that failed
    // needs not be told.
    let _ = session.lease.send(Mail::Leave(id)).await;
    drop(session);
    Box::pin(connection.finish(reason)).await;
    reason
}

struct Session {
    id: ConnectionId,
    lease: Lease,
    hub: Hub,
    presence_bytes: usize,
}

impl Session {
    async fn converse(&self, connection: &mut Connection) -> CloseReason {
        loop {
            let mail = match connection.next().await {
                Ok(Event::Stale) => Some(Mail::Drained(self.id)),
                Ok(Event::Message(bytes)) => {
                    let metrics = self.hub.metrics();
                    metrics.frames_in.increment(1);
                    metrics.bytes_in.increment(bytes.len() as u64);
                    match connection.during(self.read(bytes)).await {
                        Ok(Ok(mail)) => mail,
                        Ok(Err(reason)) | Err(reason) => return reason,
                    }
                }
                Err(reason) => return reason,
            };
            let Some(mail) = mail else { continue };
            match connection.during(self.lease.send(mail)).await {
                Ok(Ok(())) => {}
                Ok(Err(RoomFailed)) => return CloseReason::TryAgain,
                Err(reason) => return reason,
            }
        }
    }

    /// What the room is to be told, if anything.
    async fn read(&self, frame: Bytes) -> Result<Option<Mail>, CloseReason> {
        let from = self.id;
        let bytes = frame.len();
        let input = match decode(&frame).map_err(malformed)? {
            ClientMessage::Step1(known) => Input::Step1 { from, known },
            ClientMessage::Step2(update) => return self.read_update(update, UpdateKind::Answer).await,
            ClientMessage::Update(update) => return self.read_update(update, UpdateKind::Live).await,
            ClientMessage::Awareness(update) => {
                let entries = awareness::decode(&update, self.presence_bytes).map_err(|error| match error {
                    AwarenessError::Malformed(error) => malformed(error),
                    AwarenessError::StateTooLarge => CloseReason::TooLarge,
                })?;
                Input::Presence { from, entries }
            }
            ClientMessage::QueryAwareness => Input::QueryPresence(from),
            ClientMessage::Probe(probe) => Input::Probe { from, probe },
            ClientMessage::Unknown(kind) => {
                tracing::debug!(kind, "a message of an unknown type is ignored");
                return Ok(None);
            }
        };
        if bytes <= HEAVY_BYTES {
            return Ok(Some(Mail::Said(input)));
        }
        Ok(Some(Mail::Heavy(input, self.hub.lane().enter().await)))
    }

    async fn read_update(&self, raw: Bytes, kind: UpdateKind) -> Result<Option<Mail>, CloseReason> {
        let from = self.id;
        if raw.len() <= HEAVY_BYTES {
            let update = CheckedUpdate::parse(raw).map_err(malformed)?;
            let update = Box::new(update);
            // An answer tells the room something even when nothing is in it.
            let says_nothing = update.is_empty() && kind == UpdateKind::Live;
            return Ok((!says_nothing).then(|| Mail::Said(Input::Update { from, update, kind })));
        }
        // Boxed, because an idle connection should not be as big as the rarest thing that it may do.
        Box::pin(self.read_heavy_update(raw, kind)).await
    }

    async fn read_heavy_update(&self, raw: Bytes, kind: UpdateKind) -> Result<Option<Mail>, CloseReason> {
        let entrance = self.hub.lane().enter().await;
        let parsed = self.hub.lane().run(move || CheckedUpdate::parse(raw)).await;
        let update = parsed.map_err(|_| CloseReason::ServerError)?.map_err(malformed)?;
        Ok(Some(Mail::Heavy(Input::Update { from: self.id, update: Box::new(update), kind }, entrance)))
    }
}

fn malformed(error: Malformed) -> CloseReason {
    tracing::info!(%error, "a malformed message");
    CloseReason::Malformed
}

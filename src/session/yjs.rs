//! A y-websocket client in its one room: shown in by what came with the request, then each of its messages becomes a
//! piece of the room's mail. It must never let anything of a client reach a room before the client was shown in.

use std::iter::once;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;

use super::connection::{Connection, Event};
use super::door::Door;
use super::seat::{Reading, Seat, while_here};
use crate::hub::mail::Mail;
use crate::hub::registry::RoomFailed;
use crate::room::client::Receipt;
use crate::room::id::RoomId;
use crate::wire::Protocol;
use crate::wire::close::CloseReason;
use crate::wire::yjs::decode;

/// Serves one client until it goes or has to go; then the room is told, and the client is.
pub async fn serve(mut connection: Box<Connection>, door: Box<Door>, room: RoomId) -> CloseReason {
    let mut seat = match show_in(&mut connection, door, room).await {
        Ok(seat) => seat,
        Err(reason) => {
            Box::pin(connection.finish(reason)).await;
            return reason;
        }
    };
    let conversation = AssertUnwindSafe(converse(&mut seat, &mut connection));
    let reason = conversation.catch_unwind().await.unwrap_or(CloseReason::ServerError);
    // Whatever happened, the room is told, and first: others see at once that the client is gone.
    Box::pin(seat.leave()).await;
    Box::pin(connection.finish(reason)).await;
    reason
}

async fn show_in(connection: &mut Connection, door: Box<Door>, room: RoomId) -> Result<Seat, CloseReason> {
    let admitted = connection.during(Box::pin(door.admit(&room, None, Receipt::Echo))).await?;
    admitted.map_err(|refused| (&refused).into())
}

async fn converse(seat: &mut Seat, connection: &mut Connection) -> CloseReason {
    if let Err(RoomFailed) = Box::pin(seat.take(Protocol::Yjs, Arc::clone(connection.outbox()))).await {
        return CloseReason::TryAgain;
    }
    loop {
        let mail = match next_mail(seat, connection).await {
            Ok(Some(mail)) => mail,
            Ok(None) => continue,
            Err(reason) => return reason,
        };
        let mail = match seat.try_send(mail) {
            Ok(None) => continue,
            Ok(Some(mail)) => mail,
            Err(RoomFailed) => return CloseReason::TryAgain,
        };
        // Boxed, here and below, because an idle connection should not be as big as the rarest thing that it may do.
        match Box::pin(connection.during(while_here(once(&*seat), seat.send(mail)))).await {
            Ok(Ok(Ok(()))) => {}
            Ok(Ok(Err(RoomFailed))) => return CloseReason::TryAgain,
            Ok(Err(end)) => return end.into(),
            Err(reason) => return reason,
        }
    }
}

/// Waits for something to happen; what the room is to be told of it, if anything.
async fn next_mail(seat: &mut Seat, connection: &mut Connection) -> Result<Option<Mail>, CloseReason> {
    let event = tokio::select! {
        biased;
        permit = seat.change() => return permit.map(Some),
        event = connection.next() => event?,
    };
    let frame = match event {
        Event::Stale => return Ok(Some(seat.drained())),
        Event::Ended(_, reason) => return Err(reason),
        Event::Message(frame) => frame,
    };
    seat.count(frame.len());
    let message = decode(&frame).map_err(|error| seat.malformed(error))?;
    let waiting = match seat.read(message, frame.len())? {
        Reading::Done(mail) => return Ok(mail),
        Reading::Waiting(mail) => mail,
    };
    Box::pin(connection.during(while_here(once(&*seat), waiting))).await??
}

//! What a person at a JSON socket decides about agents' work: to take it back, to accept or reject what is put forward. Done
//! beside the socket, like what is asked. It must never do what the client's role does not allow.

use std::sync::Arc;

use super::asking::context;
use crate::access::{Action, Pass};
use crate::hub::Hub;
use crate::hub::suggesting::Wish;
use crate::room::event::request::Request;
use crate::room::event::{Ack, Event, Fault, SocketLimits};
use crate::room::kept::EventSeq;
use crate::room::run::AgentRun;

enum Wanted {
    Undo(AgentRun),
    Decide(EventSeq, Wish),
}

/// Begins to do it. What is wrong already is said at once.
pub(super) fn decide(
    hub: &Hub,
    pass: &Pass,
    request: &Request,
    limits: SocketLimits,
) -> Result<impl Future<Output = Event> + Send + use<>, Fault> {
    pass.may(Action::Write).allowed()?;
    let below = |fault: Fault| fault.below("/data");
    let wanted = match request {
        Request::Undo(undo) => Wanted::Undo(undo.read().map_err(below)?),
        Request::Accept(which) => {
            Wanted::Decide(which.read().map_err(below)?, Wish::Accept(context(pass), limits.patch_operations))
        }
        Request::Reject(which) => Wanted::Decide(which.read().map_err(below)?, Wish::Reject),
        _ => unreachable!("nothing else is decided"),
    };
    let visit = hub.visit(pass.room())?;
    let by = Arc::clone(pass.principal());
    Ok(async move {
        let done = match wanted {
            Wanted::Undo(run) => visit.undo(by, run).await.map(Event::Undone),
            Wanted::Decide(suggestion, wish) => {
                visit.decide(by, suggestion, wish).await.map(|logged| Event::Ack(Ack::new(logged, None)))
            }
        };
        done.unwrap_or_else(|error| Event::Error(error.into()))
    })
}

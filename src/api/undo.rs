//! Taking back what an agent did: one request for all of a run. What people made of it since stays.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;

use super::body;
use super::caller::InRoom;
use super::code::Code;
use super::describe::{ANY, BODY, CHANGE, FIELDS, IN_ROOM, problems};
use super::parameters::RoomParam;
use super::problem::Problem;
use super::query::Query;
use crate::access::Action;
use crate::room::event::edits::Undone;
use crate::room::event::request::UndoRequest;

problems!(UndoProblems: ANY, CHANGE, IN_ROOM, BODY, FIELDS, &[Code::NoJson, Code::DocumentTooLarge, Code::ReadOnly]);

/// Take back what an agent did
///
/// All that an agent changed in one of its runs, as far as that is kept, is set back to what was there before; what somebody
/// changed since stays, and is told. It is answered when it is durable. To ask again changes nothing more.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/undo", operation_id = "undo", tag = "document",
    params(RoomParam),
    request_body(content = UndoRequest, content_type = "application/json",
        example = json!({ "agent": "agent:planner", "run": "plan-day-3" })),
    responses((status = 200, description = "It is durable.", body = Undone), UndoProblems),
)]
pub async fn undo(room: InRoom, query: Query, request: Request) -> Result<Json<Box<Undone>>, Problem> {
    query.finish()?;
    room.allow(Action::Write)?;
    let wanted: UndoRequest = body::json(request, room.api().options().request_bytes).await?;
    let run = wanted.read()?;
    let by = Arc::clone(room.pass.principal());
    Ok(Json(room.find().await?.undo(by, run).await?))
}

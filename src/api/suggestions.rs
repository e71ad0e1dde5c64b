//! What becomes of a change that was put forward: somebody accepts it, and it is made in their name, or rejects it. Putting
//! one forward is a patch of the document.

use std::sync::Arc;

use axum::Json;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::caller::InRoom;
use super::code::Code;
use super::describe::{ANY, CHANGE, IN_ROOM, problems};
use super::events::Posted;
use super::parameters::{RoomParam, SuggestionParam};
use super::problem::Problem;
use super::query::Query;
use crate::access::Action;
use crate::hub::suggesting::Wish;
use crate::room::event::request::Decide;
use crate::room::kept::EventSeq;
use crate::room::request::RequestRefusal;
use crate::room::suggesting::Suggestion;
use crate::session::asking::context;

problems!(RejectProblems: ANY, CHANGE, IN_ROOM, &[Code::NotFound, Code::AlreadyDecided, Code::ReadOnly]);
problems!(
    AcceptProblems: ANY, CHANGE, IN_ROOM,
    &[
        Code::NotFound, Code::AlreadyDecided, Code::ReadOnly, Code::NoJson, Code::PatchConflict, Code::DocumentTooLarge,
        Code::InvalidField, Code::InvalidPatch,
    ],
);

/// The suggestion that a path is about: `…/suggestions/{id}/accept`.
pub struct Which(EventSeq);

/// Accept a suggestion
///
/// The change is made as it was put forward, in the caller's name, and answered when it is durable. What no longer can be done
/// leaves the suggestion open. The answer is the id of `suggestion.accepted`.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/suggestions/{id}/accept", operation_id = "acceptSuggestion", tag = "document",
    params(RoomParam, SuggestionParam),
    responses((status = 200, description = "It is durable.", body = Posted), AcceptProblems),
)]
pub async fn accept(room: InRoom, which: Which, query: Query) -> Result<Json<Posted>, Problem> {
    let wish = Wish::Accept(context(&room.pass), room.api().options().patch_operations);
    decide(room, which, query, wish).await
}

/// Reject a suggestion
///
/// The change will not be made. The answer is the id of `suggestion.rejected`.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/suggestions/{id}/reject", operation_id = "rejectSuggestion", tag = "document",
    params(RoomParam, SuggestionParam),
    responses((status = 200, description = "It is durable.", body = Posted), RejectProblems),
)]
pub async fn reject(room: InRoom, which: Which, query: Query) -> Result<Json<Posted>, Problem> {
    decide(room, which, query, Wish::Reject).await
}

async fn decide(room: InRoom, Which(id): Which, query: Query, wish: Wish) -> Result<Json<Posted>, Problem> {
    query.finish()?;
    room.allow(Action::Write)?;
    let by = Arc::clone(room.pass.principal());
    let decided = room.find().await?.decide(by, id, wish).await?;
    Ok(Json(decided.into()))
}

impl<S: Sync> FromRequestParts<S> for Which {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let id = parts.uri.path().rsplit('/').nth(1).unwrap_or_default().to_owned();
        // What is no id names nothing.
        Decide { id }.read().map(Self).map_err(|_| RequestRefusal::into(Suggestion::is_unknown()))
    }
}

//! The few addresses that npm `@y-sweet/sdk` and `@y-sweet/client` know, as a thin adapter on the same rooms and tickets.
//! Source: both packages in version 0.9.1. What they send beyond what is read here is ignored.

use std::num::NonZeroU32;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::address::{self, Scheme};
use super::body;
use super::caller::{Caller, InRoom, room_named};
use super::code::Code;
use super::problem::Problem;
use super::state::Api;
use super::{new_room, rooms};
use crate::access::{Action, Purpose, Refused, TicketRequest};
use crate::room::role::{Role, Writes};
use crate::store::directory::RoomSettings;

/// The form of updates there.
const OCTETS: &str = "application/octet-stream";

/// The routes, but for the socket.
pub fn routes() -> Router<Api> {
    Router::new()
        .route("/check_store", post(check_store))
        .route("/doc/new", post(create))
        .route("/doc/{room}/auth", post(authorize))
        .route("/d/{room}/as-update", get(as_update))
        .route("/d/{room}/update", post(update))
}

/// Whether documents can be kept: the server would not run otherwise.
async fn check_store(_: Caller) -> Json<Value> {
    Json(json!({ "ok": true }))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct NewDocument {
    doc_id: Option<String>,
}

/// Makes a room; one that is there and open to the caller is as good.
async fn create(State(api): State<Api>, Caller(who): Caller, request: Request) -> Result<Json<Value>, Problem> {
    let wish: NewDocument = body::json_or_nothing(request, api.options().request_bytes).await?;
    let name = wish.doc_id.unwrap_or_else(new_room::random_name);
    let room = room_named(&name, api.options().room_name_bytes)?;
    match rooms::make(&api, &who, &room, RoomSettings::default(), None).await {
        Ok(_) => {}
        Err(problem) if problem.code() == Code::RoomExists => {
            // Whoever is not in it learns no more than that the name is taken.
            api.access().enter(&who, &room).await.map_err(|refused| match refused {
                Refused::NoSuchRoom => problem,
                other => other.into(),
            })?;
        }
        Err(problem) => return Err(problem),
    }
    Ok(Json(json!({ "docId": room.as_str() })))
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wish {
    authorization: Option<Authorization>,
    valid_for_seconds: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Authorization {
    Full,
    ReadOnly,
}

/// What a client connects with. The token is a room ticket.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientToken<'a> {
    url: String,
    base_url: String,
    doc_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    authorization: Authorization,
}

/// A ticket for one document.
async fn authorize(room: InRoom, headers: HeaderMap, request: Request) -> Result<Response, Problem> {
    let api = room.api();
    let wish: Wish = body::json_or_nothing(request, api.options().request_bytes).await?;
    let reads = wish.authorization == Some(Authorization::ReadOnly);
    let ttl = wish.valid_for_seconds.map(|seconds| Duration::from_secs(seconds.get().into()));
    let role = reads.then_some(Role::Viewer);
    // Where everybody may do everything, nobody needs a token.
    let ticket = if api.access().is_open() && !reads {
        None
    } else {
        Some(api.access().issue_ticket(&room.pass, TicketRequest { role, ttl, purpose: Purpose::Own })?)
    };
    let writes = if reads { Writes::Nothing } else { room.pass.writes() };
    let name = room.pass.room();
    let token = ClientToken {
        url: format!("{}/ws", address::ysweet(name, &headers, Scheme::WebSocket)),
        base_url: address::ysweet(name, &headers, Scheme::Http),
        doc_id: name.as_str(),
        token: ticket.map(|ticket| ticket.token),
        authorization: if writes == Writes::Nothing { Authorization::ReadOnly } else { Authorization::Full },
    };
    Ok(Json(token).into_response())
}

async fn as_update(room: InRoom) -> Result<Response, Problem> {
    let visit = room.api().hub().visit(room.pass.room())?;
    let update = visit.state(bytes::Bytes::new()).await?;
    Ok(([(header::CONTENT_TYPE, OCTETS)], update).into_response())
}

async fn update(room: InRoom, request: Request) -> Result<Response, Problem> {
    room.allow(Action::Comment)?;
    let (parts, body) = request.into_parts();
    let update = body::bytes(&parts.headers, body, room.api().options().message_bytes).await?;
    let visit = room.api().hub().visit(room.pass.room())?;
    visit.apply(room.pass.principal().id.clone(), room.pass.writes(), update).await?;
    Ok(Json(json!({})).into_response())
}

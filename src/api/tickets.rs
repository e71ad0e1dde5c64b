//! Room tickets: short-lived tokens for one room and one role, for the caller's own browser or for whoever gets a link.

use std::time::Duration;

use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize, de};
use utoipa::ToSchema;

use super::body;
use super::caller::InRoom;
use super::describe::{ANY, BODY, CHANGE, FIELDS, IN_ROOM, ONCE, problems};
use super::idempotency::Once;
use super::parameters::{OnceParam, RoomParam};
use super::problem::Problem;
use super::query::Query;
use super::schema::{Moment, RoleName};
use crate::access::{Purpose, Ticket, TicketRequest};

/// A ticket. It is never printed.
#[derive(Serialize, ToSchema)]
#[schema(as = Ticket)]
pub struct TicketView {
    /// Present it like any token.
    #[schema(example = "eyJ0eXAiOiJ0cmlwcm9vbS10aWNrZXQrand0IiwiYWxnIjoiSFMyNTYifQ.e30.c2lnbmF0dXJl")]
    pub ticket: String,
    /// What it allows at most.
    pub role: RoleName,
    /// When it ends.
    pub expires_at: Moment,
}

/// A wish for a ticket.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TicketWish, example = json!({ "role": "viewer", "ttl_s": 3600, "share": true }))]
pub struct Wish {
    /// Never above the caller's own role. Left out: the caller's own, or `viewer` for a shared one.
    role: Option<RoleName>,
    /// Seconds that it should hold; it holds no longer than the server allows.
    #[serde(default, deserialize_with = "seconds")]
    #[schema(minimum = 1, maximum = 4_294_967_295_u64)]
    ttl_s: Option<u32>,
    /// Whether it is for whoever gets the link: a guest of its own. Takes the right to invite somebody with that role.
    #[serde(default)]
    share: bool,
}

problems!(TicketProblems: ANY, CHANGE, IN_ROOM, BODY, FIELDS, ONCE);

/// Get a ticket
///
/// For the caller's own use, or to share as a link. An empty body asks for a ticket with the caller's own role.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/tickets", operation_id = "issueTicket", tag = "tickets",
    params(RoomParam, OnceParam),
    request_body(content = Wish, content_type = "application/json"),
    responses(
        (status = 201, description = "A ticket. Nothing of it is kept: it cannot be listed or taken back, but it ends.",
         body = TicketView),
        TicketProblems,
    ),
)]
pub async fn issue(room: InRoom, once: Once, query: Query, request: Request) -> Result<Response, Problem> {
    query.finish()?;
    let wish: Wish = body::json_or_nothing(request, room.api().options().request_bytes).await?;
    room.find().await?;
    let request = TicketRequest {
        role: wish.role.map(|RoleName(role)| role),
        ttl: wish.ttl_s.map(|seconds| Duration::from_secs(seconds.into())),
        purpose: if wish.share { Purpose::Shared } else { Purpose::Own },
    };
    request.role_for(&room.pass)?;
    once.run(async {
        let ticket = TicketView::from(room.api().access().issue_ticket(&room.pass, request)?);
        // Nobody but its reader may keep it.
        let headers = [(header::CACHE_CONTROL, "no-store")];
        Ok((StatusCode::CREATED, headers, axum::Json(ticket)).into_response())
    })
    .await
}

/// A whole number of seconds, at least one. What is written as `60.0` is whole, too.
fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let Some(number) = Option::<f64>::deserialize(deserializer)? else { return Ok(None) };
    let whole = format!("{number:.0}").parse().ok().filter(|whole| *whole > 0 && number.fract() == 0.0);
    whole.map(Some).ok_or_else(|| de::Error::custom("expected a whole number of seconds, at least 1"))
}

impl From<Ticket> for TicketView {
    fn from(ticket: Ticket) -> Self {
        Self { ticket: ticket.token, role: RoleName(ticket.role), expires_at: Moment(ticket.expires_at) }
    }
}

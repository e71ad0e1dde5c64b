//! A room's events over HTTP: pages of its log, waiting for what comes (long polling), all that happens as it happens
//! (server-sent events), and saying something. What is said goes the way that it goes from a JSON socket.

use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::body;
use super::caller::InRoom;
use super::code::Code;
use super::describe::{ANY, BODY, CHANGE, IN_ROOM, problems};
use super::event_query::EventsWanted;
use super::event_stream::stream;
use super::media::{self, EVENT_STREAM, JSON};
use super::parameters::{EventsParams, RoomParam};
use super::problem::Problem;
use super::query::Query;
use crate::access::Action;
use crate::hub::feed::Interest;
use crate::hub::follower::Followed;
use crate::hub::visit::Visit;
use crate::room::event::request::{self, Request as Said};
use crate::room::event::{self, Fault};
use crate::room::kept::{EventSeq, EventStanding, Logged, StoredEvent};
use crate::store::{EventPage, EventSpan};

/// The forms of a log, the first for those who do not say.
const FORMS: &[&str] = &[JSON, EVENT_STREAM];

/// Bytes of events in one page, if there is more than one.
const PAGE_BYTES: usize = 1024 * 1024;

/// Some of a room's log.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventsPage {
    /// The events in order, each as JSON sockets hear it (`/v1/schema`).
    #[schema(value_type = Vec<Object>)]
    events: Vec<Box<RawValue>>,
    /// Where to go on: `after` this when newer ones were asked for or waited for, else `before` this to older ones.
    #[schema(example = "17")]
    cursor: String,
    /// The first event that is kept.
    #[schema(example = "1")]
    first: String,
    /// The newest event that there ever was; `0` without one.
    #[schema(example = "17")]
    last: String,
}

/// An event that is durable.
#[derive(Debug, Serialize, ToSchema)]
pub struct Posted {
    /// Its id; of one that was there before, that one's.
    #[schema(example = "17")]
    id: String,
    /// It was there before.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    repeated: bool,
}

impl From<Logged> for Posted {
    fn from(Logged { seq, standing }: Logged) -> Self {
        Self { id: seq.0.to_string(), repeated: standing == EventStanding::Repeated }
    }
}

problems!(ReadProblems: ANY, IN_ROOM, &[Code::BadHeader]);
problems!(
    PostProblems: ANY, CHANGE, IN_ROOM, BODY,
    &[Code::InvalidField, Code::ReadOnly, Code::PermissionDenied],
);

/// Read the events
///
/// What is kept of what people and agents said: a page of the log, the oldest first. `after` goes to newer ones and `before` to
/// older ones; without them the newest come. With `wait`, the answer comes when there is something, or when the time is over.
///
/// As `text/event-stream`, everything that happens in the room as it happens, also what is not kept: each message's data is
/// an event, and its id, if it has one, is where to go on after (`Last-Event-ID`).
#[utoipa::path(
    get, path = "/v1/rooms/{room}/events", operation_id = "listEvents", tag = "events",
    params(RoomParam, EventsParams),
    responses(
        (status = 200, description = "The events.", content(
            (EventsPage = "application/json"),
            (String = "text/event-stream"),
        )),
        ReadProblems,
    ),
)]
pub async fn list(room: InRoom, mut query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let mut wanted = EventsWanted::take(&mut query, &headers)?;
    query.finish()?;
    room.allow(Action::Read)?;
    let vary = [(header::VARY, "accept")];
    if media::choose(&headers, FORMS)? == EVENT_STREAM {
        let visit = room.find().await?;
        let follower = visit.follow(Interest::Everything, wanted.resume()).await?;
        return Ok((vary, stream(room, visit, follower, wanted.kinds)).into_response());
    }
    let visit = room.find().await?;
    let mut page = visit.events(wanted.query()).await?;
    if page.events.is_empty() && !wanted.wait.is_zero() {
        let after = match wanted.span {
            EventSpan::After(after) => after,
            // Whoever names no place waits for what is new.
            EventSpan::Before(_) => page.last,
        };
        wait(&room, &visit, &wanted, after).await?;
        // What is answered now goes on from there.
        wanted.span = EventSpan::After(after);
        page = visit.events(wanted.query()).await?;
    }
    Ok((vary, Json(shown(&room, &wanted, page))).into_response())
}

/// A page of the log, without waiting. Whoever names no place goes on behind the newest event, and not to older ones.
pub async fn page(room: &InRoom, wanted: &EventsWanted) -> Result<EventsPage, Problem> {
    room.allow(Action::Read)?;
    let page = room.find().await?.events(wanted.query()).await?;
    let mut shown = shown(room, wanted, page);
    if wanted.span == EventSpan::Before(EventSeq::MAX) {
        shown.cursor.clone_from(&shown.last);
    }
    Ok(shown)
}

/// Returns when there may be something of what is wanted, or it is time to answer.
async fn wait(room: &InRoom, visit: &Visit, wanted: &EventsWanted, after: EventSeq) -> Result<(), Problem> {
    let mut follower = visit.follow(Interest::Kept, Some(after)).await?;
    let coming = async {
        loop {
            match follower.next().await {
                Ok(Followed::Kept { kind, .. }) if !wanted.wants(kind.as_str()) => {}
                Ok(Followed::Passing(_)) => {}
                _ => break,
            }
        }
    };
    tokio::select! {
        () = coming => {}
        () = tokio::time::sleep(wanted.wait) => {}
        () = room.api().hub().drains() => {}
        end = room.pass.over() => return Err(end.into()),
    }
    Ok(())
}

fn shown(room: &InRoom, wanted: &EventsWanted, page: EventPage) -> EventsPage {
    let EventPage { mut events, first, last, .. } = page;
    let is_cut = cut(&mut events, wanted.span);
    let is_all = events.len() < wanted.limit() && !is_cut;
    let cursor = match wanted.span {
        EventSpan::Before(_) => events.first().filter(|_| !is_all).map_or(first, |event| event.seq),
        // Up to here all were looked through.
        EventSpan::After(_) if is_all => last,
        EventSpan::After(after) => events.last().map_or(after.min(last), |event| event.seq),
    };
    let visible = events.into_iter().filter(|event| !event.kind.is_internal());
    let told = visible.map(|event| event::tell(&event.body, room.pass.room(), event.seq));
    let events = told.filter_map(|json| RawValue::from_string(String::from_utf8(json.into()).ok()?).ok()).collect();
    EventsPage { events, cursor: cursor.0.to_string(), first: first.0.to_string(), last: last.0.to_string() }
}

/// Leaves out what is too much for one answer: the events at the far end, but one.
fn cut(events: &mut Vec<StoredEvent>, span: EventSpan) -> bool {
    let mut bytes = 0;
    let mut fits = |event: &StoredEvent| {
        bytes += event.body.len();
        bytes <= PAGE_BYTES
    };
    let count = match span {
        EventSpan::After(_) => events.iter().take_while(|event| fits(event)).count(),
        EventSpan::Before(_) => events.iter().rev().take_while(|event| fits(event)).count(),
    };
    let count = count.max(1).min(events.len());
    let left_out = events.len() - count;
    match span {
        EventSpan::After(_) => events.truncate(count),
        EventSpan::Before(_) => _ = events.drain(..left_out),
    }
    left_out > 0
}

/// Say something
///
/// The same as a JSON socket takes: `chat.message`, `agent.task`, `agent.command`, `agent.handoff`, which are answered when they are
/// durable; `agent.output`, which is answered so when it is `done`; and `agent.status`: an agent without a connection counts as
/// here for a minute after it. The same `client_id` of the same sender is the same event.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/events", operation_id = "postEvent", tag = "events",
    params(RoomParam),
    request_body(content = Object, content_type = "application/json",
        example = json!({ "type": "chat.message", "data": { "text": "I found three hotels near the river." } })),
    responses(
        (status = 201, description = "It is durable.", body = Posted),
        (status = 204, description = "It was told to everybody, and is not kept."),
        PostProblems,
    ),
)]
pub async fn post(room: InRoom, query: Query, request: Request) -> Result<Response, Problem> {
    query.finish()?;
    let (parts, body) = request.into_parts();
    media::choose(&parts.headers, &[JSON])?;
    media::require(&parts.headers, JSON)?;
    let bytes = body::bytes(&parts.headers, body, room.api().options().event_bytes).await?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|_| Problem::new(Code::MalformedBody, "The body is no JSON: it is not UTF-8."))?;
    let by = Arc::clone(room.pass.principal());
    room.api().pace_of_events(&by.id)?;
    let kept = match request::read(text).request? {
        Said::Status(status) => {
            room.allow(Action::Report)?;
            room.find().await?.report(by, *status).await?;
            None
        }
        Said::Output(output) => {
            room.allow(Action::Speak)?;
            room.find().await?.output(by, output).await?
        }
        said => {
            let mut post = said.post().map_err(|_| {
                let fault = Fault::new("unknown_type", "This is not said over HTTP.").at("/type");
                fault.expected(event::KEPT.join(", ") + ", agent.output, agent.status")
            })?;
            post.check(by.id.kind()).map_err(|fault| fault.below("/data"))?;
            room.allow(Action::from(&post))?;
            Some(room.find().await?.post(by, post).await?)
        }
    };
    Ok(match kept {
        Some(logged) => (StatusCode::CREATED, Json(Posted::from(logged))).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

//! A room's events as server-sent events (HTML Standard §9.2): one message an event, its data the event as JSON, its id where to
//! go on. Used by `events`. It ends with the caller's right to be in the room, and when the server goes away.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::unfold;
use jiff::Timestamp;
use serde::Deserialize;

use super::caller::InRoom;
use crate::hub::follower::{Followed, Follower};
use crate::hub::visit::Visit;
use crate::room::event::{Event, Gap};
use crate::room::kept::EventKind;

/// A comment comes when nothing else did for so long.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Proxies that gather answers before they pass them on are asked not to.
const UNBUFFERED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));

struct Streaming {
    room: InRoom,
    /// Keeps the room open.
    _visit: Visit,
    follower: Follower,
    kinds: Vec<EventKind>,
    over: Pin<Box<dyn Future<Output = ()> + Send>>,
}

#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
}

/// The answer to a request for events as they happen.
pub fn stream(room: InRoom, visit: Visit, follower: Follower, kinds: Vec<EventKind>) -> Response {
    let (end, hub) = (room.pass.over(), room.api().hub().clone());
    let over = Box::pin(async move {
        tokio::select! {
            _ = end => {}
            () = hub.drains() => {}
        }
    });
    let streaming = Streaming { room, _visit: visit, follower, kinds, over };
    let messages = unfold(streaming, |mut streaming| async move {
        let message = streaming.next().await?;
        Some((Ok::<_, Infallible>(message), streaming))
    });
    ([UNBUFFERED], Sse::new(messages).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))).into_response()
}

impl Streaming {
    async fn next(&mut self) -> Option<Message> {
        loop {
            let followed = tokio::select! {
                biased;
                () = &mut self.over => return None,
                followed = self.follower.next() => followed.ok()?,
            };
            let (id, json) = match followed {
                Followed::Kept { seq, kind, json } if self.wants(kind.as_str()) => (Some(seq), json),
                Followed::Passing(json) if self.wants(kind_of(&json)) => (None, json),
                Followed::Kept { .. } | Followed::Passing(_) => continue,
                Followed::Gap { after, next } => {
                    let gap = Event::Gap(Gap { after: after.0.to_string(), next: next.0.to_string() });
                    (None, gap.encode(Some(self.room.pass.room()), Timestamp::now(), None, None))
                }
            };
            let message = Message::default().data(String::from_utf8_lossy(&json));
            return Some(match id {
                Some(seq) => message.id(seq.0.to_string()),
                None => message,
            });
        }
    }

    fn wants(&self, kind: &str) -> bool {
        self.kinds.is_empty() || self.kinds.iter().any(|wanted| wanted.as_str() == kind)
    }
}

fn kind_of(json: &Bytes) -> &str {
    serde_json::from_slice::<Typed<'_>>(json).map_or("", |typed| typed.kind)
}

//! `Idempotency-Key` on POST: a request that is repeated because its answer got lost is answered as it was, and done
//! once. A handler takes `Once`, finds out whether its caller may do this at all, and only then asks it what was done:
//! nobody gets an answer again who would not get it now. Only answers that say that something was done are kept, per
//! principal: what was refused changed nothing and may be tried again under the same key.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bodies::Whole;
use super::caller::Caller;
use super::code::Code;
use super::in_flight::Held;
use super::problem::Problem;
use super::state::Api;
use crate::room::id::RoomId;
use crate::store::directory::{OnceKey, Recalled, Remembered};

/// The request's header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
pub const KEY_MAX: usize = 255;
/// Bytes of an answer that is kept. All answers to POST are far smaller.
const ANSWER_MAX: usize = 64 << 10;

/// A request that is to be done once, if it says so.
pub struct Once {
    api: Api,
    key: Option<OnceKey>,
}

/// What is to be done about it.
pub enum Turn {
    /// Nothing: it was done, and is answered as it was.
    Done(Response),
    /// It is to be done now.
    Due(Due),
}

/// A request that is being done; its key is held until this is gone.
pub struct Due {
    api: Api,
    key: Option<(OnceKey, Held)>,
    made: Option<RoomId>,
}

/// The headers of an answer that are kept with its body.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    content_type: Option<String>,
    location: Option<String>,
    etag: Option<String>,
    cache_control: Option<String>,
}

impl FromRequestParts<Api> for Once {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let api = api.clone();
        let Some(key) = key(&parts.headers)? else { return Ok(Self { api, key: None }) };
        let Caller(who) = Caller::from_request_parts(parts, &api).await?;
        let body = parts.extensions.get::<Whole>().map(|Whole(body)| body.clone()).unwrap_or_default();
        let fingerprint = fingerprint(parts.uri.path(), &parts.headers, &body);
        Ok(Self { api, key: Some(OnceKey { scope: who.principal.id.clone(), key, fingerprint }) })
    }
}

impl Once {
    /// Looks whether it was done. Only for a caller who may do it now.
    pub async fn turn(self) -> Result<Turn, Problem> {
        let Self { api, key } = self;
        let Some(key) = key else { return Ok(Turn::Due(Due { api, key: None, made: None })) };
        let held = api.in_flight().hold(&key.scope, &key.key).ok_or_else(|| {
            Problem::new(Code::IdempotencyInFlight, "A request with this idempotency key is being worked on.")
                .at(IDEMPOTENCY_KEY.as_str())
                .after(Duration::from_secs(1))
        })?;
        let made = match api.directory().recall(&key).await? {
            Some(Recalled::Answered(answer)) => return replay(&answer).map(Turn::Done),
            Some(Recalled::Other) => {
                let problem =
                    Problem::new(Code::IdempotencyMismatch, "This idempotency key was used for another request.");
                return Err(problem
                    .at(IDEMPOTENCY_KEY.as_str())
                    .hint("A key belongs to one request with one body; make a new key for a new request."));
            }
            Some(Recalled::Made(room)) => Some(room),
            None => None,
        };
        Ok(Turn::Due(Due { api, key: Some((key, held)), made }))
    }

    /// Does it, unless it was done.
    pub async fn run(self, work: impl Future<Output = Result<Response, Problem>>) -> Result<Response, Problem> {
        match self.turn().await? {
            Turn::Done(answer) => Ok(answer),
            Turn::Due(due) => due.answered(work.await?).await,
        }
    }
}

impl Due {
    /// The room that it made when it was not done to its end.
    pub fn made(&self) -> Option<&RoomId> {
        self.made.as_ref()
    }

    /// What is noted with the room that it makes.
    pub fn key(&self) -> Option<OnceKey> {
        self.key.as_ref().map(|(key, _)| key.clone())
    }

    /// It is done: keeps the answer.
    pub async fn answered(self, response: Response) -> Result<Response, Problem> {
        let Self { api, key, .. } = self;
        let Some((key, _held)) = key else { return Ok(response) };
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, ANSWER_MAX).await.map_err(|error| {
            tracing::error!(%error, "an answer to keep could not be read");
            Problem::server_error()
        })?;
        let answer = Remembered { status: parts.status.as_u16(), body: packed(&parts.headers, &body) };
        // It was done; that a repetition will be done anew is no reason to say otherwise.
        if let Err(error) = api.directory().remember(&key, &answer, api.options().answers).await {
            tracing::warn!(%error, "an answer was not kept for its idempotency key");
        }
        if api.in_flight().is_time_to_tidy()
            && let Err(error) = api.directory().forget_older_than(api.options().idempotency_keep).await
        {
            tracing::warn!(%error, "old answers were not dropped");
        }
        Ok(Response::from_parts(parts, Body::from(body)))
    }
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let text = value.to_str().ok().filter(|text| (1..=KEY_MAX).contains(&text.len()) && values.next().is_none());
    text.map(|text| Some(text.to_owned())).ok_or_else(|| {
        Problem::new(Code::BadHeader, "The Idempotency-Key header is wrong.")
            .at(IDEMPOTENCY_KEY.as_str())
            .expected(format!("one key of 1 to {KEY_MAX} visible ASCII characters, a UUID for example"), None)
    })
}

fn fingerprint(path: &str, headers: &HeaderMap, body: &Bytes) -> [u8; 32] {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    for part in [path.as_bytes(), kind, body] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

/// An answer as it is kept: its headers on the first line.
fn packed(headers: &HeaderMap, body: &Bytes) -> Vec<u8> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let head = Head {
        content_type: text(header::CONTENT_TYPE),
        location: text(header::LOCATION),
        etag: text(header::ETAG),
        cache_control: text(header::CACHE_CONTROL),
    };
    let mut kept = serde_json::to_vec(&head).expect("texts are JSON");
    kept.push(b'\n');
    kept.extend_from_slice(body);
    kept
}

fn replay(known: &Remembered) -> Result<Response, Problem> {
    unpacked(known).ok_or_else(|| {
        tracing::error!("a kept answer cannot be read");
        Problem::server_error()
    })
}

fn unpacked(known: &Remembered) -> Option<Response> {
    let end = known.body.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&known.body[..end]).ok()?;
    let mut response = Response::new(Body::from(known.body[end + 1..].to_vec()));
    *response.status_mut() = StatusCode::from_u16(known.status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_TYPE, head.content_type),
        (header::LOCATION, head.location),
        (header::ETAG, head.etag),
        (header::CACHE_CONTROL, head.cache_control),
    ] {
        if let Some(value) = value {
            headers.insert(name, value.parse().ok()?);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}

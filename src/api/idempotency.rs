//! `Idempotency-Key` on POST: a request that is repeated because its answer got lost is answered as it was, and done
//! once. A layer around all routes of REST. Only answers that say that something was done are kept, per principal: what
//! was refused changed nothing and may be tried again under the same key.

use std::collections::HashSet;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::body;
use super::caller::Caller;
use super::code::Code;
use super::problem::Problem;
use super::state::Api;
use crate::room::principal::PrincipalId;
use crate::store::directory::Remembered;

/// The request's header.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is the one of an earlier request.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The most characters of a key.
pub const KEY_MAX: usize = 255;
/// Bytes of an answer that is kept. All answers to POST are far smaller.
const ANSWER_MAX: usize = 1 << 20;
/// Old answers are looked for no more often than this.
const TIDY: Duration = Duration::from_mins(10);

/// Requests that are being worked on.
#[derive(Debug, Default)]
pub struct InFlight {
    keys: Mutex<HashSet<(PrincipalId, String)>>,
    tidied: Mutex<Option<Instant>>,
}

/// Holds a key while its request is worked on.
struct Held<'a> {
    keys: &'a Mutex<HashSet<(PrincipalId, String)>>,
    key: (PrincipalId, String),
}

/// The headers of an answer that are kept with its body.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Head {
    content_type: Option<String>,
    location: Option<String>,
    etag: Option<String>,
}

/// The layer.
pub async fn once(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    if request.method() != Method::POST {
        return Ok(next.run(request).await);
    }
    let Some(key) = key(request.headers())? else { return Ok(next.run(request).await) };
    let (mut parts, body) = request.into_parts();
    let Caller(who) = Caller::from_request_parts(&mut parts, &api).await?;
    let scope = &who.principal.id;
    let body = body::bytes(&parts.headers, body, usize::MAX).await?;
    let fingerprint = fingerprint(parts.uri.path(), &parts.headers, &body);
    let _held = api.in_flight().hold(scope, &key).ok_or_else(|| {
        Problem::new(Code::IdempotencyInFlight, "A request with this idempotency key is being worked on.")
            .at(IDEMPOTENCY_KEY.as_str())
            .after(Duration::from_secs(1))
    })?;
    if let Some(known) = api.directory().recall(scope, &key).await? {
        return replay(&known, fingerprint);
    }
    let response = next.run(Request::from_parts(parts, Body::from(body))).await;
    if response.status().is_success() { keep(&api, scope, &key, fingerprint, response).await } else { Ok(response) }
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

fn fingerprint(path: &str, headers: &HeaderMap, body: &[u8]) -> [u8; 32] {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let mut hash = Sha256::new();
    for part in [path.as_bytes(), kind, body] {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

async fn keep(
    api: &Api,
    scope: &PrincipalId,
    key: &str,
    fingerprint: [u8; 32],
    response: Response,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, ANSWER_MAX).await.map_err(|error| {
        tracing::error!(%error, "an answer to keep could not be read");
        Problem::server_error()
    })?;
    let text = |name| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let head =
        Head { content_type: text(header::CONTENT_TYPE), location: text(header::LOCATION), etag: text(header::ETAG) };
    let mut kept = serde_json::to_vec(&head).expect("texts are JSON");
    kept.push(b'\n');
    kept.extend_from_slice(&body);
    let answer = Remembered { fingerprint, status: parts.status.as_u16(), body: kept };
    // It was done; that a repetition will be done anew is no reason to say otherwise.
    if let Err(error) = api.directory().remember(scope, key, &answer).await {
        tracing::warn!(%error, "an answer was not kept for its idempotency key");
    }
    if api.in_flight().is_time_to_tidy()
        && let Err(error) = api.directory().forget_older_than(api.options().idempotency_keep).await
    {
        tracing::warn!(%error, "old answers were not dropped");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn replay(known: &Remembered, fingerprint: [u8; 32]) -> Result<Response, Problem> {
    if known.fingerprint != fingerprint {
        return Err(Problem::new(Code::IdempotencyMismatch, "This idempotency key was used for another request.")
            .at(IDEMPOTENCY_KEY.as_str())
            .hint("A key belongs to one request with one body; make a new key for a new request."));
    }
    rebuilt(known).ok_or_else(|| {
        tracing::error!("a kept answer cannot be read");
        Problem::server_error()
    })
}

fn rebuilt(known: &Remembered) -> Option<Response> {
    let end = known.body.iter().position(|byte| *byte == b'\n')?;
    let head: Head = serde_json::from_slice(&known.body[..end]).ok()?;
    let mut response = Response::new(Body::from(known.body[end + 1..].to_vec()));
    *response.status_mut() = StatusCode::from_u16(known.status).ok()?;
    let headers = response.headers_mut();
    for (name, value) in
        [(header::CONTENT_TYPE, head.content_type), (header::LOCATION, head.location), (header::ETAG, head.etag)]
    {
        if let Some(value) = value {
            headers.insert(name, value.parse().ok()?);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    Some(response)
}

impl InFlight {
    /// Holds a key; nothing if somebody does.
    fn hold(&self, scope: &PrincipalId, key: &str) -> Option<Held<'_>> {
        let key = (scope.clone(), key.to_owned());
        let fresh = self.keys.lock().expect("nothing panics while it holds this").insert(key.clone());
        // Only who holds it may make what lets go of it.
        fresh.then(|| Held { keys: &self.keys, key })
    }

    fn is_time_to_tidy(&self) -> bool {
        let mut tidied = self.tidied.lock().expect("nothing panics while it holds this");
        let due = tidied.is_none_or(|before| before.elapsed() >= TIDY);
        if due {
            *tidied = Some(Instant::now());
        }
        due
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.keys.lock().expect("nothing panics while it holds this").remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_held_by_one_request_of_its_principal() {
        let (ada, bob) = (PrincipalId::user("ada").expect("an id"), PrincipalId::user("bob").expect("an id"));
        let flight = InFlight::default();
        let held = flight.hold(&ada, "1").expect("free");
        assert!(flight.hold(&ada, "1").is_none() && flight.hold(&ada, "1").is_none());
        assert!(flight.hold(&bob, "1").is_some() && flight.hold(&ada, "2").is_some());
        drop(held);
        assert!(flight.hold(&ada, "1").is_some());
    }
}

//! What happens around every route: headers, origins, the answer's form, and changes that are brought to their end.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tokio::time::timeout;
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{NotForContentType, Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use tracing::Instrument;

use super::caller::Caller;
use super::code::Code;
use super::idempotency::{IDEMPOTENCY_KEY, REPLAYED};
use super::problem::Problem;
use super::state::Api;
use super::{etag, media};
use crate::access::Access;

/// Shorter answers are sent as they are: packing them costs more than it saves.
const WORTH_PACKING: u16 = 1024;
/// Browsers remember for so long what they may ask.
const PREFLIGHT: Duration = Duration::from_mins(10);
/// What clients of MCP say about a request beside its body.
const MCP: [HeaderName; 3] = [
    HeaderName::from_static("mcp-protocol-version"),
    HeaderName::from_static("mcp-method"),
    HeaderName::from_static("mcp-name"),
];
/// What an answer may load or run if a browser is made to show it: nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Sets what every answer says, unless its route says otherwise.
pub async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Turns pages away that may not use the server. Their browsers would not show them the answer, but they would act.
pub async fn origin(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    match api.access().origins().check(request.headers()) {
        Ok(()) => Ok(next.run(request).await),
        Err(stranger) => Err(stranger.into()),
    }
}

/// Turns those away who would not take JSON, before anything is done for them. Around routes that have no other form.
pub async fn json_answers(request: Request, next: Next) -> Result<Response, Problem> {
    media::choose(request.headers(), &[media::JSON])?;
    Ok(next.run(request).await)
}

/// Brings to its end what has begun to change something, whether or not its caller waits. When it takes too long, because
/// the store does, the caller is told that it is open. It begins, and takes one of the places that there are, when all of
/// its body is there; strangers' bodies are not waited for.
pub async fn finish(State(api): State<Api>, request: Request, next: Next) -> Result<Response, Problem> {
    if request.method().is_safe() {
        return Ok(next.run(request).await);
    }
    // Keys are for POST alone.
    let hint = if request.method() == Method::POST {
        "It may still be done. Read before you send it again, or send it with the same idempotency key."
    } else {
        "It may still be done. Read before you send it again."
    };
    let (mut parts, body) = request.into_parts();
    Caller::from_request_parts(&mut parts, &api).await?;
    let received = api.bodies().receive(&parts.headers, body).await?;
    parts.extensions.insert(received.whole());
    let request = Request::from_parts(parts, received.bytes.clone().into());
    let Ok(place) = Arc::clone(api.changes()).try_acquire_owned() else {
        return Err(Problem::new(Code::Busy, "The server works on as many changes as it takes at once."));
    };
    let patience = api.options().request_timeout;
    let work = async move {
        let room = api.bodies().room_to_parse(request.headers(), received.bytes.len()).await;
        let response = next.run(request).await;
        drop((place, received, room));
        response
    };
    match timeout(patience, tokio::spawn(work.in_current_span())).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(error)) => {
            tracing::error!(%error, "a request failed");
            Err(Problem::server_error())
        }
        Err(_) => {
            Err(Problem::new(Code::StoreUnavailable, format!("It was not saved within {patience:?}.")).hint(hint))
        }
    }
}

/// The address knows other methods; `Allow` is added by whoever calls this.
pub async fn method_not_allowed(method: Method) -> Response {
    Problem::method_not_allowed(&method).into_response()
}

/// Packs answers for those who take that.
pub fn compression() -> CompressionLayer<impl Predicate> {
    let worth = SizeAbove::new(WORTH_PACKING.into()).and(NotForContentType::IMAGES).and(NotForContentType::SSE);
    CompressionLayer::new().quality(CompressionLevel::Fastest).compress_when(worth)
}

/// What was packed is not, byte for byte, what its entity tag says.
pub async fn weaken(mut response: Response) -> Response {
    etag::weaken_packed(&mut response);
    response
}

/// Lets pages of the allowed origins read the answers.
pub fn cors(access: Access) -> CorsLayer {
    let allowed = move |_: &HeaderValue, request: &Parts| access.origins().check(&request.headers).is_ok();
    let own = [
        header::AUTHORIZATION,
        header::CONTENT_TYPE,
        header::ACCEPT,
        header::IF_MATCH,
        header::IF_NONE_MATCH,
        IDEMPOTENCY_KEY,
    ];
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::DELETE])
        .allow_headers(own.into_iter().chain(MCP).collect::<Vec<_>>())
        .expose_headers([header::ETAG, header::LOCATION, header::RETRY_AFTER, REPLAYED, header::WWW_AUTHENTICATE])
        .max_age(PREFLIGHT)
}

//! The planner page: built files that are part of the binary, sent compressed where the browser takes that.

use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};

use super::etag::ETag;
use super::problem::Problem;

/// `web/dist`, as it was when the binary was built.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Files;

/// What the page may load, run and connect to: this server and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'; base-uri 'none'; form-action 'self'";

/// The page itself, for the start and for every trip.
pub async fn page(headers: HeaderMap) -> Response {
    file("index.html", &headers).unwrap_or_else(Problem::into_response)
}

/// Any other file of the page; what is not there is not found.
pub async fn asset(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let file = file(uri.path().trim_start_matches('/'), &headers);
    if file.is_ok() && !matches!(method, Method::GET | Method::HEAD) {
        return ([(header::ALLOW, "GET,HEAD")], Problem::method_not_allowed(&method)).into_response();
    }
    file.unwrap_or_else(Problem::into_response)
}

fn file(path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let plain = Files::get(path).ok_or_else(Problem::not_found)?;
    let hash: String = plain.metadata.sha256_hash()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    let (encoding, file) = packed(path, headers).map_or((None, plain), |(encoding, file)| (Some(encoding), file));
    // Each form is other bytes.
    let tag = ETag::strong(encoding.map_or_else(|| hash.clone(), |encoding| format!("{hash}-{encoding}")));
    let mut response = tag.answer(headers, || content(path, encoding, file));
    let headers = response.headers_mut();
    // Names of built assets hold a hash of their content; everything else is asked for again.
    let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    Ok(response)
}

/// The compressed form that the client takes, if there is one.
fn packed(path: &str, headers: &HeaderMap) -> Option<(&'static str, EmbeddedFile)> {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    [("br", "br"), ("gzip", "gz")].into_iter().find_map(|(encoding, ending)| {
        let accepts =
            accepted.split(',').any(|token| token.split(';').next().is_some_and(|name| name.trim() == encoding));
        if accepts { Some((encoding, Files::get(&format!("{path}.{ending}"))?)) } else { None }
    })
}

fn content(path: &str, encoding: Option<&'static str>, file: EmbeddedFile) -> Response {
    let mut response = file.data.into_owned().into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(path)));
    if let Some(encoding) = encoding {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
    }
    response
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("json") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

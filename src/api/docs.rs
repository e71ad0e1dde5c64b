//! `/docs`: the OpenAPI document to read and to try, from files inside the binary. Nothing is fetched from elsewhere.

use std::sync::{Arc, LazyLock};

use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use utoipa_swagger_ui::Config;

use super::etag::ETag;
use super::problem::Problem;

/// The page runs its own scripts and asks this server, and nothing else.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

static CONFIG: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| {
    // The validator is somebody else's server.
    Arc::new(Config::from("/openapi.json").validator_url("none").deep_linking(true).display_request_duration(true))
});

/// Where the page is: its files are named relative to it.
pub async fn redirect() -> Redirect {
    Redirect::permanent("/docs/")
}

/// A file of the page.
pub async fn file(request: Request) -> Result<Response, Problem> {
    let path = request.uri().path().strip_prefix("/docs/").unwrap_or_default();
    let file = utoipa_swagger_ui::serve(path, Arc::clone(&CONFIG)).map_err(|error| {
        tracing::error!(%error, path, "a file of the docs page cannot be made");
        Problem::server_error()
    })?;
    let file = file.ok_or_else(Problem::not_found)?;
    let content = || ([(header::CONTENT_TYPE, file.content_type)], file.bytes.to_vec()).into_response();
    let mut response = ETag::of(&file.bytes).answer(request.headers(), content);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    Ok(response)
}

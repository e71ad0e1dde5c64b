//! Errors over HTTP: `application/problem+json` of RFC 9457 with a stable `code`. Used by every route.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::session::upgrade::UpgradeError;

/// One error for an HTTP client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
}

impl Problem {
    /// An error with its stable code and a sentence for people.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into() }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "type": "about:blank",
            "title": self.status.canonical_reason().unwrap_or("Error"),
            "status": self.status.as_u16(),
            "code": self.code,
            "detail": self.detail,
        });
        let mut response = Response::new(Body::from(body.to_string()));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

impl From<UpgradeError> for Problem {
    fn from(error: UpgradeError) -> Self {
        let (status, code) = match error {
            UpgradeError::NotWebSocket => (StatusCode::UPGRADE_REQUIRED, "websocket_only"),
            UpgradeError::WrongVersion => (StatusCode::BAD_REQUEST, "websocket_version"),
            UpgradeError::NoKey => (StatusCode::BAD_REQUEST, "websocket_key"),
            UpgradeError::NotUpgradable => (StatusCode::BAD_REQUEST, "not_upgradable"),
            UpgradeError::TooManyConnections => (StatusCode::SERVICE_UNAVAILABLE, "connection_limit"),
            UpgradeError::Origin => (StatusCode::FORBIDDEN, "origin_not_allowed"),
            UpgradeError::Draining => (StatusCode::SERVICE_UNAVAILABLE, "draining"),
        };
        Self::new(status, code, error.to_string())
    }
}

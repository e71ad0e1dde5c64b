//! Errors over HTTP: `application/problem+json` of RFC 9457 with a stable `code`. Used by every route; the one file
//! that says which error of the layers below is which problem. It must never show what is inside the server.

use std::borrow::Cow;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::code::Code;
use crate::hub::EnterError;
use crate::session::upgrade::UpgradeError;

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// When to come back if nobody knows better.
const RETRY_AFTER: Duration = Duration::from_secs(2);

/// One error for an HTTP client.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem(Box<Content>);

/// What a problem's JSON says.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Problem, description = "An error, in the form of RFC 9457. Programs decide by `code`.")]
pub struct Content {
    /// The code as a URN.
    #[serde(rename = "type")]
    #[schema(example = "urn:triproom:problem:room_not_found")]
    kind: String,
    /// The same for every problem of this code.
    #[schema(example = "No such room")]
    title: &'static str,
    /// The status of the answer.
    #[schema(minimum = 400, maximum = 599, example = 404)]
    status: u16,
    /// What went wrong; stable.
    #[schema(example = "room_not_found")]
    code: &'static str,
    /// What went wrong this time, for people.
    #[schema(example = "There is no such room, or you are not in it.")]
    detail: Cow<'static, str>,
    /// What is wrong: a JSON pointer into the body, or the name of the header or query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What would have been right.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    /// What came instead, shortened.
    #[serde(skip_serializing_if = "Option::is_none")]
    received: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<Cow<'static, str>>,
    /// Which operation of a patch failed, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    operation: Option<usize>,
    /// The document's version, when another one was expected.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    /// Whether the very same request may succeed later.
    retryable: bool,
    /// How long to wait before that, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after_ms: Option<u64>,
    #[serde(skip)]
    of: Code,
}

impl Problem {
    /// An error with its stable code and a sentence for people.
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let retry_after_ms = (code.status() == StatusCode::SERVICE_UNAVAILABLE).then(|| whole_millis(RETRY_AFTER));
        Self(Box::new(Content {
            kind: format!("urn:triproom:problem:{}", code.as_str()),
            title: code.title(),
            status: code.status().as_u16(),
            code: code.as_str(),
            detail: detail.into(),
            field: None,
            expected: None,
            received: None,
            hint: None,
            operation: None,
            version: None,
            retryable: code.retryable(),
            retry_after_ms,
            of: code,
        }))
    }

    /// A fault of the server; what it is stays in the log.
    pub fn server_error() -> Self {
        Self::new(Code::ServerError, "Something went wrong in the server; its log says what.")
    }

    /// Says what is wrong: a JSON pointer, or the name of a header or query parameter.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Says what would have been right, and what came.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>, received: Option<String>) -> Self {
        self.0.expected = Some(expected.into());
        self.0.received = received;
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says which operation of a patch failed.
    #[must_use]
    pub fn operation(mut self, index: usize) -> Self {
        self.0.operation = Some(index);
        self
    }

    /// Says which version the document has.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.version = Some(version.into());
        self
    }

    /// Says when to come back.
    #[must_use]
    pub fn after(mut self, wait: Duration) -> Self {
        self.0.retry_after_ms = Some(whole_millis(wait));
        self
    }

    /// What is wrong, if it says so.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.of
    }
}

fn whole_millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let Content { of: code, retry_after_ms, .. } = *self.0;
        let body = serde_json::to_vec(&*self.0).expect("a problem has text keys alone");
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(wait) = retry_after_ms {
            headers.insert(header::RETRY_AFTER, wait.div_ceil(1000).into());
        }
        if code.status() == StatusCode::UNAUTHORIZED {
            let challenge = match code {
                Code::AuthRequired => r#"Bearer realm="triproom""#,
                _ => r#"Bearer realm="triproom", error="invalid_token""#,
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        let code = match error {
            EnterError::TooManyRooms(_) => Code::RoomLimit,
            EnterError::Draining => Code::Draining,
        };
        Self::new(code, error.to_string())
    }
}

impl From<UpgradeError> for Problem {
    fn from(error: UpgradeError) -> Self {
        let code = match error {
            UpgradeError::NotWebSocket => Code::WebSocketOnly,
            UpgradeError::WrongVersion => Code::WebSocketVersion,
            UpgradeError::NoKey => Code::WebSocketKey,
            UpgradeError::NotUpgradable => Code::NotUpgradable,
            UpgradeError::TooManyConnections => Code::ConnectionLimit,
            UpgradeError::Origin => Code::OriginDenied,
            UpgradeError::Draining => Code::Draining,
        };
        Self::new(code, error.to_string())
    }
}

//! Errors over HTTP: `application/problem+json` of RFC 9457 with a stable `code`. Used by every route; the one file
//! that says which error of the layers below is which problem. It must never show what is inside the server.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::code::Code;
use crate::access::{Denial, PassEnd, Refused, Stranger};
use crate::hub::EnterError;
use crate::hub::visit::VisitError;
use crate::room::event::{Fault, FaultContent};
use crate::room::patch::{PatchCode, PatchError};
use crate::room::principal::PrincipalIdError;
use crate::room::request::RequestRefusal;
use crate::room::trip::FieldError;
use crate::room::version::Version;
use crate::session::upgrade::UpgradeError;
use crate::store::StoreError;

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
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "test_failed")]
    reason: Option<&'static str>,
    /// All wrong fields, a few at most, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<WrongField>,
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

/// One of several wrong fields.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct WrongField {
    /// JSON pointer to it.
    #[schema(example = "/end_date")]
    field: String,
    /// What it may hold.
    expected: String,
    /// What it was to hold.
    received: String,
    /// What to do about it.
    hint: String,
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
            reason: None,
            errors: Vec::new(),
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

    /// There is nothing at the address.
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is nothing at this address.")
    }

    /// The address knows other methods.
    pub fn method_not_allowed(method: &Method) -> Self {
        Self::new(Code::MethodNotAllowed, format!("The address does not know {method}."))
    }

    /// There is no such room, or not for the caller: the very same for both.
    pub fn no_such_room() -> Self {
        Self::new(Code::RoomNotFound, "There is no such room, or you are not in it.")
    }

    /// The principal is no member.
    pub fn no_such_member() -> Self {
        Self::new(Code::MemberNotFound, "There is no such member in this room.")
    }

    /// The name is taken.
    pub fn room_exists() -> Self {
        Self::new(Code::RoomExists, "There is a room of this name already.").at("/id")
    }

    /// The document is another one than the caller thinks.
    pub fn version_mismatch(current: Version) -> Self {
        let mut problem = Self::new(Code::VersionMismatch, "The document has another version than If-Match says.");
        problem.0.version = Some(current.to_string());
        problem.at("if-match").hint("Read the document again, and make the change anew.")
    }

    /// Fields of a trip that would hold what they must not; there is one at least.
    pub fn wrong_fields(fields: &[FieldError]) -> Self {
        let mut problem = Self::new(Code::InvalidField, "A field of the trip would hold what it must not.");
        if let Some(first) = fields.first() {
            problem = problem.at(&*first.pointer).expected(&*first.expected, Some(first.received.clone()));
            problem = problem.hint(first.hint.clone());
        }
        problem.0.errors = fields.iter().map(WrongField::from).collect();
        problem
    }

    /// The same where what the pointers begin with is not part of what the caller sent.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        let pointers = self.0.field.iter_mut().chain(self.0.errors.iter_mut().map(|error| &mut error.field));
        for pointer in pointers {
            if let Some(rest) = pointer.strip_prefix(prefix) {
                *pointer = rest.to_owned();
            }
        }
        self
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

    /// What it says.
    pub fn content(&self) -> &Content {
        &self.0
    }

    /// Its code.
    pub fn code(&self) -> Code {
        self.0.of
    }
}

impl From<Problem> for Fault {
    /// The same for whoever does not get answers of HTTP.
    fn from(problem: Problem) -> Self {
        let Content { code, detail, field, expected, received, hint, retryable, retry_after_ms, .. } = *problem.0;
        let mut fault = Self::new(code, detail);
        if retryable {
            fault = fault.retry_after(retry_after_ms.map_or(RETRY_AFTER, Duration::from_millis));
        }
        fault = field.into_iter().fold(fault, Self::at);
        fault = expected.into_iter().fold(fault, Self::expected);
        fault = received.into_iter().fold(fault, Self::received);
        hint.into_iter().fold(fault, Self::hint)
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
        if code == Code::BodyTimeout {
            // What still comes of the body is no request.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
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

impl From<&FieldError> for WrongField {
    fn from(error: &FieldError) -> Self {
        let FieldError { pointer, expected, received, hint } = error.clone();
        Self { field: pointer, expected, received, hint }
    }
}

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let text = sentence(&refused);
        match refused {
            Refused::NoToken => Self::new(Code::AuthRequired, text)
                .hint("Send Authorization: Bearer and a token, an API key or a ticket; or ?token=."),
            Refused::BadToken(_) => Self::new(Code::AuthFailed, text),
            Refused::Expired => Self::new(Code::TokenExpired, text),
            Refused::TooManyFailures { retry_after } => Self::new(Code::RateLimited, text).after(retry_after),
            Refused::NoSuchRoom => Self::no_such_room(),
            Refused::Forbidden(denial) => denial.into(),
            Refused::RoomExists => Self::room_exists(),
            Refused::NoSuchMember => Self::no_such_member(),
            Refused::AlreadyMember => {
                Self::new(Code::AlreadyMember, text).at("/principal").hint("Change their role with PATCH.")
            }
            Refused::TooManyMembers { .. } => Self::new(Code::TooManyMembers, text),
            Refused::StoreDown => Self::new(Code::StoreUnavailable, text),
            Refused::IssuerDown => Self::new(Code::IssuerUnavailable, text),
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        let text = sentence(&denial);
        match denial {
            Denial::NoSuchRoom => Self::no_such_room(),
            Denial::Forbidden { needs } => Self::new(Code::PermissionDenied, text).expected(needs.as_str(), None),
            Denial::LinksOnly | Denial::OtherRooms | Denial::AgentsOnly => Self::new(Code::PermissionDenied, text),
            Denial::NoOwner => Self::new(Code::PermissionDenied, text)
                .hint("Make the key with --on-behalf-of and the person who is to own its rooms."),
            Denial::OwnRole => Self::new(Code::OwnRole, text),
            Denial::LastOwner => Self::new(Code::LastOwner, text),
        }
    }
}

impl From<VisitError> for Problem {
    fn from(error: VisitError) -> Self {
        match error {
            VisitError::Refused(refusal) => refusal.into(),
            VisitError::Malformed(_) => Self::new(Code::MalformedUpdate, sentence(&error)),
            VisitError::Failed => Self::new(Code::StoreUnavailable, sentence(&error)),
        }
    }
}

impl From<RequestRefusal> for Problem {
    fn from(refusal: RequestRefusal) -> Self {
        let text = sentence(&refusal);
        match refusal {
            RequestRefusal::ReadOnly => Self::new(Code::ReadOnly, text),
            RequestRefusal::Forbidden => Self::new(Code::PermissionDenied, text),
            RequestRefusal::OtherVersion(current) => Self::version_mismatch(current),
            RequestRefusal::Patch(error) => error.into(),
            RequestRefusal::Unreadable(_) => {
                Self::new(Code::NoJson, text).hint("Ask for it with Accept: application/vnd.yjs.update.")
            }
            RequestRefusal::TooLarge => Self::new(Code::DocumentTooLarge, text),
            RequestRefusal::Harmful => Self::new(Code::MalformedUpdate, text),
            RequestRefusal::Unfit(fault) => (*fault).into(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let FaultContent { code, message, field, expected, received, hint, .. } = fault.content().clone();
        let code = match code {
            "message_too_large" => Code::MessageTooLarge,
            "permission_denied" => Code::PermissionDenied,
            "not_found" => Code::NotFound,
            "already_decided" => Code::AlreadyDecided,
            "too_many_outputs" | "too_many_agents" => Code::RateLimited,
            _ => Code::InvalidField,
        };
        let mut problem = Self::new(code, message);
        if let Some(field) = field {
            problem = problem.at(field);
        }
        if let Some(expected) = expected {
            problem = problem.expected(expected, received);
        }
        match hint {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
    }
}

impl From<Box<PatchError>> for Problem {
    fn from(error: Box<PatchError>) -> Self {
        let code = match error.code {
            PatchCode::NotAPatch => Code::MalformedBody,
            PatchCode::TooLarge => Code::MessageTooLarge,
            PatchCode::NotFound | PatchCode::InvalidIndex | PatchCode::TestFailed | PatchCode::AlreadyExists => {
                Code::PatchConflict
            }
            PatchCode::NotAllowed => Code::PermissionDenied,
            PatchCode::InvalidField => Code::InvalidField,
            PatchCode::InvalidOperation
            | PatchCode::InvalidPointer
            | PatchCode::MoveIntoItself
            | PatchCode::FixedRoot
            | PatchCode::NumberTooLarge
            | PatchCode::TooDeep => Code::InvalidPatch,
        };
        let mut problem = Self::new(code, sentence(&error));
        problem.0.operation = error.index;
        problem.0.reason = Some(error.code.as_str());
        problem.0.errors = error.fields.iter().map(WrongField::from).collect();
        problem.at(error.pointer).expected(error.expected, Some(error.received)).hint(error.hint)
    }
}

impl From<PrincipalIdError> for Problem {
    fn from(error: PrincipalIdError) -> Self {
        Self::new(Code::BadPrincipal, sentence(&error))
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "the store failed");
        Self::new(Code::StoreUnavailable, "The store does not answer at present; try again.")
    }
}

impl From<PassEnd> for Problem {
    fn from(end: PassEnd) -> Self {
        match end {
            PassEnd::Expired => Self::new(Code::TokenExpired, "The credential has expired."),
            PassEnd::Revoked => Self::new(Code::AuthFailed, "The credential was revoked."),
            PassEnd::Removed | PassEnd::RoomDeleted => Self::no_such_room(),
        }
    }
}

/// An error's text as a sentence.
fn sentence(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let mut letters = text.chars();
    let first = letters.next().map(|first| first.to_uppercase().collect::<String>()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    first + letters.as_str() + end
}

impl From<EnterError> for Problem {
    fn from(error: EnterError) -> Self {
        let code = match error {
            EnterError::TooManyRooms(_) => Code::RoomLimit,
            EnterError::Draining => Code::Draining,
            EnterError::Deleting => Code::StoreUnavailable,
        };
        Self::new(code, error.to_string())
    }
}

impl From<Stranger> for Problem {
    fn from(stranger: Stranger) -> Self {
        let header = match stranger {
            Stranger::Page => header::ORIGIN,
            Stranger::Name => header::HOST,
        };
        Self::new(Code::OriginDenied, stranger.to_string()).at(header.as_str())
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
            UpgradeError::Stranger(stranger) => return stranger.into(),
            UpgradeError::Draining => Code::Draining,
        };
        Self::new(code, error.to_string())
    }
}

//! What cannot be done, in words that a program or a model can act on: said on JSON sockets and by the tools of MCP. What a
//! room refuses becomes a fault here and nowhere else; errors of the layers above do so beside their own definition.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::Event;
use crate::room::patch::PatchError;
use crate::room::request::RequestRefusal;

/// When to try again what cannot be done at the moment.
const LATER: Duration = Duration::from_secs(1);

/// What cannot be done, why, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(transparent)]
pub struct Fault(Box<FaultContent>);

/// See there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FaultContent {
    /// A word for programs: one of `docs/events.md`.
    #[schema(example = "invalid_message")]
    pub code: &'static str,
    /// A sentence for people and models.
    pub message: String,
    /// Whether the same may succeed later.
    pub retryable: bool,
    /// When, at the earliest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What is wrong: a JSON pointer into the frame, or into the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    /// What is there instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The document's version, when another one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// What the document has where a patch found it otherwise than it thought: JSON, the beginning of it if it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub current: Option<String>,
}

impl Fault {
    /// The document is not shown as JSON.
    pub fn no_json() -> Self {
        Self::new("no_json", "The document cannot be given as JSON.")
    }

    /// A fault that trying again does not mend.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(FaultContent {
            code,
            message: message.into(),
            retryable: false,
            retry_after_ms: None,
            field: None,
            expected: None,
            received: None,
            hint: None,
            version: None,
            current: None,
        }))
    }

    /// The same may succeed after this time.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        (self.0.retryable, self.0.retry_after_ms) =
            (true, u64::try_from(wait.as_millis()).ok().map(|wait| wait.max(1)));
        self
    }

    /// It cannot be done at the moment.
    #[must_use]
    pub fn later(self) -> Self {
        self.retry_after(LATER)
    }

    /// What is wrong.
    #[must_use]
    pub fn at(mut self, field: impl Into<String>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// The same where what the field begins with is part of something bigger.
    #[must_use]
    pub fn below(mut self, prefix: &str) -> Self {
        self.0.field = self.0.field.map(|field| format!("{prefix}{field}"));
        self
    }

    /// What would be right.
    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.0.expected = Some(expected.into());
        self
    }

    /// What is there instead.
    #[must_use]
    pub fn received(mut self, received: impl Into<String>) -> Self {
        self.0.received = Some(received.into());
        self
    }

    /// What to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The document's version, when another one was asked for.
    #[must_use]
    pub fn version(mut self, version: &impl ToString) -> Self {
        self.0.version = Some(version.to_string());
        self
    }

    /// What the document has.
    #[must_use]
    pub fn current(mut self, current: Option<String>) -> Self {
        self.0.current = current;
        self
    }

    /// What it says.
    pub fn content(&self) -> &FaultContent {
        &self.0
    }
}

impl From<Fault> for Event {
    fn from(fault: Fault) -> Self {
        Self::Error(fault)
    }
}

impl From<RequestRefusal> for Fault {
    fn from(refusal: RequestRefusal) -> Self {
        let message = format!("{refusal}.");
        match refusal {
            RequestRefusal::ReadOnly => Self::new("read_only", message).later(),
            RequestRefusal::Forbidden => Self::new("permission_denied", message),
            RequestRefusal::OtherVersion(version) => Self::new("version_mismatch", message)
                .at("/if_version")
                .hint("Read the document again, and make the change anew.")
                .version(&version),
            RequestRefusal::Patch(error) => (*error).into(),
            RequestRefusal::Unreadable(_) => Self::no_json(),
            RequestRefusal::TooLarge => Self::new("document_too_large", message),
            RequestRefusal::Harmful => Self::new("malformed_update", message),
            RequestRefusal::Unfit(fault) => *fault,
        }
    }
}

impl From<PatchError> for Fault {
    fn from(error: PatchError) -> Self {
        let message = error.to_string();
        let PatchError { code, pointer, expected, received, hint, current, .. } = error;
        let current = current.map(|current| current.value.to_string());
        Self::new(code.as_str(), message).at(pointer).expected(expected).received(received).hint(hint).current(current)
    }
}

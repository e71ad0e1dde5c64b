//! What a room refuses, as a fault that a program or a model can act on. The one place for that: whoever answers with
//! faults, over sockets or over MCP, comes here. Errors of the layers above become faults beside their own definition.

use super::Fault;
use crate::room::patch::PatchError;
use crate::room::request::RequestRefusal;

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

impl Fault {
    /// The document is not shown as JSON.
    pub fn no_json() -> Self {
        Self::new("no_json", "The document cannot be given as JSON.")
    }
}

//! What a JSON socket asks of its room, done beside the socket and answered when the room has answered. Used by the session.
//! It must never do what the client's role does not allow.

use serde_json::Value;

use crate::access::{Action, Denial, Pass};
use crate::hub::visit::{Visit, VisitError};
use crate::hub::{EnterError, Hub};
use crate::room::event::request::{PatchRequest, Read, Request};
use crate::room::event::{Content, Event, Fault, Patched, SocketLimits};
use crate::room::patch::{Patch, PatchError};
use crate::room::request::RequestRefusal;
use crate::room::version::Version;

/// What is said in answer.
pub(super) struct Answer {
    pub reference: Option<String>,
    pub event: Event,
}

/// Begins to ask. What is wrong already is said at once.
pub(super) fn ask(
    hub: &Hub,
    pass: &Pass,
    request: Request,
    limits: SocketLimits,
) -> Result<impl Future<Output = Event> + Send + use<>, Event> {
    let visit = hub.visit(pass.room()).map_err(|error| Event::Error(closed(error)))?;
    let asked = match request {
        Request::Read(Read { pointer }) => Asked::Read(pointer),
        Request::Patch(PatchRequest { operations, if_version }) => {
            pass.may(Action::Comment).allowed().map_err(|denial| Event::Rejected(denied(denial)))?;
            let json = serde_json::to_vec(&operations).expect("it was JSON");
            let patch = Patch::parse(&json, limits.patch_operations).map_err(|error| Event::Rejected(unfit(*error)))?;
            let wanted =
                if_version.map(|version| version.parse::<Version>().map_err(|_| Event::Rejected(no_version())));
            Asked::Patch(patch, wanted.transpose()?)
        }
        _ => unreachable!("nothing else is asked of the room"),
    };
    let (by, writes) = (pass.principal().id.clone(), pass.writes());
    Ok(async move {
        match asked {
            Asked::Read(pointer) => read(&visit, pointer).await.unwrap_or_else(Event::Error),
            Asked::Patch(patch, wanted) => match visit.patch(by, writes, patch, wanted).await {
                Ok(version) => Event::Patched(Patched { version: version.to_string() }),
                Err(error) => Event::Rejected(failed(error)),
            },
        }
    })
}

enum Asked {
    Read(String),
    Patch(Patch, Option<Version>),
}

async fn read(visit: &Visit, pointer: String) -> Result<Event, Fault> {
    let view = visit.view().await.map_err(failed)?;
    let json = view.json().map_err(refused)?;
    let document: Value = serde_json::from_slice(json).map_err(|_| unreadable())?;
    let Some(value) = document.pointer(&pointer) else {
        return Err(Fault {
            field: Some("/data/pointer".to_owned()),
            received: Some(pointer.chars().take(200).collect()),
            hint: Some("Read the whole document (without a pointer) to see what is there.".to_owned()),
            ..Fault::new("not_found", "There is nothing at this pointer.")
        });
    };
    Ok(Event::Content(Content { version: view.version.to_string(), value: value.clone(), pointer }))
}

fn closed(error: EnterError) -> Fault {
    Fault { retryable: true, retry_after_ms: Some(1_000), ..Fault::new("try_again", format!("{error}.")) }
}

fn denied(denial: Denial) -> Fault {
    let expected = if let Denial::Forbidden { needs } = denial { Some(format!("the role {needs}")) } else { None };
    Fault { expected, ..Fault::new("permission_denied", format!("This is not allowed: {denial}.")) }
}

fn failed(error: VisitError) -> Fault {
    match error {
        VisitError::Refused(refusal) => refused(refusal),
        VisitError::Malformed(_) | VisitError::Failed => {
            Fault { retryable: true, retry_after_ms: Some(1_000), ..Fault::new("try_again", format!("{error}.")) }
        }
    }
}

fn refused(refusal: RequestRefusal) -> Fault {
    let message = format!("{refusal}.");
    match refusal {
        RequestRefusal::ReadOnly => {
            Fault { retryable: true, retry_after_ms: Some(1_000), ..Fault::new("read_only", message) }
        }
        RequestRefusal::Forbidden => Fault::new("permission_denied", message),
        RequestRefusal::OtherVersion(version) => Fault {
            field: Some("/data/if_version".to_owned()),
            hint: Some("Read the document again, and make the change anew.".to_owned()),
            version: Some(version.to_string()),
            ..Fault::new("version_mismatch", message)
        },
        RequestRefusal::Patch(error) => unfit(*error),
        RequestRefusal::Unreadable(_) => unreadable(),
        RequestRefusal::TooLarge => Fault::new("document_too_large", message),
        RequestRefusal::Harmful => Fault::new("malformed_update", message),
    }
}

fn unfit(error: PatchError) -> Fault {
    let message = error.to_string();
    let PatchError { code, pointer, expected, received, hint, .. } = error;
    Fault {
        field: Some(pointer),
        expected: Some(expected),
        received: Some(received),
        hint: Some(hint),
        ..Fault::new(code.as_str(), message)
    }
}

fn unreadable() -> Fault {
    Fault::new("no_json", "The document cannot be given as JSON.")
}

fn no_version() -> Fault {
    Fault {
        field: Some("/data/if_version".to_owned()),
        expected: Some("32 hexadecimal digits, as the server gave them".to_owned()),
        ..Fault::new("invalid_message", "This is no version.")
    }
}

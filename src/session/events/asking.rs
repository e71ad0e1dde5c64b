//! What a JSON socket asks of its room, done beside the socket and answered when the room has answered. Used by the session.
//! It must never do what the client's role does not allow.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use json_patch::jsonptr::Pointer;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::access::{Action, Denial, Pass};
use crate::hub::lane::HEAVY_BYTES;
use crate::hub::mail::Mail;
use crate::hub::visit::{Visit, VisitError};
use crate::hub::{EnterError, Hub};
use crate::room::event::request::{DryRun, PatchRequest, Read, Request, Suggest};
use crate::room::event::{Ack, Added, Content, Difference, Event, Fault, Patched, Previewed, SocketLimits};
use crate::room::patch::{Context, Patch, PatchError, Preview, ValueChange};
use crate::room::request::{Answer, Ask, RequestRefusal};
use crate::room::suggesting::SUGGESTION_BYTES_MAX;
use crate::room::trip::warnings::Warning;
use crate::room::version::Version;

/// When to try again what cannot be done at the moment.
const LATER: Duration = Duration::from_secs(1);

/// What is said in answer, if anything is.
pub(super) struct Reply {
    pub reference: Option<String>,
    pub event: Option<Event>,
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
        Request::Patch(patch) => {
            let run = patch.run().map_err(|fault| rejected(fault.below("/data")))?;
            let PatchRequest { operations, if_version, dry_run, suggest, .. } = patch;
            pass.may(Action::Comment).allowed().map_err(|denial| rejected(denied(denial)))?;
            let json = serde_json::to_vec(&operations).expect("it was JSON");
            let patch = Patch::parse_operations(&json, limits.patch_operations, &context(pass));
            let patch = patch.map_err(|error| rejected(unfit(*error)))?.in_run(run);
            let wanted = if_version.map(|version| version.parse::<Version>().map_err(|_| rejected(no_version())));
            let wanted = wanted.transpose()?;
            if suggest == Suggest::Yes && dry_run == DryRun::No {
                fits(json.len()).map_err(rejected)?;
                Asked::Suggest(patch, operations, wanted)
            } else if dry_run == DryRun::Yes {
                Asked::Preview(patch, wanted)
            } else {
                Asked::Patch(patch, wanted)
            }
        }
        _ => unreachable!("nothing else is asked of the room"),
    };
    let (hub, by, writes) = (hub.clone(), Arc::new(pass.principal().clone()), pass.writes());
    Ok(async move {
        match asked {
            Asked::Read(pointer) => read(&hub, &visit, pointer).await.unwrap_or_else(Event::Error),
            Asked::Patch(patch, wanted) => {
                let added = patch.added().map(|(operation, id)| Added { operation, id: id.to_owned() }).collect();
                match visit.patch(by, writes, patch, wanted).await {
                    Ok(version) => Event::Patched(Patched { version: version.to_string(), added }),
                    Err(error) => Event::Rejected(failed(error)),
                }
            }
            Asked::Suggest(patch, operations, wanted) => match visit.suggest(by, patch, operations, wanted).await {
                Ok(seq) => Event::Ack(Ack { id: seq.0.to_string(), client_id: None }),
                Err(error) => Event::Rejected(failed(error)),
            },
            Asked::Preview(patch, wanted) => match visit.preview(writes, patch).await {
                Ok((version, ..)) if wanted.is_some_and(|wanted| wanted != version) => {
                    Event::Rejected(refused(RequestRefusal::OtherVersion(version)))
                }
                Ok((version, preview, warnings)) => Event::Previewed(previewed(version, *preview, warnings)),
                Err(error) => Event::Rejected(failed(error)),
            },
        }
    })
}

enum Asked {
    Read(String),
    Patch(Patch, Option<Version>),
    Preview(Patch, Option<Version>),
    Suggest(Patch, Value, Option<Version>),
}

/// What is put forward is kept, so it is short.
fn fits(bytes: usize) -> Result<(), Fault> {
    if bytes <= SUGGESTION_BYTES_MAX {
        return Ok(());
    }
    let fault = Fault::new("message_too_large", "The suggestion is too long.").at("/data/operations");
    let fault = fault.expected(format!("at most {SUGGESTION_BYTES_MAX} bytes of JSON")).received(bytes.to_string());
    Err(fault.hint("Suggest it in several pieces."))
}

/// What everybody is to hear: the mail that says so, and what is said in answer when it is durable, if anything is.
pub(super) fn say(
    pass: &Pass,
    request: Request,
) -> Result<(Mail, impl Future<Output = Option<Event>> + Send + use<>), Fault> {
    let by = Arc::new(pass.principal().clone());
    let (action, client_id, ask) = match request.post() {
        Ok(mut post) => {
            post.check(by.id.kind()).map_err(|fault| fault.below("/data"))?;
            (Action::from(&post), post.client_id().map(str::to_owned), Ask::Post { by, post: Box::new(post) })
        }
        Err(Request::Output(output)) => {
            (Action::Report, Some(output.message.clone()), Ask::Output { by, output: Box::new(output) })
        }
        Err(_) => unreachable!("nothing else is said to everybody"),
    };
    pass.may(action).allowed().map_err(denied)?;
    let (reply, answer) = oneshot::channel();
    let answered = async move {
        match answer.await {
            Ok(Answer::Kept(seq)) => Some(Event::Ack(Ack { id: seq.0.to_string(), client_id })),
            Ok(Answer::Refused(refusal)) => Some(Event::Error(refused(refusal))),
            Ok(_) => None,
            Err(_) => Some(Event::Error(failed(VisitError::Failed))),
        }
    };
    Ok((Mail::Ask(ask, reply, None), answered))
}

/// In whose name operations are done, and what their new ids are made of.
pub(super) fn context(pass: &Pass) -> Context {
    let mut seed = [0; 16];
    getrandom::fill(&mut seed).expect("the system has randomness");
    Context { by: pass.principal().id.clone(), at: Timestamp::now(), seed }
}

fn previewed(version: Version, preview: Preview, warnings: Vec<Warning>) -> Previewed {
    let Preview { changes, left_out, .. } = preview;
    let changes = changes.into_iter().map(|ValueChange { pointer, before, after }| Difference {
        pointer,
        before: before.map(|value| value.to_string()),
        after: after.map(|value| value.to_string()),
    });
    Previewed { version: version.to_string(), changes: changes.collect(), left_out, warnings }
}

async fn read(hub: &Hub, visit: &Visit, pointer: String) -> Result<Event, Fault> {
    let view = visit.view().await.map_err(failed)?;
    let json = view.json().map_err(refused)?.clone();
    let (wanted, bytes) = (pointer.clone(), json.len());
    let look = move || part(&json, &wanted);
    let found = if bytes > HEAVY_BYTES { hub.lane().run(look).await.map_err(|_| unreadable())? } else { look() };
    let Some(value) = found else {
        let received: String = pointer.chars().take(200).collect();
        let fault = Fault::new("not_found", "There is nothing at this pointer.").at("/data/pointer").received(received);
        return Err(fault.hint("Read the whole document (without a pointer) to see what is there."));
    };
    Ok(Event::Content(Content { version: view.version.to_string(), value, pointer }))
}

/// The part of a document's JSON that a pointer leads to, as it stands there. Only what is on the way is read.
fn part(json: &[u8], pointer: &str) -> Option<Box<RawValue>> {
    let mut value: &RawValue = serde_json::from_slice(json).ok()?;
    let pointer = Pointer::parse(pointer).ok()?;
    for token in pointer.tokens() {
        let token = token.decoded();
        value = match value.get().as_bytes().first()? {
            b'{' => {
                let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
                members.get(&*token).copied()?
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                let is_index = token == "0" || !token.starts_with('0');
                elements.get(token.parse::<usize>().ok().filter(|_| is_index)?).copied()?
            }
            _ => return None,
        };
    }
    Some(value.to_owned())
}

fn rejected(fault: Fault) -> Event {
    Event::Rejected(fault)
}

pub(super) fn closed(error: EnterError) -> Fault {
    Fault::new("try_again", format!("{error}.")).retry_after(LATER)
}

pub(super) fn denied(denial: Denial) -> Fault {
    let fault = Fault::new("permission_denied", format!("This is not allowed: {denial}."));
    if let Denial::Forbidden { needs } = denial { fault.expected(format!("the role {needs}")) } else { fault }
}

pub(super) fn failed(error: VisitError) -> Fault {
    match error {
        VisitError::Refused(refusal) => refused(refusal),
        VisitError::Malformed(_) | VisitError::Failed => {
            Fault::new("try_again", format!("{error}.")).retry_after(LATER)
        }
    }
}

fn refused(refusal: RequestRefusal) -> Fault {
    let message = format!("{refusal}.");
    match refusal {
        RequestRefusal::ReadOnly => Fault::new("read_only", message).retry_after(LATER),
        RequestRefusal::Forbidden => Fault::new("permission_denied", message),
        RequestRefusal::OtherVersion(version) => Fault::new("version_mismatch", message)
            .at("/data/if_version")
            .hint("Read the document again, and make the change anew.")
            .version(&version),
        RequestRefusal::Patch(error) => unfit(*error),
        RequestRefusal::Unreadable(_) => unreadable(),
        RequestRefusal::TooLarge => Fault::new("document_too_large", message),
        RequestRefusal::Harmful => Fault::new("malformed_update", message),
        RequestRefusal::Unfit(fault) => *fault,
    }
}

fn unfit(error: PatchError) -> Fault {
    let message = error.to_string();
    let PatchError { code, pointer, expected, received, hint, current, .. } = error;
    let current = current.map(|current| current.value.to_string());
    Fault::new(code.as_str(), message).at(pointer).expected(expected).received(received).hint(hint).current(current)
}

fn unreadable() -> Fault {
    Fault::new("no_json", "The document cannot be given as JSON.")
}

fn no_version() -> Fault {
    let fault = Fault::new("invalid_message", "This is no version.").at("/data/if_version");
    fault.expected("32 hexadecimal digits, as the server gave them")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_part_is_what_the_pointer_leads_to() {
        let document = json!({"items": {"a/b": {"tags": [1, {"x": "y"}]}, "": 3, "\u{e9}~": null}, "notes": "n"});
        let json = document.to_string();
        for pointer in [
            "",
            "/items",
            "/items/a~1b",
            "/items/a~1b/tags/1/x",
            "/items/",
            "/items/\u{e9}~0",
            "/notes",
            "/none",
            "/items/a~1b/tags/2",
            "/items/a~1b/tags/01",
            "/notes/0",
            "/items/a~1b/tags/-",
        ] {
            let found =
                part(json.as_bytes(), pointer).map(|raw| serde_json::from_str::<Value>(raw.get()).expect("JSON"));
            assert_eq!(found.as_ref(), document.pointer(pointer), "{pointer}");
        }
        assert!(part(json.as_bytes(), "items").is_none() && part(json.as_bytes(), "/items~2").is_none());
    }
}

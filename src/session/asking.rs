//! What a program without a document asks of a room that it may be in: done beside its connection and answered when the
//! room has answered. Used by JSON sockets and by the tools of MCP, which so say the same of the same mistake.
//! It must never do what the program's role does not allow.

use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use json_patch::jsonptr::PointerBuf;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::sync::oneshot;

use crate::access::{Action, Pass};
use crate::hub::Hub;
use crate::hub::lane::HEAVY_BYTES;
use crate::hub::mail::Mail;
use crate::hub::visit::{Visit, VisitError};
use crate::room::event::request::{DryRun, PatchRequest, Read, Request, Suggest};
use crate::room::event::{Ack, Added, CommentChanged, Content, Difference, Event, Fault, Patched, Previewed};
use crate::room::once::Once;
use crate::room::patch::{Context, Patch, Preview, ValueChange};
use crate::room::principal::Principal;
use crate::room::request::{Answer, Ask, RequestRefusal};
use crate::room::role::Writes;
use crate::room::suggesting::Suggestion;
use crate::room::trip::warnings::Warning;
use crate::room::version::Version;
use crate::room::view::part;

/// Where in what the client sent the fields of its request are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fields {
    /// In the data of a frame.
    InFrame,
    /// They are the arguments of a tool.
    AreArguments,
}

impl Fields {
    /// The fault of one of them, which it names as if there were nothing around them.
    fn name(self, fault: Fault) -> Fault {
        match self {
            Self::InFrame => fault.below("/data"),
            Self::AreArguments => fault,
        }
    }
}

/// Begins to ask. What is wrong already is said at once.
pub fn ask(
    hub: &Hub,
    pass: &Pass,
    request: Request,
    operations_max: usize,
    fields: Fields,
) -> Result<impl Future<Output = Event> + Send + use<>, Event> {
    let visit = hub.visit(pass.room()).map_err(Fault::from)?;
    let asked = Asked::of(pass, request, operations_max, fields)?;
    let (by, writes) = (Arc::clone(pass.principal()), pass.writes());
    let guest = Guest { hub: hub.clone(), visit, by, writes, fields };
    Ok(async move { guest.answer(asked).await })
}

/// What is asked, with nothing wrong in it that can be seen without the room.
enum Asked {
    Read(String),
    Patch(Patch, Option<Version>, Option<Once>),
    Comment(Patch, String),
    Preview(Patch, Option<Version>),
    Suggest(Patch, Value, Option<Version>),
}

impl Asked {
    fn of(pass: &Pass, request: Request, operations_max: usize, fields: Fields) -> Result<Self, Event> {
        match request {
            ref said if let Some((operations, id)) = said.comment() => {
                pass.may(Action::Comment).allowed().map_err(rejected)?;
                let json = operations.to_string();
                let patch = Patch::parse_operations(json.as_bytes(), operations_max, &context(pass));
                let patch = patch.map_err(|error| rejected(*error))?;
                let id =
                    id.or_else(|| patch.added().next().map(|(_, id)| id)).expect("it is of one comment").to_owned();
                Ok(Self::Comment(patch, id))
            }
            Request::Read(Read { pointer }) => Ok(Self::Read(pointer)),
            Request::Patch(patch) => Self::of_patch(pass, patch, operations_max, fields),
            _ => unreachable!("nothing else is asked of the room"),
        }
    }

    fn of_patch(pass: &Pass, patch: PatchRequest, operations_max: usize, fields: Fields) -> Result<Self, Event> {
        let run = patch.run().map_err(|fault| rejected(fields.name(fault)))?;
        pass.may(Action::Comment).allowed().map_err(rejected)?;
        let json = serde_json::to_vec(&patch.operations).expect("it was JSON");
        let once = patch.once(&pass.principal().id, &json).map_err(|fault| rejected(fields.name(fault)))?;
        let PatchRequest { operations, if_version, dry_run, suggest, .. } = patch;
        let patch = Patch::parse_operations(&json, operations_max, &context(pass));
        let patch = patch.map_err(|error| rejected(*error))?.in_run(run);
        let no_version = |_| rejected(fields.name(no_version()));
        let wanted = if_version.map(|version| version.parse::<Version>().map_err(no_version));
        let wanted = wanted.transpose()?;
        if suggest == Suggest::Yes && dry_run == DryRun::No {
            Suggestion::fits(json.len()).map_err(|fault| rejected(fields.name(fault)))?;
            Ok(Self::Suggest(patch, operations, wanted))
        } else if dry_run == DryRun::Yes {
            Ok(Self::Preview(patch, wanted))
        } else {
            Ok(Self::Patch(patch, wanted, once))
        }
    }
}

/// Who asks, and whom.
struct Guest {
    hub: Hub,
    visit: Visit,
    by: Arc<Principal>,
    writes: Writes,
    fields: Fields,
}

impl Guest {
    /// Asks the room.
    async fn answer(self, asked: Asked) -> Event {
        let Self { hub, visit, by, writes, fields } = self;
        match asked {
            Asked::Read(pointer) => read(&hub, &visit, pointer, fields).await.unwrap_or_else(Event::Error),
            Asked::Patch(patch, wanted, once) => {
                let added = Added::of(&patch);
                let done = match once {
                    None => visit.patch(by, writes, patch, wanted).await.map(|version| (version.to_string(), added)),
                    Some(once) => visit.patch_once(by, writes, patch, wanted, once).await,
                };
                match done {
                    Ok((version, added)) => Event::Patched(Patched { version, added }),
                    Err(error) => rejected(failed(error, fields)),
                }
            }
            Asked::Comment(patch, id) => {
                let added = Added::of(&patch);
                match visit.patch(by, writes, patch, None).await {
                    // It is there; that it cannot be shown is no reason to have it said again.
                    Ok(version) => comment(&hub, &visit, id)
                        .await
                        .unwrap_or_else(|_| Event::Patched(Patched { version: version.to_string(), added })),
                    Err(error) => rejected(failed(error, fields)),
                }
            }
            Asked::Suggest(patch, operations, wanted) => match visit.suggest(by, patch, operations, wanted).await {
                Ok(logged) => Event::Ack(Ack::new(logged, None)),
                Err(error) => rejected(failed(error, fields)),
            },
            Asked::Preview(patch, wanted) => match visit.preview(writes, patch).await {
                Ok((version, ..)) if wanted.is_some_and(|wanted| wanted != version) => {
                    rejected(failed(RequestRefusal::OtherVersion(version).into(), fields))
                }
                Ok((version, preview, warnings)) => Event::Previewed(previewed(version, *preview, warnings)),
                Err(error) => rejected(failed(error, fields)),
            },
        }
    }
}

/// What everybody is to hear: the mail that says so, and what is said in answer when it is durable, if anything is.
pub fn say(pass: &Pass, request: Request) -> Result<(Mail, impl Future<Output = Option<Event>> + Send + use<>), Fault> {
    let by = Arc::clone(pass.principal());
    let (action, client_id, ask) = match request.post() {
        Ok(mut post) => {
            post.check(by.id.kind()).map_err(|fault| fault.below("/data"))?;
            (Action::from(&post), post.client_id().map(str::to_owned), Ask::Post { by, post: Box::new(post) })
        }
        Err(Request::Output(output)) => {
            (Action::Speak, Some(output.message.clone()), Ask::Output { by, output: Box::new(output) })
        }
        Err(_) => unreachable!("nothing else is said to everybody"),
    };
    pass.may(action).allowed()?;
    let (reply, answer) = oneshot::channel();
    let answered = async move {
        match answer.await {
            Ok(Answer::Kept(logged)) => Some(Event::Ack(Ack::new(logged, client_id))),
            Ok(Answer::Refused(refusal)) => Some(Event::Error(refusal.into())),
            Ok(_) => None,
            Err(_) => Some(Event::Error(VisitError::Failed.into())),
        }
    };
    Ok((Mail::Ask(ask, reply, None), answered))
}

/// In whose name operations are done, and what their new ids are made of.
pub fn context(pass: &Pass) -> Context {
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

/// A comment as it is now.
async fn comment(hub: &Hub, visit: &Visit, id: String) -> Result<Event, Fault> {
    let view = visit.view().await?;
    let place = PointerBuf::from_tokens(["comments", &id]).to_string();
    let comment = find(hub, view.json()?.clone(), place).await?;
    Ok(Event::CommentChanged(CommentChanged { id, comment, version: view.version.to_string() }))
}

/// What is at a place, looked for in the lane when there is much to go through.
async fn find(hub: &Hub, json: Bytes, place: String) -> Result<Option<Box<RawValue>>, Fault> {
    let bytes = json.len();
    let look = move || part(&json, &place);
    if bytes > HEAVY_BYTES { hub.lane().run(look).await.map_err(|_| Fault::no_json()) } else { Ok(look()) }
}

async fn read(hub: &Hub, visit: &Visit, pointer: String, fields: Fields) -> Result<Event, Fault> {
    let view = visit.view().await?;
    let found = find(hub, view.json()?.clone(), pointer.clone()).await?;
    let Some(value) = found else {
        let received: String = pointer.chars().take(200).collect();
        let fault = Fault::new("not_found", "There is nothing at this pointer.").at("/pointer").received(received);
        return Err(fields.name(fault).hint("Read the whole document (without a pointer) to see what is there."));
    };
    Ok(Event::Content(Content { version: view.version.to_string(), value, pointer }))
}

fn rejected(why: impl Into<Fault>) -> Event {
    Event::Rejected(why.into())
}

fn failed(error: VisitError, fields: Fields) -> Fault {
    let is_of_a_field = matches!(error, VisitError::Refused(RequestRefusal::OtherVersion(_)));
    let fault = error.into();
    if is_of_a_field { fields.name(fault) } else { fault }
}

fn no_version() -> Fault {
    let fault = Fault::new("invalid_message", "This is no version.").at("/if_version");
    fault.expected("32 hexadecimal digits, as the server gave them")
}

//! What the tools do: each call becomes what a JSON socket or REST asks for, by the same way into the room and to the same
//! answer. What cannot be done is a fault that says what to do instead. Called by the protocol's handler.

use std::sync::Arc;

use axum::http::HeaderMap;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::arguments::{Arguments, wrong};
use super::outline;
use super::tools::{self, RoomWork, Work};
use crate::access::Action;
use crate::api::caller::{Caller, InRoom, room_named};
use crate::api::code::Code;
use crate::api::cursor::{Cursor, List};
use crate::api::event_query::EventsWanted;
use crate::api::events::Posted;
use crate::api::query::{PAGE_DEFAULT, Page, Query};
use crate::api::state::Api;
use crate::api::{events, rooms};
use crate::hub::suggesting::Wish;
use crate::room::event::post::Post;
use crate::room::event::request::{Decide, PatchRequest, Read, Request, UndoRequest};
use crate::room::event::status::AgentStatus;
use crate::room::event::{AgentNow, Content, Event, Fault, Party, Warnings};
use crate::room::principal::{Principal, PrincipalKind};
use crate::room::trip::warnings;
use crate::session::asking::{Fields, ask, context};

/// What `room` is to be.
const ROOM: &str = "the name of a room, as list_rooms gives it";

/// What `decision` is to be.
const DECISIONS: &str = "accept or reject";

/// So many events are told when nobody says how many: what a model reads costs.
const EVENTS_DEFAULT: &str = "20";

/// The rooms of this server, for models.
#[derive(Clone)]
pub struct Rooms {
    pub(super) api: Api,
}

/// What came of a call.
pub enum Done {
    /// Something small.
    Structured(Value),
    /// JSON that may be long, and is said once only.
    Text(String),
}

/// Who is in a room.
#[derive(Serialize)]
struct Here {
    me: Party,
    role: &'static str,
    members: Vec<Party>,
    agents: Vec<AgentNow>,
}

impl Rooms {
    /// Does what a tool is for.
    pub(super) async fn call(&self, who: &Caller, work: Work, mut arguments: Arguments) -> Result<Done, Fault> {
        match work {
            Work::List => self.list(who, arguments).await,
            Work::In(work) => {
                let name = arguments.needed("room", ROOM)?;
                self.call_in(&self.enter(who, &name).await?, work, arguments).await
            }
        }
    }

    async fn call_in(&self, room: &InRoom, work: RoomWork, mut arguments: Arguments) -> Result<Done, Fault> {
        match work {
            RoomWork::Here => {
                arguments.finish()?;
                here(room).await
            }
            RoomWork::Warnings => {
                arguments.finish()?;
                self.warnings(room).await
            }
            RoomWork::Read => {
                let pointer = arguments.text("pointer")?.unwrap_or_default();
                arguments.finish()?;
                self.read(room, pointer).await
            }
            RoomWork::Activity => self.activity(room, arguments).await,
            RoomWork::Status => {
                let status: AgentStatus = arguments.read()?;
                status.check()?;
                room.allow(Action::Report)?;
                room.find().await?.report(by(room), status).await?;
                Ok(Done::Structured(json!({})))
            }
            RoomWork::Say => keep(room, Post::Chat(arguments.read()?)).await,
            RoomWork::Task => keep(room, Post::Task(arguments.read()?)).await,
            RoomWork::Patch => {
                let operations = arguments.take("operations");
                let operations = operations.ok_or_else(|| wrong("operations", "a list of operations", "nothing"))?;
                let request = patch(operations, &mut arguments)?;
                arguments.finish()?;
                self.change(room, request).await
            }
            RoomWork::Verb(verb) => {
                let mut request = patch(Value::Null, &mut arguments)?;
                let mut operation = arguments.rest();
                operation.insert("op".to_owned(), verb.into());
                request.operations = json!([operation]);
                self.change(room, request).await.map_err(|fault| in_arguments(fault, verb))
            }
            RoomWork::Undo => undo(room, arguments).await,
            RoomWork::Decide => self.decide(room, arguments).await,
        }
    }

    async fn decide(&self, room: &InRoom, mut arguments: Arguments) -> Result<Done, Fault> {
        let id = arguments.needed("id", "the id of a suggestion.made")?;
        let decision = arguments.needed("decision", DECISIONS)?;
        arguments.finish()?;
        let wish = match decision.as_str() {
            "accept" => Wish::Accept(context(&room.pass), self.api.options().patch_operations),
            "reject" => Wish::Reject,
            other => return Err(wrong("decision", DECISIONS, other)),
        };
        let suggestion = Decide { id }.read()?;
        room.allow(Action::Write)?;
        let decided = room.find().await?.decide(by(room), suggestion, wish).await.map_err(|error| {
            let fault = Fault::from(error);
            // What is wrong with the change itself is somewhere in the trip.
            if fault.content().field.is_none() { fault.at("/id") } else { fault }
        })?;
        Ok(structured(&Posted::from(decided)))
    }

    async fn list(&self, Caller(who): &Caller, mut arguments: Arguments) -> Result<Done, Fault> {
        let after = arguments.text("cursor")?.map(|text| Cursor::parse(List::Rooms, &text)).transpose();
        let after = after.map_err(|problem| Fault::from(problem).at("/cursor"))?;
        arguments.finish()?;
        let page = Page { after, limit: PAGE_DEFAULT };
        let json = rooms::listed(&self.api, who, page).await?;
        Ok(Done::Text(String::from_utf8(json).expect("JSON is text")))
    }

    async fn enter(&self, Caller(who): &Caller, name: &str) -> Result<InRoom, Fault> {
        let room = room_named(name, self.api.options().room_name_bytes);
        let room = room.map_err(|problem| Fault::from(problem).at("/room").expected(ROOM))?;
        let entered = InRoom::enter(&self.api, who, &room).await;
        let found = match entered {
            Ok(room) => room.find().await.map(|_| room),
            Err(problem) => Err(problem),
        };
        found.map_err(|problem| {
            let code = problem.code();
            let fault = Fault::from(problem);
            if code == Code::RoomNotFound { fault.at("/room").expected(ROOM).received(name) } else { fault }
        })
    }

    /// What a room answers to a request, if it does not refuse it.
    async fn ask(&self, room: &InRoom, request: Request) -> Result<Event, Fault> {
        let most = self.api.options().patch_operations;
        let event = match ask(self.api.hub(), &room.pass, request, most, Fields::AreArguments) {
            Ok(asked) => asked.await,
            Err(event) => event,
        };
        match event {
            Event::Rejected(fault) | Event::Error(fault) => Err(fault),
            event => Ok(event),
        }
    }

    async fn read(&self, room: &InRoom, pointer: String) -> Result<Done, Fault> {
        match self.ask(room, Request::Read(Read { pointer })).await? {
            Event::Content(content) => self.bounded(content).await,
            other => unreachable!("{other:?} is no answer to a question for the document"),
        }
    }

    async fn change(&self, room: &InRoom, request: PatchRequest) -> Result<Done, Fault> {
        match self.ask(room, Request::Patch(request)).await? {
            Event::Patched(patched) => Ok(structured(&patched)),
            Event::Previewed(previewed) => Ok(structured(&previewed)),
            Event::Ack(suggested) => Ok(structured(&suggested)),
            other => unreachable!("{other:?} is no answer to a patch"),
        }
    }

    /// A part of a document as text, if a model can be bothered with it.
    async fn bounded(&self, content: Content) -> Result<Done, Fault> {
        let most = self.api.options().mcp_answer_bytes;
        let bytes = content.value.get().len();
        if bytes <= most {
            return Ok(Done::Text(serde_json::to_string(&content).expect("it is JSON")));
        }
        let Content { pointer, value, .. } = content;
        let outline = self.api.hub().lane().run(move || outline::of(&value, &pointer)).await;
        let fault = Fault::new("answer_too_large", "This is too much for one answer.").at("/pointer");
        let fault = fault.expected(format!("a part of at most {most} bytes")).received(format!("{bytes} bytes"));
        Err(fault.hint(outline.unwrap_or_default()))
    }

    async fn activity(&self, room: &InRoom, mut arguments: Arguments) -> Result<Done, Fault> {
        let mut parameters = Vec::new();
        for name in ["after", "before", "type", "limit"] {
            let said = arguments.parameter(name)?;
            let value = said.or_else(|| (name == "limit").then(|| EVENTS_DEFAULT.to_owned()));
            parameters.extend(value.map(|value| (name.to_owned(), value)));
        }
        arguments.finish()?;
        let wanted = EventsWanted::take(&mut Query::from_iter(parameters), &HeaderMap::new());
        let wanted = wanted.map_err(|problem| Fault::from(problem).below("/"))?;
        let page = events::page(room, &wanted).await?;
        let json = serde_json::to_string(&page).expect("a page is JSON");
        let most = self.api.options().mcp_answer_bytes;
        if json.len() > most {
            let fault = Fault::new("answer_too_large", "This is too much for one answer.").at("/limit");
            let fault = fault.expected(format!("at most {most} bytes")).received(format!("{} bytes", json.len()));
            return Err(fault.hint("Ask for fewer events with `limit`, or of some types only with `type`."));
        }
        Ok(Done::Text(json))
    }

    async fn warnings(&self, room: &InRoom) -> Result<Done, Fault> {
        let (_visit, view) = room.look().await?;
        let json = view.json()?.clone();
        let find = move || {
            let document: Map<String, Value> = serde_json::from_slice(&json).unwrap_or_default();
            warnings::find(&document)
        };
        let found = self.api.hub().lane().run(find).await.map_err(|_| Fault::no_json())?;
        Ok(structured(&Warnings { version: view.version.to_string(), warnings: found }))
    }
}

async fn here(room: &InRoom) -> Result<Done, Fault> {
    let (_visit, view) = room.look().await?;
    Ok(structured(&Here {
        me: room.pass.principal().as_ref().into(),
        role: room.pass.role().as_str(),
        members: view.present.iter().map(|present| (&*present.principal).into()).collect(),
        agents: view.agents,
    }))
}

/// Takes back what an agent did: the caller, if nobody else is named.
async fn undo(room: &InRoom, mut arguments: Arguments) -> Result<Done, Fault> {
    let (agent, run) = (arguments.text("agent")?, arguments.text("run")?);
    arguments.finish()?;
    let own = &room.pass.principal().id;
    let own = (own.kind() == PrincipalKind::Agent).then(|| own.as_str().to_owned());
    let agent =
        agent.or(own).ok_or_else(|| wrong("agent", "the id of an agent, as who_is_here gives it", "nothing"))?;
    let wanted = UndoRequest { agent, run }.read()?;
    room.allow(Action::Write)?;
    Ok(structured(&room.find().await?.undo(by(room), wanted).await?))
}

/// Tells everybody something that is kept.
async fn keep(room: &InRoom, mut post: Post) -> Result<Done, Fault> {
    let by = by(room);
    post.check(by.id.kind())?;
    room.allow((&post).into())?;
    Ok(structured(&Posted::from(room.find().await?.post(by, post).await?)))
}

fn by(room: &InRoom) -> Arc<Principal> {
    Arc::clone(room.pass.principal())
}

fn patch(operations: Value, arguments: &mut Arguments) -> Result<PatchRequest, Fault> {
    let (if_version, run) = (arguments.text("if_version")?, arguments.text("run")?);
    let (dry_run, suggest) = (arguments.flag("dry_run")?, arguments.flag("suggest")?);
    Ok(PatchRequest { operations, if_version, dry_run, suggest, run, idempotency_key: None })
}

/// The fault of an operation that the caller wrote as arguments: an example is one of these, too.
fn in_arguments(fault: Fault, verb: &str) -> Fault {
    let Some(hint) = &fault.content().hint else { return fault };
    let hint = tools::in_arguments(hint, verb);
    fault.hint(hint)
}

fn structured(value: &impl Serialize) -> Done {
    Done::Structured(serde_json::to_value(value).expect("it has text keys alone"))
}

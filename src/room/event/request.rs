//! What clients say on a JSON socket, read from a text frame. A frame that cannot be read gives a fault that says what is
//! wrong, where, and what to do: its reader may be a model. Called by the session; it must never believe a count.

mod comment;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::attention::Attention;
use super::post::{AgentCommand, AgentHandoff, AgentOutput, AgentTask, ChatMessage, Post};
use super::status::AgentStatus;
use super::{AGENT_COMMAND, AGENT_HANDOFF, AGENT_TASK, CHAT_MESSAGE, Fault};
use crate::room::kept::EventSeq;
use crate::room::once::{ONCE_KEY_MAX, Once};
use crate::room::principal::PrincipalId;
use crate::room::run::{AgentRun, RunId};

/// The most characters of a request's `ref`.
pub const REFERENCE_MAX: usize = 200;
/// The most pointers of a subscription.
pub const POINTERS_MAX: usize = 32;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum Request {
    /// Read the document or a part of it. The answer is `doc.content`.
    #[serde(rename = "doc.read")]
    Read(Read),
    /// Change the document. The answer is `doc.patched` when it is durable, or `doc.rejected`.
    #[serde(rename = "doc.patch")]
    Patch(PatchRequest),
    /// Add a comment. The answer is `comment.changed` when it is durable, or `doc.rejected`. Commenters and up.
    #[serde(rename = "comment.add")]
    AddComment(AddComment),
    /// Change the text of one's own comment. The same.
    #[serde(rename = "comment.edit")]
    EditComment(EditComment),
    /// Say that a comment is settled, or no more. The same.
    #[serde(rename = "comment.resolve")]
    ResolveComment(ResolveComment),
    /// Take back what an agent did. The answer is `doc.undone` when it is durable. Editors and up.
    #[serde(rename = "doc.undo")]
    Undo(UndoRequest),
    /// Make a change that was put forward. The answer is `ack` when it is durable. Editors and up.
    #[serde(rename = "suggestion.accept")]
    Accept(Decide),
    /// Have it not made. The answer is `ack`. Editors and up.
    #[serde(rename = "suggestion.reject")]
    Reject(Decide),
    /// Hear of changes of the document otherwise than by default. There is no answer.
    #[serde(rename = "doc.subscribe")]
    Subscribe(Subscription),
    /// Where the client looks. It is told to everybody, browsers too, and not answered; it counts for 30 s.
    #[serde(rename = "presence.changed")]
    Presence(Box<Attention>),
    /// What an agent says of itself. It is told to everybody and not answered.
    #[serde(rename = "agent.status")]
    Status(Box<AgentStatus>),
    /// Something for everybody, kept. The answer is `ack` when it is durable. Commenters and up.
    #[serde(rename = "chat.message")]
    Chat(Box<ChatMessage>),
    /// How far a task is, kept. The answer is `ack`. Agents only.
    #[serde(rename = "agent.task")]
    Task(Box<AgentTask>),
    /// What an agent is to do, or all of them, kept. The answer is `ack`. Editors and up; to all agents, admins.
    #[serde(rename = "agent.command")]
    Command(Box<AgentCommand>),
    /// Something for another agent, kept. The answer is `ack`. Agents only.
    #[serde(rename = "agent.handoff")]
    Handoff(Box<AgentHandoff>),
    /// A piece of a text. It is answered when it is the last one: `ack`, when the message is durable. Agents only.
    #[serde(rename = "agent.output")]
    Output(AgentOutput),
    /// A newer token of the same principal. The answer is `auth.refreshed`.
    #[serde(rename = "auth.refresh")]
    Refresh(Refresh),
    /// The answer is `pong`.
    #[serde(rename = "ping")]
    Ping,
}

pub use comment::{AddComment, EditComment, ResolveComment};

/// The one request that may be long.
pub const PATCH: &str = "doc.patch";
/// The names of all requests.
pub const TYPES: [&str; 18] = [
    "doc.read",
    PATCH,
    "comment.add",
    "comment.edit",
    "comment.resolve",
    "doc.undo",
    "suggestion.accept",
    "suggestion.reject",
    "doc.subscribe",
    "presence.changed",
    "agent.status",
    CHAT_MESSAGE,
    AGENT_TASK,
    AGENT_COMMAND,
    AGENT_HANDOFF,
    "agent.output",
    "auth.refresh",
    "ping",
];

/// What to read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Read {
    /// A JSON pointer; without it, the whole document.
    #[serde(default)]
    #[schema(example = "/items")]
    pub pointer: String,
}

/// A change of the document.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PatchRequest {
    /// Operations of JSON Patch and verbs of the trip, mixed: all of them are done or none.
    #[schema(value_type = Vec<Object>)]
    pub operations: Value,
    /// Only if this is the document's version.
    #[serde(default)]
    pub if_version: Option<String>,
    /// Only say what would change.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub dry_run: DryRun,
    /// Only put it forward: somebody accepts or rejects it later. The answer is `ack` when it is durable.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub suggest: Suggest,
    /// The agent's name for the work that this is part of, by which all of it can be taken back: at most 100 characters.
    #[serde(default)]
    #[schema(
        example = "plan-day-3",
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    pub run: Option<String>,
    /// The patch's own name, at most 255 characters: the same patch under the same name is done once, however often and to
    /// whichever node it is sent.
    #[serde(default)]
    #[schema(example = "5b2f1c0e-day-3", min_length = 1, max_length = 255)]
    pub idempotency_key: Option<String>,
}

/// What to take back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// The id of the agent that did it.
    #[schema(
        example = "agent:planner",
        min_length = 1,
        max_length = 255,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    pub agent: String,
    /// In which of its runs; without it, what it did outside of any.
    #[serde(default)]
    #[schema(
        example = "plan-day-3",
        min_length = 1,
        max_length = 100,
        pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$"
    )]
    pub run: Option<String>,
}

impl PatchRequest {
    /// The run that it is part of.
    pub fn run(&self) -> Result<Option<RunId>, Fault> {
        run(self.run.as_deref())
    }
}

impl UndoRequest {
    /// What is meant.
    pub fn read(&self) -> Result<AgentRun, Fault> {
        let agent = PrincipalId::parse(&self.agent).map_err(|error| {
            let fault = Fault::new("invalid_message", format!("This is nobody: {error}.")).at("/agent");
            fault.expected("an agent's id, as in `from` of its events")
        })?;
        Ok(AgentRun { agent, run: run(self.run.as_deref())? })
    }
}

impl PatchRequest {
    /// What makes it be done once, if it is to be; `json` are its operations.
    pub fn once(&self, by: &PrincipalId, json: &[u8]) -> Result<Option<Once>, Fault> {
        let Some(key) = &self.idempotency_key else { return Ok(None) };
        if !(1..=ONCE_KEY_MAX).contains(&key.chars().count()) {
            let fault = Fault::new("invalid_message", "This is no idempotency key.").at("/idempotency_key");
            return Err(fault.expected(format!("1 to {ONCE_KEY_MAX} characters, a UUID for example")));
        }
        Ok(Some(Once::new(by, key, json)))
    }
}

fn run(name: Option<&str>) -> Result<Option<RunId>, Fault> {
    let fault = |error| Fault::new("invalid_message", format!("This is no run: {error}.")).at("/run");
    name.map(|name| RunId::parse(name).map_err(fault)).transpose()
}

/// Whether a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "bool")]
pub enum DryRun {
    /// It is.
    #[default]
    No,
    /// It is not, and what it would do is said.
    Yes,
}

impl Request {
    /// What of it is kept, if it is.
    pub fn post(self) -> Result<Post, Self> {
        match self {
            Self::Chat(message) => Ok(Post::Chat(message)),
            Self::Task(task) => Ok(Post::Task(task)),
            Self::Command(command) => Ok(Post::Command(command)),
            Self::Handoff(handoff) => Ok(Post::Handoff(handoff)),
            other => Err(other),
        }
    }
}

impl From<bool> for DryRun {
    fn from(is_dry: bool) -> Self {
        if is_dry { Self::Yes } else { Self::No }
    }
}

/// Whether a change is only put forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "bool")]
pub enum Suggest {
    /// It is not.
    #[default]
    No,
    /// It is, and not made.
    Yes,
}

impl From<bool> for Suggest {
    fn from(is_suggestion: bool) -> Self {
        if is_suggestion { Self::Yes } else { Self::No }
    }
}

/// A suggestion that somebody decides on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The id of its `suggestion.made`.
    #[schema(example = "17")]
    pub id: String,
}

impl Decide {
    /// Which one.
    pub fn read(&self) -> Result<EventSeq, Fault> {
        let fault = || Fault::new("invalid_message", "This is no event's id.").at("/id").expected("a number as text");
        self.id.parse().map(EventSeq).ok().filter(|seq| *seq <= EventSeq::MAX).ok_or_else(fault)
    }
}

/// What of the document's changes a client hears.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Subscription {
    /// Only of what is at or below these JSON pointers; nothing: of everything. At most 32.
    #[serde(default)]
    #[schema(example = json!(["/items", "/notes"]))]
    pub pointers: Vec<String>,
    /// At most once in so many milliseconds, 250 at least; 0: not at all. Without it, as often as by default.
    #[serde(default)]
    #[schema(example = 1000)]
    pub interval_ms: Option<u64>,
    /// Say what is there of each pointer, before and after.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub values: Values,
}

/// Whether `doc.changed` says values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(from = "bool")]
pub enum Values {
    /// It names pointers alone.
    #[default]
    Untold,
    /// It says what is there, too.
    Told,
}

impl From<bool> for Values {
    fn from(are_told: bool) -> Self {
        if are_told { Self::Told } else { Self::Untold }
    }
}

/// A newer token.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The token.
    pub token: String,
}

/// A text frame of a client.
#[derive(Debug, PartialEq)]
pub struct Said {
    /// Comes back in the answer.
    pub reference: Option<String>,
    /// What kind of thing it is to be: how long it may be depends on that.
    pub kind: Option<String>,
    /// What is said; or what is wrong with it.
    pub request: Result<Request, Fault>,
}

#[derive(Deserialize)]
struct Frame<'a> {
    #[serde(default)]
    v: Option<u64>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "ref", default)]
    reference: Option<String>,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Reads a frame.
pub fn read(text: &str) -> Said {
    let frame: Frame<'_> = match serde_json::from_str(text) {
        Ok(frame) => frame,
        Err(error) => {
            let fault = Fault::new("invalid_message", format!("The frame cannot be read: {error}."));
            let fault = fault.expected(r#"{"type": "…", "ref": "…", "data": {…}}"#);
            return Said {
                reference: None,
                kind: None,
                request: Err(fault.hint("Send one JSON object a text frame.")),
            };
        }
    };
    let (reference, too_long) = match frame.reference {
        Some(reference) if reference.chars().count() > REFERENCE_MAX => (None, true),
        reference => (reference, false),
    };
    if too_long {
        let fault = Fault::new("invalid_message", "The reference is too long.").at("/ref");
        let request = Err(fault.expected(format!("at most {REFERENCE_MAX} characters")));
        return Said { reference, kind: Some(frame.kind), request };
    }
    Said { reference, request: request(frame.v, &frame.kind, frame.data), kind: Some(frame.kind) }
}

fn request(version: Option<u64>, kind: &str, data: Option<&RawValue>) -> Result<Request, Fault> {
    if let Some(version) = version.filter(|version| *version != u64::from(super::VERSION)) {
        let fault = Fault::new("invalid_message", "The envelope is of another version.");
        return Err(fault.at("/v").expected(super::VERSION.to_string()).received(version.to_string()));
    }
    match kind {
        "doc.read" => read_data(data).map(Request::Read),
        PATCH => read_data(data).map(Request::Patch),
        "comment.add" => read_data(data).map(Request::AddComment),
        "comment.edit" => read_data(data).map(Request::EditComment),
        "comment.resolve" => read_data(data).map(Request::ResolveComment),
        "doc.undo" => read_data(data).map(Request::Undo),
        "suggestion.accept" => read_data(data).map(Request::Accept),
        "suggestion.reject" => read_data(data).map(Request::Reject),
        "doc.subscribe" => read_data(data).map(Request::Subscribe),
        "presence.changed" => {
            let attention: Box<Attention> = read_data(data)?;
            attention.check().map_err(|fault| fault.below("/data"))?;
            Ok(Request::Presence(attention))
        }
        "agent.status" => {
            let status: Box<AgentStatus> = read_data(data)?;
            status.check().map_err(|fault| fault.below("/data"))?;
            Ok(Request::Status(status))
        }
        CHAT_MESSAGE => read_data(data).map(Request::Chat),
        AGENT_TASK => read_data(data).map(Request::Task),
        AGENT_COMMAND => read_data(data).map(Request::Command),
        AGENT_HANDOFF => read_data(data).map(Request::Handoff),
        "agent.output" => {
            let output: AgentOutput = read_data(data)?;
            output.check().map_err(|fault| fault.below("/data"))?;
            Ok(Request::Output(output))
        }
        "auth.refresh" => read_data(data).map(Request::Refresh),
        "ping" => Ok(Request::Ping),
        _ => {
            let fault = Fault::new("unknown_type", "There is no such event, or clients do not send it.");
            let received: String = kind.chars().take(REFERENCE_MAX).collect();
            Err(fault.at("/type").expected(format!("one of {}", TYPES.join(", "))).received(received))
        }
    }
}

fn read_data<T: DeserializeOwned>(data: Option<&RawValue>) -> Result<T, Fault> {
    let data = data.map_or("{}", RawValue::get);
    let mut reader = serde_json::Deserializer::from_str(data);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let field = if path == "." { "/data".to_owned() } else { format!("/data/{}", path.replace('.', "/")) };
        let message = error.into_inner().to_string();
        let fault = Fault::new("invalid_message", format!("A field is wrong: {message}."));
        fault.at(field).hint("The fields of every event are at /v1/schema and in docs/events.md.")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::status::AgentState;
    use super::*;

    fn fault(text: &str) -> Fault {
        read(text).request.expect_err(text)
    }

    #[test]
    fn requests_are_read_with_their_reference() {
        let said = read(r#"{"v":1,"type":"agent.status","ref":"7","data":{"state":"thinking","progress":0.5}}"#);
        assert_eq!(said.reference.as_deref(), Some("7"));
        let Ok(Request::Status(status)) = said.request else { panic!("{said:?}") };
        assert_eq!((status.state, status.progress), (AgentState::Thinking, Some(0.5)));
        assert_eq!(read(r#"{"type":"doc.read"}"#).request, Ok(Request::Read(Read::default())));
        assert_eq!(read(r#"{"type":"ping","data":{"anything":1}}"#).request, Ok(Request::Ping));
    }

    #[test]
    fn what_is_wrong_is_named() {
        assert_eq!(fault("[").content().code, "invalid_message");
        assert_eq!(fault(r#"{"type":"chat"}"#).content().code, "unknown_type");
        assert_eq!(fault(r#"{"v":2,"type":"ping"}"#).content().field.as_deref(), Some("/v"));
        let status = r#"{"type":"agent.status","data":{"state":"thinking","metrics":{"tokens_in":-1}}}"#;
        assert_eq!(fault(status).content().field.as_deref(), Some("/data/metrics/tokens_in"));
        assert_eq!(fault(r#"{"type":"doc.patch","data":{}}"#).content().field.as_deref(), Some("/data"));
    }

    #[test]
    fn every_type_that_is_listed_is_read() {
        for kind in TYPES {
            let said = read(&format!(r#"{{"type":"{kind}"}}"#));
            assert!(said.request.map_or_else(|fault| fault.content().code != "unknown_type", |_| true), "{kind}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in r#"[\[\]{}":,a-z0-9.\\ ]{0,80}"#, kind in 0usize..TYPES.len(), data in "[\\[\\]{}\":,a-z0-9.]{0,40}") {
            read(&text);
            read(&format!(r#"{{"type":"{}","data":{data}}}"#, TYPES[kind]));
        }
    }
}

//! The events of a trip room as JSON: the one definition of their names and fields. `Room` and the session of JSON sockets
//! make them; the schema at `/v1/schema` is made of them. `request` is what clients say, `post` what of it is kept,
//! `status` what agents say of themselves, `edits` what they change or would.
//! An event says what has happened and never what to draw; it must never hold a token.

pub mod attention;
pub mod document;
pub mod edits;
mod fault;
pub mod post;
pub mod request;
pub mod standing;
pub mod status;

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::id::RoomId;
use super::kept::{EventKind, EventSeq};
use super::principal::{Principal, PrincipalId};
use attention::PresenceChanged;
use edits::{Conflict, Edited, SuggestionDecided, SuggestionMade, Undone};
use post::{AgentCommand, AgentHandoff, AgentTask, ChatMessage, Done};
use status::AgentStatus;

pub use document::{Added, Changed, CommentChanged, Content, Patched, Previewed, Saved, Warnings};
pub use edits::Difference;
pub use fault::{Fault, FaultContent};
pub use standing::{AgentNow, Closing, Expiry, Notice, Resync, RoleChanged, SocketLimits, Welcome};

/// The version of the envelope.
pub const VERSION: u8 = 1;
/// A word of each thing that clients may rely on, as `room.welcome` lists them.
pub const FEATURES: &[&str] = &[
    "doc.read",
    "doc.patch",
    "doc.undo",
    "suggestion.made",
    "doc.subscribe",
    "presence.changed",
    "agent.status",
    "agent.task",
    "agent.output",
    "agent.command",
    "agent.handoff",
    "chat.message",
    "trip.warning",
    "resume",
    "auth.refresh",
    "ping",
];

/// The names of the events that are kept.
pub const CHAT_MESSAGE: &str = "chat.message";
/// See there.
pub const AGENT_TASK: &str = "agent.task";
/// See there.
pub const AGENT_COMMAND: &str = "agent.command";
/// See there.
pub const AGENT_HANDOFF: &str = "agent.handoff";
/// See there.
pub const DOC_EDITED: &str = "doc.edited";
/// See there.
pub const DOC_UNDONE: &str = "doc.undone";
/// See there.
pub const SUGGESTION_MADE: &str = "suggestion.made";
/// See there.
pub const SUGGESTION_ACCEPTED: &str = "suggestion.accepted";
/// See there.
pub const SUGGESTION_REJECTED: &str = "suggestion.rejected";
/// See there.
pub const MEMBER_ROLE: &str = "member.role";
/// See there.
pub const TRIP_CONFLICT: &str = "trip.conflict";
/// What of this is kept is a timeline: everybody has heard it, and more, when it was so.
pub const AGENT_STATUS: &str = "agent.status";
/// Those that clients say.
pub const KEPT: [&str; 4] = [CHAT_MESSAGE, AGENT_TASK, AGENT_COMMAND, AGENT_HANDOFF];

/// What the server says.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(tag = "type", content = "data")]
pub enum Event {
    /// The first event: who the client is, who else is here, what there is and how much of it.
    #[serde(rename = "room.welcome")]
    Welcome(Box<Welcome>),
    /// The socket closes right behind this.
    #[serde(rename = "room.closing")]
    Closing(Closing),
    /// The client took too little of what it was sent, and events were left out: this is how things are now, and the document
    /// is to be read anew.
    #[serde(rename = "room.resync")]
    Resync(Box<Resync>),
    /// The token ends soon: send `auth.refresh` with a newer one.
    #[serde(rename = "auth.expiring")]
    AuthExpiring(Expiry),
    /// The newer token counts.
    #[serde(rename = "auth.refreshed")]
    AuthRefreshed(Expiry),
    /// Somebody has come: their first connection over any protocol and node.
    #[serde(rename = "member.joined")]
    MemberJoined(Party),
    /// Somebody is gone with their last connection.
    #[serde(rename = "member.left")]
    MemberLeft(Party),
    /// Somebody looks at something else than before, over any protocol and node. The latest of each counts.
    #[serde(rename = "presence.changed")]
    PresenceChanged(Box<PresenceChanged>),
    /// Somebody has another role, or is a member, or no more. Kept; to the client whose role it is it is said at once, too.
    #[serde(rename = "member.role")]
    MemberRole(RoleChanged),
    /// Something that everybody should know.
    #[serde(rename = "room.notice")]
    Notice(Notice),
    /// The latest that an agent says of itself. `from` says which.
    #[serde(rename = "agent.status")]
    AgentStatus(Box<AgentStatus>),
    /// Somebody said something. Kept.
    #[serde(rename = "chat.message")]
    ChatMessage(Box<ChatMessage>),
    /// How far a task of an agent is. Kept; the latest of each task counts.
    #[serde(rename = "agent.task")]
    AgentTask(Box<AgentTask>),
    /// Somebody tells an agent, or all of them, what to do. Kept.
    #[serde(rename = "agent.command")]
    AgentCommand(Box<AgentCommand>),
    /// An agent passed something on to another one. Kept.
    #[serde(rename = "agent.handoff")]
    AgentHandoff(Box<AgentHandoff>),
    /// A text that an agent is writing has grown.
    #[serde(rename = "agent.output")]
    AgentOutput(OutputTold),
    /// The answer to what is kept: it is durable.
    #[serde(rename = "ack")]
    Ack(Ack),
    /// Kept events that the client asked for are gone from the log.
    #[serde(rename = "room.gap")]
    Gap(Gap),
    /// The answer to `doc.read`.
    #[serde(rename = "doc.content")]
    Content(Content),
    /// What has changed in the document since the last of these.
    #[serde(rename = "doc.changed")]
    Changed(Changed),
    /// The answer to `doc.patch`: it is durable.
    #[serde(rename = "doc.patched")]
    Patched(Patched),
    /// All that was changed up to this version is durable.
    #[serde(rename = "doc.saved")]
    Saved(Saved),
    /// A comment is there, is another one, or is gone: also the answer to `comment.add`, `comment.edit` and `comment.resolve`
    /// when it is durable.
    #[serde(rename = "comment.changed")]
    CommentChanged(CommentChanged),
    /// The answer to `doc.patch` with `dry_run`: what would change, and nothing was.
    #[serde(rename = "doc.previewed")]
    Previewed(Previewed),
    /// The answer to `doc.patch`: nothing was changed, and why.
    #[serde(rename = "doc.rejected")]
    Rejected(Fault),
    /// An agent's patch has changed something. Kept.
    #[serde(rename = "doc.edited")]
    Edited(Edited),
    /// What an agent did was taken back: the answer to `doc.undo` when it is durable, and, kept, what everybody is told.
    #[serde(rename = "doc.undone")]
    Undone(Box<Undone>),
    /// Somebody puts a change forward; it is not made. Kept.
    #[serde(rename = "suggestion.made")]
    SuggestionMade(Box<SuggestionMade>),
    /// The change was made as it was put forward, by `from`. Kept.
    #[serde(rename = "suggestion.accepted")]
    SuggestionAccepted(SuggestionDecided),
    /// The change will not be made. Kept.
    #[serde(rename = "suggestion.rejected")]
    SuggestionRejected(SuggestionDecided),
    /// Two people have set one thing, neither knowing of the other, and one of the values is hidden. Kept. An ordinary edit
    /// settles it.
    #[serde(rename = "trip.conflict")]
    Conflict(Conflict),
    /// All that is odd about the trip now: the latest set, which replaces the one before it.
    #[serde(rename = "trip.warning")]
    Warnings(Warnings),
    /// The answer to what cannot be done. The socket stays.
    #[serde(rename = "error")]
    Error(Fault),
    /// The answer to `ping`.
    #[serde(rename = "pong")]
    Pong,
    /// Nothing else was said for a while.
    #[serde(rename = "heartbeat")]
    Heartbeat,
}

/// An event on its way: the form of every text frame that the server sends.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Envelope<'a> {
    /// The version of this form.
    #[schema(example = 1)]
    v: u8,
    /// The number of an event that is kept, as text: it rises by one in its room.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "17", pattern = "^[1-9][0-9]*$")]
    id: Option<&'a str>,
    #[serde(flatten)]
    event: &'a Event,
    /// The room; it may be missing in `room.closing`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "lisbon-2026")]
    room: Option<&'a str>,
    /// When, by the server's clock: RFC 3339, in UTC. Missing in `heartbeat` alone.
    #[schema(example = "2026-05-01T09:30:00.123Z")]
    at: Option<String>,
    /// Who said or did it; missing when it was the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a Party>,
    /// The `ref` of the request that this answers.
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    reference: Option<&'a str>,
}

/// A piece of a text that an agent is writing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutputTold {
    /// The text's id.
    pub message: String,
    /// The task that it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task: Option<String>,
    /// How long the text was before, in UTF-16 code units (`length` in JavaScript).
    pub offset: usize,
    /// What comes behind that.
    pub chunk: String,
    /// The text is whole: it comes as a `chat.message`, too, unless its agent is gone.
    #[schema(value_type = bool)]
    pub done: Done,
}

/// Something is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Ack {
    /// The event's id; of one that was sent before, that one's.
    #[schema(example = "17")]
    pub id: String,
    /// What its sender called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
}

/// Events that are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Gap {
    /// Those behind this one are missing,
    #[schema(example = "17")]
    pub after: String,
    /// up to this one, which is the first that there is, or will be.
    #[schema(example = "120")]
    pub next: String,
}

/// A person or an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Party {
    /// `user` or `agent`.
    #[schema(example = "agent", pattern = "^(user|agent)$")]
    kind: &'static str,
    /// The same everywhere: the `sub` of a token, `agent:` and a name, `guest:` and a random text.
    #[schema(example = "agent:planner")]
    pub id: String,
    /// What others read.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "Planner")]
    name: Option<String>,
    /// The person that an agent acts for.
    #[serde(skip_serializing_if = "Option::is_none")]
    on_behalf_of: Option<String>,
}

impl From<&Principal> for Party {
    fn from(principal: &Principal) -> Self {
        Self {
            kind: principal.id.kind().as_str(),
            id: principal.id.as_str().to_owned(),
            name: principal.name.as_deref().map(str::to_owned),
            on_behalf_of: principal.on_behalf_of.as_ref().map(|id| id.as_str().to_owned()),
        }
    }
}

impl From<&PrincipalId> for Party {
    fn from(id: &PrincipalId) -> Self {
        Self { kind: id.kind().as_str(), id: id.as_str().to_owned(), name: None, on_behalf_of: None }
    }
}

impl Event {
    /// Its name, as the log has it.
    ///
    /// # Panics
    /// For an event that is not kept.
    pub fn kind(&self) -> EventKind {
        let kind = match self {
            Self::ChatMessage(_) => CHAT_MESSAGE,
            Self::AgentTask(_) => AGENT_TASK,
            Self::AgentCommand(_) => AGENT_COMMAND,
            Self::AgentHandoff(_) => AGENT_HANDOFF,
            Self::Edited(_) => DOC_EDITED,
            Self::Undone(_) => DOC_UNDONE,
            Self::SuggestionMade(_) => SUGGESTION_MADE,
            Self::SuggestionAccepted(_) => SUGGESTION_ACCEPTED,
            Self::SuggestionRejected(_) => SUGGESTION_REJECTED,
            Self::MemberRole(_) => MEMBER_ROLE,
            Self::Conflict(_) => TRIP_CONFLICT,
            Self::AgentStatus(_) => AGENT_STATUS,
            _ => unreachable!("nothing else is kept"),
        };
        EventKind::parse(kind).expect("the name of an event is short")
    }

    /// The bytes of a text frame.
    pub fn encode(&self, room: Option<&RoomId>, at: Timestamp, from: Option<&Party>, reference: Option<&str>) -> Bytes {
        let room = room.map(RoomId::as_str);
        // The number is added when the log has given it: see `tell`.
        let envelope = Envelope { v: VERSION, id: None, event: self, room, at: Some(moment(at)), from, reference };
        serde_json::to_vec(&envelope).expect("an event has text keys alone").into()
    }
}

/// An event of the log as everybody hears it: with its number, and its room's name as it is now.
pub fn tell(body: &Bytes, room: &RoomId, seq: EventSeq) -> Bytes {
    let room = serde_json::to_string(room.as_str()).expect("a text is JSON");
    let mut told = format!("{{\"id\":\"{}\",\"room\":{room},", seq.0).into_bytes();
    told.extend_from_slice(body.strip_prefix(b"{").unwrap_or(body));
    told.into()
}

/// A time as events write it, to the millisecond.
pub fn moment(at: Timestamp) -> String {
    format!("{at:.3}")
}

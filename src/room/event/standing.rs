//! What a client is told of the room as a whole and of its own place there: how things are when it comes, when it missed
//! something, when its rights change, and why it has to go. It must never hold a token.

use serde::Serialize;
use utoipa::ToSchema;

use super::Party;
use super::status::AgentStatus;
use crate::room::input::Admission;
use crate::wire::close::CloseReason;

/// What a client is told first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Welcome {
    /// Who the client is.
    pub me: Party,
    /// Its role.
    #[schema(example = "editor")]
    pub role: &'static str,
    /// What it is treated as, which its credential says: `agent` or `person`.
    #[schema(example = "agent", pattern = "^(agent|person)$")]
    pub consumer: &'static str,
    /// Who is here now, over any protocol and node, the client included.
    pub members: Vec<Party>,
    /// What the agents that are here say of themselves.
    pub agents: Vec<AgentNow>,
    /// The document's version.
    #[schema(example = "7d9f4e0cbb1f3a52c7e1a0b9d4f6e801")]
    pub version: String,
    /// The kept events behind this one follow: say it (or the newest `id` since) as `?cursor=` when you come back.
    #[schema(example = "17")]
    pub cursor: String,
    /// What may be said on this socket.
    pub features: &'static [&'static str],
    /// How much.
    pub limits: SocketLimits,
    /// The server says something at least so often.
    #[schema(example = 15000)]
    pub heartbeat_ms: u64,
    /// When the token ends; null when it does not.
    pub expires_at: Option<String>,
    /// The region of the node that answers; null when it does not say.
    pub region: Option<String>,
    /// The server's version.
    #[schema(example = "0.1.0")]
    pub server_version: &'static str,
}

/// How things are after some events were left out.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Resync {
    /// The document's version.
    pub version: String,
    /// Who is here now.
    pub members: Vec<Party>,
    /// What the agents that are here say of themselves; others are offline.
    pub agents: Vec<AgentNow>,
}

/// How much a client may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct SocketLimits {
    /// Bytes of one event but `doc.patch`.
    pub event_bytes: usize,
    /// Bytes of a `doc.patch`.
    pub patch_bytes: usize,
    /// Operations of one.
    pub patch_operations: usize,
    /// Events a second, in the long run.
    pub events_per_second: u32,
    /// Requests that may be unanswered.
    pub requests: usize,
}

/// An agent and the latest that it said of itself.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct AgentNow {
    /// Which.
    pub agent: Party,
    /// What it said.
    pub status: AgentStatus,
}

/// Why the socket closes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Closing {
    /// The close code, from 4400 to 4499 when coming back is of no use.
    #[schema(example = 1012)]
    pub code: u16,
    /// A word for programs.
    #[schema(example = "restart")]
    pub reason: &'static str,
    /// A sentence for people.
    pub text: &'static str,
    /// When to come back at the earliest; null when coming back is of no use.
    pub reconnect_after_ms: Option<u64>,
}

/// When a token ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Expiry {
    /// RFC 3339; null when it does not end.
    pub expires_at: Option<String>,
}

/// Somebody has another role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleChanged {
    /// Whose it is.
    #[schema(example = "bob")]
    pub member: String,
    /// The role from now on; null: they are no member any more.
    #[schema(example = "viewer")]
    pub role: Option<&'static str>,
    /// The role before; null: they were no member.
    #[schema(example = "editor")]
    pub before: Option<&'static str>,
}

/// Something that everybody in the room should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Notice {
    /// How much it matters.
    pub level: NoticeLevel,
    /// A sentence for people.
    #[schema(example = "Changes cannot be saved at the moment, so none are taken.")]
    pub text: &'static str,
    /// Until when it holds, if that is known: RFC 3339.
    pub expires_at: Option<String>,
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoticeLevel {
    /// It is good to know.
    Info,
    /// It changes what can be done.
    Warning,
}

impl Notice {
    /// What there is to say when changes are taken no more, or again.
    pub fn of(admission: Admission) -> Self {
        let (level, text) = match admission {
            Admission::ReadOnly => (NoticeLevel::Warning, "Changes cannot be saved at the moment, so none are taken."),
            Admission::Open => (NoticeLevel::Info, "Changes are saved again."),
        };
        Self { level, text, expires_at: None }
    }
}

impl From<CloseReason> for Closing {
    fn from(reason: CloseReason) -> Self {
        let reconnect_after_ms = reason.come_back().then_some(1_000);
        Self { code: reason.code(), reason: reason.label(), text: reason.text(), reconnect_after_ms }
    }
}

//! What clients say that stays in the room's log: messages, tasks, commands, handoffs. Taken from JSON sockets and REST, given
//! to everybody as it came, with a number and its sender. It must never hold what the server knows better: who said it, and
//! when.

mod attachment;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{Event, Fault};
use crate::room::principal::PrincipalKind;

pub use attachment::Attachment;

/// The most bytes of a message's text, and of a streamed one.
pub const CHAT_BYTES_MAX: usize = 32 * 1024;
/// The most people that a message mentions.
pub const MENTIONS_MAX: usize = 50;
/// The most attachments of a message.
pub const ATTACHMENTS_MAX: usize = 20;
/// The most characters of an id, a name or a title.
pub const NAME_MAX: usize = 200;
/// The most characters of why something failed, or was handed over.
pub const REASON_MAX: usize = 500;
/// The most characters of an address.
const URL_MAX: usize = 2_000;

/// See the module.
#[derive(Debug, Clone, PartialEq)]
pub enum Post {
    /// Somebody says something to everybody.
    Chat(Box<ChatMessage>),
    /// An agent says how far one of its tasks is.
    Task(Box<AgentTask>),
    /// A person tells an agent, or all of them, what to do.
    Command(Box<AgentCommand>),
    /// An agent passes something on to another one.
    Handoff(Box<AgentHandoff>),
}

/// Who says a message, in the words of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// A person.
    User,
    /// An agent.
    Assistant,
    /// An agent, about what is going on.
    System,
}

/// Something said to everybody.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatMessage {
    /// The text, Markdown perhaps: at most 32 KiB.
    #[schema(example = "I found three hotels near the river.", min_length = 1)]
    pub text: String,
    /// People speak as `user`; agents as `assistant`, or as `system`. Filled in by the server when it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<ChatRole>,
    /// The `id` of the message that this answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "17", max_length = 200)]
    pub reply_to: Option<String>,
    /// The ids of those whom it concerns: at most 50.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(example = json!(["ada"]))]
    pub mentions: Vec<String>,
    /// What belongs to it: at most 20. The server keeps no files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// An id of the sender's own: the same one from the same sender is one message, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub client_id: Option<String>,
}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// It has not begun.
    Pending,
    /// It is under way. `in_progress` means the same.
    #[serde(alias = "in_progress")]
    Running,
    /// It is done.
    Completed,
    /// It came to nothing; `error` says why.
    Failed,
    /// It was given up.
    Cancelled,
}

/// What kind of work a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TaskKind {
    /// Something that was asked for.
    #[default]
    Task,
    /// The use of a tool on the way.
    Tool,
}

/// How urgent a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Whenever.
    Low,
    /// As usual.
    Normal,
    /// Before others.
    High,
    /// Now.
    Critical,
}

/// How far a task of an agent is: the latest of each `task` counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentTask {
    /// The task's id, the agent's own.
    #[schema(example = "find-hotels", min_length = 1, max_length = 200)]
    pub task: String,
    /// What kind of work it is.
    #[serde(default)]
    pub kind: TaskKind,
    /// What it is, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Find hotels near the river", max_length = 200)]
    pub title: Option<String>,
    /// How it is.
    pub state: TaskState,
    /// How far it is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.4, minimum = 0, maximum = 1)]
    pub progress: Option<f64>,
    /// How urgent it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// The task that it is a part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub parent: Option<String>,
    /// What it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args: Option<Value>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Why it failed: at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub error: Option<String>,
    /// An id of the sender's own: the same one from the same sender is one event, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub client_id: Option<String>,
}

/// What an agent is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Begin.
    Start,
    /// Stop for now.
    Pause,
    /// Go on.
    Resume,
    /// Stop for good.
    Cancel,
    /// Try what failed again.
    Retry,
}

/// A person's word to an agent. The agent's program does it; the server passes it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentCommand {
    /// The agent's id; without it all agents are meant, which takes an admin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "agent:planner", max_length = 255)]
    pub agent: Option<String>,
    /// What to do.
    pub action: Action,
    /// Which of its tasks; without it, all that it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub task: Option<String>,
    /// All else that the agent understands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// An id of the sender's own: the same one from the same sender is one event, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub client_id: Option<String>,
}

/// One agent passes something on to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentHandoff {
    /// The other agent's id.
    #[schema(example = "agent:booker", min_length = 1, max_length = 255)]
    pub to: String,
    /// The task that it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub task: Option<String>,
    /// Why: at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 500)]
    pub reason: Option<String>,
    /// What the other one has to know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// An id of the sender's own: the same one from the same sender is one event, however often it is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub client_id: Option<String>,
}

/// A piece of a text that an agent writes bit by bit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentOutput {
    /// The text's id, the agent's own.
    #[schema(example = "answer-1", min_length = 1, max_length = 200)]
    pub message: String,
    /// The task that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub task: Option<String>,
    /// How long the text is before this piece, in UTF-16 code units (`length` in JavaScript). With it, a piece that does not fit
    /// is refused (`output_gap`): one before it was lost. Without it, it comes behind whatever is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0)]
    pub offset: Option<usize>,
    /// What comes behind what was said before; 32 KiB in all.
    #[serde(default)]
    #[schema(example = "Near the river there ")]
    pub chunk: String,
    /// This was the last of it: the text becomes a `chat.message` with the text's id as `client_id`.
    #[serde(default)]
    #[schema(value_type = bool)]
    pub done: Done,
}

/// Whether a streamed text is whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "bool", into = "bool")]
pub enum Done {
    /// More comes.
    #[default]
    No,
    /// It is.
    Yes,
}

impl From<bool> for Done {
    fn from(is_done: bool) -> Self {
        if is_done { Self::Yes } else { Self::No }
    }
}

impl From<Done> for bool {
    fn from(done: Done) -> Self {
        done == Done::Yes
    }
}

impl Post {
    /// The id that its sender gave it.
    pub fn client_id(&self) -> Option<&str> {
        match self {
            Self::Chat(message) => message.client_id.as_deref(),
            Self::Task(task) => task.client_id.as_deref(),
            Self::Command(command) => command.client_id.as_deref(),
            Self::Handoff(handoff) => handoff.client_id.as_deref(),
        }
    }

    /// Whether it may be said by somebody of this kind; if not, what is wrong. Fills in what the server knows.
    pub fn check(&mut self, by: PrincipalKind) -> Result<(), Fault> {
        text("/client_id", self.client_id(), NAME_MAX)?;
        match self {
            Self::Chat(message) => message.check(by),
            Self::Task(task) => task.check(),
            Self::Command(command) => {
                command.agent.as_deref().map_or(Ok(()), |agent| name("/agent", agent))?;
                text("/task", command.task.as_deref(), NAME_MAX)
            }
            Self::Handoff(handoff) => {
                name("/to", &handoff.to)?;
                text("/task", handoff.task.as_deref(), NAME_MAX)?;
                text("/reason", handoff.reason.as_deref(), REASON_MAX)
            }
        }
    }

    /// As everybody hears it.
    pub fn into_event(self) -> Event {
        match self {
            Self::Chat(message) => Event::ChatMessage(message),
            Self::Task(task) => Event::AgentTask(task),
            Self::Command(command) => Event::AgentCommand(command),
            Self::Handoff(handoff) => Event::AgentHandoff(handoff),
        }
    }
}

impl ChatMessage {
    fn check(&mut self, by: PrincipalKind) -> Result<(), Fault> {
        let role = match (by, self.role) {
            (PrincipalKind::User, None | Some(ChatRole::User)) => ChatRole::User,
            (PrincipalKind::User, Some(_)) => {
                let fault = wrong("/role", "user, or nothing", "what agents speak as");
                return Err(fault.hint("Leave the role out: the server fills it in."));
            }
            (PrincipalKind::Agent, Some(ChatRole::System)) => ChatRole::System,
            (PrincipalKind::Agent, _) => ChatRole::Assistant,
        };
        self.role = Some(role);
        if self.text.is_empty() || self.text.len() > CHAT_BYTES_MAX {
            let expected = format!("1 to {CHAT_BYTES_MAX} bytes of text");
            let fault = wrong("/text", expected, format!("{} bytes", self.text.len()));
            return Err(fault.hint("Split a long text into several messages."));
        }
        text("/reply_to", self.reply_to.as_deref(), NAME_MAX)?;
        few("/mentions", self.mentions.len(), MENTIONS_MAX)?;
        few("/attachments", self.attachments.len(), ATTACHMENTS_MAX)?;
        for (at, mention) in self.mentions.iter().enumerate() {
            name(&format!("/mentions/{at}"), mention)?;
        }
        for (at, attachment) in self.attachments.iter().enumerate() {
            attachment.check().map_err(|fault| fault.below(&format!("/attachments/{at}")))?;
        }
        Ok(())
    }
}

impl AgentTask {
    fn check(&self) -> Result<(), Fault> {
        name("/task", &self.task)?;
        text("/title", self.title.as_deref(), NAME_MAX)?;
        text("/parent", self.parent.as_deref(), NAME_MAX)?;
        text("/error", self.error.as_deref(), REASON_MAX)?;
        match self.progress {
            Some(progress) if !(0.0..=1.0).contains(&progress) => {
                let fault = wrong("/progress", "a number from 0 to 1", progress.to_string());
                Err(fault.hint("It is a share, not a percentage: write 0.4 for 40 %."))
            }
            _ => Ok(()),
        }
    }
}

impl AgentOutput {
    /// Whether it may be said; if not, what is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        name("/message", &self.message)?;
        text("/task", self.task.as_deref(), NAME_MAX)
    }
}

fn name(field: &str, value: &str) -> Result<(), Fault> {
    if value.is_empty() {
        return Err(wrong(field, format!("1 to {NAME_MAX} characters"), "nothing"));
    }
    text(field, Some(value), NAME_MAX)
}

fn text(field: &str, value: Option<&str>, most: usize) -> Result<(), Fault> {
    let length = value.map_or(0, |value| value.chars().count());
    if length > most {
        let fault = wrong(field, format!("at most {most} characters"), format!("{length} characters"));
        return Err(fault.hint("Shorten it."));
    }
    Ok(())
}

fn few(field: &str, count: usize, most: usize) -> Result<(), Fault> {
    if count > most { Err(wrong(field, format!("at most {most}"), count.to_string())) } else { Ok(()) }
}

fn wrong(field: &str, expected: impl Into<String>, received: impl Into<String>) -> Fault {
    let fault = Fault::new("invalid_message", "A field of the event is wrong.");
    fault.at(field).expected(expected).received(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(json: &str) -> Post {
        Post::Chat(serde_json::from_str(json).expect("it is a message"))
    }

    fn task(json: &str) -> Post {
        Post::Task(serde_json::from_str(json).expect("it is a task"))
    }

    #[test]
    fn the_server_fills_in_who_speaks() {
        let mut post = chat(r#"{"text":"hello"}"#);
        for (by, role) in [(PrincipalKind::User, ChatRole::User), (PrincipalKind::Agent, ChatRole::Assistant)] {
            let mut post = post.clone();
            post.check(by).expect("it may be said");
            let Post::Chat(message) = post else { panic!("it was a message") };
            assert_eq!(message.role, Some(role));
        }
        let Post::Chat(message) = &mut post else { panic!("it was a message") };
        message.role = Some(ChatRole::Assistant);
        assert_eq!(
            post.check(PrincipalKind::User).expect_err("people are no assistants").content().field.as_deref(),
            Some("/role")
        );
    }

    fn file(url: &str) -> Post {
        chat(&serde_json::json!({"text": "x", "attachments": [{"id": "1", "name": "a", "url": url}]}).to_string())
    }

    #[test]
    fn files_are_where_browsers_fetch_them() {
        for url in ["https://files.example.com/abc?x=1#y", "HTTP://example.com", "http://[::1]:80/"] {
            assert_eq!(file(url).check(PrincipalKind::User), Ok(()), "{url}");
        }
    }

    #[test]
    fn what_may_not_be_said_is_named() {
        for (mut post, field) in [
            (chat(r#"{"text":""}"#), "/text"),
            (chat(&format!(r#"{{"text":"{}"}}"#, "x".repeat(CHAT_BYTES_MAX + 1))), "/text"),
            (chat(r#"{"text":"x","mentions":["a",""]}"#), "/mentions/1"),
            (chat(r#"{"text":"x","attachments":[{"id":"1","name":"","url":"u"}]}"#), "/attachments/0/name"),
            (file("javascript:alert(1)"), "/attachments/0/url"),
            (file("javascript://example.com/%0aalert(1)"), "/attachments/0/url"),
            (file("data:text/html,x"), "/attachments/0/url"),
            (file(" https://example.com"), "/attachments/0/url"),
            (file("https://example.com/a b"), "/attachments/0/url"),
            (file("https://"), "/attachments/0/url"),
            (file("/abc"), "/attachments/0/url"),
            (task(r#"{"task":"","state":"running"}"#), "/task"),
            (Post::Command(serde_json::from_str(r#"{"agent":"","action":"cancel"}"#).expect("a command")), "/agent"),
            (task(r#"{"task":"t","state":"running","progress":40}"#), "/progress"),
            (task(&format!(r#"{{"task":"t","state":"failed","error":"{}"}}"#, "x".repeat(501))), "/error"),
        ] {
            let fault = post.check(PrincipalKind::Agent).expect_err(field);
            assert_eq!(fault.content().field.as_deref(), Some(field));
        }
        assert!(
            matches!(task(r#"{"task":"t","state":"in_progress"}"#), Post::Task(task) if task.state == TaskState::Running)
        );
    }
}

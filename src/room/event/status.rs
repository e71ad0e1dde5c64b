//! What an agent says of itself. Taken from JSON sockets and REST, kept by `agents`, shown to everybody: over JSON as it is,
//! and to browsers as a presence state. It must never hold what the server knows better: who the agent is, and when.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Fault;

/// The most characters of a status' message.
pub const MESSAGE_MAX: usize = 1_000;
/// The most characters of an agent's type.
pub const AGENT_TYPE_MAX: usize = 50;
/// The most characters of every other text in a status.
pub const TEXT_MAX: usize = 200;

/// How an agent is. Any may follow on any; only the server says `offline`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// It has nothing to do.
    #[default]
    Idle,
    /// It gets ready.
    Initializing,
    /// It works.
    Active,
    /// It thinks.
    Thinking,
    /// It uses a tool.
    Executing,
    /// It waits for somebody or something.
    Waiting,
    /// It was told to pause.
    Paused,
    /// It cannot go on; `message` says why.
    Error,
    /// It is done with what it was to do.
    Completed,
    /// It is not here.
    Offline,
}

/// What an agent says of itself. What is not said is not known: a status replaces the one before it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentStatus {
    /// How it is.
    pub state: AgentState,
    /// How far it is, from 0 to 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = 0.4, minimum = 0, maximum = 1)]
    pub progress: Option<f64>,
    /// What it does, in a sentence for people: at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "Comparing 14 hotels near the river", max_length = 1000)]
    pub message: Option<String>,
    /// The id of its task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub task: Option<String>,
    /// The step of the task that it is at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub step: Option<String>,
    /// How many steps there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// When it will be done: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-05-01T09:31:00Z", max_length = 200)]
    pub eta: Option<String>,
    /// What kind of agent it is: at most 50 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "accommodation", max_length = 50)]
    pub agent_type: Option<String>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 200)]
    pub description: Option<String>,
    /// What it has used and done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metrics: Option<AgentMetrics>,
}

/// What an agent has used and done so far.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentMetrics {
    /// Tokens read by its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_in: Option<u64>,
    /// Tokens written by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_out: Option<u64>,
    /// Cores in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<f64>,
    /// Bytes of memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<u64>,
    /// Tasks that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_completed: Option<u64>,
    /// Tasks that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tasks_failed: Option<u64>,
}

impl AgentStatus {
    /// The status of an agent that is in this state and says no more.
    pub fn of(state: AgentState) -> Self {
        Self { state, ..Self::default() }
    }

    /// Whether an agent may say this of itself; if not, what is wrong.
    pub fn check(&self) -> Result<(), Fault> {
        if self.state == AgentState::Offline {
            let fault = wrong("/state", "a state that an agent can be in while it is here", "offline");
            return Err(fault.hint("Close the socket: the server says offline by itself."));
        }
        if let Some(progress) = self.progress
            && !(0.0..=1.0).contains(&progress)
        {
            let fault = wrong("/progress", "a number from 0 to 1", progress.to_string());
            return Err(fault.hint("It is a share, not a percentage: write 0.4 for 40 %."));
        }
        let texts = [
            ("/message", &self.message, MESSAGE_MAX),
            ("/task", &self.task, TEXT_MAX),
            ("/step", &self.step, TEXT_MAX),
            ("/eta", &self.eta, TEXT_MAX),
            ("/agent_type", &self.agent_type, AGENT_TYPE_MAX),
            ("/description", &self.description, TEXT_MAX),
        ];
        for (field, text, most) in texts {
            let length = text.as_ref().map_or(0, |text| text.chars().count());
            if length > most {
                let fault = wrong(field, format!("at most {most} characters"), format!("{length} characters"));
                return Err(fault.hint("Shorten it."));
            }
        }
        match &self.eta {
            Some(eta) if eta.parse::<jiff::Timestamp>().is_err() => {
                Err(wrong("/eta", "a time as RFC 3339 writes it", eta).hint("Write 2026-05-01T09:31:00Z."))
            }
            _ => Ok(()),
        }
    }
}

fn wrong(field: &str, expected: impl Into<String>, received: impl Into<String>) -> Fault {
    let fault = Fault::new("invalid_message", "A field of the status is wrong.");
    fault.at(field).expected(expected).received(received)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(), Fault> {
        serde_json::from_str::<AgentStatus>(json).expect("it is a status").check()
    }

    #[test]
    fn what_an_agent_may_not_say_is_named_with_what_to_do() {
        assert_eq!(check(r#"{"state":"thinking","progress":1,"eta":"2026-05-01T09:31:00Z"}"#), Ok(()));
        for (json, field) in [
            (r#"{"state":"offline"}"#.to_owned(), "/state"),
            (r#"{"state":"active","progress":40}"#.to_owned(), "/progress"),
            (r#"{"state":"active","eta":"soon"}"#.to_owned(), "/eta"),
            (format!(r#"{{"state":"active","message":"{}"}}"#, "x".repeat(1_001)), "/message"),
        ] {
            let fault = check(&json).expect_err(field);
            let content = fault.content();
            assert_eq!(content.field.as_deref(), Some(field));
            assert!(content.hint.is_some() && content.expected.is_some() && content.received.is_some());
        }
        assert!(serde_json::from_str::<AgentStatus>(r#"{"state":"active","mood":1}"#).is_err());
    }
}

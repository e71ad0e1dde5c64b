//! What agents change in a document, what of it is taken back, and what is only put forward, as events tell it. Made by `Room`.
//! It must never hold more than is told to everybody.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::room::patch::ValueChange;

/// What an agent's patch has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Edited {
    /// The run of the agent that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "plan-day-3")]
    pub run: Option<String>,
    /// What was done, in short: the names of the operations.
    #[schema(example = "item.add ×2, note.append")]
    pub summary: String,
    /// JSON pointers to what was changed, added or removed; at most 200.
    #[schema(example = json!(["/items/item-7k2m9qv4t1ab", "/notes"]))]
    pub pointers: Vec<String>,
    /// There are more than `pointers` can name.
    pub more: bool,
    /// Whether it is kept what was there before, so that `doc.undo` can take it back.
    pub undoable: bool,
}

/// What was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Undone {
    /// The document's version right after it.
    pub version: String,
    /// Whose changes.
    #[schema(example = "agent:planner")]
    pub agent: String,
    /// In which run; without it, those outside of any.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "plan-day-3")]
    pub run: Option<String>,
    /// How many patches there were to take back: none when it was done before.
    pub edits: usize,
    /// JSON pointers to what was set back; at most 200.
    #[schema(example = json!(["/items/item-7k2m9qv4t1ab"]))]
    pub undone: Vec<String>,
    /// What was not; at most 200.
    pub kept: Vec<NotUndone>,
    /// There are more of either.
    pub more: bool,
}

/// Something that is not taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotUndone {
    /// JSON pointer to it.
    #[schema(example = "/items/ab12/title")]
    pub pointer: String,
    /// Why: somebody has `changed` or `removed` it since; its id is `taken`; a text's `place_lost`; it is `too_much` at once;
    /// the patch was `too_large` to be kept.
    #[schema(example = "changed")]
    pub why: &'static str,
}

/// A value that would be another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Difference {
    /// JSON pointer to it.
    #[schema(example = "/items/ab12/day")]
    pub pointer: String,
    /// What is there, as JSON, the beginning of it if it is long; null when it would be new.
    pub before: Option<String>,
    /// What would be there; null when it would be removed.
    pub after: Option<String>,
}

/// A change that is put forward.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct SuggestionMade {
    /// The run of the agent that it is part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "plan-day-3")]
    pub run: Option<String>,
    /// What would be done, in short: the names of the operations.
    #[schema(example = "item.add ×2, note.append")]
    pub summary: String,
    /// The operations, as `doc.patch` takes them.
    #[schema(value_type = Vec<Object>)]
    pub operations: Value,
    /// Each value that would have been another one when it was put forward; at most a hundred.
    pub changes: Vec<Difference>,
    /// How many more there are.
    pub left_out: usize,
}

/// What became of a suggestion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SuggestionDecided {
    /// The id of its `suggestion.made`.
    #[schema(example = "17")]
    pub id: String,
    /// Who made it.
    #[schema(example = "agent:planner")]
    pub suggested_by: String,
}

/// Somebody set what somebody else had set, without knowing of it: one of the values hides the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Conflict {
    /// JSON pointer to it.
    #[schema(example = "/items/fado/start")]
    pub pointer: String,
    /// What is there.
    pub winner: Winner,
    /// What is not.
    pub losers: Vec<Loser>,
}

/// A value that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Winner {
    /// The id of who set it.
    #[schema(example = "ada")]
    pub by: String,
    /// As JSON, the beginning of it if it is long.
    pub value: String,
}

/// A value that is hidden.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Loser {
    /// The id of who set it.
    #[schema(example = "bob")]
    pub by: String,
    /// As JSON, the beginning of it if it is long.
    pub value: String,
    /// When it came: RFC 3339.
    pub at: String,
}

impl From<ValueChange> for Difference {
    fn from(ValueChange { pointer, before, after }: ValueChange) -> Self {
        let text = |value: Option<_>| value.map(|value: crate::room::patch::Excerpt| value.to_string());
        Self { pointer, before: text(before), after: text(after) }
    }
}

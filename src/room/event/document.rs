//! What a client is told of the document: what it reads, what has changed, what came of its patch, what is odd about the trip.
//! Values are JSON as the document's view has them. It must never hold more than its reader asked for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::edits::Difference;
use crate::room::patch::Patch;
use crate::room::trip::warnings::Warning;

/// A part of the document.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Content {
    /// The document's version.
    pub version: String,
    /// Where the part is, as it was asked for.
    #[schema(example = "/items")]
    pub pointer: String,
    /// The part.
    #[schema(value_type = serde_json::Value)]
    pub value: Box<RawValue>,
}

/// What has changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changed {
    /// The document's version now.
    pub version: String,
    /// JSON pointers to what is otherwise than before, in order.
    #[schema(example = json!(["/items/ab12/day", "/notes"]))]
    pub pointers: Vec<String>,
    /// There is more than `pointers` can name: read the document.
    pub more: bool,
    /// The ids of those who changed it, as far as this node knows.
    #[schema(example = json!(["ada", "agent:planner"]))]
    pub by: Vec<String>,
    /// For those who subscribed with `values`: what is there of each of `pointers`, before and now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changes: Option<Vec<Difference>>,
}

/// A version that is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Saved {
    /// The document's.
    pub version: String,
}

/// A comment as it is now.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CommentChanged {
    /// Its id.
    #[schema(example = "comment-7k2m9qv4t1ab")]
    pub id: String,
    /// The comment; null: it is gone.
    #[schema(value_type = Option<Object>)]
    pub comment: Option<Box<RawValue>>,
    /// The document's version, of which this is true.
    pub version: String,
}

/// What came of a patch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Patched {
    /// The document's version right after it.
    pub version: String,
    /// The ids of what was added, in the order of the operations.
    pub added: Vec<Added>,
}

/// Something that an operation has added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Added {
    /// The operation's place in the list, from 0.
    pub operation: usize,
    /// Its id.
    #[schema(example = "item-7k2m9qv4t1ab")]
    pub id: String,
}

impl Added {
    /// All that a patch adds.
    pub fn of(patch: &Patch) -> Vec<Self> {
        patch.added().map(|(operation, id)| Self { operation, id: id.to_owned() }).collect()
    }
}

/// What a patch would change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Previewed {
    /// The document's version, of which this is true.
    pub version: String,
    /// Each value that would be another one; at most a hundred.
    pub changes: Vec<Difference>,
    /// How many more there are.
    pub left_out: usize,
    /// What would be odd about the trip then, and is not now.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Vec<Warning>,
}

/// What is odd about the trip.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Warnings {
    /// The document's version, of which this is true.
    pub version: String,
    /// All of it, the most severe first: each with `code`, `severity`, `pointers`, `text` and `suggestion`.
    #[schema(value_type = Vec<Object>)]
    pub warnings: Vec<Warning>,
}

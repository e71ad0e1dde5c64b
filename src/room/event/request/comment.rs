//! What clients say of comments: each is an operation of a patch by itself, for those who may write nothing else.
//! It must never hold who says it, nor when: the server knows.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

/// A new comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddComment {
    /// What it says.
    #[schema(example = "Is the tram running on Sunday?")]
    pub text: String,
    /// Its id; without it, one is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// A JSON pointer to what it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "/items/tram")]
    pub anchor: Option<String>,
    /// The comment that it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The ids of those whom it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mentions: Option<Vec<String>>,
}

/// Another text of one's own comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditComment {
    /// Which.
    pub id: String,
    /// What it says from now on.
    pub text: String,
}

/// Whether a comment is settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResolveComment {
    /// Which.
    pub id: String,
    /// It is, unless this is false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resolved: Option<bool>,
}

impl super::Request {
    /// The list of operations that something said of a comment comes to, and the comment's id if it says it.
    pub fn comment(&self) -> Option<(Value, Option<&str>)> {
        let operation = |name: &str, members: Result<Value, _>| {
            let mut operation: Value = members.unwrap_or_else(|_: serde_json::Error| unreachable!("it holds texts"));
            operation["op"] = name.into();
            json!([operation])
        };
        Some(match self {
            Self::AddComment(add) => (operation("comment.add", serde_json::to_value(add)), add.id.as_deref()),
            Self::EditComment(edit) => (operation("comment.edit", serde_json::to_value(edit)), Some(&edit.id)),
            Self::ResolveComment(one) => (operation("comment.resolve", serde_json::to_value(one)), Some(&one.id)),
            _ => return None,
        })
    }
}

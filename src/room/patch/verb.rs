//! What agents do all day, as operations of their own: each is turned into operations of JSON Patch when its turn in a
//! list comes, on the document as it then is. So checks, roles, limits and errors are those of any patch, and nothing in
//! here writes. Read by `Patch::parse_operations`, turned into steps by `plan`.

mod context;
mod order;
#[cfg(test)]
mod properties;
mod rank;
mod read;
mod steps;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use jiff::civil::Date;
use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

use super::error::{Fault, PatchCode};
use crate::room::json::excerpt;
use crate::room::principal::PrincipalId;

pub use context::Context;
pub(super) use read::usage;

/// So many ids are named when one is unknown.
const IDS_NAMED: usize = 8;
/// So many ids are compared with one that is unknown, if none has more bytes than this.
const IDS_COMPARED: (usize, usize) = (250, 64);
/// How much two ids must have in common, from 0 to 1, for one to be a slip of the other.
const NEARNESS: f32 = 0.6;

/// How a verb is written.
#[derive(Debug, PartialEq, Eq)]
pub struct Usage {
    /// Its `op`.
    pub name: &'static str,
    /// Its members beside `op`.
    pub members: &'static [&'static str],
    /// One operation, as an example.
    pub example: &'static str,
}

/// Every verb there is.
pub static VERBS: [Usage; 10] = [
    Usage {
        name: "item.add",
        members: &["id", "item", "before", "after"],
        example: r#"{"op":"item.add","item":{"kind":"meal","title":"Pastéis","day":"2026-05-02"},"after":"item-7z0k2m4x9q1c"}"#,
    },
    Usage {
        name: "item.move",
        members: &["id", "day", "before", "after"],
        example: r#"{"op":"item.move","id":"item-7z0k2m4x9q1c","day":"2026-05-03"}"#,
    },
    Usage {
        name: "item.update",
        members: &["id", "item"],
        example: r#"{"op":"item.update","id":"item-7z0k2m4x9q1c","item":{"title":"Fado","price":"35.00","url":null}}"#,
    },
    Usage { name: "item.remove", members: &["id"], example: r#"{"op":"item.remove","id":"item-7z0k2m4x9q1c"}"# },
    Usage { name: "note.append", members: &["text"], example: r#"{"op":"note.append","text":"Bring water."}"# },
    Usage {
        name: "comment.add",
        members: &["id", "text", "anchor", "parent", "mentions"],
        example: r#"{"op":"comment.add","text":"Closed on Mondays.","anchor":"/items/item-7z0k2m4x9q1c"}"#,
    },
    Usage {
        name: "comment.edit",
        members: &["id", "text"],
        example: r#"{"op":"comment.edit","id":"comment-3h8w5n0v6t2r","text":"Closed on Tuesdays."}"#,
    },
    Usage {
        name: "comment.resolve",
        members: &["id", "resolved"],
        example: r#"{"op":"comment.resolve","id":"comment-3h8w5n0v6t2r"}"#,
    },
    Usage {
        name: "budget.set",
        members: &["category", "planned", "spent", "total"],
        example: r#"{"op":"budget.set","category":"food","planned":"300.00"}"#,
    },
    Usage {
        name: "trip.update",
        members: &["trip"],
        example: r#"{"op":"trip.update","trip":{"title":"Lisbon and Porto","end_date":"2026-05-09"}}"#,
    },
];

/// One verb, well-formed, with the ids, names and times that the server gives. Objects are JSON Merge Patches (RFC 7396)
/// where something is changed: what is null in them is removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verb {
    AddItem { id: String, item: Map<String, Value>, place: Place },
    MoveItem { id: String, place: Place },
    UpdateItem { id: String, changes: Value },
    RemoveItem { id: String },
    AppendNote { text: String },
    AddComment { id: String, comment: Map<String, Value>, parent: Option<String> },
    EditComment { id: String, text: String, by: PrincipalId, at: Timestamp },
    ResolveComment { id: String, state: Resolution },
    SetBudget { changes: Value },
    UpdateTrip { changes: Value },
}

/// Where an item goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    day: Day,
    spot: Spot,
}

/// On which day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Day {
    On(Date),
    Unplanned,
    /// That of the neighbour, or the one on which it is.
    Unsaid,
}

/// Where in the day.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Spot {
    Before(String),
    After(String),
    End,
}

impl Spot {
    fn neighbour(&self) -> Option<&str> {
        match self {
            Self::Before(id) | Self::After(id) => Some(id),
            Self::End => None,
        }
    }
}

/// What becomes of a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolution {
    ResolvedBy(PrincipalId),
    Open,
}

impl Verb {
    /// Its `op`.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::AddItem { .. } => "item.add",
            Self::MoveItem { .. } => "item.move",
            Self::UpdateItem { .. } => "item.update",
            Self::RemoveItem { .. } => "item.remove",
            Self::AppendNote { .. } => "note.append",
            Self::AddComment { .. } => "comment.add",
            Self::EditComment { .. } => "comment.edit",
            Self::ResolveComment { .. } => "comment.resolve",
            Self::SetBudget { .. } => "budget.set",
            Self::UpdateTrip { .. } => "trip.update",
        }
    }

    /// The place that it writes. Beside it, at most ranks of other items.
    pub(super) fn written(&self) -> PointerBuf {
        match self {
            Self::AddItem { id, .. }
            | Self::MoveItem { id, .. }
            | Self::UpdateItem { id, .. }
            | Self::RemoveItem { id } => pointer(["items", id]),
            Self::AddComment { id, .. } | Self::EditComment { id, .. } | Self::ResolveComment { id, .. } => {
                pointer(["comments", id])
            }
            Self::AppendNote { .. } => pointer(["notes"]),
            Self::SetBudget { .. } => pointer(["budget"]),
            Self::UpdateTrip { .. } => pointer(["trip"]),
        }
    }

    /// The other place that must be known to do it.
    pub(super) fn consulted(&self) -> Option<PointerBuf> {
        match self {
            Self::AddItem { .. } | Self::MoveItem { .. } => Some(pointer(["items"])),
            Self::AddComment { parent, .. } => parent.as_ref().map(|parent| pointer(["comments", parent])),
            _ => None,
        }
    }

    /// The id of what it adds.
    pub(super) fn added(&self) -> Option<&str> {
        match self {
            Self::AddItem { id, .. } | Self::AddComment { id, .. } => Some(id),
            _ => None,
        }
    }
}

fn pointer<'t>(tokens: impl IntoIterator<Item = &'t str>) -> PointerBuf {
    PointerBuf::from_tokens(tokens)
}

/// There is nothing under an id. Names ids that it may be a slip of, or some that there are.
fn unknown(root: &str, id: &str, entries: Option<&Map<String, Value>>) -> Fault {
    let (most, longest) = IDS_COMPARED;
    let ids =
        || entries.into_iter().flat_map(Map::keys).map(String::as_str).filter(|id| id.len() <= longest).take(most);
    let mut near = Vec::new();
    if id.len() <= longest {
        near = similar::get_close_matches(id, &ids().collect::<Vec<_>>(), IDS_NAMED, NEARNESS);
    }
    let (words, named) =
        if near.is_empty() { ("There are", ids().take(IDS_NAMED).collect()) } else { ("Near it are", near) };
    let named: Vec<String> = named.into_iter().map(|id| excerpt(&id.into())).collect();
    let named = if named.is_empty() { "There are none.".to_owned() } else { format!("{words} {}.", named.join(", ")) };
    Fault::new(PatchCode::NotFound, &pointer([root, id]))
        .expected(format!("an id of /{root}"))
        .received(excerpt(&id.into()))
        .hint(format!("{named} The keys of /{root} in the document are all the ids."))
}

//! What a verb comes to on the document as it is: operations of JSON Patch. Called by `plan`, which does them. Pure; it
//! must leave every check to what is checked in any patch, but for what makes no sense of a verb alone.

use jiff::Timestamp;
use jiff::civil::Date;
use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, RemoveOperation};
use serde_json::{Map, Value};

use super::order::{self, Placed, day_of};
use super::{Place, Resolution, Verb, pointer, unknown};
use crate::room::json::excerpt;
use crate::room::patch::error::{Fault, PatchCode};
use crate::room::principal::PrincipalId;
use crate::room::trip;

impl Verb {
    /// The operations that it comes to. `root` is the object of roots as it is after the operations before.
    pub(in crate::room::patch) fn steps(&self, root: &Value) -> Result<Vec<PatchOperation>, Fault> {
        let items = || entries(root, "items");
        let comments = || entries(root, "comments");
        match self {
            Self::AddItem { id, item, place } => add_item(items(), id, item, place),
            Self::MoveItem { id, place } => move_item(items(), id, place),
            Self::UpdateItem { id, changes } => {
                let item = known("items", id, items())?.clone();
                Ok(vec![merged(pointer(["items", id]), item, changes)])
            }
            Self::RemoveItem { id } => {
                items().and_then(|items| items.get(id)).ok_or_else(|| unknown("items", id, items()))?;
                Ok(vec![remove(pointer(["items", id]))])
            }
            Self::AppendNote { text } => {
                let notes = root.get("notes").and_then(Value::as_str).unwrap_or_default();
                let line = if notes.is_empty() || notes.ends_with('\n') { "" } else { "\n" };
                Ok(vec![add(pointer(["notes"]), format!("{notes}{line}{text}"))])
            }
            Self::AddComment { id, comment, parent } => {
                let parent = parent.as_ref().map(|parent| known("comments", parent, comments()));
                parent.transpose()?;
                must_be_new("comments", id, comments())?;
                Ok(vec![add(pointer(["comments", id]), comment.clone())])
            }
            Self::EditComment { id, text, by, at } => edit_comment(comments(), id, text, by, *at),
            Self::ResolveComment { id, state } => {
                let comment = known("comments", id, comments())?;
                let field = |field| pointer(["comments", id, field]);
                Ok(match state {
                    Resolution::ResolvedBy(by) => {
                        vec![add(field("resolved"), true), add(field("resolved_by"), by.as_str())]
                    }
                    Resolution::Open => {
                        let resolver = comment.get("resolved_by").map(|_| remove(field("resolved_by")));
                        [add(field("resolved"), false)].into_iter().chain(resolver).collect()
                    }
                })
            }
            Self::SetBudget { changes } => Ok(vec![merged(pointer(["budget"]), record(root, "budget"), changes)]),
            Self::UpdateTrip { changes } => Ok(vec![merged(pointer(["trip"]), record(root, "trip"), changes)]),
        }
    }

    /// About how many bytes are looked at to find that out, beyond what the steps write.
    pub(in crate::room::patch) fn walk(&self, root: &Value) -> usize {
        match self {
            Self::AddItem { .. } | Self::MoveItem { .. } => entries(root, "items").map_or(0, order::walk),
            _ => 0,
        }
    }
}

/// A time as comments hold it.
pub(super) fn time(at: Timestamp) -> Value {
    format!("{at:.3}").into()
}

fn add_item(
    items: Option<&Map<String, Value>>,
    id: &str,
    item: &Map<String, Value>,
    place: &Place,
) -> Result<Vec<PatchOperation>, Fault> {
    must_be_new("items", id, items)?;
    let placed = order::find(items.unwrap_or(&Map::new()), id, place, None)?;
    let mut item = item.clone();
    item.insert("day".to_owned(), day_value(placed.day));
    item.insert("rank".to_owned(), placed.rank.as_str().into());
    let others = placed.others.iter().map(|(id, rank)| add(pointer(["items", id, "rank"]), rank.as_str()));
    Ok([add(pointer(["items", id]), item)].into_iter().chain(others).collect())
}

/// Moves an item; its times go with it to another day, as they do on the page.
fn move_item(items: Option<&Map<String, Value>>, id: &str, place: &Place) -> Result<Vec<PatchOperation>, Fault> {
    let item = known("items", id, items)?;
    let from = day_of(item);
    let Placed { day, rank, mut others } = order::find(items.unwrap_or(&Map::new()), id, place, from)?;
    others.push((id.to_owned(), rank));
    let ranks = others.iter().map(|(id, rank)| add(pointer(["items", id, "rank"]), rank.as_str()));
    let mut steps: Vec<PatchOperation> = ranks.collect();
    if day == from {
        return Ok(steps);
    }
    steps.push(add(pointer(["items", id, "day"]), day_value(day)));
    let start = item.get("start").and_then(date_of_time);
    for field in ["start", "end"] {
        let moved = day.zip(item.get(field)).and_then(|(day, time)| on_day(time, from.or(start), day));
        steps.extend(moved.map(|moved| add(pointer(["items", id, field]), moved)));
    }
    Ok(steps)
}

fn edit_comment(
    comments: Option<&Map<String, Value>>,
    id: &str,
    text: &str,
    by: &PrincipalId,
    at: Timestamp,
) -> Result<Vec<PatchOperation>, Fault> {
    let author = known("comments", id, comments)?.get("by").unwrap_or(&Value::Null);
    if author != by.as_str() {
        return Err(Fault::new(PatchCode::NotAllowed, &pointer(["comments", id, "by"]))
            .expected(format!("a comment by {by}"))
            .received(format!("one by {}", excerpt(author)))
            .hint("Only its author edits a comment; answer it with comment.add and its id as \"parent\"."));
    }
    let field = |field| pointer(["comments", id, field]);
    Ok(vec![add(field("text"), text), add(field("edited_at"), time(at))])
}

fn entries<'r>(root: &'r Value, name: &str) -> Option<&'r Map<String, Value>> {
    root.get(name).and_then(Value::as_object)
}

fn record(root: &Value, name: &str) -> Value {
    root.get(name).cloned().unwrap_or_default()
}

/// What is under an id.
fn known<'r>(root: &str, id: &str, entries: Option<&'r Map<String, Value>>) -> Result<&'r Value, Fault> {
    entries
        .and_then(|entries| entries.get(id))
        .filter(|entry| entry.is_object())
        .ok_or_else(|| unknown(root, id, entries))
}

fn must_be_new(root: &str, id: &str, entries: Option<&Map<String, Value>>) -> Result<(), Fault> {
    let Some(there) = entries.and_then(|entries| entries.get(id)) else { return Ok(()) };
    let place = pointer([root, id]);
    Err(Fault::new(PatchCode::AlreadyExists, &place)
        .expected("an id that is not taken")
        .received(excerpt(&id.into()))
        .hint("Leave out \"id\", and one is made; or change what is there.")
        .current(&place, there))
}

fn day_value(day: Option<Date>) -> Value {
    day.map_or(Value::Null, |day| day.to_string().into())
}

/// The day in a time as it is written, whatever its zone.
fn date_of_time(time: &Value) -> Option<Date> {
    time.as_str()?.get(..10).and_then(trip::date)
}

/// The same clock time on another day, as many nights after it as it was after the day `from`.
fn on_day(time: &Value, from: Option<Date>, to: Date) -> Option<Value> {
    let (text, date) = (time.as_str()?, date_of_time(time)?);
    let nights = from.unwrap_or(date).until(date).ok()?;
    let moved = to.checked_add(nights).ok()?;
    Some(format!("{moved}{}", &text[10..]).into())
}

/// Sets a place to what a JSON Merge Patch makes of its value.
fn merged(place: PointerBuf, mut value: Value, changes: &Value) -> PatchOperation {
    json_patch::merge(&mut value, changes);
    add(place, value)
}

fn add(path: PointerBuf, value: impl Into<Value>) -> PatchOperation {
    PatchOperation::Add(AddOperation { path, value: value.into() })
}

fn remove(path: PointerBuf) -> PatchOperation {
    PatchOperation::Remove(RemoveOperation { path })
}

//! The order of items inside a day, as the planner page shows it: by rank, and by id where ranks are equal. Finds where an
//! item goes that is put somewhere. Called by `steps`. Pure. Ranks may be anything, because clients write them: where two
//! leave no room between them, the whole day is ranked anew.

use std::borrow::Cow;

use jiff::civil::Date;
use serde_json::{Map, Value};

use super::rank::Rank;
use super::{Day, Place, Spot, unknown};
use crate::room::json::excerpt;
use crate::room::patch::error::{Fault, PatchCode};
use crate::room::trip;

/// Where an item goes.
#[derive(Debug)]
pub(super) struct Placed {
    /// Its day; nothing when it is not planned.
    pub(super) day: Option<Date>,
    /// Its rank.
    pub(super) rank: Rank,
    /// Other items of the day that get another rank, by their ids.
    pub(super) others: Vec<(String, Rank)>,
}

/// Finds the place for the item `moving`, which may be among `items` or not. It goes to the day `otherwise` when neither
/// a day nor a neighbour is named.
pub(super) fn find(
    items: &Map<String, Value>,
    moving: &str,
    place: &Place,
    otherwise: Option<Date>,
) -> Result<Placed, Fault> {
    let neighbour = place.spot.neighbour().map(|id| neighbour(items, moving, id)).transpose()?;
    let day = match (place.day, neighbour) {
        (Day::On(day), _) => Some(day),
        (Day::Unplanned, _) => None,
        (Day::Unsaid, Some((_, item))) => day_of(item),
        (Day::Unsaid, None) => otherwise,
    };
    if let Some((id, item)) = neighbour
        && day_of(item) != day
    {
        return Err(elsewhere(id, item, day));
    }
    let others: Vec<Entry<'_>> = items
        .iter()
        .filter(|(id, item)| *id != moving && item.is_object() && day_of(item) == day)
        .map(|(id, item)| Entry::new(id, item))
        .collect();
    let named = neighbour.map(|(id, item)| Entry::new(id, item));
    let (before, after) = match (&place.spot, &named) {
        (Spot::Before(_), Some(named)) => (others.iter().filter(|other| *other < named).max(), Some(named)),
        (Spot::After(_), Some(named)) => (Some(named), others.iter().filter(|other| *other > named).min()),
        _ => (others.iter().max(), None),
    };
    if let Some(rank) = between(moving, before, after) {
        return Ok(Placed { day, rank, others: Vec::new() });
    }
    let at = others.iter().filter(|other| before.is_some_and(|before| *other <= before)).count();
    Ok(ranked_anew(day, others, at))
}

/// The day that an item is on; nothing when it is on none.
pub(super) fn day_of(item: &Value) -> Option<Date> {
    item.get("day").and_then(Value::as_str).and_then(trip::date)
}

/// About how many bytes are looked at to find a place among `items`.
pub(super) fn walk(items: &Map<String, Value>) -> usize {
    items.iter().map(|(id, item)| size_of::<Entry<'_>>() + id.len() + rank_of(item).len()).sum()
}

/// An item in the order of its day.
#[derive(Debug, PartialEq, Eq)]
struct Entry<'i> {
    rank: Cow<'i, str>,
    id: &'i str,
}

impl<'i> Entry<'i> {
    fn new(id: &'i str, item: &'i Value) -> Self {
        Self { rank: rank_of(item), id }
    }
}

impl Ord for Entry<'_> {
    /// As JavaScript compares texts.
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let by_rank = self.rank.encode_utf16().cmp(other.rank.encode_utf16());
        by_rank.then_with(|| self.id.encode_utf16().cmp(other.id.encode_utf16()))
    }
}

impl PartialOrd for Entry<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

fn rank_of(item: &Value) -> Cow<'_, str> {
    match item.get("rank") {
        Some(Value::String(rank)) => Cow::Borrowed(rank),
        Some(Value::Number(rank)) => Cow::Owned(rank.to_string()),
        _ => Cow::Borrowed(""),
    }
}

fn neighbour<'i>(items: &'i Map<String, Value>, moving: &str, id: &'i str) -> Result<(&'i str, &'i Value), Fault> {
    if id == moving {
        return Err(Fault::new(PatchCode::InvalidOperation, "")
            .expected("another item to stand next to")
            .received(format!("{id:?} itself"))
            .hint("Name a neighbour in \"before\" or \"after\", or leave both out to put it at the end of the day."));
    }
    let item = items.get(id).filter(|item| item.is_object());
    item.map(|item| (id, item)).ok_or_else(|| unknown("items", id, Some(items)))
}

fn elsewhere(id: &str, item: &Value, day: Option<Date>) -> Fault {
    let words = |day: Option<Date>| day.map_or_else(|| "among the unplanned".to_owned(), |day| format!("on {day}"));
    let pointer = super::pointer(["items", id, "day"]);
    Fault::new(PatchCode::TestFailed, &pointer)
        .expected(format!("a neighbour {}", words(day)))
        .received(format!("{}, which is {}", excerpt(&id.into()), words(day_of(item))))
        .hint("Leave out \"day\", and it goes to its neighbour's day; or name a neighbour of that day.")
        .current(&pointer, item.get("day").unwrap_or(&Value::Null))
}

/// A rank between two neighbours; nothing when theirs leave no room.
fn between(moving: &str, before: Option<&Entry<'_>>, after: Option<&Entry<'_>>) -> Option<Rank> {
    let read = |entry: &Entry<'_>| Rank::parse(&entry.rank).ok_or(());
    let (before, after) = (before.map(read).transpose().ok()?, after.map(read).transpose().ok()?);
    Some(Rank::between(before.as_ref(), after.as_ref())?.shaken(moving, after.as_ref()))
}

/// New ranks for all of a day, in which the item to be placed is to be the one at `at`.
fn ranked_anew(day: Option<Date>, mut others: Vec<Entry<'_>>, at: usize) -> Placed {
    others.sort_unstable();
    let mut ranks: Vec<Rank> = Rank::fresh().take(others.len() + 1).collect();
    let rank = ranks.remove(at);
    let others = others.into_iter().zip(ranks).filter(|(other, rank)| other.rank != rank.as_str());
    Placed { day, rank, others: others.map(|(other, rank)| (other.id.to_owned(), rank)).collect() }
}

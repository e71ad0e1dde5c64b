//! Takes back what patches changed, the newest first, on the document as it is now: planned on its JSON, like a patch, and
//! written as one. Asked by `Room`, in the name of a person. What others made of it since is never touched: a value that
//! is not as the patch left it stays; in texts, letters go by whose they are, and not by where they stand.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use hashbrown::HashMap;
use json_patch::jsonptr::Pointer;
use serde_json::{Map, Value};
use yrs::branch::Branch;
use yrs::{Assoc, ClientID, ID, StickyIndex, TextRef, TransactionMut};

use super::layout::{Layout, Place};
use super::ranges::{Id, Ranges};
use super::trace::{Runs, TextTrace, Trace, ValueTrace};
use super::{find_text, is_legible, length};
use crate::room::change::Poisoned;
use crate::room::document::Document;
use crate::room::patch::leaves::differing;
use crate::room::patch::{PatchFailure, is_by_id, named, read, write, write_difference};
use crate::room::view::{self, ViewLimits};

/// Roots in which an object that came is as many values as it has fields. Elsewhere it is one thing.
const ROOTS_OF_FIELDS: [&str; 2] = ["trip", "budget"];
/// So many runs of texts may be walked over to take something back.
const RUNS_MAX: usize = 20_000_000;

/// What came of it.
#[derive(Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// The update for everybody, which is to be logged; nothing when nothing has changed.
    pub update: Option<Bytes>,
    /// JSON pointers to what was set back, in order.
    pub undone: Vec<String>,
    /// What was not, in order.
    pub kept: Vec<Kept>,
}

/// Something that was not taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// JSON pointer to it.
    pub pointer: String,
    /// Why not.
    pub why: Why,
}

/// Why something is not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody has changed it since.
    Changed,
    /// Somebody has removed it since, or what it was in.
    Removed,
    /// Something else is there now.
    Taken,
    /// Where a piece of text was cannot be found any more.
    PlaceLost,
    /// It would be too much work.
    TooMuch,
    /// The patch changed more than is kept of one.
    TooLarge,
}

impl Why {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Changed, Self::Removed, Self::Taken, Self::PlaceLost, Self::TooMuch, Self::TooLarge];

    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Removed => "removed",
            Self::Taken => "taken",
            Self::PlaceLost => "place_lost",
            Self::TooMuch => "too_much",
            Self::TooLarge => "too_large",
        }
    }
}

/// Takes back what some patches changed, given in the order in which they were applied; in the name of somebody who may
/// write everything. When it fails, the document is as it was, unless it is poisoned.
///
/// A value that people changed and then set to what the patch had made of it counts as the patch's. What was taken back
/// already must not be given once more: texts that a patch had removed would come twice.
pub fn take_back(document: &mut Document, traces: &[Trace], limits: &ViewLimits) -> Result<TakenBack, PatchFailure> {
    let pointers = || traces.iter().flat_map(Trace::pointers);
    let roots = named(pointers().filter_map(|pointer| Pointer::parse(pointer).ok()));
    let before = read(document, roots.as_ref(), limits)?.json;
    let texts = open_texts(document, &before, traces)?;
    let mut plan = Plan { now: before.clone().into(), texts, work: RUNS_MAX, ..Plan::default() };
    for trace in traces.iter().rev() {
        trace.texts.iter().for_each(|text| plan.take_back_text(text));
        trace.values.iter().for_each(|value| plan.take_back_value(value));
    }
    let Value::Object(after) = plan.now else { unreachable!("only what is in it is set") };
    view::check(&after, limits)?;
    let mut undone = Vec::new();
    differing(&before, &after, &mut |pointer, _, _| undone.push(pointer));
    let update = write_difference(document, before, after)?;
    let kept = plan.kept.into_iter().map(|(pointer, why)| Kept { pointer, why }).collect();
    Ok(TakenBack { update, undone, kept })
}

/// A shared text of the document.
struct OpenText {
    layout: Layout,
    /// Where some elements were that are gone.
    gone: HashMap<Id, Place>,
}

/// All texts that were edited and still are what they were.
fn open_texts(
    document: &mut Document,
    now: &Map<String, Value>,
    traces: &[Trace],
) -> Result<BTreeMap<String, OpenText>, Poisoned> {
    let mut gone: BTreeMap<&str, Vec<Id>> = BTreeMap::new();
    for text in traces.iter().flat_map(|trace| &trace.texts) {
        let ids = text.edits.iter().filter_map(|edit| edit.removed.first());
        gone.entry(&text.pointer).or_default().extend(ids.map(|(id, _)| *id));
    }
    let value = |pointer: &str| {
        let (root, rest) = split_root(pointer)?;
        now.get(&root)?.pointer(rest)
    };
    let bytes = gone.keys().map(|pointer| length(value(pointer))).sum();
    let mut open = BTreeMap::new();
    if !is_legible(document, bytes) {
        return Ok(open);
    }
    let mut walks = write::walks(document.size());
    document.edit(|txn| {
        for (pointer, gone) in gone {
            let Some(text) = find_text(txn, pointer) else { continue };
            let (layout, elements) = Layout::read(txn, &text);
            if value(pointer).and_then(Value::as_str) != Some(layout.string().as_str()) {
                continue;
            }
            let mut places = HashMap::new();
            for id in gone.into_iter().take(walks) {
                walks -= 1;
                places.extend(index_of(txn, &text, id).map(|index| (id, place_at(&elements, index))));
            }
            open.insert(pointer.to_owned(), OpenText { layout, gone: places });
        }
    })?;
    Ok(open)
}

/// At which index of a text an element was that is gone from it.
fn index_of(txn: &TransactionMut<'_>, text: &TextRef, (client, clock): Id) -> Option<u32> {
    let place = StickyIndex::from_id(ID::new(ClientID::new(client), clock), Assoc::After).get_offset(txn)?;
    let branch: &Branch = text.as_ref();
    (place.branch.id() == branch.id()).then_some(place.index)
}

/// The place before the first element with an id at an index or behind it.
fn place_at(elements: &[(Option<Id>, u32)], index: u32) -> Place {
    let mut before = 0;
    for (id, length) in elements {
        let offset = index.saturating_sub(before);
        before += length;
        if let Some((client, clock)) = id.filter(|_| offset < *length) {
            return Place::Before((client, clock + offset));
        }
    }
    Place::End
}

/// The document while something is taken back.
#[derive(Default)]
struct Plan {
    now: Value,
    /// Those of its texts that are shared, and of which it is known whose each letter is.
    texts: BTreeMap<String, OpenText>,
    /// What somebody else has changed since: what older patches did there is not the last word either.
    settled: Places,
    kept: BTreeMap<String, Why>,
    /// Runs of texts that may still be walked over.
    work: usize,
}

impl Plan {
    fn keep(&mut self, pointer: &str, why: Why) {
        self.kept.entry(pointer.to_owned()).or_insert(why);
    }

    fn take_back_value(&mut self, trace: &ValueTrace) {
        let ValueTrace { pointer, before, after, texts } = trace;
        let Some((parent, key)) = split_last(pointer) else { return };
        let Some(parent) = self.now.pointer(parent) else {
            self.settled.insert(pointer);
            if before.is_some() {
                self.keep(pointer, Why::Removed);
            }
            return;
        };
        let Value::Object(members) = parent else {
            self.settled.insert(pointer);
            return self.keep(pointer, Why::Changed);
        };
        let now = members.get(&key).cloned();
        let then = self.merged(pointer, before.as_ref(), after.as_ref(), now.as_ref());
        if then != now {
            let is_as_before = then == *before;
            self.set(pointer, then);
            let here =
                self.texts.range(pointer.clone()..).map(|(text, _)| text).take_while(|text| text.starts_with(pointer));
            let replaced: Vec<String> = here.filter(|text| is_within(text, pointer)).cloned().collect();
            for text in replaced {
                self.texts.remove(&text);
            }
            self.open(texts.iter().filter(|_| is_as_before));
        }
    }

    /// Texts are back, and their letters are whose they were.
    fn open<'t>(&mut self, texts: impl Iterator<Item = &'t (String, Runs)>) {
        for (pointer, runs) in texts {
            let text = self.now.pointer(pointer).and_then(Value::as_str);
            if let Some(layout) = text.and_then(|text| Layout::of(text, runs)) {
                self.texts.insert(pointer.clone(), OpenText { layout, gone: HashMap::new() });
            }
        }
    }

    /// What a value is to be that was one thing before a patch and another after it.
    fn merged(
        &mut self,
        pointer: &str,
        before: Option<&Value>,
        after: Option<&Value>,
        now: Option<&Value>,
    ) -> Option<Value> {
        if before == after {
            return now.cloned();
        }
        if self.settled.has_around(pointer) {
            self.keep(pointer, Why::Changed);
            return now.cloned();
        }
        let is_untouched = !self.settled.has_inside(pointer);
        if now == after && is_untouched {
            return before.cloned();
        }
        if !is_one_thing(pointer)
            && let (Some(was), Some(became), Some(Value::Object(members))) = (fields(before), fields(after), now)
        {
            let mut merged = members.clone();
            for key in was.keys().chain(became.keys().filter(|key| !was.contains_key(*key))) {
                let pointer = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
                match self.merged(&pointer, was.get(key), became.get(key), members.get(key)) {
                    Some(value) => drop(merged.insert(key.clone(), value)),
                    None => drop(merged.remove(key)),
                }
            }
            return (before.is_some() || !merged.is_empty()).then(|| merged.into());
        }
        self.settled.insert(pointer);
        if now != before || !is_untouched {
            let why = match (after, now) {
                (_, None) => Why::Removed,
                (None, _) => Why::Taken,
                _ => Why::Changed,
            };
            self.keep(pointer, why);
        }
        now.cloned()
    }

    fn take_back_text(&mut self, trace: &TextTrace) {
        let TextTrace { pointer, edits } = trace;
        let Some(text) = self.texts.get_mut(pointer) else {
            let why = if self.now.pointer(pointer).is_none() { Why::Removed } else { Why::Changed };
            return self.keep(pointer, why);
        };
        let Some(work) = self.work.checked_sub((edits.len() + 1).saturating_mul(2 * text.layout.len())) else {
            return self.keep(pointer, Why::TooMuch);
        };
        self.work = work;
        let came: Ranges = edits.iter().flat_map(|edit| edit.inserted.iter().copied()).collect();
        text.layout.take_out(&came);
        let mut all_placed = true;
        for edit in edits {
            let place = edit.removed.first().and_then(|(id, _)| text.gone.get(id).copied());
            all_placed &= text.layout.put_back(edit, place);
        }
        let string = text.layout.string();
        self.set(pointer, Some(string.into()));
        if !all_placed {
            self.keep(pointer, Why::PlaceLost);
        }
    }

    /// Sets what is in an object, or removes it.
    fn set(&mut self, pointer: &str, value: Option<Value>) {
        let Some((parent, key)) = split_last(pointer) else { return };
        let Some(Value::Object(members)) = self.now.pointer_mut(parent) else { return };
        match value {
            Some(value) => drop(members.insert(key, value)),
            None => drop(members.remove(&key)),
        }
    }
}

/// The fields of an object; none of what is not there, and nothing for what has no fields.
fn fields(value: Option<&Value>) -> Option<Map<String, Value>> {
    match value {
        None => Some(Map::new()),
        Some(Value::Object(fields)) => Some(fields.clone()),
        Some(_) => None,
    }
}

/// Whether an object at a place comes and goes as a whole: an item, but not its place, and not the trip's preferences.
fn is_one_thing(pointer: &str) -> bool {
    let tokens = Pointer::parse(pointer).map_or(0, Pointer::count);
    match split_root(pointer) {
        Some((root, _)) if ROOTS_OF_FIELDS.contains(&root.as_str()) => false,
        Some((root, _)) if is_by_id(&root) => tokens == 2,
        _ => true,
    }
}

/// The first token of a pointer, and the pointer from there.
fn split_root(pointer: &str) -> Option<(String, &str)> {
    let (root, rest) = Pointer::parse(pointer).ok()?.split_front()?;
    Some((root.decoded().into_owned(), rest.as_str()))
}

/// The pointer to what something is in, and its key there.
fn split_last(pointer: &str) -> Option<(&str, String)> {
    let (parent, last) = Pointer::parse(pointer).ok()?.split_back()?;
    Some((parent.as_str(), last.decoded().into_owned()))
}

/// Whether a place is another one or in it.
fn is_within(pointer: &str, outer: &str) -> bool {
    pointer.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Places of a document.
#[derive(Debug, Default)]
struct Places(BTreeSet<String>);

impl Places {
    fn insert(&mut self, pointer: &str) {
        self.0.insert(pointer.to_owned());
    }

    /// Whether one of them is this place or around it.
    fn has_around(&self, pointer: &str) -> bool {
        self.0.contains(pointer) || pointer.match_indices('/').any(|(at, _)| self.0.contains(&pointer[..at]))
    }

    /// Whether one of them is in this place.
    fn has_inside(&self, pointer: &str) -> bool {
        let inside = format!("{pointer}/");
        self.0.range(inside.clone()..).next().is_some_and(|place| place.starts_with(&inside))
    }
}

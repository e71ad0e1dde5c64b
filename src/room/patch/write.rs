//! Writes the difference between two readings of a document into it. What type something has in the document decides
//! how it is changed: maps key by key, lists by the smallest splice, texts by the smallest edit, plain values as a
//! whole; the table of `Shape` decides for what is new. Whatever is found there, it ends with the document reading as
//! it should: what cannot be changed in place is replaced.
//! The library walks a list from its start for every index, so walks are counted, and when they come to too many,
//! coarser edits are made.

use serde_json::{Map as Members, Value};
use yrs::types::text::YChange;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, GetString, Map, MapPrelim, MapRef, Out, ReadTxn, StateVector, Text, TextPrelim,
    TextRef, TransactionMut, WriteTxn,
};

use super::list::{self, Effort, Hunk};
use super::text::{self, units};
use crate::room::json::{merged, to_any};
use crate::room::scan::scan;
use crate::room::update::MARK;
use crate::room::view::pointer;

/// So many blocks may be walked over for one change, beyond what cannot be helped.
const WALK_MAX: usize = 5_000_000;
/// A block takes at least about so many bytes of an encoded document.
const BLOCK_BYTES: usize = 8;
/// A list or a text is changed in so many places at most.
const HUNKS_MAX: usize = 256;
/// So many elements, words and lines are compared for one patch to find out where something changed.
const COMPARED_MAX: usize = 200_000;
/// Reading a text with embedded values costs the product of its length and the marks in it, at most this.
pub(super) const MARKED_MAX: usize = 20_000_000;
/// What a block takes beside its content, from above.
const BLOCK_OVERHEAD: usize = 48;

/// What is to change.
#[derive(Debug)]
pub(super) struct Difference {
    before: Members<String, Value>,
    after: Members<String, Value>,
}

impl Difference {
    /// `before` must be what the document says.
    pub(super) fn new(mut before: Members<String, Value>, mut after: Members<String, Value>) -> Self {
        before.retain(|name, root| {
            let same = after.get(name) == Some(root);
            if same {
                after.remove(name);
            }
            !same
        });
        Self { before, after }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.before.is_empty() && self.after.is_empty()
    }

    /// Bytes that the document may grow by, rather too many than too few.
    pub(super) fn bytes(&self) -> usize {
        let root = |(name, after): (&String, &Value)| match (self.before.get(name), after) {
            (Some(Value::Object(before)), Value::Object(after)) => {
                let changed = after.iter().filter(|(key, value)| before.get(*key) != Some(value));
                changed.map(|(key, value)| key.len() + bytes(value)).sum()
            }
            (_, after) => name.len() + bytes(after),
        };
        BLOCK_OVERHEAD + self.after.iter().map(root).sum::<usize>()
    }

    /// Writes it into a document of `size` bytes.
    pub(super) fn write(&self, txn: &mut TransactionMut<'_>, size: usize) {
        let mut writer = Writer { txn, walks: walks(size), compared: COMPARED_MAX, marks: None };
        let removed = self.before.iter().filter(|(name, _)| !self.after.contains_key(*name));
        for (name, before) in removed {
            let empty = match before {
                Value::Object(_) => Value::Object(Members::new()),
                Value::Array(_) => Value::Array(Vec::new()),
                _ => Value::String(String::new()),
            };
            writer.root(name, Some(before), &empty);
            // What its JSON did not show would show now.
            let rest = writer.txn.get_or_insert_array(name.as_str());
            writer.clear(&rest);
        }
        for (name, after) in &self.after {
            writer.root(name, self.before.get(name), after);
        }
    }
}

/// Bytes that a value takes in an encoded document, rather too many than too few.
fn bytes(value: &Value) -> usize {
    BLOCK_OVERHEAD
        + match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
            Value::String(text) => text.len() + HUNKS_MAX.min(text.len()) * BLOCK_OVERHEAD,
            Value::Array(values) => values.iter().map(bytes).sum(),
            Value::Object(members) => members.iter().map(|(key, value)| key.len() + bytes(value)).sum(),
        }
}

/// How new values are stored, going by where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// `trip` and `budget`, and everything that no other line names: plain values.
    Plain,
    /// `items`: maps.
    Items,
    /// An item: plain values, and its `notes` a text.
    Item,
    /// An item's notes.
    Notes,
    /// `destinations` and `comments`: maps of plain values.
    Entries,
    /// One of those.
    Entry,
    /// Roots that are not a trip's: objects are maps, arrays are arrays, all the way down.
    Shared,
}

impl Shape {
    fn of_root(name: &str) -> Self {
        match name {
            "trip" | "budget" => Self::Plain,
            "items" => Self::Items,
            "destinations" | "comments" => Self::Entries,
            _ => Self::Shared,
        }
    }

    fn within(self, key: &str) -> Self {
        match self {
            Self::Items => Self::Item,
            Self::Item if key == "notes" => Self::Notes,
            Self::Entries => Self::Entry,
            Self::Shared => Self::Shared,
            Self::Plain | Self::Item | Self::Notes | Self::Entry => Self::Plain,
        }
    }

    /// Whether a value of this shape is a shared type.
    fn is_shared(self, value: &Value) -> bool {
        match value {
            Value::Object(_) => matches!(self, Self::Item | Self::Entry | Self::Shared),
            Value::Array(_) => self == Self::Shared,
            Value::String(_) => self == Self::Notes,
            _ => false,
        }
    }
}

/// Whether something could be changed where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum InPlace {
    Done,
    Impossible,
}

struct Writer<'t, 'd> {
    txn: &'t mut TransactionMut<'d>,
    /// How often a list may still be walked over from its start.
    walks: usize,
    /// How many elements, words and lines may still be compared.
    compared: usize,
    /// How many marks the whole document has, once somebody asked.
    marks: Option<usize>,
}

impl Writer<'_, '_> {
    fn root(&mut self, name: &str, before: Option<&Value>, after: &Value) {
        let shape = Shape::of_root(name);
        match after {
            Value::Object(after) => {
                let map = self.txn.get_or_insert_map(name);
                let none = Members::new();
                self.map(&map, before.and_then(Value::as_object).unwrap_or(&none), after, shape);
            }
            Value::Array(after) => {
                let list = self.txn.get_or_insert_array(name);
                let before = before.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                if self.list(&list, before, after, shape) == InPlace::Impossible {
                    self.clear(&list);
                    self.insert(&list, 0, after, shape);
                }
            }
            Value::String(after) => {
                let text = self.txn.get_or_insert_text(name);
                if self.text(&text, after) == InPlace::Impossible {
                    self.clear(&ArrayRef::from(pointer(text.as_ref())));
                    text.insert(self.txn, 0, after);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => unreachable!("a plan makes no such root"),
        }
    }

    fn map(&mut self, map: &MapRef, before: &Members<String, Value>, after: &Members<String, Value>, shape: Shape) {
        for key in before.keys().filter(|key| !after.contains_key(*key)) {
            map.remove(self.txn, key);
        }
        for (key, after) in after {
            let before = before.get(key);
            if before == Some(after) {
                continue;
            }
            let found = map.get(self.txn, key);
            let shape = shape.within(key);
            if let (Some(found), Some(before)) = (&found, before)
                && self.shared(found, before, after, shape) == InPlace::Done
            {
                continue;
            }
            match found {
                Some(Out::Any(old)) if is_alike(&old, after) => {
                    map.insert(self.txn, key.as_str(), merged(&old, after));
                }
                _ => self.put(map, key, after, shape),
            }
        }
    }

    /// Changes a shared type where it is.
    fn shared(&mut self, found: &Out, before: &Value, after: &Value, shape: Shape) -> InPlace {
        match (found, before, after) {
            (Out::YMap(map), Value::Object(before), Value::Object(after)) => {
                self.map(map, before, after, shape);
                InPlace::Done
            }
            (Out::YArray(list), Value::Array(before), Value::Array(after)) => self.list(list, before, after, shape),
            (Out::YText(text), Value::String(_), Value::String(after)) => self.text(text, after),
            _ => InPlace::Impossible,
        }
    }

    /// Stores a new value under a key.
    fn put(&mut self, map: &MapRef, key: &str, value: &Value, shape: Shape) {
        match value {
            value if !shape.is_shared(value) => {
                map.insert(self.txn, key, to_any(value));
            }
            Value::Object(members) => {
                let inner = map.insert(self.txn, key, MapPrelim::default());
                self.fill(&inner, members, shape);
            }
            Value::Array(values) => {
                let inner = map.insert(self.txn, key, ArrayPrelim::default());
                self.insert(&inner, 0, values, shape);
            }
            value => {
                let text = value.as_str().unwrap_or_default();
                map.insert(self.txn, key, TextPrelim::new(text));
            }
        }
    }

    fn fill(&mut self, map: &MapRef, members: &Members<String, Value>, shape: Shape) {
        for (key, value) in members {
            self.put(map, key, value, shape.within(key));
        }
    }

    fn list(&mut self, list: &ArrayRef, before: &[Value], after: &[Value], shape: Shape) -> InPlace {
        // A list with text in it reads as that text, and its elements are not what they seem.
        if list.len(self.txn) as usize != before.len() {
            return InPlace::Impossible;
        }
        let shape = shape.within("");
        let hunks = self.find(|effort| list::hunks(before, after, effort));
        for Hunk { old, new } in hunks.into_iter().rev() {
            self.walks = self.walks.saturating_sub(2);
            let (old_values, new_values) = (&before[old.clone()], &after[new]);
            if self.elements(list, old.start, old_values, new_values, shape) == InPlace::Done {
                continue;
            }
            if !old.is_empty() {
                list.remove_range(self.txn, narrow(old.start), narrow(old.len()));
            }
            self.insert(list, old.start, new_values, shape);
        }
        InPlace::Done
    }

    /// Changes elements each by itself, when there are as many as before and some of them may be shared types.
    fn elements(&mut self, list: &ArrayRef, start: usize, before: &[Value], after: &[Value], shape: Shape) -> InPlace {
        let pairs = || before.iter().zip(after);
        let walks = 3 * before.len();
        if before.len() != after.len()
            || walks > self.walks
            || !pairs().any(|(before, after)| may_be_shared(before, after))
        {
            return InPlace::Impossible;
        }
        self.walks -= walks;
        for (at, (before, after)) in pairs().enumerate().map(|(at, pair)| (start + at, pair)) {
            if before == after {
                continue;
            }
            let Some(found) = list.get(self.txn, narrow(at)) else { continue };
            if self.shared(&found, before, after, shape) == InPlace::Done {
                continue;
            }
            list.remove(self.txn, narrow(at));
            match found {
                Out::Any(old) if is_alike(&old, after) => {
                    list.insert(self.txn, narrow(at), merged(&old, after));
                }
                _ => self.insert(list, at, std::slice::from_ref(after), shape),
            }
        }
        InPlace::Done
    }

    /// Inserts new elements. Shared types go in one by one, the last first: in an empty list that costs nothing, and
    /// where it would cost too much, plain values are stored in their place.
    fn insert(&mut self, list: &ArrayRef, at: usize, values: &[Value], shape: Shape) {
        let shared = values.iter().filter(|value| shape.is_shared(value)).count();
        let is_new = list.len(self.txn) == 0 && at == 0;
        let walks = if is_new { 0 } else { 2 * shared };
        if shared == 0 || walks > self.walks {
            list.insert_range(self.txn, narrow(at), values.iter().map(to_any));
            return;
        }
        self.walks -= walks;
        let at = narrow(at);
        for group in values.chunk_by(|one, next| !shape.is_shared(one) && !shape.is_shared(next)).rev() {
            match group {
                [Value::Object(members)] if shape.is_shared(&group[0]) => {
                    let inner = list.insert(self.txn, at, MapPrelim::default());
                    self.fill(&inner, members, shape);
                }
                [Value::Array(values)] if shape.is_shared(&group[0]) => {
                    let inner = list.insert(self.txn, at, ArrayPrelim::default());
                    self.insert(&inner, 0, values, shape);
                }
                group => list.insert_range(self.txn, at, group.iter().map(to_any)),
            }
        }
    }

    fn clear(&mut self, list: &ArrayRef) {
        let length = list.len(self.txn);
        if length > 0 {
            list.remove_range(self.txn, 0, length);
        }
    }

    fn text(&mut self, text: &TextRef, after: &str) -> InPlace {
        let before = text.get_string(self.txn);
        let length = text.len(self.txn);
        let Some(embedded) = self.embedded(text, length, units(&before)) else { return InPlace::Impossible };
        // How many embedded values stand before a place, or up to it.
        let before_place = |at: u32| narrow(embedded.partition_point(|place| *place < at));
        let up_to_place = |at: u32| narrow(embedded.partition_point(|place| *place <= at));
        for edit in self.find(|effort| text::edits(&before, after, effort)).into_iter().rev() {
            let mut end = edit.at + edit.delete;
            while end > edit.at {
                // From behind, the text up to the embedded value before it.
                let inner = &embedded[..embedded.partition_point(|place| *place < end)];
                let start = inner.last().map_or(edit.at, |place| (*place).max(edit.at));
                self.walks = self.walks.saturating_sub(1);
                text.remove_range(self.txn, start + up_to_place(start), end - start);
                end = start;
            }
            if !edit.insert.is_empty() {
                self.walks = self.walks.saturating_sub(1);
                text.insert(self.txn, edit.at + before_place(edit.at), edit.insert);
            }
        }
        InPlace::Done
    }

    /// Where in a text's string embedded values stand, such as images; nothing when that cannot be found out. The text
    /// has `length` elements, `shown` of which are in its string.
    fn embedded(&mut self, text: &TextRef, length: u32, shown: u32) -> Option<Vec<u32>> {
        if length == shown {
            return Some(Vec::new());
        }
        if self.marks().saturating_mul(length as usize) > MARKED_MAX {
            return None;
        }
        let (mut at, mut places) = (0, Vec::new());
        for part in text.diff(self.txn, YChange::identity) {
            match &part.insert {
                // An embedded string looks like this, too; then the sum is wrong.
                Out::Any(Any::String(string)) => at += units(string),
                _ => places.push(at),
            }
        }
        (at == shown && at + narrow(places.len()) == length).then_some(places)
    }

    fn marks(&mut self) -> usize {
        let txn = &*self.txn;
        *self.marks.get_or_insert_with(|| marks(&txn.encode_state_as_update_v1(&StateVector::default())))
    }

    /// Looks for what changed, with as much effort as is left.
    fn find<T>(&mut self, search: impl FnOnce(&mut Effort) -> T) -> T {
        let places = (self.walks / 2).clamp(1, HUNKS_MAX);
        let mut effort = Effort { places, compared: self.compared };
        let found = search(&mut effort);
        self.compared = effort.compared;
        found
    }
}

/// How many marks an encoded document has.
pub(super) fn marks(state: &[u8]) -> usize {
    let mut marks = 0;
    let read = scan(state, |block| marks += usize::from(block.reference == MARK));
    if read.is_ok() { marks } else { usize::MAX }
}

/// How often a list may be walked over for one change of a document of `size` bytes.
pub(super) fn walks(size: usize) -> usize {
    WALK_MAX / (size / BLOCK_BYTES + 1)
}

/// Whether a plain value is changed rather than exchanged: then its type in the document stays.
fn is_alike(old: &Any, new: &Value) -> bool {
    matches!(
        (old, new),
        (Any::Map(_), Value::Object(_)) | (Any::Array(_), Value::Array(_)) | (Any::String(_), Value::String(_))
    )
}

fn may_be_shared(before: &Value, after: &Value) -> bool {
    matches!(
        (before, after),
        (Value::Object(_), Value::Object(_))
            | (Value::Array(_), Value::Array(_))
            | (Value::String(_), Value::String(_))
    )
}

fn narrow(length: usize) -> u32 {
    u32::try_from(length).expect("the library counts in 32 bits")
}

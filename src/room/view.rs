//! A document as JSON: every root by its name. Called by `document`; the rooms' REST answers and JSON Patch are made of it.
//! A stranger may have put anything anywhere, so nothing is believed: depth, count and bytes are bounded, and nothing is
//! walked twice. Of the library's views only those are used that are linear: its list iterator goes round for ever in
//! a list that holds text, its map iterator recurses, its XML and JSON forms recurse and have their own order of keys.
//! What it gives must follow from the document's content alone: the same before and after a restart.

mod part;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde_json::{Map as Members, Value};
use yrs::branch::{Branch, BranchPtr};
use yrs::{Any, Array, ArrayRef, GetString, Map, MapRef, Out, ReadTxn, TextRef, XmlElementRef};

use super::document::{MAP_ROOTS, TEXT_ROOT};
use super::json::{marker, scalar};
use super::version::Version;

pub use part::part;

/// How deep the JSON of a document may be nested, the object of roots included.
pub const VIEW_DEPTH_MAX: usize = 64;

/// How much JSON one document may come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ViewLimits {
    /// Values of all kinds, members of objects and elements of arrays.
    pub values: usize,
    /// Bytes of keys and texts as JSON writes them.
    pub bytes: usize,
}

/// Why a document is not given as JSON. It can still be had as a Yjs update.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// It holds too many values.
    #[error("the document holds more than {0} values")]
    TooManyValues(usize),
    /// It holds too much text.
    #[error("the document's JSON would be longer than {0} bytes")]
    TooManyBytes(usize),
    /// It is nested deeper than [`VIEW_DEPTH_MAX`].
    #[error("the document is nested deeper than {VIEW_DEPTH_MAX} levels")]
    TooDeep,
}

impl ViewError {
    /// A word for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooManyValues(_) => "too_many_values",
            Self::TooManyBytes(_) => "too_many_bytes",
            Self::TooDeep => "too_deep",
        }
    }
}

/// A document as its readers get it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentView {
    /// Which document this is the JSON of.
    pub version: Version,
    /// An object of all roots, keys in order. A trip's roots are always there, others when they hold something.
    pub json: Bytes,
}

/// What a root is. A document does not say it; a trip's roots are known, and others are what they evidently are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootKind {
    /// An object.
    Map,
    /// A list.
    Array,
    /// A string.
    Text,
    /// A string that cannot be written by way of JSON.
    Xml,
}

/// Which roots to read.
#[derive(Debug, Clone, Copy)]
pub enum Roots<'a> {
    /// Every one.
    All,
    /// These, of which some may not exist.
    Named(&'a BTreeMap<String, Entries>),
}

/// How much of a root to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entries {
    /// The whole.
    All,
    /// The entries under these keys, of which some may not exist. Only a trip's maps are read in part.
    Named(BTreeSet<String>),
}

/// Roots as JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Each root by its name.
    pub json: Members<String, Value>,
    /// What each of them is.
    pub kinds: BTreeMap<String, RootKind>,
    /// Roots of which there may be more.
    pub partial: BTreeSet<String>,
}

/// Reads roots.
pub(super) fn read(txn: &impl ReadTxn, roots: Roots<'_>, limits: &ViewLimits) -> Result<Reading, ViewError> {
    let mut reader = Reader { txn, limits, values: limits.values, bytes: limits.bytes };
    let mut reading = Reading { json: Members::new(), kinds: BTreeMap::new(), partial: BTreeSet::new() };
    let mut put = |name: &str, root: &Out, entries: &Entries| {
        let part = match (entries, declared(name), root) {
            (Entries::Named(keys), Some(RootKind::Map), Out::YMap(map)) => {
                reading.partial.insert(name.to_owned());
                Some((RootKind::Map, reader.members(map, keys.iter().map(String::as_str), 1)?))
            }
            _ => reader.root(name, root)?,
        };
        if let Some((kind, value)) = part {
            reader.key(name)?;
            reading.json.insert(name.to_owned(), value);
            reading.kinds.insert(name.to_owned(), kind);
        }
        Ok(())
    };
    match roots {
        Roots::All => txn.root_refs().try_for_each(|(name, root)| put(name, &root, &Entries::All))?,
        Roots::Named(names) => {
            let found = names.iter().filter_map(|(name, entries)| Some((name, entries, txn.get(name)?)));
            found.into_iter().try_for_each(|(name, entries, root)| put(name, &root, entries))?;
        }
    }
    Ok(reading)
}

/// What kind a root is by its name alone.
pub(super) fn declared(name: &str) -> Option<RootKind> {
    if MAP_ROOTS.contains(&name) {
        return Some(RootKind::Map);
    }
    (name == TEXT_ROOT).then_some(RootKind::Text)
}

/// The library's handle on any shared type.
pub(super) fn pointer(branch: &Branch) -> BranchPtr {
    BranchPtr::from(branch)
}

struct Reader<'r, T> {
    txn: &'r T,
    limits: &'r ViewLimits,
    values: usize,
    bytes: usize,
}

impl<T: ReadTxn> Reader<'_, T> {
    fn root(&mut self, name: &str, root: &Out) -> Result<Option<(RootKind, Value)>, ViewError> {
        let Some(branch) = root.try_branch().map(pointer) else { return Ok(None) };
        match declared(name) {
            Some(RootKind::Text) => Ok(Some((RootKind::Text, self.text(&branch)?))),
            Some(_) => Ok(Some((RootKind::Map, self.map(branch, 1)?))),
            // What type the library remembers depends on who declared it since the last restart.
            None => self.evident(branch),
        }
    }

    /// What a root is that nobody declared: an object if it has entries, a text if it holds text, XML if it holds XML,
    /// a list if it holds anything else. One that holds nothing is not there.
    fn evident(&mut self, branch: BranchPtr) -> Result<Option<(RootKind, Value)>, ViewError> {
        if let Value::Object(members) = self.map(branch, 1)?
            && !members.is_empty()
        {
            return Ok(Some((RootKind::Map, Value::Object(members))));
        }
        let text = self.strings(&branch)?;
        if !text.is_empty() {
            return Ok(Some((RootKind::Text, self.string(text)?)));
        }
        let list = ArrayRef::from(branch);
        if list.iter(self.txn).any(|element| is_xml(&element)) {
            let mut xml = String::new();
            self.children(&branch, 1, &mut xml)?;
            return Ok(Some((RootKind::Xml, xml.into())));
        }
        if list.len(self.txn) == 0 {
            return Ok(None);
        }
        Ok(Some((RootKind::Array, self.list(branch, 1)?)))
    }

    /// One value at a depth; nothing for what JSON leaves out.
    fn value(&mut self, out: &Out, depth: usize) -> Result<Option<Value>, ViewError> {
        let value = match out {
            Out::Any(any) => return self.plain(any, depth),
            Out::YText(text) => self.text(text.as_ref())?,
            Out::YArray(array) => self.list(pointer(array.as_ref()), depth)?,
            Out::YMap(map) => self.map(pointer(map.as_ref()), depth)?,
            Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_) => {
                let mut xml = String::new();
                self.xml(out, depth, &mut xml)?;
                xml.into()
            }
            Out::YDoc(document) => {
                self.count()?;
                self.written(document.guid().as_ref())?;
                marker("$document", document.guid().as_ref())
            }
            // The library's name for types that the scanner refuses.
            Out::UndefinedRef(_) => return Ok(None),
        };
        Ok(Some(value))
    }

    fn plain(&mut self, any: &Any, depth: usize) -> Result<Option<Value>, ViewError> {
        match any {
            // It is left out of JSON, or null in a list, and yet costs time and space.
            Any::Undefined => self.count().map(|()| None),
            Any::Array(values) => {
                self.enter(depth)?;
                let mut array = Vec::new();
                for value in values.iter() {
                    array.push(self.plain(value, depth + 1)?.unwrap_or(Value::Null));
                }
                Ok(Some(array.into()))
            }
            Any::Map(members) => {
                self.enter(depth)?;
                let mut object = Members::new();
                for (key, value) in members.iter() {
                    if let Some(value) = self.plain(value, depth + 1)? {
                        self.key(key)?;
                        object.insert(key.clone(), value);
                    }
                }
                Ok(Some(object.into()))
            }
            any => {
                self.count()?;
                if let Any::String(text) = any {
                    self.written(text)?;
                }
                Ok(scalar(any))
            }
        }
    }

    fn map(&mut self, branch: BranchPtr, depth: usize) -> Result<Value, ViewError> {
        let map = MapRef::from(branch);
        self.members(&map, map.keys(self.txn), depth)
    }

    fn members<'k>(
        &mut self,
        map: &MapRef,
        keys: impl Iterator<Item = &'k str>,
        depth: usize,
    ) -> Result<Value, ViewError> {
        self.enter(depth)?;
        let mut object = Members::new();
        for key in keys {
            if let Some(out) = map.get(self.txn, key)
                && let Some(value) = self.value(&out, depth + 1)?
            {
                self.key(key)?;
                object.insert(key.to_owned(), value);
            }
        }
        Ok(object.into())
    }

    /// A list. One that holds text, which no client's list does, reads as that text.
    fn list(&mut self, branch: BranchPtr, depth: usize) -> Result<Value, ViewError> {
        self.enter(depth)?;
        let text = self.strings(&branch)?;
        if !text.is_empty() {
            return self.string(text);
        }
        let mut array = Vec::new();
        for out in ArrayRef::from(branch).iter(self.txn) {
            array.push(self.value(&out, depth + 1)?.unwrap_or(Value::Null));
        }
        Ok(array.into())
    }

    fn text(&mut self, branch: &Branch) -> Result<Value, ViewError> {
        let text = self.strings(branch)?;
        self.string(text)
    }

    fn string(&mut self, text: String) -> Result<Value, ViewError> {
        self.count()?;
        self.written(&text)?;
        Ok(text.into())
    }

    /// All text that a shared type holds, one piece behind the other.
    fn strings(&self, branch: &Branch) -> Result<String, ViewError> {
        if branch.content_len() as usize > self.bytes {
            return Err(ViewError::TooManyBytes(self.limits.bytes));
        }
        Ok(TextRef::from(pointer(branch)).get_string(self.txn))
    }

    /// An XML node in the form of npm yjs' `toString`, attributes in order. Marks of texts are not shown.
    fn xml(&mut self, node: &Out, depth: usize, into: &mut String) -> Result<(), ViewError> {
        match node {
            Out::YXmlElement(element) => self.element(element, depth, into),
            Out::YXmlFragment(fragment) => self.children(fragment.as_ref(), depth, into),
            Out::YXmlText(text) => {
                self.count()?;
                let text = self.strings(text.as_ref())?;
                self.push(into, &text)
            }
            other => match self.value(other, depth)? {
                Some(Value::String(text)) => self.push(into, &text),
                Some(value) => self.push(into, &value.to_string()),
                None => Ok(()),
            },
        }
    }

    fn element(&mut self, element: &XmlElementRef, depth: usize, into: &mut String) -> Result<(), ViewError> {
        let tag = element.try_tag().cloned().unwrap_or_default();
        self.push(into, "<")?;
        self.push(into, &tag)?;
        if let Value::Object(attributes) = self.map(pointer(element.as_ref()), depth)? {
            for (name, value) in attributes {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                for part in [" ", &name, "=\"", &value, "\""] {
                    self.push(into, part)?;
                }
            }
        }
        self.push(into, ">")?;
        self.children(element.as_ref(), depth, into)?;
        for part in ["</", &tag, ">"] {
            self.push(into, part)?;
        }
        Ok(())
    }

    fn children(&mut self, branch: &Branch, depth: usize, into: &mut String) -> Result<(), ViewError> {
        self.enter(depth)?;
        let text = self.strings(branch)?;
        if !text.is_empty() {
            return self.push(into, &text);
        }
        ArrayRef::from(pointer(branch)).iter(self.txn).try_for_each(|child| self.xml(&child, depth + 1, into))
    }

    fn push(&mut self, into: &mut String, part: &str) -> Result<(), ViewError> {
        self.written(part)?;
        into.push_str(part);
        Ok(())
    }

    /// Something that holds others.
    fn enter(&mut self, depth: usize) -> Result<(), ViewError> {
        if depth >= VIEW_DEPTH_MAX { Err(ViewError::TooDeep) } else { self.count() }
    }

    fn count(&mut self) -> Result<(), ViewError> {
        self.values = self.values.checked_sub(1).ok_or(ViewError::TooManyValues(self.limits.values))?;
        Ok(())
    }

    fn key(&mut self, key: &str) -> Result<(), ViewError> {
        self.written(key)
    }

    fn written(&mut self, text: &str) -> Result<(), ViewError> {
        let left = self.bytes.checked_sub(written_bytes(text));
        self.bytes = left.ok_or(ViewError::TooManyBytes(self.limits.bytes))?;
        Ok(())
    }
}

/// Whether these roots would be read within the limits.
pub(super) fn check(roots: &Members<String, Value>, limits: &ViewLimits) -> Result<(), ViewError> {
    fn visit(value: &Value, depth: usize, left: &mut ViewLimits, limits: &ViewLimits) -> Result<(), ViewError> {
        left.values = left.values.checked_sub(1).ok_or(ViewError::TooManyValues(limits.values))?;
        let mut write = |text: &str| {
            left.bytes = left.bytes.checked_sub(written_bytes(text)).ok_or(ViewError::TooManyBytes(limits.bytes))?;
            Ok(())
        };
        match value {
            Value::String(text) => write(text),
            Value::Array(_) | Value::Object(_) if depth >= VIEW_DEPTH_MAX => Err(ViewError::TooDeep),
            Value::Array(values) => values.iter().try_for_each(|value| visit(value, depth + 1, left, limits)),
            Value::Object(members) => {
                members.keys().try_for_each(|key| write(key))?;
                members.values().try_for_each(|value| visit(value, depth + 1, left, limits))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        }
    }
    let mut left = *limits;
    roots.values().try_for_each(|root| visit(root, 1, &mut left, limits))
}

/// Bytes of a text in JSON.
fn written_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + 2 + text.bytes().map(escaped).sum::<usize>()
}

fn is_xml(out: &Out) -> bool {
    matches!(out, Out::YXmlElement(_) | Out::YXmlFragment(_) | Out::YXmlText(_))
}

#[cfg(test)]
mod tests;

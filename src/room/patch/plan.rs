//! What a patch makes of a document's JSON. Pure: it reads no document and writes none, so that everything that can be
//! wrong is found before anything is written. What one patch may cost is bounded: copies of copies grow without end.

use std::collections::BTreeSet;

use json_patch::jsonptr::{Pointer, PointerBuf, Token};
use json_patch::{AddOperation, CopyOperation, MoveOperation, PatchOperation, ReplaceOperation, TestOperation};
use serde_json::{Map, Value};

use super::error::{Fault, PatchCode, PatchError};
use super::operation::Operation;
use super::{Patch, ViewError, ViewLimits};
use crate::room::json::excerpt;
use crate::room::role::Writes;
use crate::room::trip;
use crate::room::view::{self, Reading, RootKind, VIEW_DEPTH_MAX, declared};

/// So many bytes may be shifted in memory for one patch.
const SHIFTS_MAX: usize = 256 << 20;
/// Bytes that one value takes in memory, beside what it holds.
const VALUE_BYTES: usize = 32;
/// Bytes that an object takes that is not empty, however few members it has.
const OBJECT_BYTES: usize = 640;
/// Bytes that a member of an object takes, beside its key and value, rather too many than too few.
const MEMBER_BYTES: usize = 96;
/// The root that a commenter may write.
const COMMENTS: &str = "comments";
/// So many neighbours are named when something is not found.
const NEIGHBOURS: usize = 12;

impl Patch {
    /// The roots as they are after all operations. `before` has at least the roots that the patch names.
    pub fn plan(
        &self,
        before: &Reading,
        writes: Writes,
        limits: &ViewLimits,
    ) -> Result<Map<String, Value>, Box<PatchError>> {
        let root = before.json.clone().into();
        let mut plan = Plan { root, partial: &before.partial, shifts: SHIFTS_MAX, copies: limits.bytes };
        for (at, operation) in self.operations.iter().enumerate() {
            let done = may_write(operation, writes).and_then(|()| plan.run(operation));
            done.map_err(|fault| fault.of(Some(at), Some(operation.name())))?;
        }
        let blame = |fault: Fault| {
            let at = self.writer_of(&fault.pointer);
            fault.of(at, at.map(|at| self.operations[at].name()))
        };
        let after = settle_roots(before, plan.root).map_err(blame)?;
        view::check(&after, limits).map_err(|error| blame(too_much(error)))?;
        let fields = trip::check(&before.json, &after);
        let Some(first) = fields.first() else { return Ok(after) };
        let fault = Fault::new(PatchCode::InvalidField, &first.pointer)
            .expected(&first.expected)
            .received(&first.received)
            .hint(&first.hint);
        Err(Box::new(PatchError { fields, ..*blame(fault) }))
    }

    /// The last operation that wrote at, above or below a pointer; the last that wrote at all, if none did.
    fn writer_of(&self, pointer: &str) -> Option<usize> {
        let pointer = PointerBuf::parse(pointer).unwrap_or_default();
        let touches = |written: &Pointer| is_within(written, &pointer) || is_within(&pointer, written);
        let writers = || (0..self.operations.len()).rev();
        writers()
            .find(|at| self.operations[*at].written().iter().any(|written| touches(written)))
            .or_else(|| writers().find(|at| !self.operations[*at].written().is_empty()))
    }
}

/// Whether a place is `outer` or in it.
fn is_within(inner: &Pointer, outer: &Pointer) -> bool {
    let rest = inner.as_str().strip_prefix(outer.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn may_write(operation: &Operation, writes: Writes) -> Result<(), Fault> {
    let allowed = |pointer: &PointerBuf| match writes {
        Writes::Everything => true,
        Writes::Comments => pointer.count() > 1 && pointer.first().is_some_and(|root| root.decoded() == COMMENTS),
        Writes::Nothing => false,
    };
    match operation.written().iter().find(|pointer| !allowed(pointer)) {
        None => Ok(()),
        Some(pointer) => Err(Fault::new(PatchCode::NotAllowed, pointer)
            .expected(if writes == Writes::Comments { "a pointer below /comments" } else { "no change at all" })
            .received(excerpt(&pointer.as_str().into()))
            .hint("Your role in this room does not allow it; ask an editor, or for a higher role.")),
    }
}

/// Checks that every root may become what it became. Roots that are not a trip's are there when they hold something.
fn settle_roots(before: &Reading, root: Value) -> Result<Map<String, Value>, Fault> {
    let fixed = |name: Option<&str>| Fault::new(PatchCode::FixedRoot, &PointerBuf::from_tokens(name));
    let Value::Object(mut after) = root else {
        let hint = "Change what is in the roots.";
        return Err(fixed(None).expected("an object of roots").received(excerpt(&root)).hint(hint));
    };
    let names: BTreeSet<String> = before.json.keys().chain(after.keys()).cloned().collect();
    for name in names {
        let (old, new) = (before.json.get(&name), after.get(&name));
        if old == new {
            continue;
        }
        let fixed = || fixed(Some(&name)).received(new.map_or_else(|| "its removal".to_owned(), excerpt));
        let kind = before.kinds.get(&name).copied();
        match (kind, new) {
            (Some(RootKind::Xml), _) => {
                let hint = "Only an editor for rich text changes it; write into another root.";
                return Err(fixed().expected("XML, which a patch cannot change").hint(hint));
            }
            (_, None) if declared(&name).is_some() => {
                let hint = "Remove what is in it, or replace it by an empty one.";
                return Err(fixed().expected("a root that every trip has").hint(hint));
            }
            (_, None)
            | (None | Some(RootKind::Map), Some(Value::Object(_)))
            | (None | Some(RootKind::Array), Some(Value::Array(_)))
            | (None | Some(RootKind::Text), Some(Value::String(_))) => {}
            (kind, Some(_)) => {
                let expected = match kind {
                    Some(RootKind::Map) => "an object",
                    Some(RootKind::Array) => "a list",
                    Some(RootKind::Text) => "a text",
                    _ => "an object, a list or a text",
                };
                return Err(fixed().expected(expected).hint("A root stays what it is: other clients hold it as that."));
            }
        }
        if declared(&name).is_none() && after.get(&name).is_some_and(is_empty) {
            after.remove(&name);
        }
    }
    Ok(after)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Object(members) => members.is_empty(),
        Value::Array(values) => values.is_empty(),
        Value::String(text) => text.is_empty(),
        _ => false,
    }
}

fn too_much(error: ViewError) -> Fault {
    let code = if error == ViewError::TooDeep { PatchCode::TooDeep } else { PatchCode::TooLarge };
    Fault::new(code, "")
        .expected("a document that can be given as JSON")
        .received(error.to_string())
        .hint("Write less.")
}

/// A document's JSON while operations are done to it.
struct Plan<'b> {
    root: Value,
    /// Roots of which there may be more.
    partial: &'b BTreeSet<String>,
    /// Bytes that may still be shifted.
    shifts: usize,
    /// Bytes that may still be copied: no more than a whole document may have, because copies of copies grow without end.
    copies: usize,
}

impl Plan<'_> {
    fn run(&mut self, operation: &Operation) -> Result<(), Fault> {
        let verb = match operation {
            Operation::Json(operation) => return self.step(operation),
            Operation::Verb(verb) => verb,
        };
        self.charge(verb.walk(&self.root), &verb.written())?;
        for step in verb.steps(&self.root)? {
            if let PatchOperation::Add(AddOperation { path, value }) = &step {
                weigh(value, &mut self.copies).map_err(|()| too_dear(path))?;
            }
            self.step(&step)?;
        }
        Ok(())
    }

    fn step(&mut self, operation: &PatchOperation) -> Result<(), Fault> {
        match operation {
            PatchOperation::Add(AddOperation { path, value }) => self.add(path, value.clone()),
            PatchOperation::Remove(operation) => self.remove(&operation.path).map(drop),
            PatchOperation::Replace(ReplaceOperation { path, value }) => {
                check_depth(path, value)?;
                *self.find_mut(path)? = value.clone();
                Ok(())
            }
            PatchOperation::Move(MoveOperation { from, path }) => self.relocate(from, path),
            PatchOperation::Copy(CopyOperation { from, path }) => {
                let found = self.find(from)?;
                let mut left = self.copies;
                weigh(found, &mut left).map_err(|()| too_dear(path))?;
                let value = found.clone();
                self.copies = left;
                self.add(path, value)
            }
            PatchOperation::Test(TestOperation { path, value }) => {
                let found = self.find(path)?;
                if found == value {
                    return Ok(());
                }
                Err(Fault::new(PatchCode::TestFailed, path)
                    .expected(excerpt(value))
                    .received(excerpt(found))
                    .hint("The document is not as you thought; read it again.")
                    .current(path, found))
            }
        }
    }

    fn relocate(&mut self, from: &Pointer, path: &Pointer) -> Result<(), Fault> {
        if from == path {
            return self.find(from).map(drop);
        }
        if is_within(path, from) {
            return Err(Fault::new(PatchCode::MoveIntoItself, path)
                .expected(format!("a place outside of {:?}", from.as_str()))
                .received(excerpt(&path.as_str().into()))
                .hint("Copy it, if you mean to have it twice."));
        }
        let value = self.remove(from)?;
        self.add(path, value)
    }

    fn add(&mut self, path: &Pointer, value: Value) -> Result<(), Fault> {
        check_depth(path, &value)?;
        let Some((parent, last)) = path.split_back() else {
            self.root = value;
            return Ok(());
        };
        match self.find_container(parent, path)? {
            Value::Array(values) => {
                let at = if last.encoded() == "-" { values.len() } else { index(&last, values.len(), path)? };
                let moved = (values.len() - at) * VALUE_BYTES;
                values.insert(at, value);
                self.charge(moved, path)
            }
            Value::Object(members) => {
                members.insert(last.decoded().into_owned(), value);
                Ok(())
            }
            _ => unreachable!("it is a container"),
        }
    }

    fn remove(&mut self, path: &Pointer) -> Result<Value, Fault> {
        // Said of what is not there before anything is taken out.
        self.find(path)?;
        let Some((parent, last)) = path.split_back() else {
            return Ok(std::mem::take(&mut self.root));
        };
        match self.find_container(parent, path)? {
            Value::Array(values) => {
                let at = last_index(&last, values.len()).ok_or_else(|| not_found(path))?;
                let moved = (values.len() - at) * VALUE_BYTES;
                let value = values.remove(at);
                self.charge(moved, path)?;
                Ok(value)
            }
            Value::Object(members) => members.remove(&*last.decoded()).ok_or_else(|| not_found(path)),
            _ => unreachable!("it is a container"),
        }
    }

    /// What is at a pointer, or why there is nothing.
    fn find(&self, path: &Pointer) -> Result<&Value, Fault> {
        let (mut value, mut depth) = (&self.root, 0);
        for token in path.tokens() {
            let next = match value {
                Value::Object(members) => members.get(&*token.decoded()),
                Value::Array(values) => values.get(index(&token, values.len(), path)?),
                _ => None,
            };
            let Some(next) = next else { return Err(self.explain(value, path, depth)) };
            (value, depth) = (next, depth + 1);
        }
        Ok(value)
    }

    /// Says why there is nothing at `path`, of which the first `depth` tokens lead to `last`.
    fn explain(&self, last: &Value, path: &Pointer, depth: usize) -> Fault {
        let reached = PointerBuf::from_tokens(path.tokens().take(depth));
        let is_partial = depth == 1 && reached.first().is_some_and(|root| self.partial.contains(&*root.decoded()));
        let hint = match last {
            Value::Object(_) if is_partial => {
                format!("{:?} has no such key. Use \"add\" for a new one.", reached.as_str())
            }
            Value::Object(members) if members.is_empty() => format!("{:?} is an empty object.", reached.as_str()),
            Value::Object(members) => {
                let keys = members.keys().take(NEIGHBOURS).map(|key| excerpt(&key.as_str().into()));
                let keys = keys.collect::<Vec<_>>().join(", ");
                let more = if members.len() > NEIGHBOURS { " and others" } else { "" };
                format!("{:?} has the keys {keys}{more}. Use \"add\" for a new one.", reached.as_str())
            }
            Value::Array(values) => format!("{:?} is a list of {}; the first is 0.", reached.as_str(), values.len()),
            _ => format!("{:?} is {}, in which nothing is.", reached.as_str(), excerpt(last)),
        };
        let fault = not_found(path).hint(hint);
        // The whole document, and what was read of a root in part, say nothing of what is there.
        if depth == 0 || is_partial { fault } else { fault.current(&reached, last) }
    }

    fn find_mut(&mut self, path: &Pointer) -> Result<&mut Value, Fault> {
        self.find(path)?;
        self.root.pointer_mut(path.as_str()).ok_or_else(|| not_found(path))
    }

    /// What is at `parent`, in which `path` is to be: an array or an object.
    fn find_container(&mut self, parent: &Pointer, path: &Pointer) -> Result<&mut Value, Fault> {
        let found = self.find_mut(parent)?;
        if found.is_array() || found.is_object() {
            return Ok(found);
        }
        Err(Fault::new(PatchCode::NotFound, path)
            .expected(format!("an object or a list at {:?}", parent.as_str()))
            .received(excerpt(found))
            .hint("Replace the whole value."))
    }

    fn charge(&mut self, bytes: usize, path: &Pointer) -> Result<(), Fault> {
        self.shifts = self.shifts.checked_sub(bytes).ok_or_else(|| too_dear(path))?;
        Ok(())
    }
}

fn not_found(path: &Pointer) -> Fault {
    Fault::new(PatchCode::NotFound, path).expected("something that is there").received("nothing")
}

fn too_dear(path: &Pointer) -> Fault {
    Fault::new(PatchCode::TooLarge, path)
        .expected("a patch that copies and shifts less")
        .received("one that would copy more than a document may hold")
        .hint("Send it in several patches, or replace the list as a whole.")
}

/// The index that a token says, at most `length`: one past the last element.
fn index(token: &Token<'_>, length: usize, path: &Pointer) -> Result<usize, Fault> {
    let wrong = |hint: &str| {
        Fault::new(PatchCode::InvalidIndex, path)
            .expected(format!("an index from 0 to {length}"))
            .received(excerpt(&token.encoded().into()))
            .hint(hint)
    };
    let digits = token.encoded();
    if digits == "-" {
        return Err(wrong("\"-\" is where \"add\" appends; nothing is there."));
    }
    if digits.is_empty()
        || !digits.bytes().all(|byte| byte.is_ascii_digit())
        || (digits.len() > 1 && digits.starts_with('0'))
    {
        return Err(wrong("Elements of a list are counted from 0, in plain digits."));
    }
    match digits.parse() {
        Ok(at) if at <= length => Ok(at),
        _ => Err(wrong("The list is shorter; \"-\" appends.")),
    }
}

fn last_index(token: &Token<'_>, length: usize) -> Option<usize> {
    token.encoded().parse().ok().filter(|at| *at < length)
}

fn check_depth(path: &Pointer, value: &Value) -> Result<(), Fault> {
    fn depth(value: &Value) -> usize {
        match value {
            Value::Array(values) => 1 + values.iter().map(depth).max().unwrap_or(0),
            Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
            _ => 0,
        }
    }
    if path.count() + depth(value) <= VIEW_DEPTH_MAX {
        return Ok(());
    }
    Err(Fault::new(PatchCode::TooDeep, path)
        .expected(format!("at most {VIEW_DEPTH_MAX} levels"))
        .received("more")
        .hint("Nest less."))
}

/// Takes the bytes of a value from `work`, and stops when there are none left.
fn weigh(value: &Value, work: &mut usize) -> Result<(), ()> {
    let own = match value {
        Value::String(text) => text.len(),
        Value::Object(members) if members.is_empty() => 0,
        Value::Object(members) => OBJECT_BYTES + members.keys().map(|key| MEMBER_BYTES + key.len()).sum::<usize>(),
        _ => 0,
    };
    *work = work.checked_sub(VALUE_BYTES + own).ok_or(())?;
    match value {
        Value::Array(values) => values.iter().try_for_each(|value| weigh(value, work)),
        Value::Object(members) => members.values().try_for_each(|value| weigh(value, work)),
        _ => Ok(()),
    }
}

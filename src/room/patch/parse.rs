//! From bytes to a patch. Each operation is read by itself, so that an error can say which one is wrong and how.

use std::fmt;

use json_patch::jsonptr::{Pointer, PointerBuf};
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::Patch;
use super::error::{Fault, PatchCode, PatchError};
use crate::room::json::{excerpt, normalize};

const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

impl Patch {
    /// Reads a patch of at most so many operations.
    pub fn parse(raw: &[u8], operations_max: usize) -> Result<Self, Box<PatchError>> {
        let mut reading = serde_json::Deserializer::from_slice(raw);
        let operations = Operations(operations_max).deserialize(&mut reading);
        let operations = operations.and_then(|operations| reading.end().map(|()| operations)).map_err(|error| {
            let fault = Fault::new(PatchCode::NotAPatch, "")
                .expected("a JSON array of operations, as RFC 6902 defines it")
                .received(error.to_string())
                .hint(r#"Send for example [{"op":"replace","path":"/trip/title","value":"Rome"}]."#);
            fault.of(None, None)
        })?;
        let Some(operations) = operations else {
            let fault = Fault::new(PatchCode::TooLarge, "")
                .expected(format!("at most {operations_max} operations"))
                .received("more")
                .hint("Send them in several patches.");
            return Err(fault.of(Some(operations_max), None));
        };
        let read = |(at, mut members): (usize, OperationMembers)| operation(&mut members, at);
        Self::new(operations.into_iter().enumerate().map(read).collect::<Result<_, _>>()?)
    }

    /// A patch of these operations. Brings their numbers into one form.
    fn new(mut operations: Vec<PatchOperation>) -> Result<Self, Box<PatchError>> {
        for (at, operation) in operations.iter_mut().enumerate() {
            let known = name(operation);
            let (path, value) = match operation {
                PatchOperation::Add(AddOperation { path, value })
                | PatchOperation::Replace(ReplaceOperation { path, value }) => (path, value),
                PatchOperation::Test(TestOperation { value, .. }) => {
                    // Nothing in a document equals a number that is too large, and to ask is no fault.
                    normalize(value);
                    continue;
                }
                _ => continue,
            };
            if let Some(number) = normalize(value) {
                let fault = Fault::new(PatchCode::NumberTooLarge, path)
                    .expected("numbers that JavaScript holds exactly")
                    .received(number.to_string())
                    .hint("Write so large a number as text.");
                return Err(fault.of(Some(at), Some(known)));
            }
        }
        Ok(Self { operations })
    }
}

/// Where a `move` or a `copy` takes its value from.
pub(super) fn source(operation: &PatchOperation) -> Option<&Pointer> {
    match operation {
        PatchOperation::Move(MoveOperation { from, .. }) | PatchOperation::Copy(CopyOperation { from, .. }) => {
            Some(from)
        }
        _ => None,
    }
}

/// An operation's `op`.
pub(super) fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

fn operation(operation: &mut OperationMembers, at: usize) -> Result<PatchOperation, Box<PatchError>> {
    let wrong = |fault: Fault, name| fault.of(Some(at), name);
    if let Some(twice) = &operation.twice {
        let fault = Fault::new(PatchCode::InvalidOperation, "").expected("each member once");
        return Err(wrong(fault.received(format!("{twice:?} twice")).hint("Leave one of them out."), None));
    }
    let op = text(operation, "op").map_err(|fault| wrong(fault, None))?;
    let Some(name) = OPERATIONS.into_iter().find(|known| *known == op) else {
        let fault = Fault::new(PatchCode::InvalidOperation, "").expected(format!("one of {}", OPERATIONS.join(", ")));
        let hint = "Write \"op\" in small letters; use \"add\" to set a member whether or not it is there.";
        return Err(wrong(fault.received(format!("{op:?}")).hint(hint), None));
    };
    members(operation, name).map_err(|fault| wrong(fault, Some(name)))
}

fn members(operation: &mut OperationMembers, name: &'static str) -> Result<PatchOperation, Fault> {
    let path = pointer(operation, "path")?;
    let mut value = || operation.take("value").ok_or_else(|| missing("value"));
    Ok(match name {
        "add" => PatchOperation::Add(AddOperation { value: value()?, path }),
        "remove" => PatchOperation::Remove(RemoveOperation { path }),
        "replace" => PatchOperation::Replace(ReplaceOperation { value: value()?, path }),
        "move" => PatchOperation::Move(MoveOperation { from: pointer(operation, "from")?, path }),
        "copy" => PatchOperation::Copy(CopyOperation { from: pointer(operation, "from")?, path }),
        _ => PatchOperation::Test(TestOperation { value: value()?, path }),
    })
}

fn missing(member: &str) -> Fault {
    Fault::new(PatchCode::InvalidOperation, "").expected(format!("the member {member:?}")).received("none").hint(
        "Every operation has \"op\" and \"path\"; add, replace and test have \"value\"; move and copy have \"from\".",
    )
}

fn text<'m>(operation: &'m OperationMembers, member: &str) -> Result<&'m str, Fault> {
    let value = operation.get(member).ok_or_else(|| missing(member))?;
    value.as_str().ok_or_else(|| {
        Fault::new(PatchCode::InvalidOperation, "")
            .expected(format!("a text as {member:?}"))
            .received(excerpt(value))
            .hint(format!("Write {member:?} as a text in quotes."))
    })
}

fn pointer(operation: &OperationMembers, member: &str) -> Result<PointerBuf, Fault> {
    let text = text(operation, member)?;
    PointerBuf::parse(text).map_err(|error| {
        let hint = if error.is_invalid_encoding() {
            "In a key, write ~ as ~0 and / as ~1.".to_owned()
        } else {
            format!("Begin it with a slash: \"/{}\".", text.trim_start_matches(['#', '/', '.', '$']))
        };
        Fault::new(PatchCode::InvalidPointer, text)
            .expected(format!("a JSON pointer of RFC 6901 as {member:?}"))
            .received(excerpt(&text.into()))
            .hint(hint)
    })
}

/// Reads so many operations at most, without a look into them; gives nothing when there are more.
struct Operations(usize);

impl<'de> DeserializeSeed<'de> for Operations {
    type Value = Option<Vec<OperationMembers>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Operations {
    type Value = Option<Vec<OperationMembers>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of operations")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Value, A::Error> {
        let mut operations = Vec::new();
        while operations.len() < self.0 {
            let Some(operation) = array.next_element()? else { return Ok(Some(operations)) };
            operations.push(operation);
        }
        let mut rest = 0;
        while array.next_element::<IgnoredAny>()?.is_some() {
            rest += 1;
        }
        Ok((rest == 0).then_some(operations))
    }
}

/// The members of one operation. Unknown ones are ignored, as RFC 6902 wants it.
struct OperationMembers {
    all: Vec<(String, Value)>,
    twice: Option<String>,
}

impl OperationMembers {
    fn get(&self, member: &str) -> Option<&Value> {
        self.all.iter().find(|(key, _)| key == member).map(|(_, value)| value)
    }

    fn take(&mut self, member: &str) -> Option<Value> {
        self.all.iter_mut().find(|(key, _)| key == member).map(|(_, value)| std::mem::take(value))
    }
}

impl<'de> Deserialize<'de> for OperationMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = OperationMembers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an operation, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OperationMembers, A::Error> {
        let mut members = OperationMembers { all: Vec::new(), twice: None };
        while let Some(key) = map.next_key::<String>()? {
            if !["op", "path", "from", "value"].contains(&key.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            if members.get(&key).is_some() {
                members.twice = Some(key.clone());
            }
            members.all.push((key, map.next_value()?));
        }
        Ok(members)
    }
}

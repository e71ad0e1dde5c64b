//! From bytes to a patch. Each operation is read by itself, so that an error can say which one is wrong and how. A list
//! is either of JSON Patch alone, or mixed with verbs.

use std::fmt;

use json_patch::jsonptr::PointerBuf;
use json_patch::{
    AddOperation, CopyOperation, MoveOperation, PatchOperation, RemoveOperation, ReplaceOperation, TestOperation,
};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::Patch;
use super::error::{Fault, PatchCode, PatchError};
use super::operation::Operation;
use super::verb::{self, Context, VERBS, Verb};
use crate::room::json::{excerpt, normalize};

const OPERATIONS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];

/// What a list may hold.
#[derive(Clone, Copy)]
enum Language<'c> {
    /// Operations of RFC 6902.
    JsonPatch,
    /// And verbs, to which the server adds this.
    Verbs(&'c Context),
}

impl Patch {
    /// Reads a JSON Patch of at most so many operations.
    pub fn parse(raw: &[u8], operations_max: usize) -> Result<Self, Box<PatchError>> {
        Self::read(raw, operations_max, Language::JsonPatch)
    }

    /// Reads a list of at most so many operations of JSON Patch and [`VERBS`], in any order. The ids of what is added, and
    /// who does it when, are settled with that.
    pub fn parse_operations(raw: &[u8], operations_max: usize, context: &Context) -> Result<Self, Box<PatchError>> {
        Self::read(raw, operations_max, Language::Verbs(context))
    }

    fn read(raw: &[u8], operations_max: usize, language: Language<'_>) -> Result<Self, Box<PatchError>> {
        let mut reading = serde_json::Deserializer::from_slice(raw);
        let operations = Operations(operations_max).deserialize(&mut reading);
        let operations = operations.and_then(|operations| reading.end().map(|()| operations)).map_err(|error| {
            let (expected, example) = match language {
                Language::JsonPatch => {
                    (", as RFC 6902 defines it", r#"{"op":"replace","path":"/trip/title","value":"Rome"}"#)
                }
                Language::Verbs(_) => ("", VERBS[0].example),
            };
            let fault = Fault::new(PatchCode::NotAPatch, "")
                .expected(format!("a JSON array of operations{expected}"))
                .received(error.to_string())
                .hint(format!("Send for example [{example}]."));
            fault.of(None, None)
        })?;
        let Some(operations) = operations else {
            let fault = Fault::new(PatchCode::TooLarge, "")
                .expected(format!("at most {operations_max} operations"))
                .received("more")
                .hint("Send them in several patches.");
            return Err(fault.of(Some(operations_max), None));
        };
        let read = |(at, members): (usize, OperationMembers)| operation(members, at, language);
        let operations = operations.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(Self { operations, run: None })
    }
}

fn operation(read: OperationMembers, at: usize, language: Language<'_>) -> Result<Operation, Box<PatchError>> {
    let OperationMembers { mut all, twice } = read;
    if let Some(twice) = &twice {
        let fault = Fault::new(PatchCode::InvalidOperation, "").expected("each member once");
        return Err(fault.received(format!("{twice:?} twice")).hint("Leave one of them out.").of(Some(at), None));
    }
    let op = text(&all, "op").map_err(|fault| fault.of(Some(at), None))?;
    if let Some(name) = OPERATIONS.into_iter().find(|known| *known == op) {
        let read = json_patch(&mut all, name);
        return read.map(Operation::Json).map_err(|fault| fault.of(Some(at), Some(name)));
    }
    if let (Language::Verbs(context), Some(usage)) = (language, verb::usage(op)) {
        all.remove("op");
        let read = Verb::read(usage, all, at, context);
        return read.map(Operation::Verb).map_err(|fault| fault.of(Some(at), Some(usage.name)));
    }
    let verbs = matches!(language, Language::Verbs(_)).then(|| VERBS.iter().map(|usage| usage.name));
    let known: Vec<&str> = verbs.into_iter().flatten().chain(OPERATIONS).collect();
    let fault = Fault::new(PatchCode::InvalidOperation, "").expected(format!("one of {}", known.join(", ")));
    let hint = "Write \"op\" in small letters; use \"add\" to set a member whether or not it is there.";
    Err(fault.received(excerpt(&op.into())).hint(hint).of(Some(at), None))
}

/// An operation of RFC 6902, its numbers in their one form.
fn json_patch(operation: &mut Map<String, Value>, name: &'static str) -> Result<PatchOperation, Fault> {
    let path = pointer(operation, "path")?;
    let value = |operation: &mut Map<String, Value>| {
        let mut value = operation.remove("value").ok_or_else(|| missing("value"))?;
        match normalize(&mut value) {
            // Nothing in a document equals a number that is too large, and to ask is no fault.
            Some(number) if name != "test" => Err(Fault::new(PatchCode::NumberTooLarge, &path)
                .expected("numbers that JavaScript holds exactly")
                .received(number.to_string())
                .hint("Write so large a number as text.")),
            _ => Ok(value),
        }
    };
    Ok(match name {
        "add" => PatchOperation::Add(AddOperation { value: value(operation)?, path }),
        "remove" => PatchOperation::Remove(RemoveOperation { path }),
        "replace" => PatchOperation::Replace(ReplaceOperation { value: value(operation)?, path }),
        "move" => PatchOperation::Move(MoveOperation { from: pointer(operation, "from")?, path }),
        "copy" => PatchOperation::Copy(CopyOperation { from: pointer(operation, "from")?, path }),
        _ => PatchOperation::Test(TestOperation { value: value(operation)?, path }),
    })
}

fn missing(member: &str) -> Fault {
    Fault::new(PatchCode::InvalidOperation, "").expected(format!("the member {member:?}")).received("none").hint(
        "Every operation has \"op\" and \"path\"; add, replace and test have \"value\"; move and copy have \"from\".",
    )
}

fn text<'m>(operation: &'m Map<String, Value>, member: &str) -> Result<&'m str, Fault> {
    let value = operation.get(member).ok_or_else(|| missing(member))?;
    value.as_str().ok_or_else(|| {
        Fault::new(PatchCode::InvalidOperation, "")
            .expected(format!("a text as {member:?}"))
            .received(excerpt(value))
            .hint(format!("Write {member:?} as a text in quotes."))
    })
}

fn pointer(operation: &Map<String, Value>, member: &str) -> Result<PointerBuf, Fault> {
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

/// The members of one operation. RFC 6902 wants unknown ones to be ignored; a verb does not.
struct OperationMembers {
    all: Map<String, Value>,
    twice: Option<String>,
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
        let mut members = OperationMembers { all: Map::new(), twice: None };
        while let Some(key) = map.next_key::<String>()? {
            if members.all.insert(key.clone(), map.next_value()?).is_some() {
                members.twice = Some(key);
            }
        }
        Ok(members)
    }
}

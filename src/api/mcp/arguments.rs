//! The arguments of a tool, each taken by whoever knows it: what nobody asked for is refused rather than ignored, and every
//! fault names the argument and what it may be. Used by `calls`.

use rmcp::model::JsonObject;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::room::event::Fault;

/// Characters of a wrong value that are shown.
const SHOWN: usize = 200;

/// See the module.
#[derive(Debug)]
pub struct Arguments(JsonObject);

impl Arguments {
    /// What a client sent.
    pub fn new(arguments: JsonObject) -> Self {
        Self(arguments)
    }

    /// Takes one out; null is the same as nothing.
    pub fn take(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name).filter(|value| !value.is_null())
    }

    /// Takes a text out.
    pub fn text(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(wrong(name, "a text", &other.to_string())),
        }
    }

    /// Takes a text out that must be there.
    pub fn needed(&mut self, name: &str, expected: &str) -> Result<String, Fault> {
        self.text(name)?.ok_or_else(|| wrong(name, expected, "nothing"))
    }

    /// Takes a number out, or a text, as it is written in an address.
    pub fn parameter(&mut self, name: &str) -> Result<Option<String>, Fault> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(Value::Number(number)) => Ok(Some(number.to_string())),
            Some(other) => Err(wrong(name, "a text or a number", &other.to_string())),
        }
    }

    /// Takes out whether something is so.
    pub fn flag<T: From<bool>>(&mut self, name: &str) -> Result<T, Fault> {
        match self.take(name) {
            None => Ok(false.into()),
            Some(Value::Bool(is_so)) => Ok(is_so.into()),
            Some(other) => Err(wrong(name, "true or false", &other.to_string())),
        }
    }

    /// All that is left as one thing.
    pub fn read<T: DeserializeOwned>(self) -> Result<T, Fault> {
        serde_path_to_error::deserialize(Value::Object(self.0)).map_err(|error| {
            let path = error.path().to_string();
            let field = if path == "." { String::new() } else { format!("/{}", path.replace('.', "/")) };
            let message = format!("An argument is wrong or missing: {}.", error.into_inner());
            Fault::new("invalid_field", message).at(field).hint("The tool's schema has all arguments.")
        })
    }

    /// All that is left.
    pub fn rest(self) -> JsonObject {
        self.0
    }

    /// Refuses what is left.
    pub fn finish(self) -> Result<(), Fault> {
        let Some((name, value)) = self.0.into_iter().next() else { return Ok(()) };
        let fault = Fault::new("unknown_field", "The tool has no such argument.").at(format!("/{name}"));
        Err(fault.received(shortened(&value.to_string())).hint("Leave it out; the tool's schema has all arguments."))
    }
}

/// An argument that is not what it should be.
pub fn wrong(name: &str, expected: &str, received: &str) -> Fault {
    let fault = Fault::new("invalid_field", "An argument is wrong or missing.").at(format!("/{name}"));
    fault.expected(expected).received(shortened(received))
}

fn shortened(text: &str) -> String {
    text.chars().take(SHOWN).collect()
}

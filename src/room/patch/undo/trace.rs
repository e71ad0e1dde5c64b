//! What one patch changed, with all that is needed to take it back: what was there and what it became, and of texts, which
//! elements went and came by the ids that they keep. Made by `record`, read by `take_back`; kept as JSON by whoever logs
//! edits, so its fields are there for good.

use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::ranges::Id;

/// What one patch changed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trace {
    /// Values that became others. No pointer leads through another one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) values: Vec<ValueTrace>,
    /// Shared texts that were edited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) texts: Vec<TextTrace>,
}

/// A value that became another one, came or went.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct ValueTrace {
    /// JSON pointer to it.
    pub(super) pointer: String,
    /// What it was.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) before: Option<Value>,
    /// What it became.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<Value>,
    /// Shared texts that went with it: JSON pointers to them, and whose each letter was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) texts: Vec<(String, Runs)>,
}

/// A shared text that was edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TextTrace {
    /// JSON pointer to it.
    pub(super) pointer: String,
    /// What was edited, in order.
    pub(super) edits: Vec<TextEdit>,
}

/// One place of a text at which elements went, came or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct TextEdit {
    /// The element before it that stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<Id>,
    /// The element behind it that stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) right: Option<Id>,
    /// What went: the id of the first unit of each run, and its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<(Id, String)>,
    /// What came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) inserted: Runs,
}

/// Elements of a text, in order: the id of the first UTF-16 unit of each run, and how many there are.
pub(super) type Runs = Vec<(Id, u32)>;

impl Trace {
    /// Whether nothing was changed.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.texts.is_empty()
    }

    /// JSON pointers to what was changed: values, and then texts.
    pub fn pointers(&self) -> impl Iterator<Item = &str> {
        let values = self.values.iter().map(|value| value.pointer.as_str());
        values.chain(self.texts.iter().map(|text| text.pointer.as_str()))
    }

    /// Whether its JSON has at most so many bytes. Costs no more than these.
    pub fn is_within(&self, bytes: usize) -> bool {
        serde_json::to_writer(Space(bytes), self).is_ok()
    }
}

/// A value that is there is not the same as none, even if it is null.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Takes so many bytes, and fails when there are more.
struct Space(usize);

impl Write for Space {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.checked_sub(bytes.len()).ok_or(io::ErrorKind::StorageFull)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

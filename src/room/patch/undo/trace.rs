//! What one patch changed, with all that is needed to take it back: what was there and what it became, and of texts, which
//! elements went and came by the ids that they keep. Made by `record`, read by `take_back`; kept as JSON by whoever logs
//! edits, so its fields are there for good.

use std::io::{self, Write};

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::ranges::Id;

/// Bytes of a text's digest.
const DIGEST: usize = 8;

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
}

/// A shared text that was edited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TextTrace {
    /// JSON pointer to it.
    pub(super) pointer: String,
    /// Digest of what it became.
    pub(super) after: String,
    /// What was edited, in order.
    pub(super) edits: Vec<TextEdit>,
}

/// One place of a text at which elements went, came or both.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct TextEdit {
    /// Where in the text as it became, in UTF-16 units.
    pub(super) at: u32,
    /// The element before it that stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) left: Option<Id>,
    /// The element behind it that stayed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) right: Option<Id>,
    /// What went: the id of the first unit of each run, and its text.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) removed: Vec<(Id, String)>,
    /// What came: the id of the first unit of each run, and how many there are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) inserted: Vec<(Id, u32)>,
}

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

/// A short name for a text, the same for the same text alone.
pub(super) fn digest(text: &str) -> String {
    Sha256::digest(text).iter().take(DIGEST).fold(String::new(), |digest, byte| format!("{digest}{byte:02x}"))
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

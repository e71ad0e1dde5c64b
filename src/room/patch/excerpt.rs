//! A value as a program is shown it that reads what changed, or what stands in the way: never more than so much of it.
//! Made by `preview` and for errors.

use std::fmt;
use std::io::{self, Write};

use serde_json::Value;

/// Bytes of JSON up to which a value is shown as it is.
pub const EXCERPT_BYTES_MAX: usize = 1_000;

/// A value, or the beginning of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Excerpt {
    /// The value itself.
    Whole(Value),
    /// The beginning of its JSON, at most [`EXCERPT_BYTES_MAX`] bytes.
    Beginning(String),
}

impl Excerpt {
    /// Shows a value. Costs no more than what is shown.
    pub(in crate::room) fn of(value: &Value) -> Self {
        let mut beginning = Beginning(Vec::new());
        if serde_json::to_writer(&mut beginning, value).is_ok() {
            return Self::Whole(value.clone());
        }
        let text = String::from_utf8_lossy(&beginning.0);
        Self::Beginning(text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned())
    }
}

impl fmt::Display for Excerpt {
    /// JSON; with an ellipsis behind it when it is the beginning of it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(value) => write!(f, "{value}"),
            Self::Beginning(text) => write!(f, "{text}…"),
        }
    }
}

/// Takes so many bytes, and no more.
struct Beginning(Vec<u8>);

impl Write for Beginning {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(EXCERPT_BYTES_MAX - self.0.len());
        self.0.extend_from_slice(&bytes[..taken]);
        if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn short_values_are_whole_and_long_ones_begin() {
        for value in [json!(null), json!("é"), json!({"a": [1, 2]}), json!("x".repeat(EXCERPT_BYTES_MAX - 2))] {
            assert_eq!(Excerpt::of(&value), Excerpt::Whole(value));
        }
        for value in [json!("é".repeat(EXCERPT_BYTES_MAX)), json!(vec!["🏝"; EXCERPT_BYTES_MAX])] {
            let Excerpt::Beginning(text) = Excerpt::of(&value) else { panic!("it is long") };
            assert!((EXCERPT_BYTES_MAX - 4..=EXCERPT_BYTES_MAX).contains(&text.len()), "{}", text.len());
            assert!(value.to_string().starts_with(&text), "{text}");
        }
    }
}

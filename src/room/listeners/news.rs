//! What a listener has not heard of yet: pointers to what has changed in the document, by whom, and what was there before.
//! Owned by `Listeners`. Bounded; it must never lose a change without saying that there is more.

use std::collections::{BTreeMap, BTreeSet};

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::Value;

use crate::room::event::Difference;
use crate::room::patch::Excerpt;
use crate::room::principal::PrincipalId;
use crate::room::view::DocumentView;

/// The most pointers of one `doc.changed`.
const POINTERS_MAX: usize = 200;
/// And the most bytes of one of them.
const POINTER_BYTES_MAX: usize = 1_024;

/// See the module.
#[derive(Debug, Default, Clone, PartialEq)]
pub(super) struct News {
    /// What changed, and what was there before, the beginning of it if it is long.
    pub pointers: BTreeMap<String, Option<String>>,
    /// There is more than `pointers` name.
    pub more: bool,
    pub authors: BTreeSet<PrincipalId>,
}

impl News {
    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty() && !self.more
    }

    /// Something has changed. Of several changes at one place the first says what was there before.
    pub fn add(&mut self, pointer: String, before: Option<String>) {
        if self.pointers.contains_key(&pointer) {
            return;
        }
        if self.pointers.len() < POINTERS_MAX && pointer.len() <= POINTER_BYTES_MAX {
            self.pointers.insert(pointer, before);
        } else {
            self.more = true;
        }
    }

    /// Adds all in which two documents differ.
    pub fn compare(&mut self, before: &DocumentView, after: &DocumentView) {
        if before.json == after.json {
            // Something that JSON does not show.
            self.more |= before.version != after.version;
            return;
        }
        let read = |view: &DocumentView| serde_json::from_slice::<Value>(&view.json);
        match (read(before), read(after)) {
            (Ok(before), Ok(after)) => self.difference(&mut PointerBuf::new(), &before, &after),
            // It is written by ourselves; deeper than a reader goes it cannot be.
            _ => self.add(String::new(), None),
        }
    }

    /// What is there of each pointer, before and in `now`.
    pub fn differences(&self, now: &Value) -> Vec<Difference> {
        let now = |pointer: &str| Pointer::parse(pointer).ok().and_then(|pointer| pointer.resolve(now).ok());
        let of = |(pointer, before): (&String, &Option<String>)| Difference {
            pointer: pointer.clone(),
            before: before.clone(),
            after: now(pointer).map(excerpt),
        };
        self.pointers.iter().map(of).collect()
    }

    fn difference(&mut self, at: &mut PointerBuf, before: &Value, after: &Value) {
        if before == after || self.more {
            return;
        }
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => {
                for (key, value) in after {
                    at.push_back(key);
                    match before.get(key) {
                        Some(old) => self.difference(at, old, value),
                        None => self.add(at.to_string(), None),
                    }
                    at.pop_back();
                }
                for (key, old) in before.iter().filter(|(key, _)| !after.contains_key(*key)) {
                    at.push_back(key);
                    self.add(at.to_string(), Some(excerpt(old)));
                    at.pop_back();
                }
            }
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (index, (old, value)) in before.iter().zip(after).enumerate() {
                    at.push_back(index);
                    self.difference(at, old, value);
                    at.pop_back();
                }
            }
            _ => self.add(at.to_string(), Some(excerpt(before))),
        }
    }
}

fn excerpt(value: &Value) -> String {
    Excerpt::of(value).to_string()
}

/// Whether one of two pointers leads to the other.
pub(super) fn meet(one: &str, other: &str) -> bool {
    let leads =
        |to: &str, from: &str| to.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    leads(one, other) || leads(other, one)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn difference(before: &Value, after: &Value) -> Vec<String> {
        let mut news = News::default();
        news.difference(&mut PointerBuf::new(), before, after);
        news.pointers.into_keys().collect()
    }

    #[test]
    fn what_changed_is_named_as_deep_as_it_goes() {
        let before = json!({"items": {"a": {"title": "x", "tags": [1, 2]}, "b": {}}, "notes": "n", "a/b~c": 1});
        let after = json!({"items": {"a": {"title": "y", "tags": [1, 3]}, "c": {}}, "notes": "nn", "a/b~c": 2});
        let found = difference(&before, &after);
        assert_eq!(found, ["/a~1b~0c", "/items/a/tags/1", "/items/a/title", "/items/b", "/items/c", "/notes"]);
        assert!(difference(&after, &after).is_empty());
    }

    #[test]
    fn values_are_those_before_the_first_change_and_now() {
        let states = [json!({"a": {"b": 1}}), json!({"a": {"b": 2}, "c": "x"}), json!({"a": {"b": 3}, "c": "y"})];
        let mut news = News::default();
        for pair in states.windows(2) {
            news.difference(&mut PointerBuf::new(), &pair[0], &pair[1]);
        }
        let found = news.differences(&states[2]);
        let found: Vec<_> =
            found.iter().map(|one| (&*one.pointer, one.before.as_deref(), one.after.as_deref())).collect();
        assert_eq!(found, [("/a/b", Some("1"), Some("3")), ("/c", None, Some("\"y\""))]);
    }

    #[test]
    fn too_much_is_said_to_be_read() {
        let many = |value: u32| Value::Object((0..500).map(|key| (key.to_string(), json!(value))).collect());
        let mut news = News::default();
        news.difference(&mut PointerBuf::new(), &many(1), &many(2));
        assert!(news.more && news.pointers.len() == POINTERS_MAX);
    }

    #[test]
    fn pointers_meet_above_and_below_and_not_beside() {
        for (one, other, met) in [
            ("/items", "/items/a", true),
            ("/items/a/day", "/items/a", true),
            ("/items", "/itemset", false),
            ("", "/x", true),
        ] {
            assert_eq!(meet(one, other), met, "{one} {other}");
        }
    }
}

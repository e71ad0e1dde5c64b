//! Where two readings of a document differ: objects field by field, everything else as a whole. Pure; used for previews
//! and for what can be taken back.

use json_patch::jsonptr::PointerBuf;
use serde_json::{Map, Value};

/// Calls `found` with the JSON pointer to each value that is another one, in order, with what it was and what it is.
pub(super) fn differing<'v>(
    before: &'v Map<String, Value>,
    after: &'v Map<String, Value>,
    found: &mut impl FnMut(String, Option<&'v Value>, Option<&'v Value>),
) {
    members(before, after, &mut Vec::new(), found);
}

fn members<'v>(
    before: &'v Map<String, Value>,
    after: &'v Map<String, Value>,
    path: &mut Vec<&'v str>,
    found: &mut impl FnMut(String, Option<&'v Value>, Option<&'v Value>),
) {
    let (mut old, mut new) = (before.iter().peekable(), after.iter().peekable());
    // Both are in the order of their keys.
    loop {
        let key = match (old.peek(), new.peek()) {
            (None, None) => return,
            (Some((key, _)), None) | (None, Some((key, _))) => key.as_str(),
            (Some((old, _)), Some((new, _))) => old.min(new).as_str(),
        };
        let is_next = |entry: &(&'v String, &'v Value)| entry.0 == key;
        let was = old.next_if(is_next).map(|(_, value)| value);
        let is = new.next_if(is_next).map(|(_, value)| value);
        path.push(key);
        match (was, is) {
            (Some(Value::Object(was)), Some(Value::Object(is))) => members(was, is, path, found),
            _ if was == is => {}
            _ => found(PointerBuf::from_tokens(path.iter().copied()).to_string(), was, is),
        }
        path.pop();
    }
}

//! A part of a document's JSON, found without reading what is beside the way to it. Pure.

use std::borrow::Cow;

use hashbrown::HashMap;
use json_patch::jsonptr::Pointer;
use serde_json::value::RawValue;

/// The part of a document's JSON that a pointer leads to, as it stands there. Only what is on the way is read.
pub fn part(json: &[u8], pointer: &str) -> Option<Box<RawValue>> {
    let mut value: &RawValue = serde_json::from_slice(json).ok()?;
    let pointer = Pointer::parse(pointer).ok()?;
    for token in pointer.tokens() {
        let token = token.decoded();
        value = match value.get().as_bytes().first()? {
            b'{' => {
                let members: HashMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).ok()?;
                members.get(&*token).copied()?
            }
            b'[' => {
                let elements: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                let is_index = token == "0" || !token.starts_with('0');
                elements.get(token.parse::<usize>().ok().filter(|_| is_index)?).copied()?
            }
            _ => return None,
        };
    }
    Some(value.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_part_is_what_the_pointer_leads_to() {
        let document = json!({"items": {"a/b": {"tags": [1, {"x": "y"}]}, "": 3, "\u{e9}~": null}, "notes": "n"});
        let json = document.to_string();
        for pointer in [
            "",
            "/items",
            "/items/a~1b",
            "/items/a~1b/tags/1/x",
            "/items/",
            "/items/\u{e9}~0",
            "/notes",
            "/none",
            "/items/a~1b/tags/2",
            "/items/a~1b/tags/01",
            "/notes/0",
            "/items/a~1b/tags/-",
        ] {
            let found =
                part(json.as_bytes(), pointer).map(|raw| serde_json::from_str::<Value>(raw.get()).expect("JSON"));
            assert_eq!(found.as_ref(), document.pointer(pointer), "{pointer}");
        }
        assert!(part(json.as_bytes(), "items").is_none() && part(json.as_bytes(), "/items~2").is_none());
    }
}

//! What is in a part of a document that is too long to be sent to a model: the names of its members and how long each is,
//! so that the next thing it reads is the right one. Used by `calls`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// So many members are named.
const MEMBERS_MAX: usize = 50;
/// Bytes of a name beyond which it is not shown.
const NAME_MAX: usize = 100;

/// A sentence that says what to read instead.
pub fn of(value: &RawValue, pointer: &str) -> String {
    let members: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_str(value.get()).unwrap_or_default();
    if members.is_empty() {
        return "Read it in parts on the JSON socket or over REST.".to_owned();
    }
    let short = members.iter().filter(|(name, _)| name.len() <= NAME_MAX);
    let named: Vec<String> = short
        .take(MEMBERS_MAX)
        .map(|(name, part)| {
            let token = name.replace('~', "~0").replace('/', "~1");
            format!("{pointer}/{token} ({} bytes)", part.get().len())
        })
        .collect();
    let more = members.len() - named.len();
    let more = if more == 0 { String::new() } else { format!(", and {more} more") };
    format!("Read a part of it, by `pointer`: {}{more}.", named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(json: &str, pointer: &str) -> String {
        of(serde_json::from_str(json).expect("JSON"), pointer)
    }

    #[test]
    fn it_names_what_can_be_read_instead() {
        let text = outline(r#"{"notes":"abc","items":{"a/b":1}}"#, "");
        assert_eq!(text, "Read a part of it, by `pointer`: /items (9 bytes), /notes (5 bytes).");
        assert!(outline(r#"{"a/b":1}"#, "/items").contains("/items/a~1b (1 bytes)"));
        assert!(outline("\"abc\"", "/notes").starts_with("Read it in parts"));
        let many: String = (0..60).map(|at| format!("\"k{at:02}\":0,")).collect();
        let many = outline(&format!("{{{}}}", many.trim_end_matches(',')), "/items");
        assert!(many.ends_with("/items/k49 (1 bytes), and 10 more."), "{many}");
    }
}

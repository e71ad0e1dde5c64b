//! What a patch would change, without doing it. Made by `Patch::preview` from what is and what would be; whoever asked
//! shows it, and computes from the roots what else would follow.

use serde_json::{Map, Value};

use super::excerpt::Excerpt;
use super::leaves::differing;

/// So many changes are told one by one.
pub const CHANGES_MAX: usize = 100;

/// What would change.
#[derive(Debug, Clone, PartialEq)]
pub struct Preview {
    /// What would be different, in the order of its pointers; at most [`CHANGES_MAX`].
    pub changes: Vec<ValueChange>,
    /// How many changes are left out.
    pub left_out: usize,
    /// The roots that would change, as they would be, whole. One that would be gone is not there.
    pub roots: Map<String, Value>,
}

/// One value that would be another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValueChange {
    /// JSON pointer to it.
    pub pointer: String,
    /// What is there; nothing when it would be new.
    pub before: Option<Excerpt>,
    /// What would be there; nothing when it would be removed.
    pub after: Option<Excerpt>,
}

impl Preview {
    pub(super) fn new(before: &Map<String, Value>, after: &Map<String, Value>) -> Self {
        let (mut changes, mut left_out) = (Vec::new(), 0);
        differing(before, after, &mut |pointer, before, after| {
            if changes.len() == CHANGES_MAX {
                left_out += 1;
                return;
            }
            changes.push(ValueChange { pointer, before: before.map(Excerpt::of), after: after.map(Excerpt::of) });
        });
        let touched = after.iter().filter(|(name, root)| before.get(*name) != Some(root));
        let roots = touched.map(|(name, root)| (name.clone(), root.clone())).collect();
        Self { changes, left_out, roots }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::room::patch::tests::{LIMITS, OPERATIONS, all, apply, document};
    use crate::room::patch::{Patch, PatchCode, PatchFailure};
    use crate::room::role::Writes;

    fn parsed(patch: &Value) -> Patch {
        Patch::parse(patch.to_string().as_bytes(), OPERATIONS).expect("well-formed operations")
    }

    #[test]
    fn what_would_change_is_told_and_nothing_changes() {
        let item = json!({"title": "Walk"});
        let mut document = document(&json!({"items": {"a": item, "b": item, "c": item}, "trip": {"title": "Lisbon"}}));
        let (before, version) = (all(&document), document.version());
        let patch = json!([
            {"op": "replace", "path": "/items/a/title", "value": "Fado"},
            {"op": "add", "path": "/items/a/url", "value": "https://example.org"},
            {"op": "remove", "path": "/items/b"},
            {"op": "replace", "path": "/notes", "value": "x".repeat(5_000)},
            {"op": "test", "path": "/trip/title", "value": "Lisbon"},
        ]);
        let preview = parsed(&patch).preview(&mut document, Writes::Everything, &LIMITS).expect("it can be done");
        assert_eq!((all(&document), document.version()), (before.clone(), version));
        let told: Vec<&str> = preview.changes.iter().map(|change| change.pointer.as_str()).collect();
        assert_eq!(told, ["/items/a/title", "/items/a/url", "/items/b", "/notes"]);
        let whole = |value: Value| Some(Excerpt::Whole(value));
        let [title, url, removed, notes] = &preview.changes[..] else { panic!("four changes") };
        assert_eq!((&title.before, &title.after), (&whole(json!("Walk")), &whole(json!("Fado"))));
        assert_eq!((&url.before, &url.after), (&None, &whole(json!("https://example.org"))));
        assert_eq!((&removed.before, &removed.after), (&whole(item), &None));
        assert!(matches!(&notes.after, Some(Excerpt::Beginning(text)) if text.starts_with("\"xxx")));
        apply(&mut document, &patch).expect("it can be done");
        let after = all(&document);
        assert_eq!(Value::Object(preview.roots), json!({"items": after["items"], "notes": after["notes"]}));
    }

    #[test]
    fn of_many_changes_a_few_are_told() {
        let many: Value = (0..CHANGES_MAX + 150).map(|at| (at.to_string(), json!(at))).collect();
        let patch = parsed(&json!([{"op": "add", "path": "/trip", "value": many}]));
        let mut document = document(&json!({}));
        let preview = patch.preview(&mut document, Writes::Everything, &LIMITS).expect("it can be done");
        assert_eq!((preview.changes.len(), preview.left_out), (CHANGES_MAX, 150));
    }

    #[test]
    fn what_would_be_refused_is_refused() {
        let mut document = document(&json!({}));
        let patch = parsed(&json!([{"op": "add", "path": "/trip/title", "value": "x"}]));
        let refused = patch.preview(&mut document, Writes::Comments, &LIMITS);
        assert!(matches!(refused, Err(PatchFailure::Refused(error)) if error.code == PatchCode::NotAllowed));
        let large = parsed(&json!([{"op": "replace", "path": "/notes", "value": "x".repeat(2 << 20)}]));
        let refused = large.preview(&mut document, Writes::Everything, &LIMITS);
        assert!(matches!(refused, Err(PatchFailure::DocumentTooLarge)));
    }
}

//! Says what a patch changes, while it is being applied: begun before it is written, ended when it is. Used by `Patch`.

use hashbrown::HashMap;
use serde_json::{Map, Value};

use super::layout::Layout;
use super::trace::{TextTrace, Trace, ValueTrace};
use super::{find_text, is_legible};
use crate::room::change::Poisoned;
use crate::room::document::Document;
use crate::room::patch::leaves::differing;

/// What is known of a patch before it is written.
pub(in crate::room::patch) struct Recording {
    values: Vec<ValueTrace>,
    /// Texts that will be edited, as they are.
    texts: Vec<(ValueTrace, Layout)>,
}

impl Recording {
    /// `before` must be what the document says of these roots, `after` what it is going to.
    pub(in crate::room::patch) fn begin(
        document: &mut Document,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Result<Self, Poisoned> {
        let (mut changed, mut strings) = (Vec::new(), HashMap::new());
        differing(before, after, &mut |pointer, before, after| {
            if let Some(before) = before {
                collect_strings(before, pointer.clone(), &mut strings);
            }
            let (before, after) = (before.cloned(), after.cloned());
            changed.push(ValueTrace { pointer, before, after, texts: Vec::new() });
        });
        let is_legible = is_legible(document, strings.values().map(String::len).sum());
        let mut layouts = if is_legible { layouts(document, &strings)? } else { HashMap::new() };
        let (mut values, mut texts) = (Vec::new(), Vec::new());
        for mut value in changed {
            match (&value.before, &value.after, layouts.remove(&value.pointer)) {
                (Some(Value::String(_)), Some(Value::String(_)), Some(layout)) => texts.push((value, layout)),
                (before, _, layout) => {
                    let mut inside = HashMap::new();
                    if let Some(before @ (Value::Object(_) | Value::Array(_))) = before {
                        collect_strings(before, value.pointer.clone(), &mut inside);
                    }
                    let inside = inside.into_keys().filter_map(|text| layouts.remove_entry(&text));
                    let gone = layout.map(|layout| (value.pointer.clone(), layout)).into_iter().chain(inside);
                    value.texts = gone.map(|(pointer, layout)| (pointer, layout.runs())).collect();
                    values.push(value);
                }
            }
        }
        Ok(Self { values, texts })
    }

    /// What the patch has changed, when it is written.
    pub(in crate::room::patch) fn end(self, document: &mut Document) -> Result<Trace, Poisoned> {
        let Self { mut values, texts } = self;
        let after = |text: &ValueTrace| text.after.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let strings = texts.iter().map(|(text, _)| (text.pointer.clone(), after(text))).collect();
        let mut layouts = layouts(document, &strings)?;
        let mut edited = Vec::new();
        for (text, before) in texts {
            match layouts.remove(&text.pointer) {
                Some(after) => edited.push(TextTrace { pointer: text.pointer, edits: before.edits_to(&after) }),
                None => values.push(text),
            }
        }
        Ok(Trace { values, texts: edited })
    }
}

/// All texts in a value, by JSON pointers to them.
fn collect_strings(value: &Value, pointer: String, into: &mut HashMap<String, String>) {
    match value {
        Value::String(text) => drop(into.insert(pointer, text.clone())),
        Value::Object(members) => {
            for (key, value) in members {
                collect_strings(value, format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1")), into);
            }
        }
        _ => {}
    }
}

/// Those of some texts that are shared, which are to be as the document says.
fn layouts(document: &mut Document, strings: &HashMap<String, String>) -> Result<HashMap<String, Layout>, Poisoned> {
    let mut layouts = HashMap::new();
    if strings.is_empty() {
        return Ok(layouts);
    }
    document.edit(|txn| {
        for (pointer, string) in strings {
            let found = find_text(txn, pointer).map(|text| Layout::read(txn, &text).0);
            if let Some(layout) = found.filter(|layout| layout.string() == *string) {
                layouts.insert(pointer.clone(), layout);
            }
        }
    })?;
    Ok(layouts)
}

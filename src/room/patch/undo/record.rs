//! Says what a patch changes, while it is being applied: begun before it is written, ended when it is. Used by `Patch`.

use serde_json::{Map, Value};

use super::layout::Layout;
use super::trace::{TextTrace, Trace, ValueTrace, digest};
use super::{find_text, is_legible, length};
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
        let (mut values, mut texts) = (Vec::new(), Vec::new());
        differing(before, after, &mut |pointer, before, after| {
            let both_texts = matches!((before, after), (Some(Value::String(_)), Some(Value::String(_))));
            let value = ValueTrace { pointer, before: before.cloned(), after: after.cloned() };
            if both_texts { texts.push(value) } else { values.push(value) }
        });
        let bytes = texts.iter().map(|text| length(text.before.as_ref()).max(length(text.after.as_ref()))).sum();
        if texts.is_empty() || !is_legible(document, bytes) {
            values.append(&mut texts);
            return Ok(Self { values, texts: Vec::new() });
        }
        let layouts = layouts(document, &texts)?;
        let mut shared = Vec::new();
        for (text, layout) in texts.into_iter().zip(layouts) {
            match layout.filter(|layout| Some(layout.string().as_str()) == text.before.as_ref().and_then(Value::as_str))
            {
                Some(layout) => shared.push((text, layout)),
                None => values.push(text),
            }
        }
        Ok(Self { values, texts: shared })
    }

    /// What the patch has changed, when it is written.
    pub(in crate::room::patch) fn end(self, document: &mut Document) -> Result<Trace, Poisoned> {
        let Self { mut values, texts } = self;
        let (texts, before): (Vec<ValueTrace>, Vec<Layout>) = texts.into_iter().unzip();
        let mut edited = Vec::new();
        let layouts = if texts.is_empty() { Vec::new() } else { layouts(document, &texts)? };
        for ((text, before), layout) in texts.into_iter().zip(before).zip(layouts) {
            let after = layout.map(|layout| (layout.string(), layout));
            match after.filter(|(string, _)| Some(string.as_str()) == text.after.as_ref().and_then(Value::as_str)) {
                Some((string, after)) => {
                    let edits = before.edits_to(&after);
                    edited.push(TextTrace { pointer: text.pointer, after: digest(&string), edits });
                }
                None => values.push(text),
            }
        }
        Ok(Trace { values, texts: edited })
    }
}

/// The texts at some pointers, where there are texts that are shared.
fn layouts(document: &mut Document, texts: &[ValueTrace]) -> Result<Vec<Option<Layout>>, Poisoned> {
    let mut layouts = Vec::new();
    document.edit(|txn| {
        let text = |text: &ValueTrace| find_text(txn, &text.pointer).map(|found| Layout::read(txn, &found).0);
        layouts.extend(texts.iter().map(text));
    })?;
    Ok(layouts)
}

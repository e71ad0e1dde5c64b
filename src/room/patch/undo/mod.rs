//! What patches did, taken back by whoever is asked to: also after a restart, and after others have gone on. `record` says
//! what a patch changed while it is applied, `take_back` undoes such changes on the document as it is then. What is still
//! as the patch left it is set back to what was there before; what somebody changed since stays, and is told.

mod layout;
#[cfg(test)]
mod properties;
mod ranges;
mod record;
mod take_back;
#[cfg(test)]
mod tests;
mod trace;

use json_patch::jsonptr::Pointer;
use serde_json::Value;
use yrs::{Map, MapRef, Out, ReadTxn, TextRef};

use super::write;
use crate::room::document::Document;
use crate::room::view::pointer;

pub(super) use record::Recording;
pub use take_back::{Kept, TakenBack, Why, take_back};
pub use trace::Trace;

/// The text of a document that a pointer leads to. Not whatever reads as a text, but one that people can type in.
fn find_text(txn: &impl ReadTxn, path: &str) -> Option<TextRef> {
    let path = Pointer::parse(path).ok()?;
    let mut tokens = path.tokens().map(|token| token.decoded().into_owned());
    let root = tokens.next()?;
    let root = pointer(txn.get(&root)?.try_branch()?);
    let mut found = None;
    for token in tokens {
        let map = match found {
            None => MapRef::from(root),
            Some(Out::YMap(map)) => map,
            Some(_) => return None,
        };
        found = Some(map.get(txn, &token)?);
    }
    match found {
        None => Some(TextRef::from(root)),
        Some(Out::YText(text)) => Some(text),
        Some(_) => None,
    }
}

/// Whether texts may be laid out that come to so many units: it costs as much as the marks in the document times that.
fn is_legible(document: &Document, units: usize) -> bool {
    units == 0 || write::marks(&document.difference(&[])).saturating_mul(units) <= write::MARKED_MAX
}

fn length(value: Option<&Value>) -> usize {
    value.and_then(Value::as_str).map_or(0, str::len)
}

//! Changes of a document, gathered until it is time to post them: one event in the place of many. Used by a courier.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The most pointers that are gathered.
const POINTERS_MAX: usize = 200;
/// The most authors.
const AUTHORS_MAX: usize = 32;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Digest {
    since: Option<Instant>,
    pointers: BTreeSet<String>,
    by: BTreeSet<String>,
    more: bool,
}

/// What of a `doc.changed` is gathered, and what is posted in its place.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Changed {
    pub(super) version: String,
    pub(super) pointers: BTreeSet<String>,
    pub(super) more: bool,
    pub(super) by: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Told<'a> {
    #[serde(rename = "type", borrow)]
    kind: &'a str,
    #[serde(borrow)]
    data: &'a serde_json::value::RawValue,
}

impl Digest {
    /// An event that is not kept; others than changes say nothing here.
    pub(super) fn hear(&mut self, json: &[u8]) {
        let told = serde_json::from_slice::<Told<'_>>(json).ok().filter(|told| told.kind == "doc.changed");
        let Some(changed) = told.and_then(|told| serde_json::from_str::<Changed>(told.data.get()).ok()) else { return };
        self.since.get_or_insert_with(Instant::now);
        self.more |= changed.more;
        for pointer in changed.pointers {
            if self.pointers.len() < POINTERS_MAX {
                self.pointers.insert(pointer);
            } else {
                self.more |= !self.pointers.contains(&pointer);
            }
        }
        for author in changed.by {
            if self.by.len() < AUTHORS_MAX {
                self.by.insert(author);
            }
        }
    }

    /// Something changed while nobody listened.
    pub(super) fn miss(&mut self) {
        self.since.get_or_insert_with(Instant::now);
        self.more = true;
    }

    /// When to post, if there is anything.
    pub(super) fn due(&self, after: Duration) -> Option<Instant> {
        self.since.map(|since| since + after)
    }

    /// All of it, of a document that has this version now.
    pub(super) fn take(&mut self, version: String) -> Changed {
        let Self { pointers, by, more, .. } = std::mem::take(self);
        Changed { version, pointers, more, by }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn many_changes_become_one() {
        let mut digest = Digest::default();
        assert!(digest.due(Duration::ZERO).is_none());
        for (pointer, by) in [("/a", "ada"), ("/b", "bob"), ("/a", "ada")] {
            let told = json!({"type": "doc.changed", "data": {"version": "1", "pointers": [pointer], "more": false, "by": [by]}});
            digest.hear(told.to_string().as_bytes());
        }
        digest.hear(br#"{"type":"agent.status","data":{}}"#);
        let changed = digest.take("2".to_owned());
        assert_eq!((changed.pointers.len(), changed.by.len(), changed.more), (2, 2, false));
        assert!(digest.due(Duration::ZERO).is_none());
    }
}

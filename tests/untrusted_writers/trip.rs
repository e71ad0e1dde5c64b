//! A document that an editor and a commenter have written, and what it says below `comments` and elsewhere.

use std::collections::BTreeMap;
use std::fmt::Write;

use bytes::Bytes;
use triproom::room::change::Outcome;
use triproom::room::document::Document;
use triproom::room::update::CheckedUpdate;
use triproom::room::verdict::{Holder, Verdict};
use yrs::types::ToJson;
use yrs::types::text::{Diff, YChange};
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Text, Transact, Update};

use super::crafted::{At, Crafted, Id, Of};

pub const COMMENTS: &str = "comments";
/// Who wrote the trip.
pub const EDITOR: u64 = 10;
/// Who wrote the first comment.
pub const COMMENTER: u64 = 20;

/// Of the editor: `trip.title`, the text of `notes` (eleven letters), an item, its notes and what they say (three
/// letters).
pub const TITLE: Id = (EDITOR, 0);
pub const NOTES: u32 = 1;
pub const ITEM: Id = (EDITOR, 12);
pub const ITEM_NOTES: Id = (EDITOR, 13);
pub const ITEM_LETTERS: u32 = 14;
pub const EDITOR_END: Id = (EDITOR, 17);
/// Of the commenter: a comment and its text, which has two letters.
pub const COMMENT: Id = (COMMENTER, 0);
pub const COMMENT_TEXT: Id = (COMMENTER, 1);
pub const COMMENTER_END: Id = (COMMENTER, 4);

pub fn trip() -> Document {
    let mut document = Document::new(1 << 20);
    let base = Crafted::default()
        .by((EDITOR, 0))
        .block(At::Key("trip", "title"), Of::Value("Rome"))
        .block(At::Root("notes"), Of::Text("hello world"))
        .block(At::Key("items", "i1"), Of::Map)
        .block(At::KeyIn(ITEM, "notes"), Of::TextType)
        .block(At::In(ITEM_NOTES), Of::Text("abc"))
        .by((COMMENTER, 0))
        .block(At::Key(COMMENTS, "c1"), Of::Map)
        .block(At::KeyIn(COMMENT, "text"), Of::TextType)
        .block(At::In(COMMENT_TEXT), Of::Text("hi"));
    assert_eq!(apply(&mut document, base.update()), Outcome::Applied);
    document
}

pub fn apply(document: &mut Document, update: CheckedUpdate) -> Outcome {
    let mut change = document.change();
    let outcome = change.apply(update, 1).expect("the library bears it");
    change.finish().expect("the library bears it");
    outcome
}

/// The same document, another one.
pub fn copy(document: &Document) -> Document {
    let mut copy = Document::new(1 << 30);
    apply(&mut copy, CheckedUpdate::parse_stored(document.difference(&[])).expect("the library's own"));
    copy
}

/// Judges with nothing known about whose the client ids are, but that the editor's is not the writer's.
pub fn judge(document: &mut Document, update: &CheckedUpdate) -> Verdict {
    document.only_touches(update, COMMENTS, |client| if client == EDITOR { Holder::Other } else { Holder::Nobody })
}

/// Everything that a state says outside of `comments`, and what it says there.
pub fn says(state: &Bytes) -> (String, String) {
    let doc = Doc::new();
    for root in ["trip", "budget", "destinations", "items", "Comments", "comments ", COMMENTS] {
        doc.get_or_insert_map(root);
    }
    let notes = doc.get_or_insert_text("notes");
    doc.get_or_insert_array("list");
    let prose = doc.get_or_insert_xml_fragment("prose");
    doc.transact_mut().apply_update(Update::decode_v1(state).expect("valid")).expect("whole");
    let txn = doc.transact();
    let mut elsewhere = String::new();
    let mut comments = String::new();
    let mut roots: Vec<_> = txn.root_refs().collect();
    roots.sort_by_key(|(name, _)| (*name).to_owned());
    for (name, root) in roots {
        let says = match name {
            "notes" => chunks(&notes.diff(&txn, YChange::identity)),
            "prose" => prose.get_string(&txn),
            // By way of JSON, whose keys are sorted.
            _ => serde_json::to_value(root.to_json(&txn)).expect("JSON").to_string(),
        };
        let into = if name == COMMENTS { &mut comments } else { &mut elsewhere };
        writeln!(into, "{name}: {says}").expect("a string takes everything");
    }
    (elsewhere, comments)
}

fn chunks(text: &[Diff<YChange>]) -> String {
    let chunk = |chunk: &Diff<YChange>| {
        let marks: Option<BTreeMap<_, _>> = chunk.attributes.as_ref().map(|marks| marks.iter().collect());
        format!("{:?}{marks:?}", chunk.insert)
    };
    text.iter().map(chunk).collect()
}

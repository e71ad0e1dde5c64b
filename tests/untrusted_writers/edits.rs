//! Random edits as an honest client makes them, of every kind that Yjs has, below `comments` or elsewhere.

use yrs::types::Attrs;
use yrs::{
    Any, Array, ArrayPrelim, ClientID, Doc, Map, MapPrelim, MapRef, OffsetKind, Options, Out, Text, TextPrelim,
    TextRef, TransactionMut, WriteTxn, XmlElementPrelim, XmlFragment, XmlTextPrelim,
};

/// Where an edit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    Comments,
    Elsewhere,
}

pub fn client_doc(client: u64) -> Doc {
    let mut options = Options::with_client_id(ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    options.cleanup_formatting = false;
    Doc::with_options(options)
}

/// Makes one edit, or none when there is nothing to edit.
pub fn edit(txn: &mut TransactionMut<'_>, random: &mut fastrand::Rng, place: Where) {
    let entries = txn.get_or_insert_map(if place == Where::Comments { "comments" } else { "items" });
    if place == Where::Comments || random.bool() {
        entry_edit(txn, random, &entries);
        return;
    }
    match random.u8(..6) {
        0 => drop(txn.get_or_insert_map("trip").insert(txn, one_of(random, &["title", "status", "comments"]), "value")),
        1 => txn.get_or_insert_map("trip").remove(txn, "title").map_or((), drop),
        2 | 3 => {
            let notes = txn.get_or_insert_text("notes");
            text_edit(txn, random, &notes);
        }
        4 => {
            let list = txn.get_or_insert_array("list");
            let length = list.len(txn);
            if length > 0 && random.bool() {
                list.remove(txn, random.u32(..length));
            } else {
                list.insert(txn, random.u32(..=length), random.i64(..100));
            }
        }
        _ => {
            let prose = txn.get_or_insert_xml_fragment("prose");
            let length = prose.len(txn);
            match random.u8(..3) {
                0 if length > 0 => prose.remove_range(txn, random.u32(..length), 1),
                1 => drop(prose.insert(txn, random.u32(..=length), XmlTextPrelim::new("deep"))),
                _ => drop(prose.insert(txn, random.u32(..=length), XmlElementPrelim::empty("p"))),
            }
        }
    }
}

fn entry_edit(txn: &mut TransactionMut<'_>, random: &mut fastrand::Rng, entries: &MapRef) {
    let key = one_of(random, &["a", "b", "c", "comments", "trip"]);
    let Some(Out::YMap(entry)) = entries.get(txn, key) else {
        // Key by key: a prelim with both would bring them in any order, and a seed would not replay.
        let entry: MapRef = entries.insert(txn, key, MapPrelim::default());
        entry.insert(txn, "text", TextPrelim::new("words"));
        entry.insert(txn, "tags", ArrayPrelim::default());
        return;
    };
    match random.u8(..10) {
        0 => drop(entries.remove(txn, key)),
        1 => drop(entries.insert(txn, key, "plain")),
        2 => drop(entry.insert(txn, "by", random.i64(..100))),
        3 => {
            if let Some(Out::YArray(tags)) = entry.get(txn, "tags") {
                let length = tags.len(txn);
                let nested = MapPrelim::from([("deep", Any::from(random.i64(..9)))]);
                tags.insert(txn, random.u32(..=length), nested);
            }
        }
        4 => {
            if let Some(Out::YArray(tags)) = entry.get(txn, "tags")
                && tags.len(txn) > 0
            {
                let length = tags.len(txn);
                tags.remove(txn, random.u32(..length));
            }
        }
        _ => {
            if let Some(Out::YText(text)) = entry.get(txn, "text") {
                text_edit(txn, random, &text);
            }
        }
    }
}

fn text_edit(txn: &mut TransactionMut<'_>, random: &mut fastrand::Rng, text: &TextRef) {
    let length = text.len(txn);
    let at = random.u32(..=length);
    let count = random.u32(..=(length - at).min(4));
    match random.u8(..5) {
        0 | 1 if count > 0 => text.remove_range(txn, at, count),
        2 if count > 0 => {
            let marks: Attrs = [("bold".into(), if random.bool() { Any::Bool(true) } else { Any::Null })].into();
            text.format(txn, at, count, marks);
        }
        3 => drop(text.insert_embed(txn, at, Any::from("embedded"))),
        _ => text.insert(txn, at, one_of(random, &["x", "yes", "no, never"])),
    }
}

fn one_of<'a>(random: &mut fastrand::Rng, all: &[&'a str]) -> &'a str {
    all[random.usize(..all.len())]
}

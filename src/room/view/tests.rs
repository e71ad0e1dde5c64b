//! What documents read as, honest and hostile ones.

use bytes::Bytes;
use serde_json::{Value, json};
use yrs::types::Attrs;
use yrs::{
    Any, Array, ArrayPrelim, Doc, In, Map, MapPrelim, MapRef, ReadTxn, StateVector, Text, TextPrelim, Transact,
    TransactionMut, WriteTxn, Xml, XmlElementPrelim, XmlFragment, XmlTextPrelim,
};

use super::*;
use crate::room::document::Document;
use crate::room::fold;
use crate::wire::lib0::{put_byte_string, put_number};

const LIMITS: ViewLimits = ViewLimits { values: 3_000_000, bytes: 64 << 20 };

/// What a stranger's client wrote, as the server loads it.
fn document(edit: impl FnOnce(&mut TransactionMut<'_>)) -> Document {
    let doc = Doc::with_client_id(7);
    edit(&mut doc.transact_mut());
    let state = doc.transact().encode_state_as_update_v1(&StateVector::default());
    loaded(&[state.into()])
}

fn loaded(rows: &[Bytes]) -> Document {
    let opened = fold::open(None, rows, usize::MAX).expect("valid rows");
    assert!(opened.unusable.is_empty(), "every row is used");
    opened.document
}

fn json(document: &Document) -> Value {
    let view = document.view(&LIMITS).expect("within the limits");
    serde_json::from_slice(&view.json).expect("JSON")
}

/// A trip's roots that are empty, and these.
fn trip_with(roots: Value) -> Value {
    let mut all = json!({"trip": {}, "budget": {}, "destinations": {}, "items": {}, "comments": {}, "notes": ""});
    let Value::Object(roots) = roots else { panic!("roots") };
    all.as_object_mut().expect("an object").extend(roots);
    all
}

#[test]
fn an_empty_document_has_the_roots_of_a_trip() {
    assert_eq!(json(&Document::new(1 << 20)), trip_with(json!({})));
}

#[test]
fn every_type_reads_as_what_it_is() {
    let document = document(|txn| {
        let item = txn.get_or_insert_map("items").insert(txn, "a", MapPrelim::default());
        item.insert(txn, "notes", TextPrelim::new("Bring 🏝"));
        item.insert(txn, "place", Any::from_json(r#"{"name":"Rome","lat":41.9,"floors":3.0}"#).expect("JSON"));
        item.insert(txn, "nothing", Any::Undefined);
        item.insert(txn, "no_number", f64::NAN);
        item.insert(txn, "large", Any::Number(yrs::Number::Int(9_007_199_254_740_993)));
        item.insert(txn, "bytes", vec![1u8, 2, 3]);
        item.insert(txn, "list", ArrayPrelim::from([In::from(1i64), In::from(MapPrelim::from([("k", "v")]))]));
        item.insert(txn, "hole", Any::Array([Any::Undefined, Any::Null].into()));
        item.insert(txn, "xml", XmlElementPrelim::new("p", [XmlTextPrelim::new("x").into()]));
        txn.get_or_insert_text("notes").insert(txn, 0, "shared");
    });
    let item = json!({
        "notes": "Bring 🏝", "place": {"name": "Rome", "lat": 41.9, "floors": 3}, "no_number": null,
        "large": "9007199254740993", "bytes": {"$bytes": 3}, "list": [1, {"k": "v"}], "hole": [null, null],
        "xml": "<p>x</p>",
    });
    assert_eq!(json(&document), trip_with(json!({"items": {"a": item}, "notes": "shared"})));
}

#[test]
fn undeclared_roots_read_as_what_they_evidently_are() {
    let document = document(|txn| {
        txn.get_or_insert_map("map").insert(txn, "k", 1i64);
        txn.get_or_insert_array("list").insert_range(txn, 0, ["a", "b"]);
        let text = txn.get_or_insert_text("text");
        text.insert(txn, 0, "a🏝b");
        text.format(txn, 0, 1, Attrs::from([("bold".into(), true.into())]));
        let xml = txn.get_or_insert_xml_fragment("xml");
        let heading = xml.push_back(txn, XmlElementPrelim::empty("heading"));
        heading.insert_attribute(txn, "level", 2i64);
        heading.insert_attribute(txn, "align", "left");
        heading.push_back(txn, XmlTextPrelim::new("Title"));
        xml.push_back(txn, XmlTextPrelim::new("after"));
        txn.get_or_insert_text("emptied").insert(txn, 0, "x");
        txn.get_or_insert_text("emptied").remove_range(txn, 0, 1);
        txn.get_or_insert_array("never_used");
        txn.get_or_insert_map("odd/name~").insert(txn, "", true);
    });
    let expected = json!({
        "map": {"k": 1}, "list": ["a", "b"], "text": "a🏝b", "odd/name~": {"": true},
        "xml": r#"<heading align="left" level="2">Title</heading>after"#,
    });
    assert_eq!(json(&document), trip_with(expected));
    let kinds = document.read(Roots::All, &LIMITS).expect("within the limits").kinds;
    assert_eq!(kinds["xml"], RootKind::Xml);
    assert_eq!(kinds["list"], RootKind::Array);
    let some = ["list", "trip", "nowhere"].map(|name| (name.to_owned(), Entries::All)).into();
    let some = document.read(Roots::Named(&some), &LIMITS).expect("within the limits").json;
    assert_eq!(Value::Object(some), json!({"list": ["a", "b"], "trip": {}}));
}

#[test]
fn a_subdocument_reads_as_its_id() {
    let mut raw = vec![1, 1, 7, 0, 0x29, 1, 4];
    raw.extend(b"trip");
    raw.extend([3, b'd', b'o', b'c', 4]);
    raw.extend(b"guid");
    raw.extend([118, 0, 0]);
    assert_eq!(json(&loaded(&[raw.into()])), trip_with(json!({"trip": {"doc": {"$document": "guid"}}})));
}

/// An update of one client's blocks.
fn blocks(count: u64, blocks: &[u8]) -> Bytes {
    let mut raw = vec![1];
    put_number(&mut raw, count);
    raw.extend([7, 0]);
    raw.extend_from_slice(blocks);
    raw.push(0);
    raw.into()
}

#[test]
fn a_list_in_which_somebody_put_text_reads_as_that_text() {
    // A list under trip/list; in it a text, and a number behind that.
    let mut raw = vec![0x27, 1, 4];
    raw.extend(b"trip");
    raw.extend([4, b'l', b'i', b's', b't', 0]);
    raw.extend([4, 0, 7, 0]);
    let text = "🏝x".repeat(300_000);
    put_byte_string(&mut raw, text.as_bytes());
    raw.extend([0x88, 7]);
    put_number(&mut raw, u64::from(3 * 300_000u32));
    raw.extend([1, 125, 5]);
    let document = loaded(&[blocks(3, &raw)]);
    assert_eq!(json(&document), trip_with(json!({"trip": {"list": text}})));
}

#[test]
fn marks_as_entries_of_a_map_are_left_out_however_many() {
    let count = 200_000;
    let mut raw = Vec::new();
    for entry in 0..count {
        raw.extend([0x26, 1, 4]);
        raw.extend(b"trip");
        put_byte_string(&mut raw, format!("{entry}").as_bytes());
        raw.extend([1, b'b', 4]);
        raw.extend(b"true");
    }
    assert_eq!(json(&loaded(&[blocks(count, &raw)])), trip_with(json!({})));
}

#[test]
fn nesting_is_read_to_its_limit_and_an_error_beyond() {
    let nested = |levels: usize| {
        document(|txn| {
            let mut map: MapRef = txn.get_or_insert_map("trip");
            for _ in 0..levels {
                map = map.insert(txn, "k", MapPrelim::default());
            }
        })
    };
    assert!(nested(VIEW_DEPTH_MAX - 2).view(&LIMITS).is_ok());
    assert_eq!(nested(VIEW_DEPTH_MAX - 1).view(&LIMITS), Err(ViewError::TooDeep));
    assert_eq!(nested(1_000).view(&LIMITS), Err(ViewError::TooDeep));
    let lists = document(|txn| {
        let value = (0..70).fold(Any::Null, |inner, _| Any::Array([inner].into()));
        txn.get_or_insert_map("trip").insert(txn, "k", value);
    });
    assert_eq!(lists.view(&LIMITS), Err(ViewError::TooDeep));
    let xml = document(|txn| {
        let mut node = txn.get_or_insert_xml_fragment("xml").push_back(txn, XmlElementPrelim::empty("p"));
        for _ in 0..500 {
            node = node.push_back(txn, XmlElementPrelim::empty("p"));
        }
    });
    assert_eq!(xml.view(&LIMITS), Err(ViewError::TooDeep));
}

#[test]
fn what_is_too_much_is_an_error_and_not_a_hang() {
    let tight = ViewLimits { values: 1_000, bytes: 10_000 };
    let many = document(|txn| {
        let list = txn.get_or_insert_array("list");
        list.insert_range(txn, 0, 0..2_000i64);
    });
    assert_eq!(many.view(&tight), Err(ViewError::TooManyValues(1_000)));
    let holes = document(|txn| {
        let list = Any::Array(vec![Any::Undefined; 2_000].into());
        txn.get_or_insert_map("trip").insert(txn, "holes", list);
    });
    assert_eq!(holes.view(&tight), Err(ViewError::TooManyValues(1_000)), "what JSON leaves out is read, too");
    let long = document(|txn| txn.get_or_insert_text("notes").insert(txn, 0, &"x".repeat(20_000)));
    assert_eq!(long.view(&tight), Err(ViewError::TooManyBytes(10_000)));
    let escaped = document(|txn| txn.get_or_insert_text("notes").insert(txn, 0, &"\u{1}".repeat(3_000)));
    assert_eq!(escaped.view(&tight), Err(ViewError::TooManyBytes(10_000)));
}

#[test]
fn a_million_blocks_and_a_long_text_are_read() {
    let count = 1_000_000u64;
    let mut raw = Vec::new();
    for entry in 0..count / 2 {
        // A list with a live and a dead element for each two blocks.
        if entry == 0 {
            raw.extend([8, 1, 4]);
            raw.extend(b"list");
        } else {
            raw.extend([0x88, 7]);
            put_number(&mut raw, 2 * entry - 1);
        }
        raw.extend([1, 126, 0x81, 7]);
        put_number(&mut raw, 2 * entry);
        raw.push(1);
    }
    let letters = "🏝".repeat(1_000_000);
    let text = document(|txn| txn.get_or_insert_text("notes").insert(txn, 0, &letters));
    assert_eq!(json(&text)["notes"], letters);
    let list = json(&loaded(&[blocks(count, &raw)]));
    assert_eq!(list["list"].as_array().map(Vec::len), Some(500_000));
}

/// Edits of one author, one update each.
fn rows() -> Vec<Bytes> {
    let doc = Doc::with_client_id(9);
    let mut rows = Vec::new();
    let mut edit = |edit: &mut dyn FnMut(&mut TransactionMut<'_>)| {
        let mut txn = doc.transact_mut();
        edit(&mut txn);
        rows.push(Bytes::from(txn.encode_update_v1()));
    };
    for at in 0..40 {
        edit(&mut |txn| txn.get_or_insert_text("notes").insert(txn, at, "x"));
        edit(&mut |txn| {
            txn.get_or_insert_map("trip").insert(txn, "title", f64::from(at));
        });
        edit(&mut |txn| {
            txn.get_or_insert_array("undeclared").insert(txn, at, i64::from(at) << 50);
        });
    }
    edit(&mut |txn| txn.get_or_insert_text("notes").remove_range(txn, 3, 9));
    rows
}

#[test]
fn version_and_json_are_the_same_after_a_restart_and_however_blocks_are_cut() {
    let rows = rows();
    let one_by_one = loaded(&rows);
    let view = one_by_one.view(&LIMITS).expect("within the limits");
    let merged = yrs::merge_updates_v1(rows.iter().map(AsRef::as_ref)).expect("valid");
    for again in [loaded(&[merged.into()]), loaded(&[one_by_one.difference(&[])])] {
        assert_eq!(again.view(&LIMITS).expect("within the limits"), view);
    }
    let (last, before) = rows.split_last().expect("there are rows");
    assert_ne!(loaded(before).version(), view.version, "a deletion alone is another version");
    assert_ne!(loaded(std::slice::from_ref(last)).version(), view.version);
    assert_eq!(one_by_one.version(), view.version);
}

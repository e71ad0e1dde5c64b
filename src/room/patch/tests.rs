//! What patches do to documents: how little, for whom, and what they say when they cannot.

use bytes::Bytes;
use serde_json::{Map as Members, Value, json};
use yrs::types::Attrs;
use yrs::updates::decoder::Decode;
use yrs::{
    Any, Array, ArrayPrelim, Doc, GetString, Map, MapPrelim, MapRef, Options, Out, ReadTxn, StateVector, Text,
    TextPrelim, Transact, TransactionMut, Update, WriteTxn,
};

use super::*;
use crate::room::fold;
use crate::room::role::Writes;

pub(super) const OPERATIONS: usize = 1_000;
pub(super) const LIMITS: ViewLimits = ViewLimits { values: 3_000_000, bytes: 64 << 20 };
const LIMIT: usize = 1 << 20;

pub(super) fn loaded(rows: &[Bytes]) -> Document {
    let opened = fold::open(None, rows, LIMIT).expect("valid rows");
    assert!(opened.unusable.is_empty(), "every row is used");
    opened.document
}

/// A document of rows of which some may wait for what is not there.
pub(super) fn opened(rows: &[Bytes]) -> Document {
    fold::open(None, rows, LIMIT).expect("valid rows").document
}

/// A document with these roots, written by a patch.
pub(super) fn document(roots: &Value) -> Document {
    let mut document = Document::new(LIMIT);
    let add = |(name, value): (&String, &Value)| json!({"op": "add", "path": format!("/{name}"), "value": value});
    let patch: Vec<Value> = roots.as_object().expect("roots").iter().map(add).collect();
    apply(&mut document, &patch.into()).expect("a good patch");
    document
}

pub(super) fn apply(document: &mut Document, patch: &Value) -> Result<Option<Bytes>, PatchFailure> {
    apply_as(document, patch, Writes::Everything)
}

fn apply_as(document: &mut Document, patch: &Value, writes: Writes) -> Result<Option<Bytes>, PatchFailure> {
    Patch::parse(patch.to_string().as_bytes(), OPERATIONS)?.apply(document, writes, &LIMITS)
}

pub(super) fn all(document: &Document) -> Value {
    document.read(Roots::All, &LIMITS).expect("within the limits").json.into()
}

pub(super) fn root(document: &Document, name: &str) -> Value {
    all(document)[name].clone()
}

pub(super) fn fault(result: Result<Option<Bytes>, PatchFailure>) -> PatchError {
    match result {
        Err(PatchFailure::Refused(error)) => *error,
        other => panic!("a fault, not {other:?}"),
    }
}

/// Somebody else's copy of a document, who edits it.
pub(super) struct Client(Doc);

impl Client {
    pub(super) fn of(document: &Document) -> Self {
        let mut options = Options::with_client_id(yrs::ClientID::new(3));
        options.offset_kind = yrs::OffsetKind::Utf16;
        let client = Self(Doc::with_options(options));
        client.hear(&document.difference(&[]));
        client
    }

    pub(super) fn hear(&self, update: &[u8]) {
        let update = Update::decode_v1(update).expect("valid");
        self.0.transact_mut().apply_update(update).expect("whole");
    }

    pub(super) fn edit(&self, edit: impl FnOnce(&mut TransactionMut<'_>)) -> Bytes {
        let mut txn = self.0.transact_mut();
        edit(&mut txn);
        txn.encode_update_v1().into()
    }
}

/// Patches a document while a client edits its copy of it: what both see in the end.
fn merged(document: &mut Document, patch: &Value, edit: impl FnOnce(&mut TransactionMut<'_>)) -> Value {
    let client = Client::of(document);
    let theirs = client.edit(edit);
    let ours = apply(document, patch).expect("a good patch").expect("something changed");
    client.hear(&ours);
    let mut change = document.change();
    let update = crate::room::update::CheckedUpdate::parse(theirs).expect("valid");
    change.apply(update, 1).expect("harmless");
    change.finish().expect("harmless");
    let state = client.0.transact().encode_state_as_update_v1(&StateVector::default());
    let seen = all(document);
    assert_eq!(all(&loaded(&[state.into()])), seen, "both see the same");
    seen
}

fn items(txn: &mut TransactionMut<'_>, id: &str) -> MapRef {
    match txn.get_or_insert_map("items").get(txn, id) {
        Some(Out::YMap(item)) => item,
        other => panic!("an item, not {other:?}"),
    }
}

#[test]
fn a_text_is_edited_where_it_changed_and_nowhere_else() {
    let mut document = document(&json!({"notes": "Meet at noon 🏝 in the hall.\nBring water.\n"}));
    let new = "Meet at ten 🏝 in the hall.\nBring water and bread.\n";
    let seen = merged(&mut document, &json!([{"op": "replace", "path": "/notes", "value": new}]), |txn| {
        let notes = txn.get_or_insert_text("notes");
        let hall = "Meet at noon 🏝 in the ".encode_utf16().count();
        notes.insert(txn, u32::try_from(hall).expect("short"), "great ");
    });
    assert_eq!(seen["notes"], "Meet at ten 🏝 in the great hall.\nBring water and bread.\n");
}

#[test]
fn a_field_is_set_and_its_neighbours_stay() {
    let mut document = document(&json!({"items": {"a": {"title": "Walk", "notes": "slow", "day": null}}}));
    let patch = json!([{"op": "replace", "path": "/items/a/title", "value": "Run"},
        {"op": "add", "path": "/items/a/notes", "value": "slowly"}]);
    let seen = merged(&mut document, &patch, |txn| {
        let item = items(txn, "a");
        item.insert(txn, "day", "2026-05-01");
        let Some(Out::YText(notes)) = item.get(txn, "notes") else { panic!("notes are a text") };
        notes.insert(txn, 0, "very ");
    });
    assert_eq!(seen["items"]["a"], json!({"title": "Run", "notes": "very slowly", "day": "2026-05-01"}));
}

#[test]
fn an_element_of_a_list_is_changed_where_it_is() {
    let mut document = document(&json!({"packing": [{"what": "tent"}, {"what": "rope"}, {"what": "map"}]}));
    let patch = json!([{"op": "replace", "path": "/packing/0/what", "value": "tents"},
        {"op": "add", "path": "/packing/-", "value": {"what": "soap"}}]);
    let seen = merged(&mut document, &patch, |txn| {
        let list = txn.get_or_insert_array("packing");
        let Some(Out::YMap(rope)) = list.get(txn, 1) else { panic!("elements are maps") };
        rope.insert(txn, "done", true);
        let Some(Out::YMap(tent)) = list.get(txn, 0) else { panic!("elements are maps") };
        tent.insert(txn, "done", false);
    });
    let expected =
        json!([{"what": "tents", "done": false}, {"what": "rope", "done": true}, {"what": "map"}, {"what": "soap"}]);
    assert_eq!(seen["packing"], expected);
}

#[test]
fn the_type_that_is_found_stays_and_new_values_get_theirs() {
    let mut document = document(&json!({
        "trip": {"tags": ["a"]}, "items": {"a": {"notes": "x", "place": {"lat": 1}}}, "comments": {"c": {"text": "t"}},
        "other": {"map": {"list": ["x"]}},
    }));
    let client = Client::of(&document);
    client.edit(|txn| {
        let (trip, other) = (txn.get_or_insert_map("trip"), txn.get_or_insert_map("other"));
        assert!(matches!(trip.get(txn, "tags"), Some(Out::Any(Any::Array(_)))));
        let item = items(txn, "a");
        assert!(matches!(item.get(txn, "notes"), Some(Out::YText(_))));
        assert!(matches!(item.get(txn, "place"), Some(Out::Any(Any::Map(_)))));
        assert!(matches!(txn.get_or_insert_map("comments").get(txn, "c"), Some(Out::YMap(_))));
        let Some(Out::YMap(map)) = other.get(txn, "map") else { panic!("a map") };
        assert!(matches!(map.get(txn, "list"), Some(Out::YArray(_))));
    });
    // A client that keeps tags in a shared list, and notes as a plain text.
    let theirs = client.edit(|txn| {
        txn.get_or_insert_map("trip").insert(txn, "tags", ArrayPrelim::from(["a"]));
        items(txn, "a").insert(txn, "notes", "plain");
    });
    let rows = [document.difference(&[]), theirs];
    document = loaded(&rows);
    apply(
        &mut document,
        &json!([{"op": "add", "path": "/trip/tags/0", "value": "b"},
        {"op": "replace", "path": "/items/a/notes", "value": "plainer"}]),
    )
    .expect("a good patch");
    Client::of(&document).edit(|txn| {
        assert!(matches!(txn.get_or_insert_map("trip").get(txn, "tags"), Some(Out::YArray(_))));
        assert!(matches!(items(txn, "a").get(txn, "notes"), Some(Out::Any(Any::String(_)))));
    });
    assert_eq!(root(&document, "trip"), json!({"tags": ["b", "a"]}));
}

#[test]
fn images_and_marks_in_a_text_stay() {
    let client = Client::of(&Document::new(LIMIT));
    let update = client.edit(|txn| {
        let notes = txn.get_or_insert_text("notes");
        notes.insert(txn, 0, "🏝one two three");
        notes.format(txn, 2, 3, Attrs::from([("bold".into(), true.into())]));
        notes.insert_embed(txn, 5, Any::from_json(r#"{"image":"x"}"#).expect("JSON"));
        notes.insert_embed(txn, 0, 1i64);
    });
    let mut document = loaded(&[update]);
    for new in ["🏝one 2 three", "one 2 three!", "", "again"] {
        apply(&mut document, &json!([{"op": "replace", "path": "/notes", "value": new}])).expect("a good patch");
        assert_eq!(root(&document, "notes"), new);
    }
    let client = Client::of(&document);
    let txn = client.0.transact();
    let notes = txn.get_text("notes").expect("it is there");
    assert_eq!(notes.len(&txn), 5 + 2, "two embedded values are left");
}

#[test]
fn a_text_with_what_no_text_holds_is_replaced() {
    // Behind the notes' letter, a plain number.
    let mut raw = vec![1, 2, 7, 0, 4, 1, 5];
    raw.extend(b"notes");
    raw.extend([1, b'x', 0x88, 7, 0, 1, 125, 5, 0]);
    let mut document = loaded(&[raw.into()]);
    assert_eq!(root(&document, "notes"), "x");
    apply(&mut document, &json!([{"op": "replace", "path": "/notes", "value": "y"}])).expect("a good patch");
    assert_eq!(root(&document, "notes"), "y");
    assert_eq!(root(&loaded(&[document.difference(&[])]), "notes"), "y");
}

#[test]
fn a_list_with_text_in_it_is_replaced() {
    let mut raw = vec![1, 2, 7, 0, 0x27, 1, 4];
    raw.extend(b"trip");
    raw.extend([4, b'l', b'i', b's', b't', 0, 4, 0, 7, 0, 4]);
    raw.extend("🏝".as_bytes());
    raw.push(0);
    let mut document = loaded(&[raw.into()]);
    assert_eq!(root(&document, "trip"), json!({"list": "🏝"}));
    apply(&mut document, &json!([{"op": "replace", "path": "/trip/list", "value": "🏖"}])).expect("a good patch");
    assert_eq!(root(&document, "trip"), json!({"list": "🏖"}));
}

#[test]
fn a_patch_that_changes_nothing_writes_nothing() {
    let mut document = document(&json!({"trip": {"title": "Rome", "travelers": 2}}));
    let version = document.version();
    let patch = json!([{"op": "replace", "path": "/trip/title", "value": "Rome"},
        {"op": "add", "path": "/trip/travelers", "value": 2.0}, {"op": "test", "path": "/trip/travelers", "value": 2e0}]);
    assert_eq!(apply(&mut document, &patch).expect("a good patch"), None);
    assert_eq!(document.version(), version);
}

#[test]
fn a_document_that_was_edited_goes_on_like_any_other() {
    let mut document = Document::new(LIMIT);
    let (_, full) = document.full_state();
    let update = apply(&mut document, &json!([{"op": "add", "path": "/items/a", "value": {"title": "x"}}]));
    let update = update.expect("a good patch").expect("something changed");
    assert!(document.size() >= full.len() + update.len());
    assert_eq!(document.full_state(), (Some(update.clone()), full), "what was encoded is kept, with a tail");
    // A client that heard of it writes into it; nothing waits for what is there.
    let client = Client::of(&document);
    let theirs = client.edit(|txn| {
        items(txn, "a").insert(txn, "title", "y");
    });
    let mut change = document.change();
    let theirs = crate::room::update::CheckedUpdate::parse(theirs).expect("valid");
    assert_eq!(change.apply(theirs, 1), Ok(crate::room::change::Outcome::Applied));
    change.finish().expect("harmless");
    assert_eq!(root(&document, "items"), json!({"a": {"title": "y"}}));
    assert_eq!(document.orphans().count(), 0);
}

#[test]
fn a_panic_in_an_edit_costs_the_document_and_nothing_else() {
    let mut document = Document::new(LIMIT);
    let poisoned = document.edit(|txn| txn.get_or_insert_text("notes").remove_range(txn, 0, 9));
    assert_eq!(poisoned, Err(Poisoned));
}

#[test]
fn the_size_limit_is_kept() {
    let mut document = document(&json!({"notes": "x".repeat(LIMIT / 2)}));
    let large = json!([{"op": "add", "path": "/trip/notes", "value": "x".repeat(LIMIT / 2)}]);
    let version = document.version();
    assert!(matches!(apply(&mut document, &large), Err(PatchFailure::DocumentTooLarge)));
    assert_eq!(document.version(), version);
    apply(&mut document, &json!([{"op": "replace", "path": "/notes", "value": ""}])).expect("less is always possible");
    // What was deleted is gone from the estimate when somebody would be refused for it.
    apply(&mut document, &large).expect("there is space again");
}

#[test]
fn copies_of_copies_end() {
    let mut document = document(&json!({"doc": {"a": "x".repeat(1_000)}}));
    let wide: Vec<Value> =
        (0..30).map(|at| json!({"op": "copy", "from": "/doc", "path": format!("/doc/{at}")})).collect();
    assert!(matches!(fault(apply(&mut document, &wide.into())).code, PatchCode::TooDeep | PatchCode::TooLarge));
    let lists = json!([{"op": "add", "path": "/doc/l", "value": vec![0; 1_000]}]);
    apply(&mut document, &lists).expect("a good patch");
    let wide: Vec<Value> =
        (0..900).map(|at| json!({"op": "copy", "from": "/doc/l", "path": format!("/doc/{at}")})).collect();
    let error = fault(Patch::parse(Value::from(wide).to_string().as_bytes(), OPERATIONS).expect("well-formed").apply(
        &mut document,
        Writes::Everything,
        &ViewLimits { values: 10_000, bytes: LIMIT },
    ));
    assert_eq!(error.code, PatchCode::TooLarge);
    // What takes far more memory than JSON ends before it is there.
    let objects = json!([{"op": "add", "path": "/doc/o", "value": vec![json!({"k": 0}); 1_000]}]);
    apply(&mut document, &objects).expect("a good patch");
    let copies: Vec<Value> =
        (0..900).map(|at| json!({"op": "copy", "from": "/doc/o", "path": format!("/doc/o{at}")})).collect();
    let error =
        fault(Patch::parse(Value::from(copies).to_string().as_bytes(), OPERATIONS).expect("well-formed").apply(
            &mut document,
            Writes::Everything,
            &ViewLimits { values: 1_000_000, bytes: 32 << 20 },
        ));
    assert_eq!(error.code, PatchCode::TooLarge);
    assert!(error.index.is_some_and(|at| at < 50), "{error}");
}

#[test]
fn large_lists_are_written_in_linear_time() {
    let elements: Vec<Value> = (0..20_000).map(|at| json!({"n": at})).collect();
    let mut big = Document::new(64 << 20);
    apply(&mut big, &json!([{"op": "add", "path": "/list", "value": elements}])).expect("a good patch");
    let more: Vec<Value> = (0..20_000).map(|at| json!({"m": at})).collect();
    let mut whole = more.clone();
    whole.extend(root(&big, "list").as_array().expect("a list").iter().cloned());
    apply(&mut big, &json!([{"op": "replace", "path": "/list", "value": whole}])).expect("a good patch");
    assert_eq!(root(&big, "list"), Value::from(whole));
}

#[test]
fn commenters_write_below_comments_only() {
    let mut document = document(&json!({"comments": {"a": {"text": "x"}}, "trip": {"title": "Rome"}}));
    let good = json!([{"op": "test", "path": "/trip/title", "value": "Rome"},
        {"op": "copy", "from": "/trip/title", "path": "/comments/a/quote"},
        {"op": "add", "path": "/comments/b", "value": {"text": "y"}}]);
    apply_as(&mut document, &good, Writes::Comments).expect("below comments");
    let before = all(&document);
    for path in ["", "/comments", "/trip/title", "/comments2/x", "/comment~0s/x"] {
        let bad = json!([{"op": "add", "path": "/comments/c", "value": {}}, {"op": "add", "path": path, "value": {}}]);
        let error = fault(apply_as(&mut document, &bad, Writes::Comments));
        assert_eq!((error.code, error.index, error.pointer.as_str()), (PatchCode::NotAllowed, Some(1), path));
    }
    let moved = json!([{"op": "move", "from": "/trip/title", "path": "/comments/a/title"}]);
    assert_eq!(fault(apply_as(&mut document, &moved, Writes::Comments)).pointer, "/trip/title");
    assert_eq!(fault(apply_as(&mut document, &good, Writes::Nothing)).index, Some(1));
    assert_eq!(all(&document), before);
}

#[test]
fn roots_stay_what_they_are() {
    let client = Client::of(&Document::new(LIMIT));
    let update = client.edit(|txn| {
        let xml = txn.get_or_insert_xml_fragment("xml");
        yrs::XmlFragment::push_back(&xml, txn, yrs::XmlTextPrelim::new("x"));
        txn.get_or_insert_array("list").insert(txn, 0, 1i64);
    });
    let mut document = loaded(&[update]);
    let before = all(&document);
    for bad in [
        json!({"op": "remove", "path": "/items"}),
        json!({"op": "replace", "path": "/items", "value": []}),
        json!({"op": "replace", "path": "/notes", "value": {}}),
        json!({"op": "replace", "path": "/list", "value": "x"}),
        json!({"op": "replace", "path": "/xml", "value": "<p></p>"}),
        json!({"op": "remove", "path": "/xml"}),
        json!({"op": "add", "path": "/new", "value": 5}),
        json!({"op": "remove", "path": ""}),
        json!({"op": "replace", "path": "", "value": {}}),
    ] {
        let error = fault(apply(&mut document, &json!([bad])));
        assert_eq!((error.code, error.index), (PatchCode::FixedRoot, Some(0)), "{bad}");
        assert_eq!(all(&document), before);
    }
    let good = json!([{"op": "remove", "path": "/list"}, {"op": "add", "path": "/new", "value": {}},
        {"op": "add", "path": "/new/a", "value": [[]]}, {"op": "add", "path": "/empty", "value": "" }]);
    apply(&mut document, &good).expect("a good patch");
    let mut after = before;
    after.as_object_mut().expect("roots").remove("list");
    after["new"] = json!({"a": [[]]});
    assert_eq!(all(&document), after);
}

#[test]
fn errors_name_the_operation_and_say_what_to_do() {
    let mut document = document(&json!({"trip": {"title": "Rome", "tags": ["a"]}}));
    let cases: [(&[u8], PatchCode, Option<usize>, &str); 17] = [
        (b"{", PatchCode::NotAPatch, None, ""),
        (br#"{"op":"add"}"#, PatchCode::NotAPatch, None, ""),
        (b"[5]", PatchCode::NotAPatch, None, ""),
        (br#"[{"path":"/trip"}]"#, PatchCode::InvalidOperation, Some(0), ""),
        (br#"[{"op":"set","path":"/trip"}]"#, PatchCode::InvalidOperation, Some(0), ""),
        (br#"[{"op":"add","path":"/trip/x"}]"#, PatchCode::InvalidOperation, Some(0), ""),
        (br#"[{"op":"copy","path":"/trip/x"}]"#, PatchCode::InvalidOperation, Some(0), ""),
        (br#"[{"op":"add","path":5,"value":1}]"#, PatchCode::InvalidOperation, Some(0), ""),
        (br#"[{"op":"add","path":"trip/x","value":1}]"#, PatchCode::InvalidPointer, Some(0), "trip/x"),
        (br#"[{"op":"add","path":"/trip/~2","value":1}]"#, PatchCode::InvalidPointer, Some(0), "/trip/~2"),
        (br#"[{"op":"add","path":"/trip/x","value":9007199254740993}]"#, PatchCode::NumberTooLarge, Some(0), "/trip/x"),
        (br#"[{"op":"replace","path":"/trip/titel","value":1}]"#, PatchCode::NotFound, Some(0), "/trip/titel"),
        (br#"[{"op":"add","path":"/trip/title/x","value":1}]"#, PatchCode::NotFound, Some(0), "/trip/title/x"),
        (br#"[{"op":"add","path":"/trip/tags/2","value":1}]"#, PatchCode::InvalidIndex, Some(0), "/trip/tags/2"),
        (br#"[{"op":"add","path":"/trip/tags/01","value":1}]"#, PatchCode::InvalidIndex, Some(0), "/trip/tags/01"),
        (br#"[{"op":"remove","path":"/trip/tags/-"}]"#, PatchCode::InvalidIndex, Some(0), "/trip/tags/-"),
        (br#"[{"op":"move","from":"/trip","path":"/trip/x"}]"#, PatchCode::MoveIntoItself, Some(0), "/trip/x"),
    ];
    for (raw, code, index, pointer) in cases {
        let result = Patch::parse(raw, OPERATIONS).map_err(PatchFailure::from);
        let error = fault(result.and_then(|patch| patch.apply(&mut document, Writes::Everything, &LIMITS)));
        assert_eq!((error.code, error.index, error.pointer.as_str()), (code, index, pointer), "{error:?}");
        assert!(!error.hint.is_empty() && !error.expected.is_empty() && !error.received.is_empty(), "{error:?}");
    }
    let typo = json!([{"op": "test", "path": "/trip/title", "value": "Rome"}, {"op": "remove", "path": "/trip/titel"}]);
    let error = fault(apply(&mut document, &typo));
    assert_eq!((error.index, error.operation), (Some(1), Some("remove")));
    assert_eq!(error.hint, r#""/trip" has the keys "tags", "title". Use "add" for a new one."#);
    let typo = json!([{"op": "remove", "path": "/items/nowhere"}]);
    assert_eq!(fault(apply(&mut document, &typo)).hint, r#""/items" has no such key. Use "add" for a new one."#);
    let current = |patch| fault(apply(&mut document, &patch)).current.map(|current| (current.pointer, current.value));
    let found = [
        json!([{"op": "test", "path": "/trip/tags", "value": []}]),
        json!([{"op": "replace", "path": "/trip/titel", "value": 1}]),
        json!([{"op": "remove", "path": "/items/nowhere"}]),
        json!([{"op": "remove", "path": "/nowhere/at/all"}]),
    ]
    .map(current);
    let whole = |pointer: &str, value| Some((pointer.to_owned(), Excerpt::Whole(value)));
    let trip = json!({"title": "Rome", "tags": ["a"]});
    assert_eq!(found, [whole("/trip/tags", json!(["a"])), whole("/trip", trip), None, None]);
    let names: std::collections::BTreeSet<_> = PatchCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(names.len(), PatchCode::ALL.len());
}

#[test]
fn what_is_too_much_is_refused_unread() {
    let many = vec![json!({"op": "test", "path": "/notes", "value": ""}); OPERATIONS + 1];
    let error = Patch::parse(Value::from(many).to_string().as_bytes(), OPERATIONS).expect_err("too many");
    assert_eq!((error.code, error.index), (PatchCode::TooLarge, Some(OPERATIONS)));
    let deep = format!(r#"[{{"op":"add","path":"/trip/x","value":{}{}}}]"#, "[".repeat(70), "]".repeat(70));
    let patch = Patch::parse(deep.as_bytes(), OPERATIONS).expect("well-formed");
    let error = fault(patch.apply(&mut Document::new(LIMIT), Writes::Everything, &LIMITS));
    assert_eq!(error.code, PatchCode::TooDeep);
}

#[test]
fn fields_of_the_trip_are_checked_where_they_changed() {
    let client = Client::of(&Document::new(LIMIT));
    let odd = client.edit(|txn| {
        let trip = txn.get_or_insert_map("trip");
        trip.insert(txn, "currency", "Euro");
        txn.get_or_insert_map("items").insert(txn, "a", MapPrelim::from([("kind", "nap")]));
    });
    let mut document = loaded(&[odd]);
    apply(&mut document, &json!([{"op": "add", "path": "/trip/title", "value": "Rome"}])).expect("what is odd stays");
    let bad = json!([{"op": "add", "path": "/trip/start_date", "value": "2026-05-03"},
        {"op": "add", "path": "/items/b", "value": {"kind": "walk"}},
        {"op": "add", "path": "/trip/end_date", "value": "2026-05-01"}]);
    let error = fault(apply(&mut document, &bad));
    assert_eq!((error.code, error.index, error.pointer.as_str()), (PatchCode::InvalidField, Some(2), "/trip/end_date"));
    let pointers: Vec<&str> = error.fields.iter().map(|field| field.pointer.as_str()).collect();
    assert_eq!(pointers, ["/trip/end_date", "/items/b/kind"]);
    assert_eq!(
        root(&document, "trip"),
        Value::Object(Members::from_iter([
            ("currency".to_owned(), json!("Euro")),
            ("title".to_owned(), json!("Rome")),
        ]))
    );
}

#[test]
fn a_new_text_may_be_empty() {
    let mut document = document(&json!({"items": {"a": {"notes": ""}}}));
    assert_eq!(root(&document, "items"), json!({"a": {"notes": ""}}));
    Client::of(&document).edit(|txn| {
        let Some(Out::YText(notes)) = items(txn, "a").get(txn, "notes") else { panic!("notes are a text") };
        assert_eq!(notes.get_string(txn), "");
        items(txn, "a").insert(txn, "x", TextPrelim::new(""));
    });
    apply(&mut document, &json!([{"op": "replace", "path": "/items/a/notes", "value": "x"}])).expect("a good patch");
    assert_eq!(root(&document, "items"), json!({"a": {"notes": "x"}}));
}

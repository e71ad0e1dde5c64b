//! What verbs do to documents, where items end up, and what is said when a verb cannot be done.

use bytes::Bytes;
use serde_json::{Value, json};
use yrs::{Text, WriteTxn};

use super::rank::RANK_MAX;
use super::*;
use crate::room::document::Document;
use crate::room::patch::tests::{Client, LIMITS, OPERATIONS, all, document, fault, root};
use crate::room::patch::{Excerpt, Patch, PatchError, PatchFailure};
use crate::room::role::Writes;
use crate::room::update::CheckedUpdate;

fn context(by: &str) -> Context {
    let at = "2026-04-01T09:30:00.250Z".parse().expect("a time");
    Context { by: PrincipalId::parse(by).expect("an id"), at, seed: [7; 16] }
}

pub(super) fn parsed(operations: &Value) -> Result<Patch, Box<PatchError>> {
    Patch::parse_operations(operations.to_string().as_bytes(), OPERATIONS, &context("agent:planner"))
}

pub(super) fn done(document: &mut Document, operations: &Value) -> Result<Option<Bytes>, PatchFailure> {
    done_as(document, operations, Writes::Everything)
}

fn done_as(document: &mut Document, operations: &Value, writes: Writes) -> Result<Option<Bytes>, PatchFailure> {
    parsed(operations)?.apply(document, writes, &LIMITS)
}

fn refused(document: &mut Document, operations: &Value) -> PatchError {
    let before = all(document);
    let error = fault(done(document, operations));
    assert_eq!(all(document), before, "nothing was done");
    error
}

/// The ids of a day's items, in the order in which JavaScript shows them.
pub(super) fn day(document: &Document, day: &Value) -> Vec<String> {
    let items = root(document, "items");
    let items = items.as_object().expect("items");
    let of_day = items.iter().filter(|(_, item)| item.get("day").unwrap_or(&Value::Null) == day);
    let mut ids: Vec<(&str, &String)> =
        of_day.map(|(id, item)| (item["rank"].as_str().unwrap_or_default(), id)).collect();
    ids.sort_by_key(|(rank, id)| (rank.encode_utf16().collect::<Vec<_>>(), id.encode_utf16().collect::<Vec<_>>()));
    ids.into_iter().map(|(_, id)| id.clone()).collect()
}

/// Three items on the first of May, and one that is not planned.
pub(super) fn trip() -> Document {
    trip_within(1 << 20)
}

/// The same in a document that may grow to so many bytes.
fn trip_within(size_limit: usize) -> Document {
    let item = |rank: &str| json!({"kind": "activity", "title": "x", "day": "2026-05-01", "rank": rank});
    let roots = json!([
        {"op": "add", "path": "/trip", "value": {"title": "Lisbon"}},
        {"op": "add", "path": "/items/a", "value": item("a0")},
        {"op": "add", "path": "/items/b", "value": item("a1")},
        {"op": "add", "path": "/items/c", "value": item("a2")},
        {"op": "add", "path": "/items/u", "value": {"kind": "note", "title": "y", "day": null}},
        {"op": "add", "path": "/comments/old", "value": {"text": "t", "by": "ada", "at": "2026-03-01T00:00:00Z"}},
    ]);
    let mut document = Document::new(size_limit);
    done(&mut document, &roots).expect("a good patch");
    document
}

#[test]
fn an_item_is_added_at_the_end_of_its_day_or_beside_another() {
    let mut document = trip();
    let operations = json!([
        {"op": "item.add", "item": {"kind": "meal", "title": "Pastéis", "day": "2026-05-01", "price": "4.50"}},
        {"op": "item.add", "id": "first", "item": {"kind": "meal", "title": "Coffee"}, "before": "a"},
        {"op": "item.add", "id": "second", "item": {"kind": "meal", "title": "More"}, "after": "first"},
        {"op": "item.add", "id": "idea", "item": {"kind": "other", "title": "Idea", "notes": "n"}},
    ]);
    let patch = parsed(&operations).expect("good operations");
    let added: Vec<(usize, String)> = patch.added().map(|(at, id)| (at, id.to_owned())).collect();
    let made = added[0].1.clone();
    assert!(made.starts_with("item-") && made.len() == 17, "{made}");
    assert_eq!(added[1..], [(1, "first".to_owned()), (2, "second".to_owned()), (3, "idea".to_owned())]);
    patch.apply(&mut document, Writes::Everything, &LIMITS).expect("they can be done");
    assert_eq!(day(&document, &json!("2026-05-01")), ["first", "second", "a", "b", "c", &made]);
    assert_eq!(day(&document, &Value::Null).len(), 2);
    let mut item = root(&document, "items")[&made].clone();
    assert!(item["rank"].take().is_string());
    let expected = json!({"kind": "meal", "title": "Pastéis", "day": "2026-05-01", "price": "4.50", "rank": null,
        "booking_status": "planned", "by": "agent:planner", "notes": ""});
    assert_eq!(item, expected);
    assert_eq!(root(&document, "items")["idea"]["notes"], "n");
}

#[test]
fn made_ids_differ_by_operation_and_by_seed() {
    let operations = json!([{"op": "comment.add", "text": "x"}, {"op": "comment.add", "text": "x"}]);
    let ids = |seed| {
        let context = Context { seed: [seed; 16], ..context("ada") };
        let patch = Patch::parse_operations(operations.to_string().as_bytes(), 9, &context).expect("good operations");
        patch.added().map(|(_, id)| id.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ids(1), ids(1));
    let different: std::collections::BTreeSet<String> = ids(1).into_iter().chain(ids(2)).collect();
    assert_eq!(different.len(), 4);
}

#[test]
fn an_item_is_moved_with_its_times() {
    let mut document = trip();
    let times = json!({"start": "2026-05-01T22:00:00+01:00", "end": "2026-05-02T01:00:00+01:00"});
    let operations = json!([
        {"op": "item.update", "id": "a", "item": times},
        {"op": "item.move", "id": "a", "day": "2026-05-31"},
        {"op": "item.move", "id": "u", "after": "a"},
        {"op": "item.move", "id": "c", "before": "b"},
    ]);
    done(&mut document, &operations).expect("they can be done");
    assert_eq!(day(&document, &json!("2026-05-01")), ["c", "b"]);
    assert_eq!(day(&document, &json!("2026-05-31")), ["a", "u"]);
    let item = root(&document, "items")["a"].clone();
    assert_eq!(
        (&item["start"], &item["end"]),
        (&json!("2026-05-31T22:00:00+01:00"), &json!("2026-06-01T01:00:00+01:00"))
    );
    let again = json!([{"op": "item.move", "id": "u", "after": "a"}]);
    assert_eq!(done(&mut document, &again).expect("a good move"), None, "it is there already");
    done(&mut document, &json!([{"op": "item.move", "id": "a", "day": null}])).expect("a good move");
    let unplanned = root(&document, "items")["a"].clone();
    assert_eq!((&unplanned["day"], &unplanned["start"]), (&Value::Null, &item["start"]));
}

#[test]
fn an_item_is_updated_and_removed() {
    let mut document = trip();
    let place = json!({"name": "Alfama", "lat": 38.7, "lng": -9.1});
    done(
        &mut document,
        &json!([{"op": "item.update", "id": "a", "item": {"title": "Fado", "place": place, "price": "9"}}]),
    )
    .expect("a good update");
    done(
        &mut document,
        &json!([
            {"op": "item.update", "id": "a", "item": {"place": {"name": "Bica"}, "price": null}},
            {"op": "item.remove", "id": "b"},
        ]),
    )
    .expect("a good update");
    let items = root(&document, "items");
    assert_eq!(
        items["a"],
        json!({"kind": "activity", "title": "Fado", "day": "2026-05-01", "rank": "a0",
        "place": {"name": "Bica", "lat": 38.7, "lng": -9.1}})
    );
    assert!(items.get("b").is_none());
}

#[test]
fn notes_are_appended_while_somebody_types() {
    let mut document = document(&json!({"notes": "Meet at noon."}));
    let client = Client::of(&document);
    let theirs = client.edit(|txn| {
        let notes = txn.get_or_insert_text("notes");
        notes.insert(txn, 0, "All: ");
    });
    let operations = json!([{"op": "note.append", "text": "Bring water.\n"}, {"op": "note.append", "text": "And 🏝."}]);
    done(&mut document, &operations).expect("a good patch");
    let mut change = document.change();
    change.apply(CheckedUpdate::parse(theirs).expect("valid"), 1).expect("harmless");
    change.finish().expect("harmless");
    assert_eq!(root(&document, "notes"), "All: Meet at noon.\nBring water.\nAnd 🏝.");
}

#[test]
fn comments_are_made_edited_and_resolved_under_the_callers_name() {
    let mut document = trip();
    let add = json!([{"op": "comment.add", "id": "new", "text": "Closed on Mondays", "anchor": "/items/a",
        "parent": "old", "mentions": ["ada"]}]);
    done_as(&mut document, &add, Writes::Comments).expect("a commenter may");
    let mut expected = json!({"text": "Closed on Mondays", "anchor": "/items/a", "parent": "old", "mentions": ["ada"],
        "by": "agent:planner", "at": "2026-04-01T09:30:00.250Z"});
    assert_eq!(root(&document, "comments")["new"], expected);
    let more = json!([{"op": "comment.edit", "id": "new", "text": "Open"}, {"op": "comment.resolve", "id": "new"}]);
    done_as(&mut document, &more, Writes::Comments).expect("a commenter may");
    expected["text"] = json!("Open");
    expected["edited_at"] = json!("2026-04-01T09:30:00.250Z");
    expected["resolved"] = json!(true);
    expected["resolved_by"] = json!("agent:planner");
    assert_eq!(root(&document, "comments")["new"], expected);
    let again = json!([{"op": "comment.resolve", "id": "new", "resolved": false}]);
    done_as(&mut document, &again, Writes::Comments).expect("a commenter may");
    expected["resolved"] = json!(false);
    expected.as_object_mut().expect("a comment").remove("resolved_by");
    assert_eq!(root(&document, "comments")["new"], expected);
    let error = refused(&mut document, &json!([{"op": "comment.edit", "id": "old", "text": "I said this"}]));
    assert_eq!((error.code, error.received.as_str()), (PatchCode::NotAllowed, "one by \"ada\""));
}

#[test]
fn budget_and_trip_are_set_field_by_field() {
    let mut document =
        document(&json!({"budget": {"total": "10", "categories": {"food": {"planned": "5", "spent": "1"}}}}));
    let operations = json!([
        {"op": "budget.set", "category": "food", "planned": "300.00"},
        {"op": "budget.set", "category": "activities", "spent": "12", "planned": null},
        {"op": "budget.set", "total": null, "spent": "13"},
        {"op": "trip.update", "trip": {"title": "Porto", "currency": "EUR"}},
    ]);
    done(&mut document, &operations).expect("they can be done");
    assert_eq!(
        root(&document, "budget"),
        json!({"spent": "13",
        "categories": {"food": {"planned": "300.00", "spent": "1"}, "activities": {"spent": "12"}}})
    );
    assert_eq!(root(&document, "trip"), json!({"title": "Porto", "currency": "EUR"}));
}

#[test]
fn verbs_and_json_patch_go_together_or_not_at_all() {
    let mut document = trip();
    let mut operations = json!([
        {"op": "test", "path": "/trip/title", "value": "Lisbon"},
        {"op": "item.add", "id": "new", "item": {"kind": "meal", "title": "Dinner"}, "after": "a"},
        {"op": "replace", "path": "/items/new/title", "value": "Supper"},
        {"op": "comment.add", "id": "why", "text": "Hungry.", "anchor": "/items/new"},
        {"op": "remove", "path": "/items/c"},
        {"op": "item.move", "id": "u", "after": "b"},
    ]);
    let plain = Patch::parse(operations.to_string().as_bytes(), OPERATIONS).expect_err("these are not JSON Patch");
    assert_eq!((plain.code, plain.index), (PatchCode::InvalidOperation, Some(1)));
    done(&mut document, &operations).expect("they can be done");
    assert_eq!(day(&document, &json!("2026-05-01")), ["a", "new", "b", "u"]);
    assert_eq!(root(&document, "items")["new"]["title"], "Supper");
    operations = json!([
        {"op": "item.remove", "id": "a"},
        {"op": "remove", "path": "/comments/why"},
        {"op": "item.update", "id": "a", "item": {"title": "gone"}},
    ]);
    let error = refused(&mut document, &operations);
    assert_eq!((error.code, error.index, error.operation), (PatchCode::NotFound, Some(2), Some("item.update")));
}

#[test]
fn commenters_use_verbs_of_comments_only() {
    for usage in &VERBS {
        let operation: Value = serde_json::from_str(usage.example).expect("JSON");
        let error = fault(done_as(&mut trip(), &json!([operation]), Writes::Nothing));
        assert_eq!(error.code, PatchCode::NotAllowed, "{operation}");
        if !usage.name.starts_with("comment.") {
            let error = fault(done_as(&mut trip(), &json!([operation]), Writes::Comments));
            assert_eq!((error.code, error.operation), (PatchCode::NotAllowed, Some(usage.name)));
        }
    }
}

#[test]
fn every_example_is_a_good_operation() {
    for usage in &VERBS {
        let operation: Value = serde_json::from_str(usage.example).expect("JSON");
        let members = operation.as_object().expect("an object").keys();
        assert!(members.into_iter().all(|member| member == "op" || usage.members.contains(&member.as_str())));
        let patch = parsed(&json!([operation])).unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(patch.operations[0].name(), usage.name);
    }
}

#[test]
fn a_member_that_is_wrong_is_named_with_an_example() {
    let item = || json!({"kind": "meal", "title": "x"});
    let with = |field: &str, value: Value| {
        let mut item = item();
        item[field] = value;
        item
    };
    for (operation, pointer) in [
        (json!({"op": "item.ad", "item": item()}), ""),
        (json!({"op": "item.add"}), "/item"),
        (json!({"op": "item.add", "item": []}), "/item"),
        (json!({"op": "item.add", "item": {}}), "/item"),
        (json!({"op": "item.add", "item": {"kind": "meal"}}), "/item/title"),
        (json!({"op": "item.add", "item": {"title": "x"}}), "/item/kind"),
        (json!({"op": "item.add", "item": item(), "id": "x\n"}), "/id"),
        (json!({"op": "item.add", "item": item(), "id": "x".repeat(101)}), "/id"),
        (json!({"op": "item.add", "item": item(), "id": 5}), "/id"),
        (json!({"op": "item.add", "item": item(), "day": "2026-05-01"}), "/day"),
        (json!({"op": "item.add", "item": with("day", json!("1 May"))}), "/item/day"),
        (json!({"op": "item.add", "item": with("rank", json!("a0"))}), "/item/rank"),
        (json!({"op": "item.add", "item": with("by", json!("ada"))}), "/item/by"),
        (json!({"op": "item.add", "item": item(), "before": "a", "after": "b"}), "/after"),
        (json!({"op": "item.move", "id": "a"}), "/day"),
        (json!({"op": "item.move", "id": "a", "day": 5}), "/day"),
        (json!({"op": "item.move", "day": "2026-05-01"}), "/id"),
        (json!({"op": "item.update", "id": "a", "title": "x"}), "/title"),
        (json!({"op": "item.update", "id": "a", "item": {"day": "2026-05-02"}}), "/item/day"),
        (json!({"op": "item.remove", "id": ""}), "/id"),
        (json!({"op": "note.append", "text": ["x"]}), "/text"),
        (json!({"op": "comment.add", "text": "x", "by": "ada"}), "/by"),
        (json!({"op": "comment.add"}), "/text"),
        (json!({"op": "comment.resolve", "id": "old", "resolved": "yes"}), "/resolved"),
        (json!({"op": "budget.set"}), "/spent"),
        (json!({"op": "budget.set", "category": "food"}), "/spent"),
        (json!({"op": "budget.set", "category": "fun", "planned": "5"}), "/category"),
        (json!({"op": "budget.set", "category": "food", "total": "5"}), "/total"),
        (json!({"op": "budget.set", "planned": "5"}), "/planned"),
        (json!({"op": "trip.update", "trip": "x"}), "/trip"),
    ] {
        let error = parsed(&json!([{"op": "note.append", "text": "fine"}, operation])).expect_err("a wrong operation");
        assert_eq!(
            (error.code, error.index, error.pointer.as_str()),
            (PatchCode::InvalidOperation, Some(1), pointer),
            "{operation}"
        );
        assert!(!error.expected.is_empty() && !error.received.is_empty() && !error.hint.is_empty(), "{error:?}");
    }
    let large = json!([{"op": "item.update", "id": "a", "item": {"x": 9_007_199_254_740_993_u64}}]);
    let error = parsed(&large).expect_err("too large a number");
    assert_eq!((error.code, error.pointer.as_str()), (PatchCode::NumberTooLarge, "/item"));
    for raw in [&br#"{"op":"item.remove","id":"a"}"#[..], b"[5]", b"[", br#"[{"op":"item.remove","id":"a","id":"b"}]"#]
    {
        assert!(Patch::parse_operations(raw, 9, &context("ada")).is_err());
    }
    assert_eq!(
        Patch::parse_operations(b"[{},{}]", 1, &context("ada")).expect_err("too many").code,
        PatchCode::TooLarge
    );
}

#[test]
fn what_does_not_fit_the_document_is_told_with_what_is_there() {
    let mut document = trip();
    for (operation, code, pointer) in [
        (json!({"op": "item.move", "id": "aa", "day": null}), PatchCode::NotFound, "/items/aa"),
        (json!({"op": "item.update", "id": "x/y", "item": {"title": "z"}}), PatchCode::NotFound, "/items/x~1y"),
        (json!({"op": "item.remove", "id": "nowhere"}), PatchCode::NotFound, "/items/nowhere"),
        (json!({"op": "item.move", "id": "a", "before": "nowhere"}), PatchCode::NotFound, "/items/nowhere"),
        (json!({"op": "item.move", "id": "a", "before": "a"}), PatchCode::InvalidOperation, ""),
        (
            json!({"op": "item.move", "id": "a", "before": "u", "day": "2026-05-01"}),
            PatchCode::TestFailed,
            "/items/u/day",
        ),
        (
            json!({"op": "item.add", "id": "a", "item": {"kind": "meal", "title": "x"}}),
            PatchCode::AlreadyExists,
            "/items/a",
        ),
        (json!({"op": "comment.add", "id": "old", "text": "x"}), PatchCode::AlreadyExists, "/comments/old"),
        (json!({"op": "comment.add", "parent": "none", "text": "x"}), PatchCode::NotFound, "/comments/none"),
        (json!({"op": "comment.edit", "id": "none", "text": "x"}), PatchCode::NotFound, "/comments/none"),
        (json!({"op": "comment.resolve", "id": "none"}), PatchCode::NotFound, "/comments/none"),
        (
            json!({"op": "comment.add", "id": "c", "text": "x", "mentions": 5}),
            PatchCode::InvalidField,
            "/comments/c/mentions",
        ),
        (json!({"op": "item.update", "id": "a", "item": {"kind": "nap"}}), PatchCode::InvalidField, "/items/a/kind"),
        (json!({"op": "budget.set", "total": 5}), PatchCode::InvalidField, "/budget/total"),
        (json!({"op": "trip.update", "trip": {"end_date": "May"}}), PatchCode::InvalidField, "/trip/end_date"),
    ] {
        let error = refused(&mut document, &json!([{"op": "note.append", "text": "fine"}, operation]));
        assert_eq!(
            (error.code, error.index, error.pointer.as_str()),
            (code, Some(1), pointer),
            "{operation}: {error:?}"
        );
        assert_eq!(error.operation, operation["op"].as_str(), "{operation}");
        assert!(!error.expected.is_empty() && !error.received.is_empty() && !error.hint.is_empty(), "{error:?}");
    }
    let error = refused(&mut document, &json!([{"op": "budget.set", "category": "food", "planned": 5}]));
    assert_eq!(error.hint, "Write it as text: \"5\".");
    // An id is explained even where only that item was looked at.
    let error = refused(&mut document, &json!([{"op": "comment.resolve", "id": "odl"}]));
    assert_eq!(error.hint, "Near it are \"old\". The keys of /comments in the document are all the ids.");
    let error = refused(&mut document, &json!([{"op": "item.remove", "id": "museum"}]));
    assert!(error.hint.starts_with(r#"There are "a", "b", "c", "u"."#), "{}", error.hint);
    let current = |error: PatchError| error.current.map(|current| (current.pointer, current.value));
    let whole = |pointer: &str, value| Some((pointer.to_owned(), Excerpt::Whole(value)));
    let error = refused(&mut document, &json!([{"op": "item.move", "id": "a", "after": "u", "day": "2026-05-01"}]));
    assert_eq!(current(error), whole("/items/u/day", Value::Null));
}

#[test]
fn a_thousand_items_at_one_place_are_where_they_were_put() {
    let mut document = trip_within(16 << 20);
    let operations: Vec<Value> = (0..1_000)
        .map(|at| json!({"op": "item.add", "id": format!("n{at}"), "item": {"kind": "meal", "title": "x"}, "after": "a"}))
        .collect();
    done(&mut document, &operations.into()).expect("they can be done");
    let expected = std::iter::once("a".to_owned()).chain((0..1_000).rev().map(|at| format!("n{at}")));
    let expected: Vec<String> = expected.chain(["b".to_owned(), "c".to_owned()]).collect();
    assert_eq!(day(&document, &json!("2026-05-01")), expected);
    let items = root(&document, "items");
    let ranks = items.as_object().expect("items").values().filter_map(|item| item["rank"].as_str());
    assert!(ranks.map(str::len).max().expect("ranks") <= RANK_MAX);
}

#[test]
fn so_many_places_in_so_large_a_day_are_too_much_for_one_patch() {
    let item = |at: usize| (format!("i{at}"), json!({"kind": "meal", "title": "x"}));
    let mut document = Document::new(16 << 20);
    let items: Value = (0..10_000).map(item).collect();
    let patch = json!([{"op": "add", "path": "/items", "value": items}]);
    done(&mut document, &patch).expect("a good patch");
    let moves = vec![json!({"op": "item.move", "id": "i0", "after": "i1"}); 1_000];
    let error = refused(&mut document, &moves.into());
    assert_eq!(error.code, PatchCode::TooLarge);
    assert!(error.index.is_some_and(|at| at > 100), "{error}");
}

//! What comes back when an agent's patches are taken back, and what stays.

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use yrs::{GetString, Map, MapPrelim, Out, ReadTxn, StateVector, Text, TransactionMut, WriteTxn};

use super::*;
use crate::room::patch::tests::{Client, LIMITS, OPERATIONS, all, document, loaded};
use crate::room::patch::{Context, Patch};
use crate::room::principal::PrincipalId;
use crate::room::role::Writes;
use crate::room::update::CheckedUpdate;

/// A document that an agent and a person write.
pub(super) struct House {
    pub(super) document: Document,
    rows: Vec<Bytes>,
    person: Client,
    /// What the person has not heard of.
    unheard: Vec<Bytes>,
    /// What the agent has changed, as it is kept.
    traces: Vec<String>,
}

impl House {
    pub(super) fn new(roots: &Value) -> Self {
        let mut document = document(roots);
        let rows = vec![document.full_state().1];
        Self { person: Client::of(&document), document, rows, unheard: Vec::new(), traces: Vec::new() }
    }

    /// The agent's patch; says whether it has changed something.
    pub(super) fn agent(&mut self, operations: &Value) -> bool {
        let by = PrincipalId::agent("planner").expect("an id");
        let seed = u128::try_from(self.rows.len()).expect("few").to_le_bytes();
        let context = Context { by, at: Timestamp::UNIX_EPOCH, seed };
        let patch = Patch::parse_operations(operations.to_string().as_bytes(), OPERATIONS, &context);
        let patch = patch.expect("well-formed operations");
        let applied = patch.apply_traced(&mut self.document, Writes::Everything, &LIMITS);
        let Some((update, trace)) = applied.expect("it can be done") else { return false };
        self.unheard.push(update.clone());
        self.rows.push(update);
        self.traces.push(serde_json::to_string(&trace).expect("a trace is JSON"));
        true
    }

    /// What a person does in a browser.
    pub(super) fn person(&mut self, edit: impl FnOnce(&mut TransactionMut<'_>)) {
        self.unheard.drain(..).for_each(|update| self.person.hear(&update));
        self.person_offline(edit);
    }

    /// The same before the agent's latest patches got there.
    pub(super) fn person_offline(&mut self, edit: impl FnOnce(&mut TransactionMut<'_>)) {
        let update = self.person.edit(edit);
        let mut change = self.document.change();
        change.apply(CheckedUpdate::parse(update.clone()).expect("valid"), 1).expect("harmless");
        change.finish().expect("harmless");
        self.rows.push(update);
    }

    /// The room is loaded anew.
    pub(super) fn restart(&mut self) {
        self.document = loaded(&self.rows);
    }

    pub(super) fn undo(&mut self) -> TakenBack {
        let traces = self.traces.iter().map(|trace| serde_json::from_str(trace).expect("as it was written"));
        let traces: Vec<Trace> = traces.collect();
        let taken = take_back(&mut self.document, &traces, &LIMITS).expect("it can be done");
        if let Some(update) = &taken.update {
            self.unheard.push(update.clone());
            self.rows.push(update.clone());
        }
        let seen = all(&self.document);
        assert_eq!(all(&loaded(&self.rows)), seen, "after a restart it is the same");
        self.unheard.drain(..).for_each(|update| self.person.hear(&update));
        let mut theirs = Bytes::new();
        self.person.edit(|txn| theirs = txn.encode_state_as_update_v1(&StateVector::default()).into());
        assert_eq!(all(&loaded(&[theirs])), seen, "everybody sees the same");
        taken
    }

    pub(super) fn json(&self) -> Value {
        all(&self.document)
    }
}

pub(super) fn entry(txn: &mut TransactionMut<'_>, root: &str, id: &str) -> MapRef {
    match txn.get_or_insert_map(root).get(txn, id) {
        Some(Out::YMap(map)) => map,
        other => panic!("an entry, not {other:?}"),
    }
}

fn kept(taken: &TakenBack) -> Vec<(&str, Why)> {
    taken.kept.iter().map(|kept| (kept.pointer.as_str(), kept.why)).collect()
}

fn lisbon() -> Value {
    json!({
        "trip": {"title": "Lisbon", "currency": "EUR", "tags": ["sun"]},
        "items": {
            "a": {"kind": "meal", "title": "Lunch", "day": "2026-05-02", "rank": "a0", "notes": "bring cash"},
            "b": {"kind": "activity", "title": "Walk", "place": {"name": "Alfama", "lat": 38.7, "lng": -9.1}},
        },
        "notes": "Meet at noon.",
    })
}

#[test]
fn what_nobody_touched_is_as_it_was() {
    let mut house = House::new(&lisbon());
    let before = house.json();
    assert!(house.agent(&json!([
        {"op": "item.add", "item": {"kind": "meal", "title": "Pastéis", "day": "2026-05-02"}, "before": "a"},
        {"op": "item.update", "id": "a", "item": {"title": "Late lunch", "price": "12.00"}},
        {"op": "item.remove", "id": "b"},
        {"op": "note.append", "text": "Bring water."},
        {"op": "replace", "path": "/trip/tags", "value": ["sun", "sea"]},
        {"op": "budget.set", "category": "food", "planned": "300.00"},
        {"op": "comment.add", "text": "Closed on Mondays.", "anchor": "/items/a"},
        {"op": "add", "path": "/packing", "value": {"socks": 2}},
    ])));
    house.restart();
    assert!(house.agent(&json!([
        {"op": "item.update", "id": "a", "item": {"title": "Latest lunch"}},
        {"op": "replace", "path": "/items/a/notes", "value": "bring a card"},
        {"op": "replace", "path": "/notes", "value": "At noon. Bring wine."},
    ])));
    assert!(house.agent(&json!([{"op": "item.remove", "id": "a"}, {"op": "replace", "path": "/notes", "value": ""}])));
    house.restart();
    let taken = house.undo();
    assert_eq!(house.json(), before);
    assert_eq!(taken.kept, []);
    assert!(
        ["/items/a", "/items/b", "/notes"].iter().all(|pointer| taken.undone.iter().any(|undone| undone == pointer))
    );
}

#[test]
fn what_people_changed_since_stays_and_is_told() {
    let mut house = House::new(&lisbon());
    house.agent(&json!([
        {"op": "item.add", "id": "c", "item": {"kind": "meal", "title": "Pastéis"}},
        {"op": "item.add", "id": "d", "item": {"kind": "meal", "title": "Fado"}},
        {"op": "item.update", "id": "a", "item": {"title": "Late lunch"}},
        {"op": "item.move", "id": "a", "day": "2026-05-03"},
        {"op": "item.remove", "id": "b"},
        {"op": "budget.set", "category": "food", "planned": "300.00"},
        {"op": "trip.update", "trip": {"title": "Lisbon and Porto"}},
    ]));
    house.person(|txn| {
        entry(txn, "items", "c").insert(txn, "booking_status", "booked");
        entry(txn, "items", "a").insert(txn, "title", "Brunch");
        txn.get_or_insert_map("items").insert(txn, "b", MapPrelim::from([("title", "Another walk")]));
    });
    house.restart();
    let taken = house.undo();
    let now = house.json();
    assert_eq!(now["items"]["c"]["booking_status"], json!("booked"));
    assert_eq!(now["items"]["d"], Value::Null);
    assert_eq!((&now["items"]["a"]["title"], &now["items"]["a"]["day"]), (&json!("Brunch"), &json!("2026-05-02")));
    assert_eq!(now["items"]["b"], json!({"title": "Another walk"}));
    assert_eq!((&now["trip"]["title"], &now["budget"]), (&json!("Lisbon"), &json!({})));
    assert_eq!(kept(&taken), [("/items/a/title", Why::Changed), ("/items/b", Why::Taken), ("/items/c", Why::Changed)]);
}

#[test]
fn what_people_removed_stays_away() {
    let mut house = House::new(&lisbon());
    house.agent(&json!([{"op": "item.update", "id": "a", "item": {"title": "Late lunch"}}]));
    house.agent(&json!([{"op": "replace", "path": "/items/a/notes", "value": "bring a card"}]));
    house.agent(&json!([{"op": "add", "path": "/items/c", "value": {"title": "Pastéis"}}]));
    house.person(|txn| {
        let items = txn.get_or_insert_map("items");
        items.remove(txn, "a");
        items.remove(txn, "c");
    });
    let before = house.json();
    let taken = house.undo();
    assert_eq!(house.json(), before);
    assert_eq!(kept(&taken), [("/items/a/notes", Why::Removed), ("/items/a/title", Why::Removed)]);
    assert_eq!(taken.update, None);
}

#[test]
fn fields_of_a_budget_go_one_by_one() {
    let mut house = House::new(&json!({}));
    house.agent(&json!([
        {"op": "budget.set", "category": "food", "planned": "300.00"},
        {"op": "budget.set", "category": "activities", "planned": "100.00"},
    ]));
    house.agent(&json!([{"op": "budget.set", "category": "food", "planned": "400.00"}]));
    // People's clients write the whole of a plain value.
    house.person(|txn| {
        let categories =
            json!({"food": {"planned": "350.00"}, "activities": {"planned": "100.00"}, "other": {"spent": "1"}});
        txn.get_or_insert_map("budget").insert(txn, "categories", crate::room::json::to_any(&categories));
    });
    let taken = house.undo();
    let expected = json!({"categories": {"food": {"planned": "350.00"}, "other": {"spent": "1"}}});
    assert_eq!(house.json()["budget"], expected);
    assert_eq!(kept(&taken), [("/budget/categories/food/planned", Why::Changed)]);
}

#[test]
fn what_people_typed_into_a_text_stays() {
    let mut house = House::new(&json!({"notes": "Meet at noon. 🏝 Bring water. Leave late."}));
    for notes in [
        "Meet at ten. 🏝 Bring water. Leave late.",
        "Meet at ten. 🏝 Leave late.",
        "Meet at ten. 🏝 Leave late. Sing or dance.",
    ] {
        house.agent(&json!([{"op": "replace", "path": "/notes", "value": notes}]));
    }
    house.person(|txn| {
        let notes = txn.get_or_insert_text("notes");
        let at = |txn: &TransactionMut<'_>, word: &str| {
            let text = notes.get_string(txn);
            let bytes = text.find(word).expect("it is there");
            u32::try_from(text[..bytes].encode_utf16().count()).expect("short")
        };
        let sing = at(txn, "ing or");
        notes.insert(txn, sing, "w");
        let late = at(txn, "late");
        notes.remove_range(txn, late, 4);
        notes.insert(txn, late, "early");
        notes.insert(txn, 0, "All: ");
    });
    house.restart();
    let taken = house.undo();
    assert_eq!(house.json()["notes"], json!("All: Meet at noon. 🏝 Bring water. Leave early.w"));
    assert_eq!(taken.kept, []);
}

#[test]
fn an_item_that_people_wrote_notes_for_stays_with_them() {
    let mut house = House::new(&json!({}));
    house.agent(&json!([{"op": "item.add", "id": "c", "item": {"kind": "meal", "title": "Fado", "notes": "loud"}}]));
    house.agent(&json!([{"op": "replace", "path": "/items/c/notes", "value": "very loud"}]));
    house.person(|txn| {
        let Some(Out::YText(notes)) = entry(txn, "items", "c").get(txn, "notes") else { panic!("a text") };
        notes.insert(txn, 0, "Not ");
    });
    let taken = house.undo();
    assert_eq!(house.json()["items"]["c"]["notes"], json!("Not loud"));
    assert_eq!(kept(&taken), [("/items/c", Why::Changed)]);
}

#[test]
fn whose_letters_are_is_known_when_an_item_comes_back() {
    let mut house = House::new(&lisbon());
    house.agent(&json!([{"op": "replace", "path": "/items/a/notes", "value": "bring cash and coins"}]));
    house.person(|txn| {
        let Some(Out::YText(notes)) = entry(txn, "items", "a").get(txn, "notes") else { panic!("a text") };
        notes.insert(txn, 14, " (small)");
        notes.insert(txn, 0, "Please ");
    });
    house.agent(&json!([{"op": "item.remove", "id": "a"}]));
    house.restart();
    let taken = house.undo();
    assert_eq!(house.json()["items"]["a"]["notes"], json!("Please bring cash (small)"));
    assert_eq!(taken.kept, []);
}

#[test]
fn the_last_word_is_peoples() {
    let mut house = House::new(&json!({"trip": {"title": "a"}}));
    let title = |title: &str| json!([{"op": "add", "path": "/trip/title", "value": title}]);
    let say = |title: &'static str| {
        move |txn: &mut TransactionMut<'_>| {
            txn.get_or_insert_map("trip").insert(txn, "title", title);
        }
    };
    house.agent(&title("b"));
    house.person(say("c"));
    house.agent(&title("d"));
    let taken = house.undo();
    assert_eq!((&house.json()["trip"]["title"], kept(&taken)), (&json!("c"), vec![("/trip/title", Why::Changed)]));

    let mut house = House::new(&json!({"trip": {"title": "a"}}));
    house.agent(&title("b"));
    house.agent(&title("c"));
    house.person(say("b"));
    let taken = house.undo();
    assert_eq!((&house.json()["trip"]["title"], kept(&taken)), (&json!("b"), vec![("/trip/title", Why::Changed)]));
}

#[test]
fn null_is_not_nothing() {
    let mut house = House::new(&json!({"items": {"a": {"day": null, "title": "x"}}}));
    house.agent(&json!([
        {"op": "replace", "path": "/items/a/day", "value": "2026-05-02"},
        {"op": "add", "path": "/items/a/more", "value": null},
    ]));
    house.undo();
    assert_eq!(house.json()["items"]["a"], json!({"day": null, "title": "x"}));
}

#[test]
fn a_trace_is_compact_and_says_its_size() {
    let mut house = House::new(&json!({"notes": "x".repeat(50_000)}));
    house.agent(&json!([{"op": "note.append", "text": "Bring water."}]));
    let trace: Trace = serde_json::from_str(&house.traces[0]).expect("as it was written");
    assert_eq!(trace.pointers().collect::<Vec<_>>(), ["/notes"]);
    let bytes = house.traces[0].len();
    assert!(bytes < 250, "{}", house.traces[0]);
    assert!(trace.is_within(bytes) && !trace.is_within(bytes - 1));
}

#[test]
fn what_was_made_up_does_no_harm() {
    let mut house = House::new(&lisbon());
    let before = house.json();
    let long = "x".repeat(300);
    house.traces = vec![
        json!({"values": [
            {"pointer": "", "before": 1, "after": 2},
            {"pointer": "no pointer", "after": 2},
            {"pointer": "/trip/title/0", "before": 1},
            {"pointer": "/nowhere/at/all", "before": 1},
            {"pointer": "/trip/tags/0", "before": "a", "after": "sun"},
        ], "texts": [
            {"pointer": "/notes", "edits": [
                {"inserted": [[[0, u32::MAX], u32::MAX]], "removed": [[[7, u32::MAX], long]], "left": [1, 1], "right": [1, 1]},
            ]},
            {"pointer": "/trip", "edits": []},
            {"pointer": "/items/zzz/notes", "edits": []},
        ]})
        .to_string(),
    ];
    let taken = house.undo();
    assert_eq!(house.json(), before);
    assert!(taken.kept.iter().any(|kept| kept.pointer == "/notes" && kept.why == Why::PlaceLost));
}

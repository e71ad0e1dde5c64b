//! The table of what each field takes and refuses.

use serde_json::{Value, json};

use super::*;
use crate::room::trip::{BOOKING_STATUSES, BUDGET_CATEGORIES, ITEM_KINDS, TRIP_STATUSES, TRIP_TYPES, VISIBILITIES};

fn roots(value: Value) -> Map<String, Value> {
    let Value::Object(roots) = value else { panic!("roots") };
    roots
}

/// Pointers of what is wrong with a document that was empty before.
fn wrong(after: Value) -> Vec<String> {
    check(&Map::new(), &roots(after)).into_iter().map(|error| error.pointer).collect()
}

/// An object of roots with one value at a pointer, whose keys need no escapes.
fn at(pointer: &str, value: &Value) -> Value {
    pointer
        .split('/')
        .skip(1)
        .collect::<Vec<_>>()
        .into_iter()
        .rev()
        .fold(value.clone(), |inner, key| json!({key: inner}))
}

/// What a field takes, and what it refuses.
type Case = (&'static str, Value, Value);

fn check_cases(cases: &[Case]) {
    for (pointer, good, bad) in cases {
        for value in good.as_array().expect("a list") {
            assert_eq!(wrong(at(pointer, value)), [""; 0], "{pointer} {value}");
        }
        for value in bad.as_array().expect("a list") {
            assert_eq!(wrong(at(pointer, value)), [*pointer], "{pointer} {value}");
        }
    }
}

#[test]
fn texts_and_words() {
    let long = |characters: usize| "é".repeat(characters);
    let words = |pointer, words: &[&str]| {
        (pointer, json!(words), json!(["nap", words[0].to_uppercase(), "", 1, null, [words[0]]]))
    };
    check_cases(&[
        ("/trip/title", json!(["", long(200)]), json!([long(201), 7, null])),
        ("/trip/description", json!([long(2_000)]), json!([long(2_001)])),
        ("/trip/destination", json!(["", long(5_000)]), json!([1, ["x"], null])),
        ("/trip/currency", json!(["EUR", "JPY"]), json!(["eur", "Euro", "XXY", "€", null])),
        ("/trip/tags", json!([[], vec!["x"; 20]]), json!([vec!["x"; 21], [1], "x", null])),
        ("/items/i/notes", json!(["", "x"]), json!([1, null, {}])),
        ("/comments/c/parent", json!(["id", null]), json!([1])),
        ("/comments/c/mentions", json!([["ada"], vec!["x"; 50]]), json!(["ada", [null]])),
        words("/trip/trip_type", TRIP_TYPES),
        words("/trip/status", TRIP_STATUSES),
        words("/trip/visibility", VISIBILITIES),
        words("/items/i/kind", ITEM_KINDS),
        words("/items/i/booking_status", BOOKING_STATUSES),
    ]);
}

#[test]
fn numbers_and_amounts() {
    let amounts = json!(["0", "1250.00", "-3.5", "999999999999999.9999", null]);
    let none = json!([12.5, "1,5", "", ".", "1.", ".5", "1e3", "+1", "0.12345", "1000000000000000", "€5", "1 "]);
    check_cases(&[
        ("/trip/travelers", json!([1, 40]), json!([0, -1, 1.5, "2", null])),
        ("/budget/total", amounts.clone(), none.clone()),
        ("/budget/categories/food/planned", amounts.clone(), none.clone()),
        ("/items/i/price", amounts, none),
        ("/destinations/d/lat", json!([-90, 41.9, null]), json!([90.1, "41.9"])),
        ("/destinations/d/lng", json!([180]), json!([-180.5])),
        ("/items/i/flexible", json!([true]), json!(["yes", 1, null])),
    ]);
}

#[test]
fn dates_and_times() {
    let dates = json!(["2026-05-01", "2024-02-29", null]);
    let none =
        json!(["2026-02-29", "20260501", "2026-5-1", "01.05.2026", "2026-05-01T10:00", 20_260_501, "", "2026-05-0é"]);
    let times =
        json!(["2026-05-01T09:30:00Z", "2026-05-01T09:30:00.250+02:00", "2026-05-01T09:30:00+02:00[Europe/Rome]"]);
    let never = json!([
        "2026-05-01T09:30:00",
        "2026-05-01",
        "2026-05-01 09:30:00Z",
        "2026-05-01T09:30Z",
        "2026-05-01T25:00:00Z",
        "2026-05-01T09:30:00+0200",
        "2026-05-01T09:30:00.Z",
        "2026-05-01T09:30:00Zé",
        0,
    ]);
    check_cases(&[
        ("/trip/start_date", dates.clone(), none.clone()),
        ("/destinations/d/arrival_date", dates.clone(), none.clone()),
        ("/items/i/day", dates, none),
        ("/items/i/start", times.clone(), never.clone()),
        ("/items/i/end", json!([null]), never.clone()),
        ("/comments/c/at", times, json!([null])),
    ]);
}

#[test]
fn objects() {
    check_cases(&[
        ("/trip", json!([{}, {"own": [1]}]), json!([[], 5, null])),
        ("/trip/preferences", json!([{}, {"any": [1]}]), json!([[], "x"])),
        ("/items/i", json!([{}, {"own": 1}]), json!([[], 5, null])),
        ("/items/i/place", json!([{"name": "x", "lat": 1, "lng": null}, null]), json!(["Rome", []])),
        ("/items/i/details", json!([{"seat": "4A"}]), json!(["4A"])),
    ]);
}

#[test]
fn the_end_is_not_before_the_start() {
    for (record, first, last) in
        [("/trip", "start_date", "end_date"), ("/destinations/d", "arrival_date", "departure_date")]
    {
        let span = |start: &str, end: &str| wrong(at(record, &json!({first: start, last: end})));
        assert_eq!(span("2026-05-01", "2026-05-01"), [""; 0]);
        assert_eq!(span("2026-05-02", "2026-05-01"), [format!("{record}/{last}")]);
        assert_eq!(span("2026-05-02", "soon").len(), 1, "what is no date is told of once");
    }
    let item = |start: &str, end: &str| wrong(json!({"items": {"i": {"start": start, "end": end}}}));
    assert_eq!(item("2026-05-01T10:00:00+02:00", "2026-05-01T08:00:00Z"), [""; 0]);
    assert_eq!(item("2026-05-01T10:00:00+02:00", "2026-05-01T07:59:59Z"), ["/items/i/end"]);
    let before = roots(json!({"trip": {"start_date": "2026-05-02", "end_date": "2026-05-01"}}));
    let mut after = before.clone();
    after["trip"]["title"] = json!("x");
    assert_eq!(check(&before, &after), [], "nobody touched the dates");
    after["trip"]["start_date"] = json!("2026-05-03");
    assert_eq!(check(&before, &after).len(), 1);
}

#[test]
fn only_what_changed_is_looked_at() {
    let before = roots(json!({"trip": {"currency": "Euro", "status": null}, "items": {"a": {"kind": "nap"}, "b": 5}}));
    assert_eq!(check(&before, &before), []);
    let mut after = before.clone();
    after["items"]["a"]["title"] = json!("x");
    after["items"]["c"] = json!({"kind": "meal"});
    assert_eq!(check(&before, &after), []);
    after["items"]["a"]["kind"] = json!("doze");
    let errors = check(&before, &after);
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].received, "\"doze\"");
    assert!(errors[0].expected.starts_with("one of flight, "));
}

#[test]
fn a_budget_has_its_categories_and_no_others() {
    assert_eq!(wrong(json!({"budget": {"categories": {"fun/~": {}}}})), ["/budget/categories/fun~1~0"]);
    for category in BUDGET_CATEGORIES {
        assert_eq!(wrong(json!({"budget": {"categories": {*category: {"spent": "1"}}}})), [""; 0]);
    }
}

#[test]
fn a_few_wrong_fields_are_told_of_and_not_thousands() {
    let items: Map<String, Value> = (0..5_000).map(|at| (at.to_string(), json!({"kind": at, "day": at}))).collect();
    assert_eq!(wrong(json!({"items": items})).len(), FIELD_ERRORS_MAX);
    let huge = check(&Map::new(), &roots(json!({"trip": {"title": "x".repeat(1_000_000)}})));
    assert!(huge[0].received.len() < 200);
    let hint = &check(&Map::new(), &roots(json!({"items": {"i": {"price": 12.5}}})))[0].hint;
    assert_eq!(hint, "Write it as text: \"12.5\".");
}

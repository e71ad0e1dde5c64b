//! What each rule warns of, and what it lets pass.

use serde_json::{Value, json};

use super::*;

pub(super) fn roots(value: Value) -> Map<String, Value> {
    let Value::Object(roots) = value else { panic!("roots") };
    roots
}

/// Warnings of a document, each as its code and pointers.
fn warned(document: Value) -> Vec<String> {
    let warnings = find(&roots(document));
    warnings.iter().map(|warning| format!("{} {}", warning.code.as_str(), warning.pointers.join(" "))).collect()
}

fn only(document: Value) -> Warning {
    let mut warnings = find(&roots(document));
    assert_eq!(warnings.len(), 1, "{warnings:#?}");
    warnings.remove(0)
}

/// An item on the second of May.
fn item(kind: &str, start: &str, end: &str) -> Value {
    json!({"kind": kind, "start": format!("2026-05-02T{start}:00+02:00"), "end": format!("2026-05-02T{end}:00+02:00")})
}

fn with(mut item: Value, key: &str, value: impl Into<Value>) -> Value {
    item[key] = value.into();
    item
}

fn stay(from: &str, until: &str) -> Value {
    json!({"kind": "accommodation", "start": format!("{from}T15:00:00Z"), "end": format!("{until}T11:00:00Z")})
}

fn paris() -> Value {
    json!({"lat": 48.8566, "lng": 2.3522})
}

fn rome() -> Value {
    json!({"lat": 41.9028, "lng": 12.4964})
}

#[test]
fn a_warning_says_what_and_where_and_what_to_do() {
    let louvre = with(item("activity", "10:00", "12:00"), "title", "Louvre");
    let louvre = with(louvre, "booking_status", "booked");
    let lunch = with(item("meal", "11:30", "13:00"), "title", "Lunch");
    let warning = only(json!({"items": {"a": louvre, "b/c": lunch}}));
    let expected = json!({
        "code": "time_overlap",
        "severity": 0.6,
        "pointers": ["/items/a", "/items/b~1c"],
        "text": "“Lunch” begins at 2026-05-02 11:30+02:00, before “Louvre” ends at 2026-05-02 12:00+02:00.",
        "suggestion": "Move “Lunch”, which is not booked, or leave one of the two out.",
    });
    assert_eq!(serde_json::to_value(&warning).expect("JSON"), expected);
}

#[test]
fn hours_overlap() {
    let pair = |a: Value, b: Value| warned(json!({"items": {"a": a, "b": b}}));
    let tour = || item("activity", "10:00", "12:00");
    let clash = ["time_overlap /items/a /items/b"];
    assert_eq!(pair(tour(), item("meal", "11:59", "13:00")), clash);
    assert_eq!(pair(tour(), item("meal", "12:00", "13:00")), [""; 0], "one after the other");
    assert_eq!(pair(tour(), json!({"kind": "event", "start": "2026-05-02T09:30:00Z"})), clash, "in another zone");
    assert_eq!(pair(tour(), json!({"kind": "event", "start": "2026-05-02T10:00:00Z"})), [""; 0]);
    assert_eq!(pair(json!({"start": "2026-05-02T10:00:00Z"}), json!({"start": "2026-05-02T10:00:00Z"})), clash);
    assert_eq!(pair(tour(), item("note", "10:00", "12:00")), [""; 0]);
    assert_eq!(pair(tour(), stay("2026-05-01", "2026-05-03")), [""; 0], "a bed is kept while people are out");
    assert_eq!(pair(tour(), with(tour(), "booking_status", "cancelled")), [""; 0]);
    assert_eq!(warned(json!({"trip": {"status": "cancelled"}, "items": {"a": tour(), "b": tour()}})), [""; 0]);
}

#[test]
fn a_clash_is_as_severe_as_the_looser_of_two_is_firm() {
    let severity = |a: Value, b: Value| only(json!({"items": {"a": a, "b": b}})).severity;
    let tour = || item("activity", "10:00", "12:00");
    let booked = || with(tour(), "booking_status", "reserved");
    assert_eq!(severity(booked(), booked()), Severity::High);
    assert_eq!(severity(booked(), tour()), Severity::Medium);
    assert_eq!(severity(with(booked(), "flexible", true), booked()), Severity::Low);
}

#[test]
fn what_is_loose_hides_no_clash_of_what_is_booked() {
    let booked = |start, end| with(item("activity", start, end), "booking_status", "booked");
    let stroll = with(item("activity", "09:00", "18:00"), "flexible", true);
    let warnings =
        warned(json!({"items": {"a": stroll, "b": booked("10:00", "12:00"), "c": booked("11:00", "13:00")}}));
    assert_eq!(
        warnings,
        ["time_overlap /items/b /items/c", "time_overlap /items/a /items/b", "time_overlap /items/a /items/c"]
    );
}

#[test]
fn stays_overlap_by_nights() {
    let pair = |a: Value, b: Value| warned(json!({"items": {"a": a, "b": b}}));
    let clash = ["time_overlap /items/a /items/b"];
    assert_eq!(pair(stay("2026-05-01", "2026-05-04"), stay("2026-05-03", "2026-05-06")), clash);
    assert_eq!(pair(stay("2026-05-01", "2026-05-04"), stay("2026-05-04", "2026-05-06")), [""; 0]);
    let night = |day: &str| json!({"kind": "accommodation", "day": day});
    assert_eq!(pair(night("2026-05-01"), night("2026-05-01")), clash);
    assert_eq!(pair(night("2026-05-01"), night("2026-05-02")), [""; 0]);
    let by_day = stay("2026-05-02", "2026-05-02");
    assert_eq!(pair(stay("2026-05-01", "2026-05-04"), by_day), [""; 0], "a room for the day");
    let far = only(json!({"items": {
        "a": with(stay("2026-05-01", "2026-05-04"), "place", paris()),
        "b": with(stay("2026-05-02", "2026-05-05"), "place", rome()),
    }}));
    assert_eq!(far.code, WarningCode::LocationConflict);
    assert_eq!(far.text, "“a” and “b” are both for the nights from 2026-05-02 to 2026-05-04, 1105 km apart.");
}

#[test]
fn nobody_leaves_before_they_arrive() {
    let flights = |second: Value| warned(json!({"items": {"a": item("flight", "10:00", "12:00"), "b": second}}));
    let impossible = ["impossible_travel /items/a /items/b"];
    assert_eq!(flights(item("flight", "11:00", "13:00")), impossible);
    assert_eq!(flights(item("transport", "11:59", "13:00")), impossible);
    assert_eq!(flights(item("flight", "12:00", "13:00")), [""; 0]);
    assert_eq!(flights(item("meal", "11:00", "11:30")), ["time_overlap /items/a /items/b"]);
    let conference = item("event", "09:00", "18:00");
    let (a, b) = (item("flight", "10:00", "12:00"), item("flight", "11:00", "13:00"));
    let warnings = warned(json!({"items": {"a": a, "b": b, "c": conference}}));
    assert!(warnings.contains(&impossible[0].to_owned()), "the conference does not hide it");
}

#[test]
fn nobody_is_faster_than_an_airliner() {
    let visits = |start: &str, place: Value| {
        let first = with(item("activity", "10:00", "12:00"), "place", paris());
        warned(json!({"items": {"a": first, "b": with(item("meal", start, "21:00"), "place", place)}}))
    };
    assert_eq!(visits("13:00", rome()), ["impossible_travel /items/a /items/b"]);
    assert_eq!(visits("13:11", rome()), [""; 0], "1105 km in 71 minutes, with 50 to spare");
    assert_eq!(visits("12:00", json!({"lat": 48.80, "lng": 2.12})), [""; 0], "Versailles");
    assert_eq!(visits("11:00", rome()), ["location_conflict /items/a /items/b"]);
    assert_eq!(visits("13:00", json!({"name": "Rome"})), [""; 0]);
    assert_eq!(visits("13:00", json!({"lat": 419, "lng": 12})), [""; 0]);
    let fair = with(item("event", "09:00", "20:00"), "place", paris());
    let (lunch, dinner) = (item("meal", "11:00", "12:00"), item("meal", "20:30", "21:00"));
    let day = json!({"a": fair, "b": with(lunch, "place", paris()), "c": with(dinner, "place", rome())});
    assert_eq!(
        warned(json!({"items": day})),
        ["time_overlap /items/a /items/b", "impossible_travel /items/a /items/c"],
        "who leaves last comes from there"
    );
}

#[test]
fn a_budget_is_exceeded() {
    let budget =
        |budget: Value, items: Value| warned(json!({"trip": {"currency": "EUR"}, "budget": budget, "items": items}));
    let items =
        json!({"a": {"kind": "meal", "price": "60.10"}, "b": {"kind": "flight", "price": "40", "currency": "EUR"}});
    assert_eq!(budget(json!({"total": "100.10"}), items.clone()), [""; 0]);
    assert_eq!(budget(json!({"total": "100.0999"}), items.clone()), ["budget_exceeded /budget/total"]);
    assert_eq!(
        budget(json!({"total": "100", "spent": "200"}), items.clone()),
        ["budget_exceeded /budget/total /budget/spent"]
    );
    let planned = |food: &str| json!({"categories": {"food": {"planned": food}, "activities": {"planned": 7}}});
    assert_eq!(budget(planned("60.10"), items.clone()), [""; 0]);
    assert_eq!(budget(planned("60"), items.clone()), ["budget_exceeded /budget/categories/food/planned"]);
    assert_eq!(
        budget(json!({"total": "50", "categories": {"food": {"planned": "51"}}}), json!({})),
        ["budget_exceeded /budget/total /budget/categories"]
    );
    let over = only(json!({"trip": {"currency": "EUR"}, "budget": {"total": "99.5"}, "items": items}));
    assert_eq!(over.text, "The prices of all items come to 100.10 EUR, 0.60 EUR over the trip's total of 99.50 EUR.");
    let refund =
        json!({"a": {"price": "60"}, "b": {"price": "-20"}, "c": {"price": "9", "booking_status": "cancelled"}});
    assert_eq!(budget(json!({"total": "40"}), refund), [""; 0]);
    assert_eq!(budget(json!({"total": "-5"}), json!({})), [""; 0]);
}

#[test]
fn a_day_has_its_share_of_the_budget() {
    let days = |items: Value| {
        let trip = json!({"start_date": "2026-05-01", "end_date": "2026-05-04"});
        warned(json!({"trip": trip, "budget": {"total": "400"}, "items": items}))
    };
    let priced = |kind: &str, price: &str| json!({"kind": kind, "day": "2026-05-02", "price": price});
    assert_eq!(days(json!({"a": priced("meal", "100")})), [""; 0]);
    assert_eq!(days(json!({"a": priced("flight", "300"), "b": priced("accommodation", "90")})), [""; 0]);
    assert_eq!(
        days(json!({"a": priced("meal", "40"), "b": priced("event", "61")})),
        ["budget_exceeded /budget/total /items/b/price"]
    );
}

#[test]
fn currencies_are_never_added() {
    let mixed = |currency: Value, items: Value| {
        warned(json!({"trip": {"currency": currency}, "budget": {"total": "100"}, "items": items}))
    };
    let yen = |price: &str| json!({"price": price, "currency": "JPY"});
    assert_eq!(
        mixed(json!("EUR"), json!({"a": yen("5000"), "b": yen("9000"), "c": {"price": "100"}})),
        ["currency_mixed /trip/currency /items/b/currency"]
    );
    assert_eq!(mixed(json!("JPY"), json!({"a": yen("5000")})), ["budget_exceeded /budget/total"]);
    assert_eq!(mixed(json!("EUR"), json!({"a": {"price": "5000", "currency": "Euro"}})), [""; 0], "nobody knows what");
    assert_eq!(mixed(Value::Null, json!({"a": yen("5000")})), [""; 0]);
    assert_eq!(mixed(Value::Null, json!({"a": yen("5"), "b": {"price": "5", "currency": "USD"}})).len(), 2);
}

#[test]
fn references_are_shared_by_what_is_alike() {
    let pair = |a: Value, b: Value| warned(json!({"items": {"a": a, "b": b}}));
    let booked = |kind: &str, day: &str| json!({"kind": kind, "day": day, "booking_reference": "X1"});
    let conflict = ["booking_conflict /items/a/booking_reference /items/b/booking_reference"];
    assert_eq!(pair(booked("meal", "2026-05-01"), booked("event", "2026-05-01")), conflict);
    assert_eq!(pair(booked("meal", "2026-05-01"), booked("meal", "2026-05-02")), conflict);
    assert_eq!(pair(booked("meal", "2026-05-01"), booked("meal", "2026-05-01")), [""; 0]);
    assert_eq!(pair(booked("flight", "2026-05-01"), booked("flight", "2026-05-09")), [""; 0], "out and back");
    let blank = |kind: &str| json!({"kind": kind, "external_id": " "});
    assert_eq!(pair(blank("meal"), blank("event")), [""; 0]);
    let external = |kind: &str| json!({"kind": kind, "external_id": "X1"});
    assert_eq!(
        pair(external("meal"), external("other")),
        ["booking_conflict /items/a/external_id /items/b/external_id"]
    );
}

#[test]
fn what_is_outside_the_dates() {
    let outside = |items: Value, destinations: Value| {
        let trip = json!({"start_date": "2026-05-01", "end_date": "2026-05-09"});
        warned(json!({"trip": trip, "items": items, "destinations": destinations}))
    };
    let none = || json!({});
    let early = ["outside_dates /items/a/day /trip/start_date"];
    assert_eq!(outside(json!({"a": {"day": "2026-04-30"}}), none()), early);
    assert_eq!(
        outside(json!({"a": {"day": "2026-05-01"}, "b": {"day": "2026-05-09"}, "c": {"day": null}}), none()),
        [""; 0]
    );
    assert_eq!(outside(json!({"a": {"day": "2026-04-30", "kind": "note"}}), none()), [""; 0]);
    assert_eq!(
        outside(json!({"a": {"day": "2026-05-09", "start": "2026-05-10T00:30:00+09:00"}}), none()),
        ["outside_dates /items/a/start /trip/end_date"],
        "the day is that of the place"
    );
    assert_eq!(
        outside(none(), json!({"d": {"arrival_date": "2026-05-01", "departure_date": "2026-05-10"}})),
        ["outside_dates /destinations/d/departure_date /trip/end_date"]
    );
    let turned =
        json!({"trip": {"start_date": "2026-05-02", "end_date": "2026-05-01"}, "items": {"a": {"day": "2026-05-01"}}});
    assert_eq!(warned(turned), ["outside_dates /trip/start_date /trip/end_date"]);
}

#[test]
fn a_status_seldom_goes_back() {
    let step = |from: &str, to: &str| {
        let status = |status: &str| roots(json!({"trip": {"status": status}}));
        status_transition(&status(from), &status(to))
    };
    assert_eq!(step("planning", "booked"), None);
    assert_eq!(step("completed", "completed"), None);
    assert_eq!(step("completed", "soon"), None);
    let odd = step("completed", "planning").expect("a warning");
    assert_eq!(odd.identity(), (WarningCode::StatusTransition, ["/trip/status".to_owned()].as_slice()));
    assert_eq!(status_transition(&Map::new(), &roots(json!({"trip": {"status": "completed"}}))), None);
}

#[test]
fn only_what_matters_is_looked_at_again() {
    let mut warnings = Warnings::new();
    let mut document =
        roots(json!({"items": {"a": item("meal", "10:00", "12:00"), "b": item("meal", "11:00", "12:00")}}));
    let change = warnings.refresh(&document).expect("a change");
    assert_eq!((change.raised.len(), change.cleared.len()), (1, 0));
    assert_eq!(warnings.current(), change.raised);
    document["items"]["a"]["url"] = json!("https://example.org");
    document.insert("notes".to_owned(), json!("Bring an umbrella."));
    assert_eq!(warnings.refresh(&document), None);
    document["items"]["b"]["title"] = json!("Brunch");
    let change = warnings.refresh(&document).expect("it says something else");
    assert_eq!((change.raised.len(), change.cleared.len()), (1, 0));
    assert!(change.raised[0].text.contains("Brunch"));
    document["items"]["a"]["booking_status"] = json!("cancelled");
    let change = warnings.refresh(&document).expect("a change");
    assert_eq!((change.raised.len(), change.cleared.len()), (0, 1));
    assert_eq!(warnings.current(), []);
}

#[test]
fn a_crowded_trip_gives_a_few_warnings_and_the_severest() {
    let crowd = (0..30_000).map(|at| {
        let visit = with(item("activity", "10:00", "20:00"), "place", if at % 2 == 0 { rome() } else { paris() });
        (format!("{at:05}"), with(visit, "external_id", at / 3))
    });
    let mut items: Map<String, Value> = crowd.collect();
    for id in ["y", "z"] {
        items.insert(id.to_owned(), with(item("event", "19:00", "20:00"), "booking_status", "booked"));
    }
    items.insert("i".repeat(1_000), with(item("event", "10:00", "20:00"), "booking_status", "booked"));
    items["00000"]["title"] = "x".repeat(100_000).into();
    let warnings = find(&roots(json!({"items": items})));
    assert_eq!(warnings.len(), WARNINGS_MAX);
    assert_eq!(warnings[0].pointers, ["/items/y", "/items/z"]);
    assert!(warnings.iter().all(|warning| warning.text.len() < 500 && warning.pointers.concat().len() < 500));
}

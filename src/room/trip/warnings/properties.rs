//! Random trips, with nonsense among them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::roots;
use super::*;

/// One of these, or now and then something that it must not be.
fn or_nonsense(sense: impl Strategy<Value = Value> + 'static) -> BoxedStrategy<Value> {
    let nonsense =
        [json!(null), json!(7), json!(-1e308), json!([[]]), json!({"a": {}}), json!("é"), json!("2026-02-30")];
    prop_oneof![9 => sense, 1 => prop::sample::select(nonsense.to_vec())].boxed()
}

fn one_of(words: &[&str]) -> BoxedStrategy<Value> {
    let words: Vec<Value> = words.iter().map(|word| json!(word)).collect();
    or_nonsense(prop::sample::select(words))
}

fn date() -> BoxedStrategy<Value> {
    or_nonsense((1..9u8).prop_map(|day| json!(format!("2026-05-{day:02}"))))
}

fn time() -> BoxedStrategy<Value> {
    let times = (1..5u8, 0..24u8, prop::sample::select(vec!["Z", "+09:00", "-03:30[America/St_Johns]"]));
    let usual = times.prop_map(|(day, hour, zone)| json!(format!("2026-05-{day:02}T{hour:02}:15:00{zone}")));
    let far = prop::sample::select(vec![json!("9999-12-30T22:00:00Z"), json!("0001-01-01T00:00:00Z")]);
    prop_oneof![20 => or_nonsense(usual), 1 => far].boxed()
}

fn amount() -> BoxedStrategy<Value> {
    one_of(&["0", "10", "99.99", "-5", "999999999999999.9999", "1e9"])
}

fn place() -> BoxedStrategy<Value> {
    let places = [json!({"lat": 41.9, "lng": 12.5}), json!({"lat": 48.9, "lng": 2.4}), json!({"lat": -90, "lng": 180})];
    or_nonsense(prop::sample::select(places.to_vec()))
}

/// An object that has each of these fields or not.
fn object(fields: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let fields: Vec<_> = fields
        .into_iter()
        .map(|(key, value)| prop::option::weighted(0.7, value.prop_map(move |value| (key, value))))
        .collect();
    or_nonsense(
        fields.prop_map(|fields| fields.into_iter().flatten().map(|(key, value)| (key.to_owned(), value)).collect()),
    )
}

fn item() -> BoxedStrategy<Value> {
    object(vec![
        ("kind", one_of(crate::room::trip::ITEM_KINDS)),
        ("title", one_of(&["Louvre", ""])),
        ("day", date()),
        ("start", time()),
        ("end", time()),
        ("place", place()),
        ("price", amount()),
        ("currency", one_of(&["EUR", "USD", "JPY"])),
        ("booking_status", one_of(crate::room::trip::BOOKING_STATUSES)),
        ("booking_reference", one_of(&["X1", "X2"])),
        ("external_id", one_of(&["X1", " "])),
        ("flexible", or_nonsense(any::<bool>().prop_map(Value::from))),
    ])
}

fn by_id(member: BoxedStrategy<Value>) -> BoxedStrategy<Value> {
    // So few that the bound on warnings is never reached.
    let id = prop_oneof![4 => "[a-f]{1,2}", 1 => "[~/é]{0,2}"];
    prop::collection::btree_map(id, member, 0..10).prop_map(|members| members.into_iter().collect()).boxed()
}

fn trip() -> BoxedStrategy<Value> {
    let category = || object(vec![("planned", amount()), ("spent", amount())]);
    let categories = object(vec![("food", category()), ("accommodation", category()), ("own", category())]);
    let root = object(vec![
        ("start_date", date()),
        ("end_date", date()),
        ("currency", one_of(&["EUR", "USD"])),
        ("status", one_of(crate::room::trip::TRIP_STATUSES)),
    ]);
    let destination = object(vec![("name", one_of(&["Rome"])), ("arrival_date", date()), ("departure_date", date())]);
    let budget = object(vec![("total", amount()), ("spent", amount()), ("categories", categories)]);
    (root, budget, by_id(destination), by_id(item()))
        .prop_map(|(trip, budget, destinations, items)| {
            json!({"trip": trip, "budget": budget, "destinations": destinations, "items": items})
        })
        .boxed()
}

/// Items that take hours and were not cancelled, with these, read in the plainest way.
fn timed(document: &Value) -> Vec<(String, Timestamp, Timestamp)> {
    let items = document["items"].as_object().into_iter().flatten();
    let busy = items.filter(|(_, item)| {
        let kind = item["kind"].as_str().unwrap_or("other");
        item.is_object() && !["accommodation", "note"].contains(&kind) && item["booking_status"] != "cancelled"
    });
    let moment = |value: &Value| value.as_str().and_then(|text| text.parse::<Timestamp>().ok());
    busy.filter_map(|(id, item)| {
        let from = moment(&item["start"])?;
        let least = from.checked_add(jiff::SignedDuration::from_mins(1)).ok();
        let until = moment(&item["end"]).filter(|until| *until > from).or(least)?;
        Some((id.clone(), from, until))
    })
    .collect()
}

proptest! {
    #[test]
    fn warnings_are_about_what_is_there_each_once_the_severest_first(document in trip()) {
        let warnings = find(&roots(document.clone()));
        let identities: BTreeSet<_> = warnings.iter().map(Warning::identity).collect();
        prop_assert_eq!(identities.len(), warnings.len());
        prop_assert!(warnings.is_sorted_by_key(|warning| std::cmp::Reverse(warning.severity)));
        for pointer in warnings.iter().flat_map(|warning| &warning.pointers) {
            prop_assert!(document.pointer(pointer).is_some() || pointer == "/trip/currency", "{}", pointer);
        }
    }

    /// Any roots at all.
    #[test]
    fn nonsense_is_passed_over(
        mut document in trip(),
        root in prop::sample::select(vec!["trip", "budget", "destinations", "items"]),
        item in item(),
    ) {
        document[root] = item;
        find(&roots(document));
    }

    /// Every pair of items is looked at: whoever begins while another lasts is warned, and nobody else.
    #[test]
    fn all_overlaps_are_found(document in trip()) {
        prop_assume!(document["trip"]["status"] != "cancelled");
        let warnings = find(&roots(document.clone()));
        let kind = |pointer: &str| document.pointer(pointer).and_then(|item| item["kind"].as_str()).unwrap_or("other");
        let of_hours = warnings.iter().filter(|warning| match warning.code {
            WarningCode::TimeOverlap | WarningCode::LocationConflict => kind(&warning.pointers[0]) != "accommodation",
            WarningCode::ImpossibleTravel => ["flight", "transport"].contains(&kind(&warning.pointers[0])),
            _ => false,
        });
        let pairs: BTreeSet<(String, String)> =
            of_hours.map(|warning| (warning.pointers[0].clone(), warning.pointers[1].clone())).collect();
        let items = timed(&document);
        let pointer = |id: &str| format!("/items/{}", id.replace('~', "~0").replace('/', "~1"));
        let mut overlaps = BTreeSet::new();
        for (first, from, until) in &items {
            for (second, later, _) in &items {
                if (from, first) < (later, second) && later < until {
                    overlaps.insert((pointer(first), pointer(second)));
                }
            }
        }
        prop_assert!(pairs.is_subset(&overlaps), "{:?} in {:?}", pairs, overlaps);
        let late = |pairs: BTreeSet<(String, String)>| pairs.into_iter().map(|pair| pair.1).collect::<BTreeSet<_>>();
        prop_assert_eq!(late(pairs), late(overlaps));
    }

    #[test]
    fn an_unrelated_item_changes_no_other_warning(
        mut document in trip(),
        kind in prop::sample::select(crate::room::trip::ITEM_KINDS),
    ) {
        let before = find(&roots(document.clone()));
        document["items"]["new"] = json!({"kind": kind, "start": "2199-05-01T10:00:00Z", "external_id": "new"});
        let change = changes(&before, &find(&roots(document)));
        prop_assert_eq!(change.cleared, []);
        for warning in change.raised {
            prop_assert!(warning.pointers.iter().any(|pointer| pointer.starts_with("/items/new")), "{:?}", warning);
        }
    }

    /// Whoever keeps the set by its changes has what is found anew.
    #[test]
    fn changes_lead_from_one_set_to_the_next(documents in prop::collection::vec(trip(), 1..5)) {
        let mut warnings = Warnings::new();
        let mut kept: Vec<Warning> = Vec::new();
        for document in documents.iter().flat_map(|document| [document, document]) {
            let document = roots(document.clone());
            let change = warnings.refresh(&document).unwrap_or_default();
            let gone = |warning: &Warning| {
                change.raised.iter().chain(&change.cleared).any(|other| other.identity() == warning.identity())
            };
            kept.retain(|warning| !gone(warning));
            kept.extend(change.raised.iter().cloned());
            let found = find(&document);
            prop_assert_eq!(warnings.current(), found.as_slice());
            prop_assert_eq!(kept.len(), found.len());
            prop_assert!(found.iter().all(|warning| kept.contains(warning)));
        }
    }
}

//! Anything that may be sent as operations, and any ranks that clients may have written.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::VERBS;
use super::tests::{day, done, parsed, trip};
use crate::room::patch::PatchFailure;
use crate::room::patch::tests::{LIMITS, all, document};
use crate::room::role::Writes;

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "a",
            "b",
            "c",
            "u",
            "old",
            "2026-05-01",
            "2026-05-02",
            "food",
            "meal",
            "12.50",
            "x/~"
        ])
        .prop_map(Value::from),
        "\\PC{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(member(), inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn member() -> impl Strategy<Value = String> {
    let known = vec![
        "id", "item", "before", "after", "day", "text", "anchor", "parent", "mentions", "resolved", "category",
        "planned", "spent", "total", "trip", "title", "kind", "rank", "start", "end", "path", "value", "from",
    ];
    prop_oneof![9 => prop::sample::select(known).prop_map(str::to_owned), 1 => "\\PC{0,3}"]
}

/// An operation that is often a good one, or anything.
fn any_operation() -> impl Strategy<Value = Value> {
    let ops: Vec<&str> = VERBS.iter().map(|usage| usage.name).chain(["add", "remove", "test", "move", "x"]).collect();
    let id = || prop::sample::select(vec!["a", "b", "c", "u", "n", "old"]);
    let date = prop::sample::select(vec![json!("2026-05-01"), json!("2026-05-02"), Value::Null]);
    prop_oneof![
        3 => (prop::sample::select(ops), prop::collection::btree_map(member(), any_value(), 0..5)).prop_map(|(op, members)| {
            let mut operation: Value = members.into_iter().collect();
            operation["op"] = op.into();
            operation
        }),
        2 => (id(), id(), any::<bool>()).prop_map(|(id, beside, before)| {
            json!({"op": "item.move", "id": id, (if before { "before" } else { "after" }): beside})
        }),
        2 => (id(), date).prop_map(|(id, day)| json!({"op": "item.move", "id": id, "day": day})),
        1 => (id(), id()).prop_map(|(id, beside)| {
            json!({"op": "item.add", "id": id, "item": {"kind": "meal", "title": "x"}, "after": beside})
        }),
        1 => id().prop_map(|id| json!({"op": "item.remove", "id": id})),
        1 => (id(), any_value()).prop_map(|(id, item)| json!({"op": "item.update", "id": id, "item": {"title": item}})),
        1 => id().prop_map(|id| json!({"op": "remove", "path": format!("/items/{id}/rank")})),
        1 => any_value().prop_map(|value| json!({"op": "add", "path": "/items", "value": value})),
        1 => any_value(),
    ]
}

proptest! {
    #[test]
    fn whatever_is_sent_is_done_as_previewed_or_not_at_all(operations in prop::collection::vec(any_operation(), 1..6)) {
        let mut document = trip();
        let (before, version) = (all(&document), document.version());
        let Ok(patch) = parsed(&Value::from(operations)) else { return Ok(()) };
        let preview = patch.preview(&mut document, Writes::Everything, &LIMITS);
        prop_assert_eq!(&all(&document), &before);
        match patch.apply(&mut document, Writes::Everything, &LIMITS) {
            Ok(_) => {
                let mut expected = before;
                for (name, root) in preview.expect("it can be done").roots {
                    expected[name] = root;
                }
                prop_assert_eq!(all(&document), expected);
            }
            Err(PatchFailure::Refused(error)) => {
                prop_assert!(preview.is_err());
                prop_assert!(error.index.is_some() && !error.hint.is_empty(), "{error:?}");
                prop_assert_eq!((all(&document), document.version()), (before, version));
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }

    /// Whatever ranks clients wrote: an item lands where it was put, and nothing else changes its place.
    #[test]
    fn an_item_is_put_beside_its_neighbour_whatever_the_ranks(
        ranks in prop::collection::vec("a[01]|a0[V1]{0,3}|[Zb]?\\PC{0,3}|", 2..9),
        moved in any::<prop::sample::Index>(),
        neighbour in any::<prop::sample::Index>(),
        spot in prop::sample::select(vec!["before", "after", "day"]),
    ) {
        let item = |(at, rank): (usize, &String)| (format!("i{at}"), json!({"day": "2026-05-01", "rank": rank}));
        let mut document = document(&json!({"items": ranks.iter().enumerate().map(item).collect::<Value>()}));
        let date = json!("2026-05-01");
        let before = day(&document, &date);
        let moved = moved.get(&before).clone();
        let mut expected: Vec<String> = before.into_iter().filter(|id| *id != moved).collect();
        let at = neighbour.index(expected.len());
        let neighbour = expected[at].clone();
        expected.insert(match spot { "before" => at, "after" => at + 1, _ => expected.len() }, moved.clone());
        let operation = json!({"op": "item.move", "id": moved, (spot): if spot == "day" { date.clone() } else { neighbour.into() }});
        done(&mut document, &json!([operation])).expect("a good move");
        prop_assert_eq!(day(&document, &date), expected);
    }
}

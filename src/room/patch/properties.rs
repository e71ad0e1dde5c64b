//! Random patches on random documents, against another implementation of RFC 6902 and another replica.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, Doc, Map, MapPrelim, MapRef, TextPrelim, Transact, TransactionMut, WriteTxn,
};

use super::tests::{LIMITS, all, loaded, opened};
use super::{Patch, PatchCode, PatchFailure, Writes};
use crate::room::json::to_any;
use crate::room::update::CheckedUpdate;
use crate::room::view::Roots;

/// Stores a value in any of the ways in which a client may.
struct Store<'t, 'd> {
    txn: &'t mut TransactionMut<'d>,
    random: fastrand::Rng,
}

impl Store<'_, '_> {
    fn member(&mut self, map: &MapRef, key: &str, value: &Value) {
        let plain = self.random.u8(0..3) == 0;
        match value {
            Value::Object(members) if !plain => {
                let inner = map.insert(self.txn, key, MapPrelim::default());
                members.iter().for_each(|(key, value)| self.member(&inner, key, value));
            }
            Value::Array(values) if !plain => {
                let inner = map.insert(self.txn, key, ArrayPrelim::default());
                values.iter().for_each(|value| self.element(&inner, value));
            }
            Value::String(text) if !plain => drop(map.insert(self.txn, key, TextPrelim::new(text.as_str()))),
            value => {
                map.insert(self.txn, key, to_any(value));
            }
        }
    }

    fn element(&mut self, list: &ArrayRef, value: &Value) {
        let plain = self.random.u8(0..3) == 0;
        match value {
            Value::Object(members) if !plain => {
                let inner = list.push_back(self.txn, MapPrelim::default());
                members.iter().for_each(|(key, value)| self.member(&inner, key, value));
            }
            Value::Array(values) if !plain => {
                let inner = list.push_back(self.txn, ArrayPrelim::default());
                values.iter().for_each(|value| self.element(&inner, value));
            }
            Value::String(text) if !plain => drop(list.push_back(self.txn, TextPrelim::new(text.as_str()))),
            value => {
                list.push_back(self.txn, to_any(value));
            }
        }
    }
}

/// A client's update with these members in the roots `doc` and `items`, stored in some way.
fn stored(members: &Value, seed: u64) -> Bytes {
    let doc = Doc::with_client_id(7);
    let mut txn = doc.transact_mut();
    let (root, items) = (txn.get_or_insert_map("doc"), txn.get_or_insert_map("items"));
    let mut store = Store { txn: &mut txn, random: fastrand::Rng::with_seed(seed) };
    for (key, value) in members.as_object().expect("members") {
        store.member(&root, key, value);
        // Overwritten and removed entries leave traces.
        if store.random.bool() {
            store.member(&root, "gone", value);
            root.remove(store.txn, "gone");
        }
        store.member(&items, key, &json!({"title": "x", "notes": "y", "more": value}));
    }
    items.insert(store.txn, "large", Any::Number(yrs::Number::Int(i64::MAX - 1)));
    txn.encode_update_v1().into()
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![Just("a"), Just("b"), Just("0"), Just("x/y~z"), Just("")].prop_map(str::to_owned)
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3i64..3).prop_map(Value::from),
        Just(json!(0.5)),
        "[a🏝 ]{0,6}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(key(), inner, 0..4).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn pointer() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        3 => Just("a"), 3 => Just("b"), 3 => Just("0"), 2 => Just("1"), 1 => Just("-"), 1 => Just("x~1y~0z"), 1 => Just(""),
        1 => Just("more"), 1 => Just("notes"), 1 => Just("title"), 1 => Just("01"),
    ];
    let root =
        prop_oneof![6 => Just("/doc"), 6 => Just("/items"), 1 => Just("/notes"), 1 => Just("/new"), 1 => Just("")];
    (root, prop::collection::vec(token, 0..4))
        .prop_map(|(root, tokens)| tokens.iter().fold(root.to_owned(), |pointer, token| pointer + "/" + token))
}

fn operation() -> impl Strategy<Value = Value> {
    prop_oneof![
        4 => (pointer(), value()).prop_map(|(path, value)| json!({"op": "add", "path": path, "value": value})),
        2 => pointer().prop_map(|path| json!({"op": "remove", "path": path})),
        3 => (pointer(), value()).prop_map(|(path, value)| json!({"op": "replace", "path": path, "value": value})),
        2 => (pointer(), pointer()).prop_map(|(from, path)| json!({"op": "move", "from": from, "path": path})),
        2 => (pointer(), pointer()).prop_map(|(from, path)| json!({"op": "copy", "from": from, "path": path})),
        1 => (pointer(), value()).prop_map(|(path, value)| json!({"op": "test", "path": path, "value": value})),
    ]
}

/// What another implementation makes of it, in the form in which documents are read.
fn expected(before: &Value, patch: &[Value]) -> Option<Value> {
    let operations: Vec<_> = patch.iter().map(|operation| serde_json::from_value(operation.clone())).collect();
    let operations: Vec<_> = operations.into_iter().collect::<Result<_, _>>().ok()?;
    let mut after = before.clone();
    json_patch::patch(&mut after, &operations).ok()?;
    let empty = [json!({}), json!([]), json!("")];
    if let Value::Object(roots) = &mut after {
        roots.retain(|name, root| crate::room::view::declared(name).is_some() || !empty.contains(root));
    }
    Some(after)
}

/// Patches do what RFC 6902 says to documents of any types, or nothing, and everybody gets to see the same.
fn check(members: &Value, seed: u64, patch: &[Value]) -> Result<(), TestCaseError> {
    let initial = stored(members, seed);
    let mut document = loaded(std::slice::from_ref(&initial));
    let (before, version) = (all(&document), document.version());
    let expected = expected(&before, patch);
    let parsed = Patch::parse(Value::from(patch).to_string().as_bytes()).expect("well-formed operations");
    match parsed.apply(&mut document, Writes::Everything, &LIMITS) {
        Ok(update) => {
            prop_assert_eq!(Some(all(&document)), expected.clone());
            prop_assert_eq!(update.is_some(), Some(&before) != expected.as_ref(), "written if and only if it changed");
            let rows: Vec<Bytes> = [initial].into_iter().chain(update.clone()).collect();
            if let Some(update) = update {
                let read = document.read(Roots::All, &LIMITS).expect("within the limits");
                prop_assert!(CheckedUpdate::parse(update).is_ok(), "as good as a client's");
                prop_assert!(!read.json.is_empty());
            }
            let again = loaded(&rows);
            prop_assert_eq!(all(&again), all(&document));
            prop_assert_eq!(again.version(), document.version());
        }
        Err(PatchFailure::Refused(error)) => {
            let ours = [PatchCode::FixedRoot, PatchCode::InvalidField];
            prop_assert!(expected.is_none() || ours.contains(&error.code), "{error:?} instead of {expected:?}");
            prop_assert!(error.index.is_some_and(|at| at < patch.len()), "{error:?}");
            prop_assert_eq!(all(&document), before);
            prop_assert_eq!(document.version(), version);
        }
        Err(other) => prop_assert!(false, "{other}"),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn patches_do_what_the_rfc_says_whatever_the_types(
        members in prop::collection::btree_map(key(), value(), 0..4).prop_map(Value::from_iter),
        seed in any::<u64>(),
        patch in prop::collection::vec(operation(), 1..5),
    ) {
        check(&members, seed, &patch)?;
    }

    /// A whole value is exchanged: maps, lists and texts change into each other at every depth.
    #[test]
    fn any_value_becomes_any_other(before in value(), after in value(), seed in any::<u64>()) {
        check(&json!({"a": before}), seed, &[json!({"op": "replace", "path": "/doc/a", "value": after})])?;
    }

    #[test]
    fn patches_of_several_replicas_converge(
        members in prop::collection::btree_map(key(), value(), 0..4).prop_map(Value::from_iter),
        seed in any::<u64>(),
        mine in prop::collection::vec(operation(), 1..4),
        theirs in prop::collection::vec(operation(), 1..4),
    ) {
        let initial = stored(&members, seed);
        let mut updates = Vec::new();
        for patch in [mine, theirs] {
            let mut document = loaded(std::slice::from_ref(&initial));
            let patch = Patch::parse(Value::from(patch).to_string().as_bytes()).expect("well-formed operations");
            updates.extend(patch.apply(&mut document, Writes::Everything, &LIMITS).ok().flatten());
        }
        let there: Vec<Bytes> = [initial.clone()].into_iter().chain(updates.iter().cloned()).collect();
        let back: Vec<Bytes> = [initial].into_iter().chain(updates.into_iter().rev()).collect();
        let (there, back) = (opened(&there), opened(&back));
        prop_assert_eq!(all(&there), all(&back));
        prop_assert_eq!(there.version(), back.version());
    }
}

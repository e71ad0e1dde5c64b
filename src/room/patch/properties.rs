//! Random patches on random documents, against another implementation of RFC 6902 and another replica.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use yrs::branch::Branch;
use yrs::types::Attrs;
use yrs::{
    Any, Array, ArrayPrelim, ArrayRef, ClientID, Doc, Map, MapPrelim, MapRef, OffsetKind, Options, Text, TextPrelim,
    TextRef, Transact, TransactionMut, WriteTxn, XmlElementPrelim, XmlTextPrelim,
};

use super::tests::{LIMITS, OPERATIONS, all, loaded, opened};
use super::{Patch, PatchCode, PatchFailure, Writes};
use crate::room::json::to_any;
use crate::room::update::CheckedUpdate;
use crate::room::view::{Roots, pointer};

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
                for (key, value) in members {
                    self.member(&inner, key, value);
                }
            }
            Value::Array(values) if !plain => {
                let inner = map.insert(self.txn, key, ArrayPrelim::default());
                for value in values {
                    self.element(&inner, value);
                }
                self.oddities(inner.as_ref());
            }
            Value::String(text) if !plain => {
                let inner = map.insert(self.txn, key, TextPrelim::new(text.as_str()));
                self.oddities(inner.as_ref());
            }
            value => {
                map.insert(self.txn, key, to_any(value));
            }
        }
    }

    /// What a client hardly ever writes: marks, embedded values, and what no such type holds.
    fn oddities(&mut self, branch: &Branch) {
        let (text, list) = (TextRef::from(pointer(branch)), ArrayRef::from(pointer(branch)));
        let length = text.len(self.txn);
        let at = self.random.u32(0..=length);
        let bold = Attrs::from([("bold".into(), true.into())]);
        match self.random.u8(0..24) {
            0 => text.insert(self.txn, at, "🏝odd"),
            1 => drop(text.insert_embed(self.txn, at, 1i64)),
            2 => text.format(self.txn, at, length - at, bold),
            3 => list.insert_range(self.txn, 0, [1i64, 2]),
            4 => drop(list.insert(self.txn, length, XmlElementPrelim::new("p", [XmlTextPrelim::new("x").into()]))),
            5 => drop(MapRef::from(pointer(branch)).insert(self.txn, "hidden", 1i64)),
            6 => drop(list.insert(self.txn, length, Any::Undefined)),
            7 => drop(list.insert(self.txn, 0, vec![1u8])),
            8 => drop(text.insert_embed(self.txn, at, "embedded")),
            _ => {}
        }
    }

    fn element(&mut self, list: &ArrayRef, value: &Value) {
        let plain = self.random.u8(0..3) == 0;
        match value {
            Value::Object(members) if !plain => {
                let inner = list.push_back(self.txn, MapPrelim::default());
                for (key, value) in members {
                    self.member(&inner, key, value);
                }
            }
            Value::Array(values) if !plain => {
                let inner = list.push_back(self.txn, ArrayPrelim::default());
                for value in values {
                    self.element(&inner, value);
                }
                self.oddities(inner.as_ref());
            }
            Value::String(text) if !plain => {
                let inner = list.push_back(self.txn, TextPrelim::new(text.as_str()));
                self.oddities(inner.as_ref());
            }
            value => {
                list.push_back(self.txn, to_any(value));
            }
        }
    }
}

/// A client's update with these members in the roots `doc` and `items`, stored in some way.
fn stored(members: &Value, seed: u64) -> Bytes {
    let mut options = Options::with_client_id(ClientID::new(7));
    options.offset_kind = OffsetKind::Utf16;
    let doc = Doc::with_options(options);
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
        let other = store.txn.get_or_insert_array(format!("other{}", key.len()));
        store.element(&other, value);
        store.oddities(other.as_ref());
    }
    let notes = store.txn.get_or_insert_text("notes");
    store.oddities(notes.as_ref());
    store.oddities(root.as_ref());
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

/// Where an operation is to be done: at something that will be there, below it, or anywhere.
#[derive(Debug, Clone)]
enum Target {
    At(prop::sample::Index),
    Below(prop::sample::Index, &'static str),
    Anywhere(&'static str),
}

fn target() -> impl Strategy<Value = Target> {
    let key = prop::sample::select(vec!["a", "b", "0", "1", "-", "x~1y~0z", "", "notes", "01"]);
    let odd = prop::sample::select(vec!["", "/doc", "/items", "/notes", "/new", "/new/a", "/doc/a/b/a", "/other1"]);
    prop_oneof![
        6 => any::<prop::sample::Index>().prop_map(Target::At),
        6 => (any::<prop::sample::Index>(), key).prop_map(|(at, key)| Target::Below(at, key)),
        1 => odd.prop_map(Target::Anywhere),
    ]
}

#[derive(Debug, Clone)]
enum Step {
    Add(Target, Value),
    Remove(Target),
    Replace(Target, Value),
    Move(Target, Target),
    Copy(Target, Target),
    Test(Target, Option<Value>),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (target(), value()).prop_map(|(path, value)| Step::Add(path, value)),
        2 => target().prop_map(Step::Remove),
        3 => (target(), value()).prop_map(|(path, value)| Step::Replace(path, value)),
        2 => (target(), target()).prop_map(|(from, path)| Step::Move(from, path)),
        2 => (target(), target()).prop_map(|(from, path)| Step::Copy(from, path)),
        1 => (target(), prop::option::of(value())).prop_map(|(path, value)| Step::Test(path, value)),
    ]
}

/// Pointers to all that is in some roots, the roots left out.
fn places(document: &Value) -> Vec<String> {
    fn visit(value: &Value, at: &str, into: &mut Vec<String>) {
        let mut child = |key: &str, value| {
            let at = format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            into.push(at.clone());
            visit(value, &at, into);
        };
        match value {
            Value::Object(members) => members.iter().for_each(|(key, value)| child(key, value)),
            Value::Array(values) => values.iter().enumerate().for_each(|(at, value)| child(&at.to_string(), value)),
            _ => {}
        }
    }
    let mut into = Vec::new();
    for root in ["doc", "items", "other1"] {
        visit(&document[root], &format!("/{root}"), &mut into);
    }
    into
}

/// Whether a patch may end in an operation that cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Faults {
    None,
    One,
}

/// The patch that some steps come to, each on what the ones before it leave.
fn patch(before: &Value, steps: &[Step], faults: Faults) -> Vec<Value> {
    let mut current = before.clone();
    let mut operations = Vec::new();
    for step in steps {
        let places = places(&current);
        let resolve = |target: &Target| match target {
            Target::At(at) => at.get(&places).clone(),
            Target::Below(at, key) => format!("{}/{key}", at.get(&places)),
            Target::Anywhere(pointer) => (*pointer).to_owned(),
        };
        let operation = match step {
            Step::Add(path, value) => json!({"op": "add", "path": resolve(path), "value": value}),
            Step::Remove(path) => json!({"op": "remove", "path": resolve(path)}),
            Step::Replace(path, value) => json!({"op": "replace", "path": resolve(path), "value": value}),
            Step::Move(from, path) => json!({"op": "move", "from": resolve(from), "path": resolve(path)}),
            Step::Copy(from, path) => json!({"op": "copy", "from": resolve(from), "path": resolve(path)}),
            Step::Test(path, value) => {
                let path = resolve(path);
                let value = value.as_ref().or(current.pointer(&path)).unwrap_or(&Value::Null);
                json!({"op": "test", "path": path, "value": value})
            }
        };
        let parsed = serde_json::from_value(operation.clone()).expect("an operation");
        let mut next = current.clone();
        let has_items = |value: &Value| value["items"].as_object().is_some_and(|items| !items.is_empty());
        if json_patch::patch_unsafe(&mut next, &[parsed]).is_ok() && has_items(&next) {
            current = next;
            operations.push(operation);
        } else if faults == Faults::One {
            operations.push(operation);
            return operations;
        }
    }
    operations
}

/// What another implementation makes of it, in the form in which documents are read.
fn expected(before: &Value, patch: &[Value]) -> Option<Value> {
    let operations: Vec<_> = patch.iter().map(|operation| serde_json::from_value(operation.clone())).collect();
    let operations: Vec<_> = operations.into_iter().collect::<Result<_, _>>().ok()?;
    let mut after = before.clone();
    json_patch::patch_unsafe(&mut after, &operations).ok()?;
    let empty = [json!({}), json!([]), json!("")];
    if let Value::Object(roots) = &mut after {
        roots.retain(|name, root| crate::room::view::declared(name).is_some() || !empty.contains(root));
    }
    Some(after)
}

/// Patches do what RFC 6902 says to documents of any types, or nothing, and everybody gets to see the same.
fn check(initial: Bytes, patch: &[Value]) -> Result<(), TestCaseError> {
    let mut document = loaded(std::slice::from_ref(&initial));
    let (before, version) = (all(&document), document.version());
    let expected = expected(&before, patch);
    let parsed = Patch::parse(Value::from(patch).to_string().as_bytes(), OPERATIONS).expect("well-formed operations");
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
    #[test]
    fn patches_do_what_the_rfc_says_whatever_the_types(
        members in prop::collection::btree_map(key(), value(), 0..4).prop_map(Value::from_iter),
        seed in any::<u64>(),
        steps in prop::collection::vec(step(), 1..7),
        faults in prop_oneof![4 => Just(Faults::None), 1 => Just(Faults::One)],
    ) {
        let initial = stored(&members, seed);
        let patch = patch(&all(&loaded(std::slice::from_ref(&initial))), &steps, faults);
        check(initial, &patch)?;
    }

    /// A whole value is exchanged: maps, lists and texts change into each other at every depth.
    #[test]
    fn any_value_becomes_any_other(before in value(), after in value(), seed in any::<u64>()) {
        check(stored(&json!({"a": before}), seed), &[json!({"op": "replace", "path": "/doc/a", "value": after})])?;
    }

    #[test]
    fn patches_of_several_replicas_converge(
        members in prop::collection::btree_map(key(), value(), 0..4).prop_map(Value::from_iter),
        seed in any::<u64>(),
        mine in prop::collection::vec(step(), 1..5),
        theirs in prop::collection::vec(step(), 1..5),
    ) {
        let initial = stored(&members, seed);
        let mut updates = Vec::new();
        for steps in [mine, theirs] {
            let mut document = loaded(std::slice::from_ref(&initial));
            let patch = patch(&all(&document), &steps, Faults::None);
            let patch = Patch::parse(Value::from(patch).to_string().as_bytes(), OPERATIONS).expect("well-formed operations");
            updates.extend(patch.apply(&mut document, Writes::Everything, &LIMITS).ok().flatten());
        }
        let there: Vec<Bytes> = [initial.clone()].into_iter().chain(updates.iter().cloned()).collect();
        let back: Vec<Bytes> = [initial].into_iter().chain(updates.into_iter().rev()).collect();
        let (there, back) = (opened(&there), opened(&back));
        prop_assert_eq!(all(&there), all(&back));
        prop_assert_eq!(there.version(), back.version());
    }
}

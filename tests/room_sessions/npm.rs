//! Updates made by npm yjs, in the order in which a server could have received them, through the room's document.

use base64::Engine;
use bytes::Bytes;
use triproom::room::fold;
use yrs::updates::decoder::Decode;
use yrs::{Doc, GetString, ReadTxn, Transact, Update};

fn fixture() -> (Vec<Bytes>, Bytes, String) {
    let json: serde_json::Value =
        serde_json::from_str(include_str!("../fixtures/npm-updates.json")).expect("the fixture is JSON");
    let bytes = |value: &serde_json::Value| {
        let text = value.as_str().expect("base64");
        Bytes::from(base64::engine::general_purpose::STANDARD.decode(text).expect("base64"))
    };
    let updates = json["updates"].as_array().expect("a list").iter().map(bytes).collect();
    (updates, bytes(&json["state"]), json["notes"].as_str().expect("a text").to_owned())
}

fn notes(state: &[u8]) -> String {
    let doc = Doc::new();
    doc.get_or_insert_text("notes");
    doc.transact_mut().apply_update(Update::decode_v1(state).expect("valid")).expect("whole");
    let txn = doc.transact();
    txn.get_text("notes").expect("declared").get_string(&txn)
}

#[test]
fn the_document_says_what_the_npm_clients_say() {
    let (updates, state, text) = fixture();
    let ours = fold::open(None, &updates, usize::MAX).expect("valid");
    assert!(ours.unusable.is_empty());
    let theirs = fold::open(None, &[state], usize::MAX).expect("valid");
    assert_eq!(ours.document.digest(), theirs.document.digest());
    assert_eq!(notes(&ours.document.difference(&[])), text);
}

#[test]
fn any_order_ends_in_the_same_document() {
    let (updates, state, _) = fixture();
    let expected = fold::open(None, &[state], usize::MAX).expect("valid").document.digest();
    for seed in 0..20 {
        println!("SEED={seed}");
        let mut shuffled = updates.clone();
        fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
        let opened = fold::open(None, &shuffled, usize::MAX).expect("valid");
        assert_eq!(opened.document.orphans().count(), 0, "what waited found its place");
        assert_eq!(opened.document.digest(), expected);
    }
}

#[test]
fn folding_at_any_point_loses_nothing() {
    let (updates, state, _) = fixture();
    let expected = fold::open(None, &[state], usize::MAX).expect("valid").document.digest();
    let mut shuffled = updates;
    fastrand::Rng::with_seed(3).shuffle(&mut shuffled);
    let (mut snapshot, mut rows) = (None, Vec::new());
    for (at, update) in shuffled.into_iter().enumerate() {
        rows.push(update);
        if at % 37 == 0 {
            let folded = fold::fold(snapshot.as_ref(), &rows).expect("valid");
            for at in folded.superfluous.into_iter().rev() {
                rows.remove(at);
            }
            snapshot = Some(folded.snapshot);
        }
    }
    assert_eq!(fold::open(snapshot.as_ref(), &rows, usize::MAX).expect("valid").document.digest(), expected);
}

//! What a room takes from other nodes and from the store.

use super::*;
use crate::room::listeners::Ears;
use crate::room::node::{Kept, NodeId, NodeMessage, NodeNews};

fn shared(now: Instant) -> Room {
    let mut room = room(now);
    room.share(now, 0.5, 0);
    room
}

#[test]
fn what_came_together_from_the_store_counts_one_by_one() {
    let mut room = shared(Instant::now());
    let effects = room.take_stored(vec![letter(7), letter(8), letter(7)]);
    assert_eq!(effects.fanouts.len(), 1);
    assert_eq!(effects.fanouts[0].authors.len(), 2);
}

/// One letter more of a document.
fn typed(doc: &Doc) -> Bytes {
    let mut txn = doc.transact_mut();
    txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
    txn.encode_update_v1().into()
}

fn loaded(log: &[Bytes]) -> Document {
    crate::room::fold::open(None, log, LIMITS.document_bytes).expect("a good log").document
}

/// The blocks in an update: whose, and from which clock to which.
fn blocks(update: &Bytes) -> Vec<(u64, u32, u32)> {
    let ranges = CheckedUpdate::parse(update.clone()).expect("well-formed").ranges;
    let mut blocks: Vec<_> = ranges.iter().map(|range| (range.client, range.start, range.end)).collect();
    blocks.sort_unstable();
    blocks
}

#[test]
fn what_a_document_that_was_loaded_anew_has_more_is_passed_on() {
    let now = Instant::now();
    let mut room = shared(now);
    let (ada, far) = (Doc::with_client_id(7), Doc::with_client_id(11));
    let (first, missing, waits) = (typed(&ada), typed(&far), typed(&far));
    let begun = [update(ADA, first.clone()), update(BOB, waits.clone())];
    let mut heard = room.turn(now, &mut begun.into(), Admission::Open).fanouts;
    room.document.panic_on_client(9);
    let second = typed(&ada);
    let mut inputs: VecDeque<Input> = [update(ADA, second.clone()), update(MALLORY, letter(9))].into();
    assert!(room.turn(now, &mut inputs, Admission::Open).document_lost);
    // Of what other nodes have written nobody has heard, and what Ada has just said has come by way of one of them, too.
    let log = [first, waits, letter(10), second.clone()];
    let effects = room.replace_document(loaded(&log));
    let updates: Vec<&Bytes> = effects.fanouts.iter().map(|fanout| &fanout.update).collect();
    assert_eq!(updates.len(), 1, "what waits waited before");
    assert_eq!(blocks(updates[0]), [(7, 1, 2), (10, 0, 1)], "and nobody is told again what everybody knows");
    heard.extend(effects.fanouts);
    heard.extend(room.turn(now, &mut inputs, Admission::Open).fanouts);
    assert!(room.take_stored(vec![letter(10), second]).fanouts.is_empty(), "it is known by then");
    heard.extend(room.take_stored(vec![missing]).fanouts);
    let mut browser = Document::new(LIMITS.document_bytes);
    for fanout in heard {
        let mut change = browser.change();
        change.apply(CheckedUpdate::parse(fanout.update).expect("well-formed"), 1).expect("harmless");
        change.finish().expect("harmless");
    }
    assert_eq!(browser.version(), room.document.version());
}

#[test]
fn what_began_to_wait_when_the_document_broke_is_passed_on() {
    let mut room = shared(Instant::now());
    let far = Doc::with_client_id(11);
    let (_missing, waits) = (typed(&far), typed(&far));
    room.document.panic_on_client(9);
    assert!(room.take_stored(vec![waits.clone(), letter(9)]).document_lost);
    let effects = room.replace_document(loaded(std::slice::from_ref(&waits)));
    let updates: Vec<&Bytes> = effects.fanouts.iter().map(|fanout| &fanout.update).collect();
    assert_eq!(updates, [&waits]);
}

#[test]
fn a_document_that_is_loaded_anew_and_has_nothing_more_says_nothing() {
    let mut room = shared(Instant::now());
    room.document.panic_on_client(9);
    assert!(room.take_stored(vec![letter(9)]).document_lost);
    assert!(room.replace_document(loaded(&[])).fanouts.is_empty());
}

#[test]
fn an_update_in_the_log_that_is_refused_has_the_document_loaded_anew_once() {
    let mut room = shared(Instant::now());
    let two_values_at_one_key = Bytes::from_static(&[1, 1, 9, 0, 0x28, 1, 1, b't', 1, b'k', 2, 126, 126, 0]);
    let looks: Vec<bool> = (0..3)
        .map(|_| {
            let is_lost = room.take_stored(vec![letter(7), two_values_at_one_key.clone()]).document_lost;
            room.replace_document(loaded(&[letter(7)]));
            is_lost
        })
        .collect();
    assert_eq!(looks, [true, false, false]);
}

#[test]
fn what_other_nodes_have_saved_is_said_to_be_saved_and_what_they_have_not_is_not() {
    let now = Instant::now();
    let mut room = shared(now);
    room.hear_headless(Ears::Some);
    let later = |seconds| now + Duration::from_secs(seconds);
    let says_saved = |room: &mut Room, at| {
        let events = room.speak_due(at, Admission::Open).events;
        events.iter().any(|(_, json)| String::from_utf8_lossy(json).contains("doc.saved"))
    };
    let said = |kept, client| {
        let message = NodeMessage::Updates { kept, updates: vec![letter(client)] };
        VecDeque::from([Input::Node(NodeNews::Said { from: NodeId(1), message })])
    };
    room.turn(later(1), &mut said(Kept::Saved, 7), Admission::Open);
    assert!(says_saved(&mut room, later(2)));
    room.turn(later(3), &mut said(Kept::Unsaved, 8), Admission::Open);
    assert!(!says_saved(&mut room, later(4)), "this node writes it, too");
    room.durable(LogPosition(1));
    assert!(says_saved(&mut room, later(5)));
}

#[test]
fn who_repeats_what_is_known_has_changed_nothing() {
    let now = Instant::now();
    let mut room = shared(now);
    room.hear_headless(Ears::Some);
    room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    room.durable(LogPosition(1));
    room.turn(now, &mut [answer(BOB, letter(7))].into(), Admission::Open);
    let events = room.speak_due(now + Duration::from_secs(1), Admission::Open).events;
    assert!(
        events.iter().any(|(_, json)| String::from_utf8_lossy(json).contains("doc.saved")),
        "and it is still saved"
    );
}

#[test]
fn what_a_dead_node_has_stored_is_looked_for_and_not_what_one_has_that_left() {
    let now = Instant::now();
    for (news, looks) in [(NodeNews::Gone(NodeId(1)), true), (NodeNews::Left(NodeId(1)), false)] {
        let mut room = shared(now);
        room.turn(now, &mut [Input::Node(news)].into(), Admission::Open);
        let due: Vec<bool> = (1..4).map(|seconds| room.share_due(now + Duration::from_secs(seconds)).fetch).collect();
        assert_eq!(due, [looks, false, false]);
    }
}

//! What a room takes from other nodes and from the store.

use super::*;

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

/// Something inside of the letter of client 7, which holds nothing.
fn impossible() -> Bytes {
    Bytes::from(vec![1, 1, 9, 0, 4, 0, 7, 0, 1, b'x', 0])
}

/// What everybody is told when the document is loaded anew from these.
fn told(room: &mut Room, stored: &[Bytes]) -> Vec<Bytes> {
    let loaded = crate::room::fold::open(None, stored, LIMITS.document_bytes).expect("a good log").document;
    room.replace_document(loaded).fanouts.into_iter().map(|fanout| fanout.update).collect()
}

fn clients(update: &Bytes) -> Vec<u64> {
    let update = CheckedUpdate::parse(update.clone()).expect("well-formed");
    let mut clients: Vec<u64> = update.ranges.iter().map(|range| range.client).collect();
    clients.sort_unstable();
    clients
}

#[test]
fn what_others_have_stored_is_told_when_the_document_is_loaded_anew() {
    let mut room = shared(Instant::now());
    let effects = room.take_stored(vec![letter(7), impossible()]);
    assert!(effects.document_lost, "another node may have taken it");
    assert_eq!(effects.fanouts.len(), 1);
    let told = told(&mut room, &[letter(7), letter(8), impossible()]);
    assert_eq!(told.iter().map(clients).collect::<Vec<_>>(), [[8]], "everybody has the rest");
}

#[test]
fn what_the_library_failed_on_is_told_when_the_document_is_loaded_anew() {
    let mut room = shared(Instant::now());
    room.take_stored(vec![letter(7)]);
    room.document.panic_on_client(9);
    let effects = room.take_stored(vec![letter(8), letter(9)]);
    assert!(effects.document_lost && effects.fanouts.is_empty());
    let told = told(&mut room, &[letter(7), letter(8), letter(9)]);
    assert_eq!(told.iter().map(clients).collect::<Vec<_>>(), [[8, 9]]);
}

#[test]
fn a_node_that_is_alone_has_told_everything() {
    let mut room = room(Instant::now());
    assert_eq!(told(&mut room, &[letter(7)]), [""; 0]);
}

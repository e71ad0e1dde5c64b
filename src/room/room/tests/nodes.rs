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

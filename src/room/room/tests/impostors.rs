//! Who tries to be somebody else in the list of those who are here.

use yrs::updates::decoder::Decode;

use super::*;

/// The client that is Ada's.
const HERS: ClientId = ClientId(9);
const VISITOR: ConnectionId = ConnectionId(4);
/// As far as a clock gets at once.
const FAR: u64 = 1 << 31;

/// Connections of two principals; the third is of somebody who has no part in it.
fn room_of_ada_and_mallory(now: Instant) -> Room {
    let mut room = Room::new(now, Document::new(LIMITS.document_bytes), LIMITS);
    let joins = [("ada", ADA), ("mallory", MALLORY), ("bob", BOB)];
    let joins = joins.map(|(who, connection)| arrives_as(who, connection, Writes::Everything, Receipt::Echo));
    room.turn(now, &mut joins.into(), Admission::Open);
    room
}

fn says(from: ConnectionId, clock: u64, state: Option<&'static str>) -> Input {
    let state = state.map(|state| Bytes::from_static(state.as_bytes()));
    Input::Presence { from, entries: vec![AwarenessEntry { client: HERS, clock, state }] }
}

fn turn(room: &mut Room, input: Input) -> Effects {
    room.turn(Instant::now(), &mut [input].into(), Admission::Open)
}

/// Her state as those who come now are told it.
fn shown(room: &mut Room) -> Option<(u64, Bytes)> {
    let joins = arrives_as("visitor", VISITOR, Writes::Nothing, Receipt::Status);
    let told = turn(room, joins).replies.into_iter().find_map(|(to, message)| match message {
        ServerMessage::Presence(entries) if to == VISITOR => Some(entries),
        _ => None,
    });
    let hers = told?.into_iter().find(|entry| entry.client == HERS)?;
    Some((hers.clock, hers.state?))
}

fn asked_to_raise(effects: &Effects, above: u64) -> bool {
    let cure = AwarenessEntry { client: HERS, clock: above, state: None };
    effects.replies.contains(&(ADA, ServerMessage::Presence(vec![cure])))
}

#[test]
fn nobody_takes_the_place_of_somebody_who_is_here_and_whoever_is_back_gets_it_back() {
    let mut room = room_of_ada_and_mallory(Instant::now());
    turn(&mut room, says(ADA, 5, Some("\"ada\"")));
    let hers = Some((5, Bytes::from_static(b"\"ada\"")));
    for clock in [5, 6, FAR, FAR + 1, u64::from(u32::MAX), 1 << 53] {
        for state in [Some("\"mallory\""), None] {
            let effects = turn(&mut room, says(MALLORY, clock, state));
            assert!(effects.challenges.is_empty() && effects.replies.is_empty(), "{clock} {state:?}");
            assert_eq!(shown(&mut room), hers, "{clock} {state:?}");
        }
    }
    turn(&mut room, Input::Leave(ADA));
    assert_eq!(shown(&mut room), None);
    // Somebody who signs in on the same page goes on under its id, but leaves clocks to whoever comes back.
    for (clock, taken) in [(6, 6), (FAR, FAR), (u64::from(u32::MAX), FAR), (1 << 53, FAR)] {
        turn(&mut room, says(MALLORY, clock, Some("\"mallory\"")));
        assert_eq!(shown(&mut room), Some((taken, Bytes::from_static(b"\"mallory\""))), "{clock}");
    }
    // She is back with the clock that she left with.
    turn(&mut room, arrives_as("ada", ADA, Writes::Everything, Receipt::Echo));
    assert!(asked_to_raise(&turn(&mut room, says(ADA, 5, Some("\"ada\""))), FAR + 1));
    turn(&mut room, says(MALLORY, FAR + 1, Some("\"mallory\"")));
    turn(&mut room, says(ADA, FAR + 2, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((FAR + 2, Bytes::from_static(b"\"ada\""))));
}

#[test]
fn who_was_only_quicker_gives_way_to_whoever_writes_under_the_id() {
    let mut room = room_of_ada_and_mallory(Instant::now());
    // The server has just started, and Mallory remembers her id from before.
    turn(&mut room, says(MALLORY, FAR, Some("\"mallory\"")));
    turn(&mut room, says(ADA, 5, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((FAR, Bytes::from_static(b"\"mallory\""))));
    turn(&mut room, update(ADA, letter(HERS.0)));
    assert!(asked_to_raise(&turn(&mut room, says(ADA, 6, Some("\"ada\""))), FAR + 1));
    assert_eq!(shown(&mut room), None, "Mallory speaks for her no more");
    turn(&mut room, says(MALLORY, FAR + 3, Some("\"mallory\"")));
    assert_eq!(shown(&mut room), None);
    turn(&mut room, says(ADA, FAR + 2, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((FAR + 2, Bytes::from_static(b"\"ada\""))));
    turn(&mut room, Input::Leave(MALLORY));
    assert_eq!(shown(&mut room), Some((FAR + 2, Bytes::from_static(b"\"ada\""))));
}

#[test]
fn who_writes_under_the_id_of_somebody_who_is_here_does_not_become_them() {
    let mut room = room_of_ada_and_mallory(Instant::now());
    turn(&mut room, says(ADA, 5, Some("\"ada\"")));
    turn(&mut room, update(ADA, letter(HERS.0)));
    let doc = Doc::with_client_id(HERS.0);
    doc.transact_mut().apply_update(yrs::Update::decode_v1(&letter(HERS.0)).expect("one")).expect("it fits");
    let forged = {
        let mut txn = doc.transact_mut();
        txn.get_or_insert_text("notes").insert(&mut txn, 1, "forged");
        txn.encode_update_v1()
    };
    assert_eq!(turn(&mut room, update(MALLORY, forged.into())).log.len(), 1, "editors write what they like");
    turn(&mut room, says(MALLORY, 1, Some("\"mallory\"")));
    turn(&mut room, says(MALLORY, 9, Some("\"mallory\"")));
    assert_eq!(shown(&mut room), Some((5, Bytes::from_static(b"\"ada\""))));
    turn(&mut room, says(ADA, 6, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((6, Bytes::from_static(b"\"ada\""))));
}

#[test]
fn who_writes_for_others_silences_nobody_by_an_echo() {
    let mut room = room_of_ada_and_mallory(Instant::now());
    turn(&mut room, says(ADA, 5, Some("\"ada\"")));
    // Bob passes on what she wrote while the two were apart from the server.
    turn(&mut room, update(BOB, letter(HERS.0)));
    turn(&mut room, says(BOB, 5, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((5, Bytes::from_static(b"\"ada\""))));
    turn(&mut room, says(ADA, 6, Some("\"ada\"")));
    assert_eq!(shown(&mut room), Some((6, Bytes::from_static(b"\"ada\""))));
}

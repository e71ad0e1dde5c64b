//! What one turn leads to, seen from outside of the room.

use std::sync::Arc;

use super::*;
use crate::room::principal::{Principal, PrincipalId};
use crate::wire::awareness::{AwarenessEntry, ClientId};
use yrs::{Array, Doc, Map, ReadTxn, Text, Transact, WriteTxn};

const ADA: ConnectionId = ConnectionId(1);
const BOB: ConnectionId = ConnectionId(2);
const MALLORY: ConnectionId = ConnectionId(3);
const LIMITS: RoomLimits = RoomLimits { document_bytes: 1 << 20, presence_clients: 2 };

fn update(from: ConnectionId, raw: Bytes) -> Input {
    let update = Box::new(CheckedUpdate::parse(raw).expect("well-formed"));
    Input::Update { from, update, kind: UpdateKind::Live }
}

fn arrives(connection: ConnectionId, writes: Writes, receipt: Receipt) -> Input {
    let principal = Arc::new(Principal::new(PrincipalId::user("ada").expect("an id"), None));
    Input::Join(Arrival { connection, principal, writes, receipt })
}

fn letter(client: u64) -> Bytes {
    let doc = Doc::with_client_id(client);
    let mut txn = doc.transact_mut();
    txn.get_or_insert_text("notes").insert(&mut txn, 0, "x");
    txn.encode_update_v1().into()
}

fn room(now: Instant) -> Room {
    let mut room = Room::new(now, Document::new(LIMITS.document_bytes), LIMITS);
    let mut joins = [ADA, BOB, MALLORY].map(|connection| arrives(connection, Writes::Everything, Receipt::Echo)).into();
    room.turn(now, &mut joins, Admission::Open);
    room
}

#[test]
fn the_author_of_a_turn_hears_of_it_when_it_is_durable() {
    let now = Instant::now();
    let mut room = room(now);
    let effects = room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    assert_eq!(effects.fanouts[0].authors[0], (ADA, letter(7)));
    assert_eq!(effects.fanouts[0].update, letter(7), "one update goes out as it came");
    assert_eq!(effects.log, [letter(7)]);
    assert_eq!(room.durable(LogPosition(1)).replies, [(ADA, ServerMessage::Update(letter(7)))]);
}

#[test]
fn an_honest_bulk_edit_is_never_refused_on_an_estimate() {
    let now = Instant::now();
    let mut room = room(now);
    let doc = Doc::with_client_id(7);
    let items = doc.get_or_insert_map("items");
    // Each hangs on its neighbour's place, so that its depth can only be estimated.
    let list = items.insert(&mut doc.transact_mut(), "list", yrs::ArrayPrelim::default());
    let add = || {
        let mut txn = doc.transact_mut();
        let item = yrs::MapPrelim::from([("title", yrs::In::from(yrs::TextPrelim::new("x")))]);
        list.push_back(&mut txn, item);
        txn.encode_update_v1()
    };
    let first = doc.transact().encode_state_as_update_v1(&yrs::StateVector::default());
    let mut inputs: VecDeque<Input> = [update(ADA, first.into())].into();
    inputs.extend((0..1_200).map(|_| update(ADA, add().into())));
    let effects = room.turn(now, &mut inputs, Admission::Open);
    assert_eq!((effects.closes, effects.log.len()), (Vec::new(), 1_201));
}

#[test]
fn nothing_that_a_refused_client_sent_is_called_saved() {
    let now = Instant::now();
    let mut room = room(now);
    let state = Some(Bytes::from_static(b"{no json"));
    let entry = AwarenessEntry { client: ClientId(9), clock: 1, state };
    let probe = Input::Probe { from: MALLORY, probe: Bytes::from_static(&[102, 1, 1]) };
    let presence = Input::Presence { from: MALLORY, entries: vec![entry] };
    let effects = room.turn(now, &mut [presence, probe].into(), Admission::Open);
    assert_eq!(effects.closes, [(MALLORY, CloseReason::Malformed)]);
    assert!(effects.replies.is_empty());
}

#[test]
fn a_connection_has_one_question_at_a_time() {
    let now = Instant::now();
    let mut room = room(now);
    room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    let step = |number| Input::Step1 { from: BOB, known: Bytes::from(vec![1, number, 1]) };
    room.turn(now, &mut (1..100).map(step).collect(), Admission::Open);
    assert_eq!(room.answer().len(), 1);
    assert!(!room.has_questions());
}

#[test]
fn what_is_known_is_no_news() {
    let now = Instant::now();
    let mut room = room(now);
    room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    let effects = room.turn(now, &mut [update(BOB, letter(7))].into(), Admission::Open);
    assert!(effects.fanouts.is_empty() && effects.log.is_empty());
}

#[test]
fn an_update_that_breaks_the_library_costs_its_sender_the_socket_and_nobody_anything() {
    let now = Instant::now();
    let mut room = room(now);
    room.document.panic_on_client(9);
    let broken = || update(MALLORY, letter(9));
    let mut log = Vec::new();
    let mut closes = Vec::new();
    // Together with others it makes all of them come back, to be tried one by one; alone it is the culprit.
    for mut inputs in
        [vec![update(ADA, letter(7)), broken(), update(BOB, letter(8))], vec![broken()]].map(VecDeque::from)
    {
        loop {
            let effects = room.turn(now, &mut inputs, Admission::Open);
            log.extend(effects.log);
            closes.extend(effects.closes);
            if !effects.document_lost {
                break;
            }
            let loaded = crate::room::fold::open(None, &log, LIMITS.document_bytes).expect("a good log").document;
            room.replace_document(loaded);
            room.document.panic_on_client(9);
        }
    }
    assert_eq!(closes, [(MALLORY, CloseReason::Malformed); 2]);
    assert_eq!(log, [letter(7), letter(8)]);
}

#[test]
fn a_read_only_room_asks_for_what_it_refused_when_it_is_open_again() {
    let now = Instant::now();
    let mut room = room(now);
    let effects = room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::ReadOnly);
    assert!(effects.log.is_empty() && effects.fanouts.is_empty());
    assert!(matches!(effects.replies[..], [(ADA, ServerMessage::Denied(_))]));
    assert!(room.tick(now, Admission::ReadOnly).is_empty());
    let probe = Bytes::from_static(&[102, 1, 1]);
    let asks = || [Input::Probe { from: ADA, probe: Bytes::from_static(&[102, 1, 1]) }].into();
    assert!(room.turn(now, &mut asks(), Admission::Open).replies.is_empty(), "what was refused is not saved");
    assert!(matches!(room.tick(now, Admission::Open)[..], [(ADA, ServerMessage::Step1(_))]));
    let answer = CheckedUpdate::parse(letter(7)).expect("well-formed");
    let answer = Input::Update { from: ADA, update: Box::new(answer), kind: UpdateKind::Answer };
    let effects = room.turn(now, &mut [answer].into(), Admission::Open);
    assert!(effects.replies.is_empty() && effects.log.len() == 1);
    assert!(room.durable(LogPosition(1)).replies.contains(&(ADA, ServerMessage::Probe(probe))));
}

#[test]
fn a_heal_is_one_difference_and_a_question() {
    let now = Instant::now();
    let mut room = room(now);
    let before = room.state_vector();
    room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    room.turn(now, &mut [Input::Heal { to: BOB, known: before }].into(), Admission::Open);
    let answers = room.answer();
    assert!(matches!(&answers[0].1[..], [ServerMessage::Step2(_), ServerMessage::Step1(_)]));
}

//! What one turn leads to, seen from outside of the room.

mod impostors;
mod nodes;
mod undoing;

use super::*;
use crate::room::client::{Arrival, Receipt};
use crate::room::event::status::{AgentState, AgentStatus};
use crate::room::input::UpdateKind;
use crate::room::patch::Patch;
use crate::room::principal::{Principal, PrincipalId};
use crate::room::request::{Answer, Ask, Request, RequestId, RequestRefusal};
use crate::room::row;
use crate::room::update::CheckedUpdate;
use crate::room::version::Version;
use crate::room::view::ViewLimits;
use crate::wire::SyncStatus;
use crate::wire::awareness::{AwarenessEntry, ClientId};
use yrs::{Array, Doc, Map, ReadTxn, Text, Transact, WriteTxn};

const ADA: ConnectionId = ConnectionId(1);
const BOB: ConnectionId = ConnectionId(2);
const MALLORY: ConnectionId = ConnectionId(3);
const LIMITS: RoomLimits = RoomLimits {
    document_bytes: 1 << 20,
    presence_clients: 2,
    undo_bytes: 256 << 10,
    json: ViewLimits { values: 1_000_000, bytes: 32 << 20 },
};

fn update(from: ConnectionId, raw: Bytes) -> Input {
    let update = Box::new(CheckedUpdate::parse(raw).expect("well-formed"));
    Input::Update { from, update, kind: UpdateKind::Live }
}

fn arrives(connection: ConnectionId, writes: Writes, receipt: Receipt) -> Input {
    arrives_as("ada", connection, writes, receipt)
}

fn arrives_as(who: &str, connection: ConnectionId, writes: Writes, receipt: Receipt) -> Input {
    let principal = Arc::new(Principal::new(PrincipalId::user(who).expect("an id"), None));
    Input::Join(Arrival { connection, principal, writes, receipt, greeting: None })
}

fn announces(from: ConnectionId, client: u64) -> Input {
    let state = Some(Bytes::from_static(b"{}"));
    Input::Presence { from, entries: vec![AwarenessEntry { client: ClientId(client), clock: 1, state }] }
}

fn person(name: &str) -> PrincipalId {
    PrincipalId::user(name).expect("an id")
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
    assert!(effects.closes.is_empty());
    assert_eq!(logged(&effects).len(), 1_201);
    assert!(effects.log.len() < 10, "a turn takes few rows");
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
    let broken = |from| update(from, letter(9));
    let mut log = Vec::new();
    let mut closes = Vec::new();
    // Together with others it makes all of them come back, to be tried one by one; alone it is the culprit.
    for mut inputs in
        [vec![update(ADA, letter(7)), broken(MALLORY), update(BOB, letter(8))], vec![broken(BOB)]].map(VecDeque::from)
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
    assert_eq!(closes, [MALLORY, BOB].map(|closed| (closed, CloseReason::Malformed)));
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

const VIEWER: ConnectionId = ConnectionId(4);

/// A room with the three, and one who may write `writes`.
fn room_with(now: Instant, writes: Writes, receipt: Receipt) -> Room {
    let mut room = room(now);
    room.turn(now, &mut [arrives(VIEWER, writes, receipt)].into(), Admission::Open);
    room
}

/// An entry of a root, set by a client of its own.
fn entry(client: u64, root: &str) -> Bytes {
    let doc = Doc::with_client_id(client);
    let mut txn = doc.transact_mut();
    txn.get_or_insert_map(root).insert(&mut txn, "key", "value");
    txn.encode_update_v1().into()
}

fn answer(from: ConnectionId, raw: Bytes) -> Input {
    let update = Box::new(CheckedUpdate::parse(raw).expect("well-formed"));
    Input::Update { from, update, kind: UpdateKind::Answer }
}

/// The updates that go to the log.
fn logged(effects: &Effects) -> Vec<Bytes> {
    effects.log.iter().flat_map(row::updates).collect()
}

fn left_no_trace(effects: &Effects) -> bool {
    effects.log.is_empty() && effects.fanouts.is_empty() && effects.closes.is_empty()
}

#[test]
fn a_reader_writes_nothing_and_is_told_once() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Nothing, Receipt::Echo);
    let before = room.state_vector();
    let inputs = [update(VIEWER, letter(9)), answer(VIEWER, letter(9)), update(VIEWER, letter(9))];
    let effects = room.turn(now, &mut inputs.into(), Admission::Open);
    assert!(left_no_trace(&effects));
    assert!(matches!(effects.replies[..], [(VIEWER, ServerMessage::Denied(_))]));
    assert_eq!(room.state_vector(), before);
    let probe = Input::Probe { from: VIEWER, probe: Bytes::from_static(&[102, 1, 1]) };
    assert!(room.turn(now, &mut [probe].into(), Admission::Open).replies.is_empty(), "what was refused is not saved");
}

#[test]
fn a_readers_answer_that_says_nothing_new_is_no_write() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Nothing, Receipt::Status);
    let doc = Doc::with_client_id(7);
    let mut txn = doc.transact_mut();
    let text = txn.get_or_insert_text("notes");
    text.insert(&mut txn, 0, "abc");
    text.remove_range(&mut txn, 0, 2);
    drop(txn);
    let state = Bytes::from(doc.transact().encode_state_as_update_v1(&yrs::StateVector::default()));
    room.turn(now, &mut [update(ADA, state.clone())].into(), Admission::Open);
    room.durable(LogPosition(1));
    let status = |status| vec![(VIEWER, ServerMessage::SyncStatus(status))];
    let mut turn = |input| room.turn(now, &mut [input].into(), Admission::Open);
    assert_eq!(turn(answer(VIEWER, state.clone())).replies, status(SyncStatus::Saved));
    text_removed(&doc);
    let removed = Bytes::from(doc.transact().encode_state_as_update_v1(&doc.transact().state_vector()));
    let effects = turn(answer(VIEWER, removed));
    assert!(left_no_trace(&effects), "a deletion alone is a write");
    assert_eq!(effects.replies, status(SyncStatus::Refused));
    assert_eq!(turn(update(VIEWER, state)).replies, status(SyncStatus::Refused));
}

fn text_removed(doc: &Doc) {
    let mut txn = doc.transact_mut();
    let text = txn.get_or_insert_text("notes");
    text.remove_range(&mut txn, 0, 1);
}

#[test]
fn a_commenter_writes_comments_and_nothing_else() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Comments, Receipt::Echo);
    let effects = room.turn(now, &mut [update(VIEWER, entry(8, "trip"))].into(), Admission::Open);
    assert!(left_no_trace(&effects) && matches!(effects.replies[..], [(VIEWER, ServerMessage::Denied(_))]));
    let inputs = [update(ADA, letter(7)), update(VIEWER, entry(9, "comments")), update(VIEWER, entry(10, "items"))];
    let effects = room.turn(now, &mut inputs.into(), Admission::Open);
    assert_eq!(effects.log, [letter(7), entry(9, "comments")]);
}

#[test]
fn nobody_comments_in_the_name_of_somebody_who_is_here() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Comments, Receipt::Echo);
    room.turn(now, &mut [announces(ADA, 9)].into(), Admission::Open);
    let effects = room.turn(now, &mut [update(VIEWER, entry(9, "comments"))].into(), Admission::Open);
    assert!(left_no_trace(&effects), "Ada's own block with this clock would be ignored by everybody");
}

#[test]
fn nobody_comments_in_the_name_of_somebody_who_is_away_for_a_moment() {
    let now = Instant::now();
    let mut room = room(now);
    let (mallory, bob) = (ConnectionId(5), ConnectionId(6));
    let joins = [
        arrives_as("mallory", mallory, Writes::Comments, Receipt::Echo),
        arrives_as("bob", bob, Writes::Comments, Receipt::Echo),
    ];
    room.turn(now, &mut joins.into(), Admission::Open);
    // An editor who wrote, one who only said that they are here, and somebody who commented.
    let said = [update(ADA, letter(7)), announces(BOB, 8), update(bob, entry(9, "comments"))];
    assert_eq!(logged(&room.turn(now, &mut said.into(), Admission::Open)).len(), 2);
    // What is in the document already is no proof of having written it.
    room.turn(now, &mut [update(mallory, letter(7))].into(), Admission::Open);
    room.turn(now, &mut [ADA, BOB, bob].map(Input::Leave).into(), Admission::Open);
    for (away, of) in [(7, 1), (8, 0), (9, 1)] {
        let doc = Doc::with_client_id(away);
        // As many blocks as they have written themselves, and one more.
        let known = yrs::StateVector::from_iter([(yrs::ClientID::new(away), of)]);
        (0..=of).for_each(|at| {
            let mut txn = doc.transact_mut();
            txn.get_or_insert_map("comments").insert(&mut txn, at.to_string(), "forged");
        });
        let forged = doc.transact().encode_state_as_update_v1(&known);
        let effects = room.turn(now, &mut [update(mallory, forged.into())].into(), Admission::Open);
        assert!(left_no_trace(&effects), "client {away}");
    }
    // They are known again when they are back.
    room.turn(now, &mut [arrives_as("bob", bob, Writes::Comments, Receipt::Echo)].into(), Admission::Open);
    let doc = Doc::with_client_id(9);
    let mut second = Vec::new();
    for key in ["key", "more"] {
        let mut txn = doc.transact_mut();
        txn.get_or_insert_map("comments").insert(&mut txn, key, "value");
        second = txn.encode_update_v1();
    }
    let effects = room.turn(now, &mut [update(bob, second.into())].into(), Admission::Open);
    assert_eq!(effects.log.len(), 1);
}

#[test]
fn who_may_write_after_all_is_asked_for_what_was_refused() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Nothing, Receipt::Status);
    room.turn(now, &mut [update(VIEWER, letter(9))].into(), Admission::Open);
    assert!(!room.owes() && room.tick(now, Admission::Open).is_empty(), "not as long as it may not");
    let permit = Input::Permit { to: VIEWER, writes: Writes::Everything };
    room.turn(now, &mut [permit].into(), Admission::Open);
    assert!(matches!(room.tick(now, Admission::Open)[..], [(VIEWER, ServerMessage::Step1(_))]));
    room.turn(now, &mut [answer(VIEWER, letter(9))].into(), Admission::Open);
    let told = room.durable(LogPosition(1)).replies;
    assert_eq!(told, [(VIEWER, ServerMessage::SyncStatus(SyncStatus::Saved))], "one for the update that was refused");
}

#[test]
fn an_editor_who_may_only_comment_now_comments_under_the_same_client_id() {
    let now = Instant::now();
    for kind in [UpdateKind::Live, UpdateKind::Answer] {
        let mut room = room_with(now, Writes::Everything, Receipt::Echo);
        let doc = Doc::with_client_id(9);
        let set = |root: &str| {
            let mut txn = doc.transact_mut();
            txn.get_or_insert_map(root).insert(&mut txn, "key", "value");
            let update = Box::new(CheckedUpdate::parse(txn.encode_update_v1().into()).expect("well-formed"));
            Input::Update { from: VIEWER, update, kind }
        };
        let permit = Input::Permit { to: VIEWER, writes: Writes::Comments };
        room.turn(now, &mut [set("trip")].into(), Admission::Open);
        let effects = room.turn(now, &mut [permit, set("comments")].into(), Admission::Open);
        assert_eq!(effects.log.len(), 1, "{kind:?}");
    }
}

#[test]
fn a_y_websocket_client_hears_of_every_change_of_its_role() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Nothing, Receipt::Echo);
    let told = |room: &mut Room, writes| {
        let permit = Input::Permit { to: VIEWER, writes };
        room.turn(now, &mut [permit].into(), Admission::Open).replies
    };
    for more in [Writes::Comments, Writes::Everything, Writes::Everything] {
        assert!(matches!(told(&mut room, more)[..], [(VIEWER, ServerMessage::Step1(_))]), "{more:?}");
    }
    assert!(matches!(told(&mut room, Writes::Nothing)[..], [(VIEWER, ServerMessage::Denied(_))]));
}

#[test]
fn who_may_write_no_more_writes_no_more() {
    let now = Instant::now();
    let mut room = room_with(now, Writes::Everything, Receipt::Echo);
    let permit = Input::Permit { to: VIEWER, writes: Writes::Nothing };
    let effects = room.turn(now, &mut [permit, update(VIEWER, letter(9))].into(), Admission::Open);
    assert!(left_no_trace(&effects));
    assert!(effects.replies.iter().all(|(to, reply)| *to == VIEWER && matches!(reply, ServerMessage::Denied(_))));
    assert!(!effects.replies.is_empty(), "it is told at once");
}

fn asks(id: u64, ask: Ask) -> Input {
    Input::Request(Request { id: RequestId(id), ask })
}

fn served(room: &mut Room, ask: Ask) -> Effects {
    let effects = room.turn(Instant::now(), &mut [asks(1, ask)].into(), Admission::Open);
    assert!(effects.answers.is_empty() && room.has_requests());
    room.serve(Admission::Open)
}

fn patch(writes: Writes, json: &str, if_match: Option<Version>) -> Ask {
    let patch = Box::new(Patch::parse(json.as_bytes(), 9).expect("a patch"));
    Ask::Patch { by: Arc::new(Principal::new(person("ada"), None)), writes, patch, if_match, once: None }
}

const SET_TITLE: &str = r#"[{"op":"add","path":"/trip/title","value":"Lisbon"}]"#;

#[test]
fn a_patch_is_everybodys_at_once_and_saved_when_it_is_durable() {
    let now = Instant::now();
    let mut room = room(now);
    let effects = served(&mut room, patch(Writes::Everything, SET_TITLE, None));
    assert!(effects.answers.is_empty(), "not before it is durable");
    assert_eq!((effects.fanouts.len(), effects.log.len()), (1, 1));
    let Answer::Saved(version) = room.durable(LogPosition(1)).answers.remove(0).1 else { panic!("it is saved") };
    let view = served(&mut room, Ask::View);
    let [(RequestId(1), Answer::View(view))] = &view.answers[..] else { panic!("a view") };
    assert_eq!(view.version, version);
    assert!(std::str::from_utf8(view.json().expect("it is shallow")).expect("text").contains(r#""title":"Lisbon""#));
    assert_eq!((view.present.len(), view.present[0].connections), (1, 3), "three connections of one principal");
    let again = served(&mut room, patch(Writes::Everything, SET_TITLE, Some(version)));
    assert!(matches!(again.answers[..], [(_, Answer::Saved(same))] if same == version), "it says nothing new");
    assert!(again.log.is_empty());
}

#[test]
fn an_agents_state_is_kept_when_it_can_be_and_not_tried_all_the_time() {
    let mut room = room(Instant::now());
    let by = Arc::new(Principal::new(PrincipalId::agent("planner").expect("an id"), None));
    let status = Box::new(AgentStatus { state: AgentState::Executing, ..AgentStatus::default() });
    served(&mut room, Ask::Status { by, status });
    let now = Instant::now();
    assert!(room.speak_due(now, Admission::ReadOnly).keeps.is_empty());
    assert!(room.next_speaking(Admission::ReadOnly).is_some_and(|next| next > now), "the room would not rest");
    assert!(room.next_speaking(Admission::Open).is_some_and(|next| next <= now));
    assert_eq!(room.speak_due(now, Admission::Open).keeps.len(), 1);
}

#[test]
fn a_patch_of_another_version_or_of_a_lesser_role_changes_nothing() {
    let now = Instant::now();
    let mut room = room(now);
    let before = room.document().version();
    room.turn(now, &mut [update(ADA, letter(7))].into(), Admission::Open);
    let late = served(&mut room, patch(Writes::Everything, SET_TITLE, Some(before)));
    assert!(matches!(late.answers[..], [(_, Answer::Refused(RequestRefusal::OtherVersion(_)))]));
    for writes in [Writes::Nothing, Writes::Comments] {
        let effects = served(&mut room, patch(writes, SET_TITLE, None));
        assert!(left_no_trace(&effects) && matches!(effects.answers[..], [(_, Answer::Refused(_))]), "{writes:?}");
        let update = Box::new(CheckedUpdate::parse(entry(9, "trip")).expect("well-formed"));
        let effects = served(&mut room, Ask::Apply { by: person("eve"), writes, update });
        assert!(left_no_trace(&effects));
        assert!(matches!(effects.answers[..], [(_, Answer::Refused(RequestRefusal::Forbidden))]), "{writes:?}");
    }
}

#[test]
fn an_update_without_a_connection_goes_the_way_of_all() {
    let mut room = room(Instant::now());
    let update = Box::new(CheckedUpdate::parse(entry(9, "comments")).expect("well-formed"));
    let effects = served(&mut room, Ask::Apply { by: person("eve"), writes: Writes::Comments, update });
    assert_eq!((effects.log.len(), effects.fanouts.len(), effects.answers.len()), (1, 1, 0));
    assert!(matches!(room.durable(LogPosition(1)).answers[..], [(_, Answer::Saved(_))]));
}

/// What one client writes below `comments` in two steps.
fn comments(client: u64) -> [Bytes; 2] {
    let doc = Doc::with_client_id(client);
    ["one", "two"].map(|key| {
        let mut txn = doc.transact_mut();
        txn.get_or_insert_map("comments").insert(&mut txn, key, "value");
        txn.encode_update_v1().into()
    })
}

#[test]
fn who_comments_without_a_connection_goes_on_under_the_same_client_id_and_nobody_else_does() {
    let mut room = room(Instant::now());
    let [first, second] = comments(9);
    let mut comment = |by: &str, raw: &Bytes| {
        let update = Box::new(CheckedUpdate::parse(raw.clone()).expect("well-formed"));
        let ask = Ask::Apply { by: person(by), writes: Writes::Comments, update };
        served(&mut room, ask).log.len()
    };
    assert_eq!(comment("eve", &first), 1);
    assert_eq!(comment("mallory", &second), 0, "the client is another's");
    assert_eq!(comment("eve", &second), 1);
}

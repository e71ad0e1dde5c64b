//! What an agent did is kept beside its patch, and taken back once.

use super::*;
use crate::room::kept::{CommittedEvent, EventPosition, EventSeq, EventStanding};
use crate::room::once::Once;
use crate::room::run::{AgentRun, RunId};
use crate::room::undoing::Record;

fn by_agent(json: &str) -> Ask {
    let by = Arc::new(Principal::new(PrincipalId::agent("planner").expect("an id"), None));
    let patch = Patch::parse(json.as_bytes(), 9).expect("a patch").in_run(RunId::parse("first").ok());
    Ask::Patch { by, writes: Writes::Everything, patch: Box::new(patch), if_match: None, once: None }
}

fn undo(records: &[(EventSeq, Record)]) -> Ask {
    let agent = PrincipalId::agent("planner").expect("an id");
    let by = Arc::new(Principal::new(person("ada"), None));
    Ask::Undo { by, run: AgentRun { agent, run: RunId::parse("first").ok() }, records: records.to_vec() }
}

/// The events with these numbers are in the log.
fn commit(room: &mut Room, numbers: std::ops::Range<u64>) -> Effects {
    let (position, standing) = (EventPosition::default(), EventStanding::New);
    let events: Vec<_> = numbers.map(|seq| CommittedEvent { position, seq: EventSeq(seq), standing }).collect();
    room.committed(Instant::now(), &events)
}

/// How many edits were taken back, when all of that is durable.
fn edits(effects: Effects, room: &mut Room, numbers: std::ops::Range<u64>) -> usize {
    let rows = room.durable(room.appended()).answers;
    let events = commit(room, numbers).answers;
    match effects.answers.into_iter().chain(rows).chain(events).next() {
        Some((_, Answer::Undone(undone))) => undone.edits,
        other => panic!("an answer, not {other:?}"),
    }
}

#[test]
fn who_asks_before_the_log_tells_takes_nothing_back_twice() {
    let now = Instant::now();
    let mut room = room(now);
    served(&mut room, patch(Writes::Everything, r#"[{"op":"replace","path":"/notes","value":"we sing"}]"#, None));
    let people = served(&mut room, patch(Writes::Everything, SET_TITLE, None));
    assert!(people.keeps.is_empty(), "people's patches are not kept");
    let effects = served(&mut room, by_agent(r#"[{"op":"replace","path":"/notes","value":"we"}]"#));
    let [told, kept] = &effects.keeps[..] else { panic!("what is told, and what is kept: {:?}", effects.keeps) };
    assert_eq!(told.kind.as_str(), "doc.edited");
    assert!(kept.kind.is_internal() && !told.body.windows(4).any(|text| text == b"sing"), "{told:?}");
    let records = [(EventSeq(2), Record::read(&kept.body).expect("a record"))];
    room.durable(room.appended());
    commit(&mut room, 1..3);
    let effects = served(&mut room, undo(&records));
    let up_to = effects.keeps.last().map(|event| Record::read(&event.body).expect("a record"));
    assert_eq!((up_to, effects.log.len()), (Some(Record::TakenBack(2)), 1));
    assert_eq!(edits(effects, &mut room, 3..5), 1);
    let again = served(&mut room, undo(&records));
    assert!(again.keeps.is_empty() && again.log.is_empty());
    assert_eq!(edits(again, &mut room, 5..5), 0);
    let view = served(&mut room, Ask::View);
    let Some((_, Answer::View(view))) = view.answers.into_iter().next() else { panic!("a view") };
    let json: serde_json::Value = serde_json::from_slice(view.json().expect("JSON")).expect("JSON");
    assert_eq!(json["notes"], "we sing");
}

#[test]
fn what_an_agent_did_is_saved_when_what_is_kept_of_it_is_durable_too() {
    let mut room = room(Instant::now());
    let effects = served(&mut room, by_agent(SET_TITLE));
    assert_eq!((effects.log.len(), effects.keeps.len(), effects.answers.len()), (1, 2, 0));
    assert!(room.durable(LogPosition(1)).answers.is_empty(), "after a crash it could not be taken back");
    assert!(commit(&mut room, 1..2).answers.is_empty());
    assert!(matches!(commit(&mut room, 2..3).answers[..], [(_, Answer::Saved(_))]));
}

#[test]
fn what_is_done_once_is_saved_when_that_it_was_done_is_durable_too() {
    let mut room = room(Instant::now());
    let Ask::Patch { by, writes, patch, if_match, .. } = patch(Writes::Everything, SET_TITLE, None) else {
        panic!("one")
    };
    let once = Some(Once::new(&by.id, "key", SET_TITLE.as_bytes()));
    let effects = served(&mut room, Ask::Patch { by, writes, patch, if_match, once });
    assert_eq!((effects.log.len(), effects.keeps.len(), effects.answers.len()), (1, 1, 0));
    assert!(room.durable(LogPosition(1)).answers.is_empty(), "after a crash it would be done twice");
    assert!(matches!(commit(&mut room, 1..2).answers[..], [(_, Answer::Saved(_))]));
}

//! Cursors and statuses: whether somebody sees those that were said, all of the last, and nobody else's.

use triproom::load::latency::LatencyKind;
use triproom::load::verdict::Outcome;

use super::liar::{Lie, start};
use super::run::{Run, is_fine, load};

/// People who point all the time, and an agent.
const MIX: &str = r#"
stay = "1s"
reading = { share = 1.0, cursors_per_second = 20.0 }
typing = { share = 0.0, keys_per_second = 0.0 }
dragging = { share = 0.0, moves_per_minute = 0.0 }
idle = { share = 0.0 }
away = { share = 0.0 }
agent = { statuses_per_second = 20.0, lines_per_minute = 600.0 }
"#;

/// Half a second of a scenario.
fn short(lie: Lie, options: &[&str]) -> Run {
    let target = format!("ws://{}", start(lie));
    let common = ["--target", &target, "--path", "/{room}", "--duration", "500ms", "--drain", "3s", "--patience", "6s"];
    load(&[options, &common].concat())
}

/// Nobody writes; all move their cursors.
fn cursors(lie: Lie) -> Run {
    let people = ["--rooms", "2", "--clients", "4", "--writers", "0", "--cursors", "10", "--warm-up", "200ms"];
    short(lie, &[&["fanout"], &people[..]].concat())
}

#[test]
fn cursors_of_an_honest_server_are_seen() {
    let run = cursors(Lie::None);
    let tally = &run.record().verdict.tally;
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!((tally.statuses_expected, tally.statuses_lost), (2 * 4 * 3, 0));
    assert!(run.record().latencies[&LatencyKind::Status].count() >= 2 * 4 * 3 * 4);
}

#[test]
fn a_cursor_of_another_room_is_seen() {
    let run = cursors(Lie::LeakPresence);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Corrupt, 2), "{verdict:?}");
    assert_eq!((verdict.tally.lost, verdict.tally.statuses_lost), (0, 0), "{verdict:?}");
}

#[test]
fn a_cursor_that_is_told_as_that_of_somebody_else_is_seen() {
    let run = cursors(Lie::Confuse);
    assert!(run.record().verdict.tally.corrupt > 0, "{:?}", run.record().verdict);
    assert_eq!(run.code, 2);
}

#[test]
fn a_cursor_that_nobody_has_moved_so_is_not_the_last_one() {
    let run = cursors(Lie::Exaggerate);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2), "{verdict:?}");
}

/// A planning session in which nobody goes.
fn session(lie: Lie) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let mix = folder.path().join("mix.toml");
    std::fs::write(&mix, MIX).unwrap();
    short(lie, &["trip", "--people", "4", "--agents", "1", "--mix", mix.to_str().unwrap()])
}

#[test]
fn a_planning_session_looks_at_cursors_and_statuses() {
    let run = session(Lie::None);
    let (record, tally) = (run.record(), &run.record().verdict.tally);
    assert!(is_fine(&run), "{:?}", record.verdict);
    assert!(tally.statuses_expected >= 4 && tally.statuses_lost == 0, "{tally:?}");
    assert!(record.latencies[&LatencyKind::Status].count() >= tally.statuses_expected);
    let run = session(Lie::Mute);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2), "{verdict:?}");
    assert!(verdict.tally.statuses_lost > 0 && verdict.tally.lost == 0, "{verdict:?}");
    let run = session(Lie::Confuse);
    assert!(run.record().verdict.tally.corrupt > 0 && run.code == 2, "{:?}", run.record().verdict);
}

fn agents(lie: Lie) -> Run {
    let people = ["--clients", "3", "--writers", "1", "--agents", "2", "--statuses", "20"];
    let bursting = ["--bursting", "2", "--burst", "20KB", "--warm-up", "200ms"];
    short(lie, &[&["agents"], &people[..], &bursting].concat())
}

#[test]
fn agents_of_an_honest_server_are_heard_and_kept() {
    let run = agents(Lie::None);
    let tally = &run.record().verdict.tally;
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!((tally.statuses_expected, tally.statuses_lost), (6, 0), "two agents, each at three people");
    assert_eq!((tally.rooms_checked, tally.rooms_diverged), (3, 0), "that of the people, and two of agents");
    assert_eq!(tally.connections, 7, "three people, two agents who talk and two who write");
}

#[test]
fn a_status_that_is_told_as_that_of_somebody_else_is_seen() {
    let run = agents(Lie::Confuse);
    assert!(run.record().verdict.tally.corrupt > 0 && run.code == 2, "{:?}", run.record().verdict);
}

#[test]
fn a_status_that_does_not_come_is_lost() {
    let run = agents(Lie::Mute);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2), "{verdict:?}");
    assert_eq!((verdict.tally.statuses_lost, verdict.tally.lost), (6, 0));
}

#[test]
fn what_an_agent_writes_at_once_and_nobody_finds_is_a_divergence() {
    let run = agents(Lie::ForgetLong);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code, verdict.tally.rooms_diverged), (Outcome::Diverged, 2, 2), "{verdict:?}");
}

//! A server that drops, reorders, delays, doubles, changes, closes or forgets is caught, each by the right word; one that merges is
//! not taken for any of these.

use std::time::{Duration, Instant};

use triproom::load::verdict::Outcome;

use super::forgetter::{self, Keeps};
use super::liar::{Lie, start};
use super::run::{Run, is_fine, load};

fn fanout(lie: Lie, more: &[&str]) -> Run {
    let target = format!("ws://{}", start(lie));
    let options = [
        "fanout",
        "--target",
        &target,
        "--path",
        "/{room}",
        "--rooms",
        "2",
        "--clients",
        "4",
        "--writers",
        "2",
        "--rate",
        "25",
        "--duration",
        "1500ms",
        "--warm-up",
        "300ms",
        "--drain",
        "3s",
        "--patience",
        "6s",
    ];
    load(&[&options, more].concat())
}

#[test]
fn an_honest_server_is_fine() {
    let run = fanout(Lie::None, &[]);
    let tally = &run.record().verdict.tally;
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!((tally.expected_deliveries, tally.deliveries, tally.lost), (tally.sent * 3, tally.sent * 3, 0));
    assert!(tally.sent >= 148 && tally.sent <= 152, "{} edits in 1.5 s, four writers with 25 a second", tally.sent);
    assert_eq!((tally.rooms_checked, tally.rooms_diverged, tally.connections), (2, 0, 8));
    assert_eq!(run.record().latencies.values().next().unwrap().count(), tally.deliveries);
}

#[test]
fn without_a_warm_up_no_more_is_measured_than_was_asked_for() {
    let run = short(Lie::None, &["fanout", "--clients", "3", "--warm-up", "0s"]);
    assert!(run.record().seconds < 0.58, "half a second, without the breath before it: {}", run.record().seconds);
}

#[test]
fn a_server_that_merges_counts_the_same() {
    let run = fanout(Lie::Merge, &[]);
    let tally = &run.record().verdict.tally;
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!((tally.deliveries, tally.doubled, tally.out_of_order), (tally.sent * 3, 0, 0));
}

#[test]
fn what_is_dropped_is_lost() {
    let run = fanout(Lie::Drop, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2));
    assert_eq!(verdict.tally.lost + verdict.tally.deliveries, verdict.tally.expected_deliveries);
    assert_eq!(verdict.tally.out_of_order, 0, "what never comes is not late: {verdict:?}");
    assert_eq!(verdict.tally.rooms_diverged, 0, "the server itself has everything");
}

#[test]
fn what_comes_too_late_is_said() {
    let run = fanout(Lie::Reorder, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Reordered, 2), "{verdict:?}");
    assert!(verdict.tally.out_of_order > 0 && verdict.tally.lost == 0);
}

#[test]
fn what_comes_twice_is_said() {
    let run = fanout(Lie::Double, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Doubled, 2));
    assert_eq!(verdict.tally.deliveries, verdict.tally.expected_deliveries, "and counted once");
}

#[test]
fn a_state_that_heals_is_no_doubled_one() {
    for run in [fanout(Lie::Heal, &[]), replay(Lie::Heal, "2")] {
        let (verdict, tally) = (&run.record().verdict, &run.record().verdict.tally);
        assert!(is_fine(&run) && tally.deliveries == tally.expected_deliveries, "{verdict:?}");
    }
}

#[test]
fn one_wrong_letter_is_seen() {
    let run = fanout(Lie::Corrupt, &[]);
    assert_eq!((run.record().verdict.outcome(), run.code), (Outcome::Corrupt, 2));
}

#[test]
fn what_is_of_another_room_is_seen() {
    let run = fanout(Lie::Leak, &[]);
    assert!(run.record().verdict.tally.corrupt > 0);
    assert_eq!(run.code, 2);
}

#[test]
fn what_nobody_wrote_is_seen() {
    let run = fanout(Lie::Invent, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Corrupt, 2), "{verdict:?}");
    assert_eq!((verdict.tally.lost, verdict.tally.rooms_diverged), (0, 0), "a fresh client is not told: {verdict:?}");
}

#[test]
fn what_comes_after_the_drain_is_lost() {
    let target = format!("ws://{}", start(Lie::DelayLong));
    let times = ["--clients", "3", "--duration", "1s", "--warm-up", "0s", "--drain", "100ms"];
    let run = load(&[&["fanout", "--target", &target, "--path", "/{room}"], &times[..]].concat());
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2), "{verdict:?}");
    assert_eq!(verdict.tally.lost + verdict.tally.deliveries, verdict.tally.expected_deliveries, "{verdict:?}");
    assert_eq!((verdict.tally.rooms_checked, verdict.tally.rooms_diverged), (1, 0), "it is there: {verdict:?}");
}

#[test]
fn what_comes_in_the_drain_makes_no_server_faster() {
    let target = format!("ws://{}", start(Lie::DelayLong));
    let times = ["--clients", "3", "--duration", "1500ms", "--warm-up", "0s", "--drain", "4s"];
    let run = load(&[&["fanout", "--target", &target, "--path", "/{room}"], &times[..]].concat());
    let (record, tally) = (run.record(), run.record().verdict.tally);
    assert!(is_fine(&run) && tally.deliveries == tally.expected_deliveries, "{tally:?}");
    assert!(tally.deliveries_in_drain > tally.deliveries / 3 && tally.deliveries_in_time() > 0, "{tally:?}");
    assert!(record.deliveries_per_second() < 0.7 * tally.deliveries as f64 / record.seconds, "{tally:?}");
}

#[test]
fn who_is_closed_misses_the_rest() {
    let run = fanout(Lie::Close, &[]);
    let verdict = &run.record().verdict;
    assert_eq!(run.code, 2);
    assert!(verdict.tally.closed_early > 0 && verdict.tally.lost > 0, "{verdict:?}");
}

#[test]
fn what_a_new_client_does_not_find_is_a_divergence() {
    let run = fanout(Lie::Forget, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Diverged, 2));
    assert_eq!((verdict.tally.rooms_diverged, verdict.tally.lost), (2, 0), "the others heard it");
}

/// Forty rooms, five times as many as are opened at once.
fn many_rooms(lie: Lie) -> Run {
    let people = ["--rooms", "40", "--clients", "2", "--writers", "1", "--rate", "5", "--warm-up", "0s"];
    short(lie, &[&["fanout"], &people[..]].concat())
}

#[test]
fn a_server_that_keeps_nothing_is_waited_for_once_and_not_room_after_room() {
    let began = Instant::now();
    let run = many_rooms(Lie::ForgetAll);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Diverged, 2), "{verdict:?}");
    let tally = &verdict.tally;
    assert_eq!((tally.rooms_checked, tally.rooms_diverged, tally.rooms_unchecked), (40, 40, 0), "{verdict:?}");
    assert!(began.elapsed() < Duration::from_secs(24), "six seconds for five times eight rooms are 30");
}

#[test]
fn a_server_that_tells_late_what_it_has_is_waited_for_in_every_room() {
    let run = many_rooms(Lie::Late);
    let tally = &run.record().verdict.tally;
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!((tally.rooms_checked, tally.rooms_diverged, tally.connections), (40, 0, 80));
}

#[test]
fn a_server_that_says_nothing_to_who_comes_late_is_waited_for_once() {
    let began = Instant::now();
    let run = many_rooms(Lie::IgnoreLate);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Disconnected, 2), "{verdict:?}");
    let tally = &verdict.tally;
    assert_eq!((tally.rooms_checked, tally.rooms_unchecked, tally.refused), (0, 40, 8), "{verdict:?}");
    assert!(verdict.notes.iter().any(|note| note.starts_with("32 rooms were not read")), "{:?}", verdict.notes);
    assert!(began.elapsed() < Duration::from_secs(24), "{:?}", began.elapsed());
}

#[test]
fn what_is_late_is_measured_and_may_be_too_late() {
    let run = fanout(Lie::Delay, &["--p99-below", "20ms"]);
    let latency = run.record().latencies.values().next().unwrap();
    assert!(latency.quantile_ms(0.01) >= 29.0, "each is held up for 30 ms: {}", latency.quantile_ms(0.01));
    assert!(run.code == 4 || run.code == 3, "{:?}", run.record().verdict);
}

/// Chat of three writers, more than the server keeps.
fn chat(keeps: Keeps) -> Run {
    let target = format!("ws://{}", forgetter::start(keeps));
    let people = ["--clients", "4", "--writers", "3", "--rate", "50", "--duration", "600ms", "--warm-up", "0s"];
    load(&[&["fanout", "--target", &target, "--protocol", "events"], &people[..]].concat())
}

#[test]
fn what_a_server_says_that_it_keeps_no_longer_cannot_be_checked() {
    let run = chat(Keeps::All);
    let verdict = &run.record().verdict;
    assert!(matches!(verdict.outcome(), Outcome::Unchecked | Outcome::Saturated), "{verdict:?}");
    assert_eq!((verdict.tally.rooms_diverged, verdict.tally.rooms_unchecked), (0, 1), "{verdict:?}");
}

#[test]
fn what_was_heard_behind_a_gap_and_is_not_kept_is_a_divergence() {
    let run = chat(Keeps::AllButOnes);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Diverged, 2), "{verdict:?}");
    assert!(verdict.notes.iter().any(|note| note.contains("has nothing of writer 0")), "{verdict:?}");
}

/// Any scenario for half a second.
fn short(lie: Lie, options: &[&str]) -> Run {
    let target = format!("ws://{}", start(lie));
    let common = ["--target", &target, "--path", "/{room}", "--duration", "500ms", "--drain", "3s", "--patience", "6s"];
    load(&[options, &common].concat())
}

/// Letters of one author.
fn replay(lie: Lie, readers: &str) -> Run {
    let letters: Vec<String> = (0..65).map(|at| format!(r#"{{"patches":[[{at},0,"x"]]}}"#)).collect();
    replay_of(lie, readers, &letters)
}

fn replay_of(lie: Lie, readers: &str, edits: &[String]) -> Run {
    replay_of_rate(lie, readers, "200", edits)
}

fn replay_of_rate(lie: Lie, readers: &str, rate: &str, edits: &[String]) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    std::fs::write(&path, format!(r#"{{"startContent":"","txns":[{}]}}"#, edits.join(","))).unwrap();
    short(lie, &["replay", "--trace", path.to_str().unwrap(), "--rate", rate, "--readers", readers])
}

/// The second author takes away what the first one writes, and the last thing that happens is such.
fn deletes() -> Vec<String> {
    let write = |edit: usize| format!(r#"{{"parents":[{}],"agent":0,"patches":[[0,0,"xy"]]}}"#, edit - 1);
    let delete = |edit: usize| format!(r#"{{"parents":[{}],"agent":1,"patches":[[0,1,""]]}}"#, edit - 1);
    let first = r#"{"parents":[],"agent":0,"patches":[[0,0,"xy"]]}"#.to_owned();
    std::iter::once(first)
        .chain((1..20usize).map(|edit| if edit.is_multiple_of(2) { write(edit) } else { delete(edit) }))
        .collect()
}

#[test]
fn an_author_who_only_deletes_is_not_lost() {
    for lie in [Lie::None, Lie::Delay] {
        let run = replay_of(lie, "2", &deletes());
        let tally = &run.record().verdict.tally;
        assert!(is_fine(&run), "{:?}", run.record().verdict);
        let heard_by_authors = 20;
        let all = 2 * 20 + heard_by_authors;
        assert_eq!((tally.sent, tally.expected_deliveries, tally.deliveries), (20, all, all));
    }
}

#[test]
fn what_authors_do_not_hear_is_lost() {
    let run = replay_of(Lie::DeafenWriters, "2", &deletes());
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code, verdict.tally.lost), (Outcome::Lost, 2, 9), "{verdict:?}");
}

#[test]
fn a_clock_of_a_replay_does_not_run_while_people_come_in() {
    let run = replay(Lie::SlowToJoin, "20");
    let latency = run.record().latencies.values().next().unwrap();
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert!(latency.max_ms() < 1_000.0, "all came in before the first letter: {}", latency.max_ms());
}

#[test]
fn what_goes_wrong_in_a_replay_is_said() {
    for (lie, outcome) in
        [(Lie::Drop, Outcome::Diverged), (Lie::Double, Outcome::Doubled), (Lie::Reorder, Outcome::Reordered)]
    {
        let run = replay(lie, "2");
        assert_eq!((run.record().verdict.outcome(), run.code), (outcome, 2), "{:?}", run.record().verdict);
    }
}

#[test]
fn who_is_not_let_in_has_lost_nothing() {
    for run in [
        short(Lie::Refuse, &["join", "--size", "5KB", "--pieces", "20", "--joins", "10", "--at-once", "10"]),
        replay(Lie::Refuse, "13"),
        short(Lie::Refuse, &["trip", "--people", "12", "--agents", "2"]),
    ] {
        let (verdict, scenario) = (&run.record().verdict, &run.record().scenario);
        assert_eq!((verdict.outcome(), run.code), (Outcome::Disconnected, 2), "{scenario}: {verdict:?}");
        let tally = &verdict.tally;
        assert!(tally.refused > 0 && tally.deliveries > 0, "{scenario}: {verdict:?}");
        assert_eq!((tally.lost, tally.rooms_diverged), (0, 0), "{scenario}: {verdict:?}");
    }
}

#[test]
fn a_fresh_client_that_is_not_let_in_has_found_no_divergence() {
    let run = fanout(Lie::Refuse, &[]);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code, verdict.tally.refused), (Outcome::Disconnected, 2, 1), "{verdict:?}");
    let tally = &verdict.tally;
    assert_eq!((tally.rooms_checked, tally.rooms_diverged, tally.rooms_unchecked), (1, 0, 1), "{verdict:?}");
}

#[test]
fn whose_connection_is_closed_in_a_replay_has_lost_nothing() {
    let run = replay(Lie::Close, "3");
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code, verdict.tally.closed_early), (Outcome::Disconnected, 2, 1), "{verdict:?}");
    assert_eq!((verdict.tally.lost, verdict.tally.rooms_diverged), (0, 0), "{verdict:?}");
}

#[test]
fn who_reads_nothing_for_longer_than_the_drain_has_lost_nothing() {
    let people =
        ["--clients", "4", "--rate", "20", "--cuts", "0", "--pauses", "20", "--pause", "1m", "--warm-up", "0s"];
    let run = short(Lie::None, &[&["chaos"], &people[..]].concat());
    assert!(is_fine(&run) && run.record().verdict.tally.sent > 30, "{:?}", run.record().verdict);
}

#[test]
fn who_opens_a_document_that_is_kept_while_it_is_open_finds_it() {
    let run = short(Lie::Evict, &["join", "--size", "5KB", "--pieces", "20", "--joins", "10", "--at-once", "10"]);
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    assert_eq!(run.record().verdict.tally.deliveries, 20);
}

#[test]
fn where_no_rate_holds_none_is_said() {
    let steps = ["--clients", "3", "--from", "20", "--step", "300ms", "--refine", "2", "--within", "20ms"];
    let run = short(Lie::Delay, &[&["saturate"], &steps[..]].concat());
    let record = run.record();
    assert!(run.code == 4 || run.code == 3, "everything comes, 30 ms late: {:?}", record.verdict);
    assert!(record.steps.len() == 6 && record.steps.iter().all(|step| !step.held), "{:?}", record.steps);
    let rate = &record.figures[0];
    assert!(rate.value.abs() < f64::EPSILON && rate.unit.contains("none"), "{rate:?}");
    assert!(record.verdict.tally.sent <= 6, "3 writers, 5 a second for 0.3 s: {:?}", record.verdict);
}

#[test]
fn where_all_rates_lose_something_it_is_lost() {
    let steps = ["--clients", "4", "--from", "20", "--step", "300ms", "--refine", "0"];
    let run = short(Lie::Drop, &[&["saturate"], &steps[..]].concat());
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code), (Outcome::Lost, 2), "{verdict:?}");
    assert!(verdict.notes.iter().any(|note| note.ends_with("did not hold: lost")), "{verdict:?}");
}

#[test]
fn a_server_that_nobody_can_join_any_more_has_not_held_and_what_it_held_before_is_told() {
    // Four clients and a fresh one a rate.
    let steps = ["--clients", "4", "--from", "20", "--step", "300ms", "--refine", "1"];
    let run = short(Lie::Overwhelmed, &[&["saturate"], &steps[..]].concat());
    let record = run.record();
    let last = record.steps.last().unwrap();
    assert!(record.steps.len() >= 4 && !last.held && last.deliveries_per_second == 0.0, "{:?}", record.steps);
    assert!(
        record.verdict.notes.iter().any(|note| note.ends_with("did not hold: disconnected")),
        "{:?}",
        record.verdict
    );
    let is_held = record.steps.iter().any(|step| step.held);
    assert_eq!(record.figures[0].value > 0.0, is_held, "{:?}", record.figures);
}

#[test]
fn a_rate_that_lost_something_and_then_held_is_told() {
    let steps = ["--clients", "4", "--from", "20", "--max-rate", "80", "--step", "300ms", "--refine", "0"];
    let run = short(Lie::DropFirst, &[&["saturate"], &steps[..]].concat());
    let verdict = &run.record().verdict;
    let told = verdict.notes.iter().filter(|note| note.ends_with("did not hold: lost")).count();
    assert_eq!((told, verdict.tally.rooms_diverged), (1, 0), "{verdict:?}");
}

#[test]
fn a_planning_session_is_measured_for_as_long_as_was_asked_for() {
    let run = short(Lie::None, &["trip", "--people", "1", "--agents", "0"]);
    assert!(run.record().seconds >= 0.5, "half a second, also when less happens: {}", run.record().seconds);
}

#[test]
fn sessions_and_replays_tell_their_seconds() {
    let letters: Vec<String> = (0..205).map(|at| format!(r#"{{"patches":[[{at},0,"x"]]}}"#)).collect();
    let target = format!("ws://{}", start(Lie::None));
    let people = ["--people", "3", "--agents", "1", "--duration", "2s", "--drain", "3s"];
    for run in [
        load(&[&["trip", "--target", &target, "--path", "/{room}"], &people[..]].concat()),
        replay_of_rate(Lie::None, "2", "100", &letters),
    ] {
        let record = run.record();
        let seconds: Vec<u64> = record.timeline.iter().map(|second| second.second).collect();
        assert!(seconds.starts_with(&[0, 1]), "{}: {:?}", record.scenario, record.timeline);
        assert!(record.timeline.iter().all(|second| second.connections >= 3));
        assert!(record.timeline.iter().any(|second| second.bytes_in > 0), "{:?}", record.timeline);
        let deliveries: u64 = record.timeline.iter().map(|second| second.deliveries).sum();
        assert!(deliveries <= record.verdict.tally.deliveries, "{:?}", record.timeline);
        assert!(record.scenario == "trip" || deliveries > 100, "{:?}", record.timeline);
    }
}

#[test]
fn the_drain_of_a_replay_is_not_measured() {
    let run = replay(Lie::Drop, "1");
    assert!(run.record().seconds < 3.0, "65 letters, 200 a second: {}", run.record().seconds);
}

#[test]
fn where_nobody_can_join_there_is_no_load_to_wait_for() {
    let began = Instant::now();
    let run = load(&["fanout", "--target", "ws://127.0.0.1:1", "--duration", "10m"]);
    assert!(run.code == 1 && run.errors.contains("nobody could join: cannot connect"), "{}", run.errors);
    assert!(began.elapsed() < Duration::from_mins(1), "{:?}", began.elapsed());
}

#[test]
fn without_a_server_or_a_target_there_is_no_run() {
    for options in [
        &["fanout"][..],
        &["fanout", "--target", "ws://127.0.0.1:1"],
        &["fanout", "--target", "ws://example.org"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--clients", "3000"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--rate", "1000000"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--writers", "60"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--path", "/lisbon"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--pid", "4294967295"],
        &["fanout", "--target", "ws://127.0.0.1:1", "--report", "nowhere/report.html"],
    ] {
        let run = load(options);
        assert!(run.code == 1 && run.record.is_none() && !run.errors.is_empty(), "{options:?}: {}", run.errors);
    }
}

#[test]
fn a_plan_that_is_too_much_is_refused_before_it_begins() {
    let target = ["--target", "ws://127.0.0.1:1"];
    for (options, why) in [
        (&["fanout", "--duration", "24h"][..], "a fresh client can be told at once"),
        (&["soak", "--duration", "24h"], "a fresh client can be told at once"),
        (&["soak", "--duration", "24h", "--protocol", "events"], "nobody could join"),
        (&["agents", "--max-rate", "255"], "260 a second is more than --max-rate 255"),
        (&["agents", "--max-rate", "260"], "nobody could join"),
    ] {
        let run = load(&[options, &target].concat());
        assert!(run.code == 1 && run.errors.contains(why), "{options:?}: {}", run.errors);
    }
}

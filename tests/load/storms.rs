//! Storms: everybody loses the connection, and what those who come back are told is looked at as closely as before.

use triproom::load::latency::LatencyKind;
use triproom::load::merge::merge;
use triproom::load::verdict::Outcome;

use super::liar::{Lie, start};
use super::run::{Run, is_fine, load};

/// Eight people, all of whom lose their connections twice.
fn storm(lie: Lie) -> Run {
    let target = format!("ws://{}", start(lie));
    let people = ["--rooms", "2", "--clients", "4", "--writers", "0", "--every", "1s", "--duration", "2s"];
    let times = ["--warm-up", "200ms", "--drain", "500ms"];
    load(&[&["storm", "--target", &target, "--path", "/{room}"], &people[..], &times].concat())
}

fn longest_storm(run: &Run) -> (f64, &str) {
    let all_back = run.record().figures.iter().rfind(|figure| figure.name == "all back").unwrap();
    (all_back.value, &all_back.unit)
}

/// A room in which two write, and everybody loses the connection before anything is measured.
fn storm_beside_writing(lie: Lie) -> Run {
    let target = format!("ws://{}", start(lie));
    let people = ["--rooms", "1", "--clients", "4", "--writers", "2", "--rate", "25", "--every", "1500ms"];
    let times = ["--duration", "1500ms", "--warm-up", "300ms", "--drain", "3s"];
    load(&[&["storm", "--target", &target, "--path", "/{room}"], &people[..], &times].concat())
}

#[test]
fn what_comes_twice_or_late_to_those_who_came_back_is_caught() {
    let run = storm_beside_writing(Lie::None);
    assert!(is_fine(&run), "{:?}", run.record().verdict);
    for (lie, outcome) in [(Lie::Double, Outcome::Doubled), (Lie::Reorder, Outcome::Reordered)] {
        let run = storm_beside_writing(lie);
        assert_eq!((run.record().verdict.outcome(), run.code), (outcome, 2), "{:?}", run.record().verdict);
    }
}

#[test]
fn a_storm_is_about_the_way_back_also_when_it_is_merged() {
    let run = storm_beside_writing(Lie::None);
    let merged = merge(std::slice::from_ref(run.record()), None).unwrap();
    for record in [run.record(), &merged] {
        assert!(record.latencies.contains_key(&LatencyKind::Delivery));
        assert_eq!(record.main_latency().map(|(kind, _)| kind), Some(LatencyKind::Reconnect));
    }
}

#[test]
fn who_comes_back_after_the_next_storm_is_not_left_out() {
    let run = storm(Lie::Ignore);
    let (milliseconds, unit) = longest_storm(&run);
    assert!(is_fine(&run) && unit == "ms, longest of the storms", "{:?}", run.record().verdict);
    assert!(milliseconds >= 1_000.0, "one was back only after the second storm: {milliseconds}");
}

#[test]
fn who_never_comes_back_is_refused() {
    let run = storm(Lie::IgnoreMore);
    let verdict = &run.record().verdict;
    assert_eq!((verdict.outcome(), run.code, verdict.tally.refused), (Outcome::Disconnected, 2, 5), "{verdict:?}");
    let (milliseconds, unit) = longest_storm(&run);
    assert!(milliseconds >= 1_000.0 && unit.ends_with("some never came back"), "{milliseconds} {unit}");
}

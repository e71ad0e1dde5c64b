//! What a load run found survives being written, read, added up and shown: a record says after each of these what was measured.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use triproom::load::latency::{Latency, LatencyKind};
use triproom::load::merge::{MergeError, merge};
use triproom::load::record::{self, Figure, JsonPlace, Machine, Record, RecordError, Second, ServerUse, Step, Target};
use triproom::load::verdict::{Bound, Generator, Outcome, Tally, Verdict};
use triproom::load::{report, table};

/// A name that tries to leave wherever it is put: markup, attribute, script, style, terminal.
const HOSTILE: &str =
    "</script></style></title><script>alert(1)</script><img src=x onerror=alert(2)>\"' onload='x\u{1b}[2J\u{202e}";

/// A latency for each number from a seed, some microseconds to some seconds.
fn latencies(seed: u64, count: usize) -> Vec<Duration> {
    let mut random = fastrand::Rng::with_seed(seed);
    std::iter::repeat_with(|| Duration::from_micros(1 << random.u32(3..22)) + Duration::from_micros(random.u64(0..50)))
        .take(count)
        .collect()
}

fn recorded<'a>(times: impl IntoIterator<Item = &'a Duration>) -> Latency {
    let mut latency = Latency::default();
    times.into_iter().for_each(|time| latency.record(*time));
    latency
}

fn tally() -> Tally {
    Tally {
        sent: 7_500,
        expected_deliveries: 367_500,
        deliveries: 367_500,
        rooms_checked: 1,
        connections: 50,
        ..Tally::default()
    }
}

fn generator() -> Generator {
    Generator { saturated: false, send_lag_p99_ms: 0.8, tick_lag_p99_ms: 0.25, cpu_percent: Some(34.0) }
}

/// A whole run of a minute, with everything that a record can have.
fn sample(name: &str) -> Record {
    let mut delivery = Latency::default();
    delivery.record_many(Duration::from_micros(400), 300_000);
    delivery.record_many(Duration::from_micros(1_200), 67_000);
    delivery.record_many(Duration::from_millis(9), 500);
    let second = |second| Second {
        second,
        connections: 50,
        sent: 250,
        deliveries: 12_250,
        bytes_in: 600_000,
        p50_ms: (second != 7).then_some(0.4),
        p99_ms: (second != 7).then_some(1.5),
        max_ms: (second != 7).then_some(9.0),
        server_cpu_percent: Some(12.5),
        server_memory_bytes: Some(21_000_000 + second * 1000),
        generator_cpu_percent: Some(34.0),
    };
    let parameters =
        json!({ "rooms": 1, "clients": 50, "writers": 50, "rate": 5.0, "duration": "30s", "header": ["A: it's"] });
    let Value::Object(parameters) = parameters else { unreachable!("it is an object") };
    Record {
        format: record::FORMAT,
        name: name.to_owned(),
        scenario: "fanout".to_owned(),
        parameters,
        target: Target {
            urls: vec!["ws://127.0.0.1:8080".to_owned()],
            protocol: "yjs".to_owned(),
            path: "/yjs/{room}".to_owned(),
        },
        started_at: "2026-11-29T17:30:00.25Z".parse().expect("a time"),
        version: "0.1.0".to_owned(),
        seed: 1,
        machine: Machine {
            host: "anvil".to_owned(),
            cores: 2,
            model: "A processor".to_owned(),
            kernel: "Linux 6.1".to_owned(),
        },
        verdict: Verdict::judge(
            tally(),
            generator(),
            Some(Bound { p99_below_ms: 100.0, p99_ms: Some(1.2) }),
            vec!["One clock step was seen.".to_owned()],
        ),
        about: None,
        seconds: 30.0,
        latencies: [(LatencyKind::Delivery, delivery)].into(),
        servers: vec![ServerUse {
            host: "anvil".to_owned(),
            pid: 123,
            cpu_seconds: 3.0,
            memory_before_bytes: 18_000_000,
            memory_peak_bytes: 23_000_000,
            memory_after_bytes: 22_000_000,
        }],
        figures: vec![Figure { name: "memory a connection".to_owned(), value: 3.4, unit: "kB".to_owned() }],
        steps: vec![Step {
            offered_per_second: 10_000.0,
            deliveries_per_second: 9_990.0,
            p50_ms: 0.4,
            p99_ms: 1.2,
            lost: 0,
            held: true,
        }],
        timeline: (0..30).map(second).collect(),
    }
}

#[test]
fn a_record_comes_back_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.json");
    let place = JsonPlace::File(path.clone());
    let (mut first, second) = (sample("first"), sample(HOSTILE));
    first.latencies.insert(LatencyKind::Join, recorded(&latencies(1, 10_000)));
    place.check().unwrap();
    place.append(&first).unwrap();
    place.append(&second).unwrap();
    assert_eq!(record::read(&path).unwrap(), [first, second], "a line a run, in order");
}

#[test]
fn what_is_no_record_is_said_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("runs.json");
    let read = |text: &str| {
        std::fs::write(&path, text).unwrap();
        record::read(&path)
    };
    assert!(matches!(read("\n"), Err(RecordError::Empty { .. })));
    assert!(matches!(record::read(Path::new("/nowhere")), Err(RecordError::File { .. })));
    let good = sample("good").line();
    for bad in ["{", "[1]", &good.replace("\"format\":1", "\"format\":2"), &good.replace("HISTFAAA", "AAAA")] {
        match read(&format!("{good}\n{bad}\n")) {
            Err(RecordError::Line { line, .. }) => assert_eq!(line, 2),
            other => panic!("{bad:.60}: {other:?}"),
        }
    }
}

#[test]
fn a_line_cannot_call_a_bad_run_good() {
    let mut run = sample("bad");
    run.verdict = Verdict::judge(Tally { lost: 3, ..tally() }, generator(), None, Vec::new());
    let forged = run.line().replace("\"outcome\":\"lost\"", "\"outcome\":\"ok\"");
    assert_ne!(forged, run.line());
    assert_eq!(Record::parse(&forged).unwrap().verdict.outcome(), Outcome::Lost);
}

#[test]
fn every_fault_has_its_word_and_its_exit_code_and_the_worst_is_said() {
    let judge = |change: fn(&mut Tally), saturated, p99| {
        let mut tally = tally();
        change(&mut tally);
        let bound = Some(Bound { p99_below_ms: 100.0, p99_ms: p99 });
        let outcome = Verdict::judge(tally, Generator { saturated, ..generator() }, bound, Vec::new()).outcome();
        (outcome, outcome.exit_code())
    };
    let good = Some(1.0);
    assert_eq!(judge(|_| {}, false, good), (Outcome::Ok, 0));
    assert_eq!(judge(|_| {}, false, Some(100.0)), (Outcome::BoundMissed, 4));
    assert_eq!(judge(|_| {}, false, None), (Outcome::BoundMissed, 4), "nothing measured keeps no bound");
    assert_eq!(judge(|_| {}, true, Some(500.0)), (Outcome::Saturated, 3));
    assert_eq!(judge(|tally| tally.rooms_unchecked = 1, false, None), (Outcome::Unchecked, 3));
    assert_eq!(judge(|tally| tally.refused = 1, true, good), (Outcome::Disconnected, 2));
    assert_eq!(judge(|tally| tally.closed_early = 1, false, good), (Outcome::Disconnected, 2));
    assert_eq!(judge(|tally| tally.out_of_order = 1, false, good), (Outcome::Reordered, 2));
    assert_eq!(judge(|tally| tally.doubled = 1, false, good), (Outcome::Doubled, 2));
    assert_eq!(judge(|tally| tally.corrupt = 1, false, good), (Outcome::Corrupt, 2));
    assert_eq!(judge(|tally| (tally.lost, tally.doubled) = (1, 9), true, None), (Outcome::Lost, 2));
    assert_eq!(judge(|tally| (tally.lost, tally.rooms_diverged) = (1, 1), true, good), (Outcome::Diverged, 2));
}

#[test]
fn merged_runs_are_what_one_process_would_have_recorded() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let all = latencies(seed, 50_000);
    let parts = all.chunks(12_345).enumerate().map(|(number, times)| {
        let mut run = sample(&format!("part {number}"));
        run.started_at += jiff::SignedDuration::from_millis(i64::try_from(number).unwrap() * 1_500);
        run.latencies = [(LatencyKind::Delivery, recorded(times))].into();
        // As they would be after a way over files.
        Record::parse(&run.line()).unwrap()
    });
    let parts = parts.collect::<Vec<_>>();
    let whole = merge(&parts, None).unwrap();
    assert_eq!(whole.latencies[&LatencyKind::Delivery], recorded(&all));
    assert_eq!(
        serde_json::to_value(&whole.latencies).unwrap()["delivery"],
        serde_json::to_value(recorded(&all)).unwrap()
    );

    let count = u64::try_from(parts.len()).unwrap();
    assert_eq!(whole.verdict.tally.deliveries, count * 367_500);
    assert_eq!(whole.timeline.iter().map(|second| second.deliveries).sum::<u64>(), count * 30 * 12_250);
    assert!((whole.seconds - (30.0 + 1.5 * (parts.len() - 1) as f64)).abs() < 1e-9, "{}", whole.seconds);
    assert_eq!(whole.timeline.first().unwrap().deliveries, 12_250, "the others were not there yet");
    assert_eq!(whole.timeline[20].deliveries, count * 12_250);
    assert_eq!(whole.timeline[20].server_cpu_percent, Some(12.5), "one process, seen by all");
    assert_eq!(whole.servers.len(), 1);
    assert_eq!(whole.parameters, parts[0].parameters);
    assert_eq!(Record::parse(&whole.line()).unwrap(), whole);
}

#[test]
fn a_merge_judges_anew() {
    let mut slow = sample("slow");
    let mut lossy = sample("lossy");
    slow.latencies = [(LatencyKind::Delivery, recorded(&vec![Duration::from_secs(1); 400_000]))].into();
    assert_eq!(merge(&[sample("a"), slow], None).unwrap().verdict.outcome(), Outcome::BoundMissed);
    lossy.verdict = Verdict::judge(Tally { lost: 1, ..tally() }, generator(), None, Vec::new());
    let whole = merge(&[sample("a"), lossy], Some("both")).unwrap();
    assert_eq!((whole.name.as_str(), whole.verdict.outcome()), ("both", Outcome::Lost));
}

#[test]
fn a_run_to_which_too_little_came_is_not_made_fast_by_a_merge() {
    let mut short = sample("short");
    let bound = Some(Bound { p99_below_ms: 100.0, p99_ms: None });
    short.verdict = Verdict::judge(tally(), generator(), bound, Vec::new());
    assert_eq!(short.verdict.outcome(), Outcome::BoundMissed);
    for records in [vec![short.clone()], vec![sample("whole"), short]] {
        assert_eq!(merge(&records, None).expect("they add up").verdict.outcome(), Outcome::BoundMissed);
    }
}

/// Takes so many bytes, and is gone then, as `head` is.
struct Gone(usize);

impl std::io::Write for Gone {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken > 0 { Ok(taken) } else { Err(std::io::ErrorKind::BrokenPipe.into()) }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn who_reads_only_the_first_lines_of_a_table_ends_nothing() {
    table::write(&sample("one"), &mut Gone(40)).expect("the rest was not wanted");
    table::compare(&[sample("one"), sample("two")], &mut Gone(40)).expect("the rest was not wanted");
}

#[test]
fn what_does_not_add_up_is_not_merged() {
    let a = sample("a");
    let (mut other, mut later) = (sample("b"), sample("c"));
    other.scenario = "idle".to_owned();
    later.started_at += jiff::SignedDuration::from_secs(16);
    assert_eq!(merge(&[], None), Err(MergeError::Nothing));
    assert_eq!(merge(&[a.clone(), a.clone()], None), Err(MergeError::Twice("a".to_owned())));
    assert!(matches!(merge(&[a.clone(), other], None), Err(MergeError::Scenario(..))));
    let nearly = Record { started_at: a.started_at + jiff::SignedDuration::from_secs(6), ..later.clone() };
    assert!(matches!(merge(&[a.clone(), later], None), Err(MergeError::Apart(..))), "14 of 30 seconds");
    let notes = merge(&[a, nearly], None).expect("24 of 30 seconds").verdict.notes;
    assert!(notes.iter().any(|note| note.contains("for 80 % of the longer one")), "{notes:?}");
}

#[test]
fn a_report_fetches_nothing_and_no_name_leaves_its_place() {
    let mut hostile = sample(HOSTILE);
    hostile.scenario = HOSTILE.to_owned();
    hostile.parameters.insert(HOSTILE.to_owned(), json!(HOSTILE));
    hostile.target.urls = vec![HOSTILE.to_owned(), "https://example.org/".to_owned()];
    hostile.target.path = HOSTILE.to_owned();
    hostile.machine.model = HOSTILE.to_owned();
    hostile.servers[0].host = HOSTILE.to_owned();
    hostile.figures[0] = Figure { name: HOSTILE.to_owned(), value: f64::NAN, unit: HOSTILE.to_owned() };
    hostile.verdict = Verdict::judge(tally(), generator(), None, vec![HOSTILE.to_owned()]);
    for records in [vec![hostile.clone()], vec![hostile, sample("good")]] {
        let page = report::html(&records);
        assert_eq!(page.matches("<script").count(), 1, "its own");
        assert_eq!(page.matches("</script").count(), 1);
        assert_eq!(page.matches("<style").count(), 1);
        for word in ["<img", "<link", "<iframe", "@import", "url(", " src=", " href=", "fetch(", "innerHTML"] {
            let escaped = page.replace("&lt;img src=x", "");
            assert!(!escaped.contains(word), "{word}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)"), "it is shown");
        assert!(page.contains("default-src 'none'"), "and whatever would be fetched is forbidden");
    }
}

#[test]
fn a_report_says_the_verdict_before_any_figure() {
    let mut lossy = sample("lossy");
    lossy.verdict = Verdict::judge(Tally { lost: 3, ..tally() }, generator(), None, Vec::new());
    let page = report::html(&[lossy.clone()]);
    let place = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is missing"));
    assert!(place("Updates were lost.") < place("12,250"));
    assert!(page.contains("Lost: 3 of 367,500 deliveries"));
    for chart in
        ["Latency over time", "Percentiles", "Throughput", "Server CPU", "Server memory", "Latency at each rate"]
    {
        place(&format!("<h3>{chart}</h3>"));
    }
    let compared = report::html(&[lossy, sample("good")]);
    assert!(compared.contains("2 runs compared") && compared.contains("lost") && compared.contains("good"));
}

#[test]
fn an_empty_or_endless_run_makes_a_report_too() {
    let mut empty = sample("empty");
    (empty.seconds, empty.timeline, empty.steps) = (0.0, Vec::new(), Vec::new());
    empty.latencies = [(LatencyKind::Delivery, Latency::default())].into();
    empty.verdict = Verdict::judge(Tally::default(), generator(), None, Vec::new());
    let mut endless = sample("endless");
    endless.timeline = (0..200_000).map(|second| Second { second, ..endless.timeline[0].clone() }).collect();
    assert!(report::html(&[empty.clone()]).contains("empty"));
    assert!(report::html(&[endless.clone()]).len() < 1 << 20, "seconds are thinned");
    report::html(&[empty, endless]);
    report::html(&[]);
}

#[test]
fn the_table_says_losses_first() {
    let mut run = sample("a run\u{1b}[2J");
    run.verdict = Verdict::judge(
        Tally { lost: 3, deliveries: 367_497, ..tally() },
        generator(),
        run.verdict.bound,
        vec!["One clock step was seen.".to_owned()],
    );
    let mut out = Vec::new();
    table::write(&run, &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), include_str!("fixtures/load-table.txt"));
    let mut out = Vec::new();
    table::compare(&[run, sample("another")], &mut out).unwrap();
    assert_eq!(String::from_utf8(out).unwrap(), include_str!("fixtures/load-compared.txt"));
}

/// The names of all members, however deep.
fn members(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => object.iter().for_each(|(name, value)| {
            found.insert(name.clone());
            members(value, found);
        }),
        Value::Array(values) => values.iter().for_each(|value| members(value, found)),
        _ => {}
    }
}

#[test]
fn every_member_of_a_record_and_every_outcome_is_documented() {
    let docs = include_str!("../docs/load.md");
    let mut record = serde_json::to_value(sample("a run")).unwrap();
    record["parameters"] = Value::Null;
    let mut found = BTreeSet::new();
    members(&record, &mut found);
    assert!(found.len() > 60, "{found:?}");
    for name in found {
        assert!(docs.contains(&format!("`{name}`")), "{name} is missing");
    }
    for outcome in Outcome::ALL {
        let word = serde_json::to_value(outcome).unwrap();
        let row = docs.lines().find(|line| line.starts_with(&format!("| {} |", outcome.exit_code()))).expect("a row");
        assert!(row.contains(&format!("`{}`", word.as_str().unwrap())), "{row}");
    }
}

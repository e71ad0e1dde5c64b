//! A run that is stopped before its time: what was measured until then is kept and checked, and who is asked twice goes at once.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use triproom::load::interrupt::Interrupt;
use triproom::load::latency::LatencyKind;
use triproom::load::options::Options;
use triproom::load::progress::Progress;
use triproom::load::record::Record;
use triproom::load::scenario::Scenario;
use triproom::load::scenario::agents::Agents;
use triproom::load::scenario::chaos::Chaos;
use triproom::load::scenario::fanout::Fanout;
use triproom::load::scenario::join::Join;
use triproom::load::scenario::replay::Replay;
use triproom::load::scenario::saturate::Saturate;
use triproom::load::scenario::storm::Storm;
use triproom::load::scenario::trip::Trip;
use triproom::load::session::Session;
use triproom::load::verdict::Outcome;

use super::liar::{Lie, start};
use super::real::Server;

/// A scenario's command line.
#[derive(Parser)]
struct Line<S: clap::Args> {
    #[command(flatten)]
    scenario: S,
    #[command(flatten)]
    options: Options,
}

/// When a run is stopped.
#[derive(Clone, Copy)]
struct When {
    /// At a line of its log with these words,
    words: &'static str,
    /// the one with this number of those,
    line: usize,
    /// or so long after it.
    later: Duration,
}

/// At the first line with these words.
fn at(words: &'static str) -> When {
    When { words, line: 1, later: Duration::ZERO }
}

/// A log that stops the run.
struct Stopper {
    interrupt: Interrupt,
    when: When,
    line: Vec<u8>,
}

impl Write for Stopper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        if self.line.ends_with(b"\n") {
            let line = String::from_utf8(std::mem::take(&mut self.line)).unwrap();
            if line.contains(self.when.words) {
                self.when.line = self.when.line.wrapping_sub(1);
            }
            if line.contains(self.when.words) && self.when.line == 0 {
                if self.when.later.is_zero() {
                    self.interrupt.stop();
                } else {
                    let (interrupt, later) = (self.interrupt.clone(), self.when.later);
                    std::thread::spawn(move || {
                        std::thread::sleep(later);
                        interrupt.stop();
                    });
                }
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Runs a scenario against an honest server, and stops it.
fn stopped<S: Scenario + clap::Args>(when: When, options: &[&str]) -> Result<Record, String> {
    let target = format!("ws://{}", start(Lie::None));
    stopped_on::<S>(&["load", "--target", &target, "--path", "/{room}"], when, options)
}

/// The same against another server.
fn stopped_on<S: Scenario + clap::Args>(target: &[&str], when: When, options: &[&str]) -> Result<Record, String> {
    let line = Line::<S>::parse_from([target, options].concat());
    let interrupt = Interrupt::default();
    let stopper = Stopper { interrupt: interrupt.clone(), when, line: Vec::new() };
    let mut progress = Progress::in_lines(stopper);
    let mut session = Session { progress: &mut progress, interrupt: &interrupt };
    triproom::load::run(&line.scenario, &line.options, &mut session).map_err(|error| error.to_string())
}

/// The log's line about the first second, which stands there when that is over.
const A_SECOND: &str = "sent/s";

#[track_caller]
fn is_kept(record: &Record) {
    let (verdict, tally) = (&record.verdict, &record.verdict.tally);
    assert!(matches!(verdict.outcome(), Outcome::Ok | Outcome::Saturated), "{verdict:?}");
    assert!(verdict.notes.iter().any(|note| note.starts_with("stopped early by a signal")), "{verdict:?}");
    assert_eq!((tally.lost, tally.rooms_diverged, tally.rooms_unchecked), (0, 0, 0), "{verdict:?}");
    assert!(tally.rooms_checked > 0, "{verdict:?}");
}

#[test]
fn what_was_measured_until_then_is_kept_and_checked() {
    let began = Instant::now();
    let people = ["--rooms", "2", "--clients", "4", "--writers", "2", "--rate", "25", "--threads", "2"];
    let times = ["--duration", "10m", "--warm-up", "0s"];
    let record = stopped::<Fanout>(at(A_SECOND), &[&people[..], &times].concat()).unwrap();
    assert!(began.elapsed() < Duration::from_mins(1));
    is_kept(&record);
    assert!(record.verdict.notes[0].ends_with("s of 600 s"), "{:?}", record.verdict.notes);
    assert!((1.0..30.0).contains(&record.seconds), "{}", record.seconds);
    let tally = &record.verdict.tally;
    let meant = record.seconds * 100.0;
    assert!((meant - 30.0..meant + 10.0).contains(&(tally.sent as f64)), "{} in {} s", tally.sent, record.seconds);
    assert_eq!((tally.expected_deliveries, tally.deliveries), (tally.sent * 3, tally.sent * 3));
    assert_eq!(record.latencies[&LatencyKind::Delivery].count(), tally.deliveries);
    assert_eq!((tally.rooms_checked, tally.connections), (2, 8));
    let seconds: Vec<u64> = record.timeline.iter().map(|second| second.second).collect();
    let whole = Duration::from_secs_f64(record.seconds).as_secs();
    assert_eq!(seconds, (0..whole).collect::<Vec<_>>(), "only whole seconds: {}", record.seconds);
}

#[test]
fn who_reads_nothing_or_was_cut_is_waited_for() {
    let people =
        ["--clients", "6", "--rate", "20", "--cursors", "2", "--cuts", "10", "--pauses", "20", "--pause", "10m"];
    let options = [&people[..], &["--duration", "10m", "--warm-up", "0s"]].concat();
    // The small server tells everybody again what somebody brings who comes back.
    let server = Server::start();
    let record = stopped_on::<Chaos>(&["load", "--target", &server.target], at(A_SECOND), &options).unwrap();
    is_kept(&record);
    assert!(record.verdict.tally.connections > 6, "some were cut: {:?}", record.verdict);
}

#[test]
fn a_storm_that_was_is_told_and_no_other_comes() {
    let people = ["--rooms", "2", "--clients", "3", "--rate", "20", "--every", "5m"];
    let record =
        stopped::<Storm>(at(A_SECOND), &[&people[..], &["--duration", "10m", "--warm-up", "0s"]].concat()).unwrap();
    is_kept(&record);
    assert_eq!(record.latencies[&LatencyKind::Reconnect].count(), 6);
    assert_eq!(record.verdict.tally.connections, 12);
}

#[test]
fn agents_have_written_at_once_and_say_no_more() {
    let people = ["--clients", "3", "--writers", "1", "--agents", "2", "--statuses", "20"];
    let bursting = ["--bursting", "2", "--burst", "20KB", "--duration", "10m", "--warm-up", "0s"];
    let record = stopped::<Agents>(at(A_SECOND), &[&people[..], &bursting].concat()).unwrap();
    is_kept(&record);
    assert_eq!((record.verdict.tally.statuses_expected, record.verdict.tally.rooms_checked), (6, 3));
}

#[test]
fn nothing_comes_of_a_run_in_which_nothing_was_measured() {
    let people = ["--clients", "3", "--duration", "10m", "--warm-up", "10m"];
    for words in ["connecting", "warming up"] {
        let error = stopped::<Fanout>(at(words), &people).unwrap_err();
        assert!(error.contains("stopped by a signal before anything was measured"), "{error}");
        let agents = ["--agents", "1", "--bursting", "1"];
        let error = stopped::<Agents>(at(words), &[&people[..], &agents].concat()).unwrap_err();
        assert!(error.contains("stopped by a signal"), "{error}");
    }
    let error = stopped::<Trip>(at("connecting"), &["--people", "2", "--agents", "1"]).unwrap_err();
    assert!(error.contains("stopped by a signal"), "{error}");
    let error = stopped::<Join>(at("connecting"), &["--size", "5KB", "--pieces", "20"]).unwrap_err();
    assert!(error.contains("stopped by a signal"), "{error}");
}

#[test]
fn a_planning_session_ends_where_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mix = include_str!("../../src/load/scenario/trip-mix.toml");
    let path = folder.path().join("mix.toml");
    std::fs::write(&path, mix.replace("stay = \"20s\"", "stay = \"300ms\"")).unwrap();
    let people = ["--people", "6", "--agents", "2", "--mix", path.to_str().unwrap(), "--duration", "1m"];
    let later = Duration::from_secs(1);
    let record = stopped::<Trip>(When { later, ..at("measuring for") }, &people).unwrap();
    is_kept(&record);
    assert!(record.seconds < 30.0 && record.verdict.tally.sent > 1, "{record:?}");
}

#[test]
fn of_a_replay_is_checked_what_was_sent() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("trace.json");
    // Each deletes a letter of the one before, so what is left of the text depends on how far it came.
    let edits: Vec<String> = (0..6_000)
        .map(|edit| if edit % 2 == 0 { r#"{"patches":[[0,0,"xyz"]]}"# } else { r#"{"patches":[[1,1,""]]}"# }.to_owned())
        .collect();
    std::fs::write(&path, format!(r#"{{"startContent":"","txns":[{}]}}"#, edits.join(","))).unwrap();
    let options = ["--trace", path.to_str().unwrap(), "--rate", "100", "--readers", "2"];
    let later = Duration::from_secs(1);
    let record = stopped::<Replay>(When { later, ..at("measuring for") }, &options).unwrap();
    is_kept(&record);
    let tally = &record.verdict.tally;
    assert!((50..300).contains(&tally.sent), "{tally:?}");
    assert_eq!((tally.expected_deliveries, tally.deliveries), (tally.sent * 2, tally.sent * 2));
    let letters = record.figures.iter().find(|figure| figure.name == "letters").unwrap().value;
    let left = tally.sent / 2 * 2 + tally.sent % 2 * 3;
    assert!((letters - left as f64).abs() < f64::EPSILON, "{letters} of {tally:?}");
}

#[test]
fn who_has_joined_counts_and_no_more_come() {
    let options = ["--size", "5KB", "--pieces", "20", "--joins", "1000000", "--at-once", "5"];
    let later = Duration::from_millis(500);
    let record = stopped::<Join>(When { later, ..at("measuring") }, &options).unwrap();
    is_kept(&record);
    let tally = &record.verdict.tally;
    assert_eq!(record.latencies[&LatencyKind::Join].count(), tally.connections);
    assert!(tally.connections > 0 && tally.connections == tally.deliveries, "{tally:?}");
    assert!(record.verdict.notes[0].ends_with("those who come at once are left out"), "{:?}", record.verdict.notes);
    assert!(record.figures.iter().all(|figure| !figure.name.contains("at once")), "{:?}", record.figures);
}

#[test]
fn a_climb_ends_with_what_has_held() {
    let steps = ["--clients", "3", "--from", "20", "--step", "600ms", "--within", "5s", "--max-rate", "1000"];
    // The second step begins to be measured.
    let record = stopped::<Saturate>(When { line: 2, ..at("measuring for") }, &steps).unwrap();
    is_kept(&record);
    assert_eq!(record.steps.len(), 1, "the step that was under way is none: {:?}", record.steps);
    let error = stopped::<Saturate>(at("measuring for"), &steps).unwrap_err();
    assert!(error.contains("stopped by a signal"), "{error}");
}

/// A run of the command, with its log.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Running {
    /// A fanout without an end.
    fn start(lie: Lie) -> Self {
        let target = format!("ws://{}", start(lie));
        let options = ["load", "fanout", "--target", &target, "--path", "/{room}", "--clients", "4", "--rate", "25"];
        let times = ["--duration", "10m", "--warm-up", "0s", "--drain", "10m", "--json", "-"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        command.args(options).args(times).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    fn wait_for(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert!(self.log.read_line(&mut line).unwrap() > 0, "it ended without {words}");
        }
    }

    fn signal(&self, signal: &str) {
        let sent = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it exits with, what it has written, and the rest of its log.
    fn end(mut self) -> (Option<i32>, String, String) {
        let (mut out, mut log) = (String::new(), String::new());
        self.log.read_to_string(&mut log).unwrap();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        (self.child.wait().unwrap().code(), out, log)
    }
}

#[test]
fn one_signal_ends_what_is_measured() {
    for signal in ["-INT", "-TERM"] {
        let mut running = Running::start(Lie::None);
        running.wait_for("sent/s");
        running.signal(signal);
        running.wait_for("stopping: ");
        let (code, out, log) = running.end();
        let record = Record::parse(&out).unwrap();
        is_kept(&record);
        assert_eq!(code, Some(record.verdict.outcome().exit_code().into()), "{log}");
        assert!(record.verdict.tally.sent > 0 && record.seconds < 60.0, "{record:?}");
        assert!(log.contains("stopped early by a signal, after "), "the table has it, too: {log}");
    }
}

#[test]
fn a_second_signal_ends_the_process() {
    // What is lost would be waited for.
    let mut running = Running::start(Lie::Drop);
    running.wait_for("sent/s");
    running.signal("-INT");
    running.wait_for("draining");
    running.signal("-INT");
    let (code, out, _) = running.end();
    assert_eq!((code, out.as_str()), (Some(130), ""));
}

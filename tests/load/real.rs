//! Every scenario, small, against the real server: nothing is lost, and the figures are there.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use triproom::load::latency::LatencyKind;
use triproom::load::record::Record;
use triproom::load::verdict::Outcome;

use super::run::load;

/// One that lives as long as the test.
pub struct Server {
    child: Child,
    /// Where it is.
    pub target: String,
    _folder: TempDir,
}

impl Server {
    /// With nothing in it.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    fn start_with(options: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_triproom"));
        command.args(["serve", "--port", "0", "--data"]).arg(folder.path().join("data")).args(options);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let target = line.trim().rsplit("http://").next().unwrap();
        Self { child, target: format!("ws://{target}"), _folder: folder }
    }

    /// Runs a scenario in which nothing may go wrong; a busy machine may make the generator late.
    fn run(&self, options: &[&str]) -> Record {
        let (pid, short) = (self.child.id().to_string(), ["--duration", "1s", "--warm-up", "200ms", "--drain", "5s"]);
        let common = ["--target", &self.target, "--pid", &pid];
        let run = load(&[options, &common, if options.contains(&"--duration") { &[] } else { &short }].concat());
        let verdict = &run.record().verdict;
        assert!(matches!(verdict.outcome(), Outcome::Ok | Outcome::Saturated), "{options:?}: {verdict:?}");
        run.record.unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[track_caller]
fn figure(record: &Record, name: &str) -> f64 {
    let figure = record.figures.iter().find(|figure| figure.name == name);
    figure.unwrap_or_else(|| panic!("no {name} in {:?}", record.figures)).value
}

#[test]
fn fanout_over_every_protocol() {
    let server = Server::start();
    for protocol in ["yjs", "hocuspocus", "y-sweet", "events"] {
        let people = ["--rooms", "2", "--clients", "5", "--writers", "2", "--rate", "4"];
        let record = server.run(&[&["fanout", "--protocol", protocol][..], &people].concat());
        let tally = &record.verdict.tally;
        assert_eq!(tally.deliveries, tally.sent * 4, "{protocol}");
        assert!(tally.sent > 0 && tally.rooms_checked == 2);
        assert!(record.servers[0].memory_peak_bytes > 1 << 20);
    }
}

#[test]
fn what_a_server_keeps_no_longer_is_not_checked_and_not_diverged() {
    let server = Server::start_with(&["--keep-events", "100", "--max-events", "1000"]);
    let people = ["--protocol", "events", "--clients", "4", "--rate", "80", "--duration", "1s", "--warm-up", "200ms"];
    let run = load(&[&["fanout", "--target", &server.target], &people[..]].concat());
    let verdict = &run.record().verdict;
    assert!(matches!(verdict.outcome(), Outcome::Unchecked | Outcome::Saturated), "{verdict:?}");
    let tally = &verdict.tally;
    assert_eq!((run.code, tally.lost, tally.rooms_diverged, tally.rooms_unchecked), (3, 0, 0, 1), "{verdict:?}");
}

#[test]
fn cursors_are_seen() {
    let server = Server::start();
    let record = server.run(&["fanout", "--clients", "10", "--writers", "0", "--cursors", "5", "--threads", "2"]);
    assert!(record.latencies[&LatencyKind::Status].count() > 100);
}

#[test]
fn saturate_finds_a_rate() {
    let server = Server::start();
    let steps =
        ["--clients", "4", "--from", "4", "--step", "600ms", "--refine", "1", "--max-rate", "64", "--within", "5s"];
    let record = server.run(&[&["saturate"][..], &steps].concat());
    assert!(record.steps.len() >= 2, "{:?}", record.steps);
    let rate = figure(&record, "highest rate held");
    assert!(record.steps.iter().any(|step| step.held && step.deliveries_per_second.to_bits() == rate.to_bits()));
}

#[test]
fn idle_says_what_a_connection_costs() {
    let server = Server::start();
    let record = server.run(&["idle", "--rooms", "20", "--clients", "5", "--renew", "500ms"]);
    assert!(figure(&record, "memory a connection") > 0.0);
    assert_eq!(record.verdict.tally.connections, 100);
}

#[test]
fn join_opens_a_document() {
    let server = Server::start();
    let record = server.run(&["join", "--size", "50KB", "--pieces", "200", "--joins", "10", "--at-once", "10"]);
    assert_eq!(record.latencies[&LatencyKind::Join].count(), 10);
    assert!(figure(&record, "all at once") > 0.0);
}

#[test]
fn everybody_comes_back_after_a_storm() {
    let server = Server::start();
    let people =
        ["--rooms", "5", "--clients", "8", "--rate", "4", "--every", "1s", "--duration", "2s", "--warm-up", "500ms"];
    let record = server.run(&[&["storm"][..], &people].concat());
    assert_eq!(record.latencies[&LatencyKind::Reconnect].count(), 80);
    assert!(figure(&record, "all back") > 0.0);
}

#[test]
fn chaos_heals() {
    let server = Server::start();
    let people = ["--clients", "6", "--rate", "20", "--cuts", "10", "--pauses", "5", "--pause", "200ms"];
    let record = server.run(&[&["chaos", "--duration", "2s", "--warm-up", "0s"][..], &people].concat());
    assert!(record.latencies[&LatencyKind::Reconnect].count() > 5);
    assert_eq!(record.verdict.tally.lost, 0);
}

#[test]
fn agents_are_heard_and_hold_nobody_up() {
    let server = Server::start();
    let people = ["--clients", "5", "--rate", "4", "--agents", "2", "--statuses", "5"];
    let over_events = server.run(&[&["agents", "--over-events"][..], &people].concat());
    assert!(over_events.latencies[&LatencyKind::Status].count() > 20);
    let bursting = server.run(&[&["agents", "--bursting", "3", "--burst", "50KB"][..], &people].concat());
    assert!(bursting.latencies[&LatencyKind::Status].count() > 20);
    assert!(figure(&bursting, "written at once") > 0.15);
}

#[test]
fn a_planning_session() {
    let (server, folder) = (Server::start(), TempDir::new().unwrap());
    let mix = include_str!("../../src/load/scenario/trip-mix.toml");
    let mix = mix.replace("stay = \"20s\"", "stay = \"300ms\"").replace("share = 0.45", "share = 0.15");
    let mix = mix
        .replace("share = 0.1\n", "share = 0.3\n")
        .replace("share = 0.05", "share = 0.15")
        .replace("= 12.0", "= 300.0");
    let path = folder.path().join("mix.toml");
    std::fs::write(&path, mix).unwrap();
    let people = ["--people", "6", "--agents", "2", "--mix", path.to_str().unwrap(), "--duration", "2s"];
    let record = server.run(&[&["trip"][..], &people].concat());
    assert!(record.verdict.tally.sent > 10 && record.latencies.contains_key(&LatencyKind::Reconnect), "{record:?}");
}

#[test]
fn soak_watches_what_grows() {
    let server = Server::start();
    let record = server.run(&["soak", "--clients", "4", "--duration", "4s", "--warm-up", "0s"]);
    assert!(figure(&record, "p99 late") > 0.0);
    assert!(record.figures.iter().any(|figure| figure.name == "memory grows"));
}

#[test]
fn replay_of_a_history() {
    let (server, folder) = (Server::start(), TempDir::new().unwrap());
    let path = folder.path().join("trace.json");
    let letters: Vec<String> = (0..200).map(|at| format!(r#"{{"patches":[[{at},0,"x"]]}}"#)).collect();
    let deleted = r#"{"patches":[[10,5,""],[0,0,"y"]]}"#;
    let text = format!(r#"{{"startContent":"","txns":[{},{deleted}]}}"#, letters.join(","));
    std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
    let record = server.run(&["replay", "--trace", path.to_str().unwrap(), "--rate", "500", "--readers", "2"]);
    assert_eq!((record.verdict.tally.sent, record.verdict.tally.deliveries), (202, 404));
    assert_eq!(record.latencies[&LatencyKind::Saved].count(), 201, "all but the one that deletes");
}

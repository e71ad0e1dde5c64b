//! Several generators against one server make one run: counts and histograms are added, so figures are as exact as if one
//! process had measured it all; timelines are laid over each other by the clock on the wall. What cannot be added is
//! said in a note, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::latency::{Latency, LatencyKind};
use super::record::{Record, Second, ServerUse, Target, main_of};
use super::verdict::{Bound, Generator, Tally, Verdict};
use super::words::many;

/// Of the longer of two runs, how much at least the other one is to have run beside it: else their sum is nothing that ever was.
const TOGETHER_LEAST: f64 = 0.5;
/// Less than that is worth a note.
const TOGETHER_NEARLY: f64 = 0.95;

/// Why runs do not add up to one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error("there is no run to merge")]
    Nothing,
    /// Adding a run to itself would double everything.
    #[error("{0:?} was given twice: adding a run to itself would double everything")]
    Twice(String),
    /// They measured different things.
    #[error("{0:?} is {1} and {2:?} is {3}: only runs of one scenario add up; `triproom load report` compares others")]
    Scenario(String, String, String, String),
    /// They did not speak to the same server in the same way.
    #[error("{0:?} and {1:?} spoke another protocol or went to other paths; `triproom load report` compares runs")]
    Targets(String, String),
    /// One was over before another began, or soon after.
    #[error(
        "{0:?} and {1:?} ran at the same time for less than half of the longer one; `triproom load report` compares runs"
    )]
    Apart(String, String),
}

/// One run of all, under this name or the names of all.
pub fn merge(records: &[Record], name: Option<&str>) -> Result<Record, MergeError> {
    let first = records.first().ok_or(MergeError::Nothing)?;
    check(records)?;
    let started_at = records.iter().map(|record| record.started_at).min().expect("there is a first");
    let ended = records.iter().map(|record| seconds_between(started_at, record.started_at) + record.seconds);
    let names = records.iter().map(|record| record.name.as_str()).collect::<Vec<_>>();
    let mut latencies = BTreeMap::<LatencyKind, Latency>::new();
    for (kind, latency) in records.iter().flat_map(|record| &record.latencies) {
        latencies.entry(*kind).or_default().add(latency);
    }
    let mut figures = Vec::new();
    for record in records {
        figures.extend(record.figures.iter().cloned().map(|mut figure| {
            figure.name = format!("{}: {}", record.name, figure.name);
            figure
        }));
    }
    Ok(Record {
        name: name.map_or_else(|| names.join(" + "), str::to_owned),
        parameters: parameters(records),
        target: target(records, &first.target),
        started_at,
        verdict: verdict(records, &latencies, first.about),
        seconds: ended.fold(0.0, f64::max),
        latencies,
        servers: servers(records),
        figures,
        steps: Vec::new(),
        timeline: timeline(records, started_at),
        ..first.clone()
    })
}

fn check(records: &[Record]) -> Result<(), MergeError> {
    for (place, record) in records.iter().enumerate() {
        for other in &records[..place] {
            if record == other {
                return Err(MergeError::Twice(record.name.clone()));
            }
            if record.scenario != other.scenario {
                let [of, other_of] = [record, other].map(|record| record.scenario.clone());
                return Err(MergeError::Scenario(other.name.clone(), other_of, record.name.clone(), of));
            }
            if (&record.target.protocol, &record.target.path) != (&other.target.protocol, &other.target.path) {
                return Err(MergeError::Targets(other.name.clone(), record.name.clone()));
            }
            if together(record, other) < record.seconds.max(other.seconds) * TOGETHER_LEAST {
                return Err(MergeError::Apart(other.name.clone(), record.name.clone()));
            }
        }
    }
    Ok(())
}

/// For how many seconds both ran.
fn together(one: &Record, other: &Record) -> f64 {
    let later = seconds_between(one.started_at, other.started_at);
    one.seconds.min(later + other.seconds) - later.max(0.0)
}

/// Of the two runs that were together least, for how much of the longer one.
fn least_together(records: &[Record]) -> Option<f64> {
    let pairs =
        records.iter().enumerate().flat_map(|(place, one)| records[..place].iter().map(move |other| (one, other)));
    pairs.map(|(one, other)| together(one, other) / one.seconds.max(other.seconds)).reduce(f64::min)
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

/// What all have alike stays; of what they do not, there are all values.
fn parameters(records: &[Record]) -> Map<String, Value> {
    let names = records.iter().flat_map(|record| record.parameters.keys()).collect::<BTreeSet<_>>();
    let of = |name: &String| {
        let values = records.iter().map(|record| record.parameters.get(name).cloned().unwrap_or_default());
        let values = values.collect::<Vec<_>>();
        if values.iter().all(|value| *value == values[0]) { values[0].clone() } else { Value::Array(values) }
    };
    names.into_iter().map(|name| (name.clone(), of(name))).collect()
}

/// What all of them went to.
fn target(records: &[Record], first: &Target) -> Target {
    let mut urls: Vec<String> = Vec::new();
    for url in records.iter().flat_map(|record| &record.target.urls) {
        if !urls.contains(url) {
            urls.push(url.clone());
        }
    }
    Target { urls, ..first.clone() }
}

fn verdict(records: &[Record], latencies: &BTreeMap<LatencyKind, Latency>, about: Option<LatencyKind>) -> Verdict {
    let mut tally = Tally::default();
    // What one of them does not know is not known of all.
    let cpu_percent = records.iter().map(|record| record.verdict.generator.cpu_percent).sum();
    let mut generator = Generator { cpu_percent, ..Generator::default() };
    let mut below: Option<f64> = None;
    let processes = records.iter().map(|record| format!("{} on {}", record.name, record.machine.host));
    let processes = processes.collect::<Vec<_>>().join(", ");
    let mut notes = vec![format!("Merged from {}: {processes}.", many(records.len() as u64, "process", "processes"))];
    if records.len() > 1 {
        notes.push(
            "Percentiles over time are those of the slowest process of each second; all others are exact.".to_owned(),
        );
    }
    if let Some(least) = least_together(records).filter(|share| *share < TOGETHER_NEARLY) {
        let share = least * 100.0;
        notes.push(format!(
            "They did not begin and end together: two of them ran beside each other for {share:.0} % of the longer one, and rates over the whole time are lower than while all ran."
        ));
    }
    if records.iter().any(|record| !record.steps.is_empty()) {
        notes.push("The rates that each process tried are not added up; see its own record.".to_owned());
    }
    for record in records {
        let verdict = &record.verdict;
        tally += verdict.tally;
        generator.saturated |= verdict.generator.saturated;
        generator.send_lag_p99_ms = generator.send_lag_p99_ms.max(verdict.generator.send_lag_p99_ms);
        generator.tick_lag_p99_ms = generator.tick_lag_p99_ms.max(verdict.generator.tick_lag_p99_ms);
        notes.extend(verdict.notes.iter().map(|note| format!("{}: {note}", record.name)));
        if let Some(bound) = verdict.bound {
            below = Some(below.map_or(bound.p99_below_ms, |below| below.min(bound.p99_below_ms)));
        }
    }
    // Where too little came on one of them, too little came.
    let falls_short = records.iter().any(|record| record.verdict.bound.is_some_and(|bound| bound.p99_ms.is_none()));
    let main = main_of(latencies, about).filter(|_| !falls_short);
    let p99_ms = main.map(|(_, latency)| latency.quantile_ms(0.99));
    let bound = below.map(|p99_below_ms| Bound { p99_below_ms, p99_ms });
    Verdict::judge(tally, generator, bound, notes)
}

/// A process that several generators watched is one: it used what the one that watched it longest saw.
fn servers(records: &[Record]) -> Vec<ServerUse> {
    let mut seen = BTreeMap::<(String, u32), ServerUse>::new();
    for server in records.iter().flat_map(|record| &record.servers) {
        let known = seen.entry((server.host.clone(), server.pid)).or_insert_with(|| server.clone());
        known.cpu_seconds = known.cpu_seconds.max(server.cpu_seconds);
        known.memory_before_bytes = known.memory_before_bytes.min(server.memory_before_bytes);
        known.memory_peak_bytes = known.memory_peak_bytes.max(server.memory_peak_bytes);
        known.memory_after_bytes = known.memory_after_bytes.max(server.memory_after_bytes);
    }
    seen.into_values().collect()
}

/// Generators that watched the same processes saw the same thing; what others saw is added to it.
fn timeline(records: &[Record], started_at: Timestamp) -> Vec<Second> {
    let mut seconds = BTreeMap::<u64, Second>::new();
    let mut watched = BTreeMap::<(u64, Vec<(&str, u32)>), (Option<f64>, Option<u64>)>::new();
    for record in records {
        let mut processes = record.servers.iter().map(|server| (server.host.as_str(), server.pid)).collect::<Vec<_>>();
        processes.sort_unstable();
        let later = record.started_at.duration_since(started_at).as_secs();
        let later = u64::try_from(later).expect("no run began before the first one");
        for of in &record.timeline {
            let number = of.second.saturating_add(later);
            let all = seconds.entry(number).or_insert_with(|| Second { second: number, ..Second::default() });
            all.connections = all.connections.saturating_add(of.connections);
            all.sent = all.sent.saturating_add(of.sent);
            all.deliveries = all.deliveries.saturating_add(of.deliveries);
            all.bytes_in = all.bytes_in.saturating_add(of.bytes_in);
            all.p50_ms = larger(all.p50_ms, of.p50_ms);
            all.p99_ms = larger(all.p99_ms, of.p99_ms);
            all.max_ms = larger(all.max_ms, of.max_ms);
            all.generator_cpu_percent = sum(all.generator_cpu_percent, of.generator_cpu_percent);
            let (cpu, memory) = watched.entry((number, processes.clone())).or_default();
            *cpu = larger(*cpu, of.server_cpu_percent);
            *memory = (*memory).max(of.server_memory_bytes);
        }
    }
    for ((number, _), (cpu, memory)) in watched {
        let all = seconds.get_mut(&number).expect("it was made with what was watched");
        all.server_cpu_percent = sum(all.server_cpu_percent, cpu);
        all.server_memory_bytes = match (all.server_memory_bytes, memory) {
            (Some(one), Some(other)) => Some(one.saturating_add(other)),
            (one, other) => one.or(other),
        };
    }
    seconds.into_values().collect()
}

fn larger(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(f64::max)
}

fn sum(one: Option<f64>, other: Option<f64>) -> Option<f64> {
    one.into_iter().chain(other).reduce(|one, other| one + other)
}

//! What a scenario has found, before it becomes a record: the one place where counts of the engine become the words of the record.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::conductor::Found;
use super::host;
use super::interrupt;
use super::latency::{Latency, LatencyKind};
use super::meter::Measure;
use super::options::Options;
use super::plan::Plan;
use super::record::{FORMAT, Figure, Record, Second, ServerUse, Step, Target, main_of};
use super::verdict::{Bound, Generator, Tally, Verdict};
use super::words::{count, many};

/// What one scenario has found.
#[derive(Debug, Clone)]
pub struct Findings {
    /// When measuring began.
    pub started_at: Timestamp,
    /// How long was measured.
    pub seconds: f64,
    /// What was counted.
    pub tally: Tally,
    /// How the generator did.
    pub generator: Generator,
    /// What else is to be known, in sentences.
    pub notes: Vec<String>,
    /// What was waited for, and how long.
    pub latencies: BTreeMap<LatencyKind, Latency>,
    /// What the scenario is about, if that is not the first latency that it has.
    pub about: Option<LatencyKind>,
    /// What 99 % of that must be faster than, whether it was asked for or not.
    pub within: Option<Duration>,
    /// Whether too little came to tell how fast it is.
    pub falls_short: bool,
    /// See there.
    pub servers: Vec<ServerUse>,
    /// See there.
    pub figures: Vec<Figure>,
    /// See there.
    pub steps: Vec<Step>,
    /// See there.
    pub timeline: Vec<Second>,
}

impl Findings {
    /// Nothing, but for when it was.
    pub fn empty(started_at: Timestamp, seconds: f64) -> Self {
        Self {
            started_at,
            seconds,
            tally: Tally::default(),
            generator: Generator::default(),
            notes: Vec::new(),
            latencies: BTreeMap::new(),
            about: None,
            within: None,
            falls_short: false,
            servers: Vec::new(),
            figures: Vec::new(),
            steps: Vec::new(),
            timeline: Vec::new(),
        }
    }

    /// Those of a crowd.
    pub fn of(found: Found, plan: &Plan) -> Self {
        let counts = found.meter.counts;
        let tally = Tally {
            sent: counts.sent,
            expected_deliveries: found.missing.expected,
            deliveries: counts.deliveries,
            deliveries_in_drain: counts.in_drain,
            lost: found.missing.lost,
            statuses_expected: found.missing.statuses,
            statuses_lost: found.missing.statuses_lost,
            doubled: counts.doubled,
            out_of_order: counts.out_of_order,
            corrupt: counts.corrupted,
            rooms_checked: found.checked.rooms,
            rooms_diverged: found.checked.diverged,
            rooms_unchecked: found.checked.unchecked,
            connections: counts.joined,
            refused: counts.refused + found.missing.away,
            closed_early: counts.closed,
        };
        let lag = |measure| found.meter.latency(measure).quantile_ms(0.99);
        let generator = Generator {
            saturated: false,
            send_lag_p99_ms: lag(Measure::SendLag),
            tick_lag_p99_ms: lag(Measure::TickLag),
            cpu_percent: found.generator_cpu_percent,
        };
        let notes = notes(&found, plan);
        let latencies = latencies(&found.meter);
        let mut findings = Self {
            started_at: found.started_at,
            seconds: found.seconds,
            tally,
            generator,
            notes,
            latencies,
            about: None,
            within: None,
            falls_short: false,
            servers: found.servers,
            figures: Vec::new(),
            steps: Vec::new(),
            timeline: found.timeline,
        };
        let main = findings.main_p99_ms().unwrap_or(0.0);
        findings.judge_generator(plan.threads, main);
        found.checked.faults.conclude(&mut findings);
        findings
    }

    /// What 99 % of what the scenario is about did not exceed.
    fn main_p99_ms(&self) -> Option<f64> {
        main_of(&self.latencies, self.about).map(|(_, latency)| latency.quantile_ms(0.99))
    }

    /// Whether the generator was too slow for what it measured, of which 99 % took no longer than this.
    pub fn judge_generator(&mut self, threads: usize, measured_p99_ms: f64) {
        self.generator = self.generator.judged(threads, measured_p99_ms);
    }

    /// One more figure.
    pub fn figure(&mut self, name: &str, value: f64, unit: &str) {
        self.figures.push(Figure { name: name.to_owned(), value, unit: unit.to_owned() });
    }

    /// As it is kept.
    pub fn record(self, scenario: &str, parameters: Map<String, Value>, options: &Options) -> Record {
        let p99_ms = self.main_p99_ms().filter(|_| !self.falls_short);
        let below = options.p99_below.into_iter().chain(self.within).min();
        let bound = below.map(|below| Bound { p99_below_ms: below.as_secs_f64() * 1_000.0, p99_ms });
        let protocol = serde_json::to_value(options.protocol).expect("a word is JSON");
        let path = options.path.clone().unwrap_or_else(|| options.protocol.usual_path().to_owned());
        Record {
            format: FORMAT,
            name: options.name.clone().unwrap_or_else(|| scenario.to_owned()),
            scenario: scenario.to_owned(),
            parameters,
            target: Target {
                urls: options.target.clone(),
                protocol: protocol.as_str().unwrap_or_default().to_owned(),
                path,
            },
            started_at: self.started_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            seed: options.seed,
            machine: host::machine(),
            verdict: Verdict::judge(self.tally, self.generator, bound, self.notes),
            seconds: self.seconds,
            about: self.about,
            latencies: self.latencies,
            servers: self.servers,
            figures: self.figures,
            steps: self.steps,
            timeline: self.timeline,
        }
    }
}

/// What is to be known of a crowd beside its counts, in sentences.
fn notes(found: &Found, plan: &Plan) -> Vec<String> {
    let stopped = found.stopped.map(|after| interrupt::note(after, plan.times.measured));
    let mut notes: Vec<String> = stopped.into_iter().chain(found.checked.differences.iter().cloned()).collect();
    notes.extend(found.notes.reasons.iter().cloned());
    if found.missing.lost > 0 {
        let (hidden, people) = (found.missing.hidden, found.missing.people);
        notes.push(format!("{} something", many(people, "client misses", "clients miss")));
        if hidden > 0 {
            let came = many(hidden, "update", "updates");
            notes.push(format!(
                "{came} came and cannot be seen, because an earlier one of the same writer did not come"
            ));
        }
    }
    notes.extend(unseen(found.missing.statuses_lost));
    if found.missing.away > 0 {
        let away = many(found.missing.away, "client", "clients");
        notes.push(format!("{away} had lost the connection and not come back when the run ended"));
    }
    if found.meter.counts.denied > 0 {
        notes.push(format!("the server refused {} times what it was told", count(found.meter.counts.denied)));
    }
    notes
}

/// That last cursors or statuses were not seen, or others in their place, if that was so.
pub fn unseen(statuses: u64) -> Option<String> {
    let lost = many(statuses, "time", "times");
    (statuses > 0).then(|| format!("somebody does not see the last cursor or status of somebody else: {lost}"))
}

fn latencies(meter: &super::meter::Meter) -> BTreeMap<LatencyKind, Latency> {
    let kinds = [
        (LatencyKind::Delivery, Measure::Delivery),
        (LatencyKind::Join, Measure::Join),
        (LatencyKind::Reconnect, Measure::Reconnect),
        (LatencyKind::Status, Measure::Status),
    ];
    let measured = kinds.map(|(kind, measure)| (kind, meter.latency(measure)));
    measured
        .into_iter()
        .filter(|(_, latency)| latency.count() > 0)
        .map(|(kind, latency)| (kind, latency.clone()))
        .collect()
}

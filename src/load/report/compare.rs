//! Several runs beside each other: verdicts first, then figures, what they were asked to do differently, charts over each other.

use std::collections::BTreeSet;

use maud::{Markup, html};
use serde_json::Value;

use super::chart::look;
use super::charts::charts;
use super::{run, verdict};
use crate::load::record::{Latency, Record};
use crate::load::words::{bytes, count, milliseconds, number};

/// The whole page of several runs.
pub(super) fn page(records: &[Record]) -> Markup {
    html! {
        header {
            h1 { (count(records.len() as u64)) " runs compared" }
            @if let (Some(first), Some(last)) = (records.iter().map(|record| record.started_at).min(), records.iter().map(|record| record.started_at).max()) {
                p.sub { (run::moment(first)) @if run::moment(first) != run::moment(last) { " to " (run::moment(last)) } }
            }
        }
        section.card {
            (doubts(records))
            (table(records))
        }
        (differences(records))
        (charts(&records.iter().collect::<Vec<_>>()))
        @if !records.is_empty() { h2.runs { "Each run" } }
        @for record in records { (run::folded(record)) }
    }
}

/// Which runs are not to be compared, before any figure.
fn doubts(records: &[Record]) -> Markup {
    let doubtful = records.iter().filter(|record| record.verdict.outcome().exit_code() != 0).collect::<Vec<_>>();
    html! {
        @if doubtful.is_empty() {
            p.doubts { "All runs delivered everything, and every room converged." }
        } @else {
            ul.doubts { @for record in doubtful {
                li { (verdict::pill(&record.verdict)) " " b { (record.name) } ": " (record.verdict.sentence()) }
            } }
        }
    }
}

/// A figure of a run, and how it is said.
type Column = (&'static str, Best, fn(&Record) -> Option<f64>, fn(f64) -> String);

/// Which value of a column is worth a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Best {
    Smallest,
    Largest,
}

fn main_latency(record: &Record) -> Option<&Latency> {
    record.main_latency().map(|(_, latency)| latency).filter(|latency| latency.count() > 0)
}

const COLUMNS: [Column; 7] = [
    ("delivered/s", Best::Largest, |run| Some(run.deliveries_per_second()).filter(|rate| *rate > 0.0), number),
    ("p50", Best::Smallest, |run| main_latency(run).map(|latency| latency.quantile_ms(0.5)), milliseconds),
    ("p99", Best::Smallest, |run| main_latency(run).map(|latency| latency.quantile_ms(0.99)), milliseconds),
    ("p99.9", Best::Smallest, |run| main_latency(run).map(|latency| latency.quantile_ms(0.999)), milliseconds),
    ("max", Best::Smallest, |run| main_latency(run).map(Latency::max_ms), milliseconds),
    ("CPU a delivery", Best::Smallest, Record::cpu_per_delivery_us, |cpu| format!("{} µs", number(cpu))),
    (
        "peak memory",
        Best::Smallest,
        |run| (!run.servers.is_empty()).then(|| run.servers.iter().map(|server| server.memory_peak_bytes as f64).sum()),
        bytes,
    ),
];

/// What differs by less is noise.
const NOISE: f64 = 0.05;

/// The best of a column is marked only among runs that are to be believed, of one scenario, and only if another one is clearly
/// worse.
fn best(records: &[Record], column: &Column) -> Option<f64> {
    let (_, best, figure, _) = column;
    if !is_one_scenario(records) {
        return None;
    }
    let values = records.iter().filter(|record| record.verdict.outcome().exit_code() == 0).filter_map(figure);
    let values = values.collect::<Vec<_>>();
    let (smallest, largest) = (values.iter().copied().reduce(f64::min)?, values.iter().copied().reduce(f64::max)?);
    (smallest < largest * (1.0 - NOISE)).then_some(if *best == Best::Smallest { smallest } else { largest })
}

fn is_one_scenario(records: &[Record]) -> bool {
    records.iter().all(|record| record.scenario == records[0].scenario)
}

fn table(records: &[Record]) -> Markup {
    let columns = COLUMNS.iter().filter(|(_, _, figure, _)| records.iter().any(|record| figure(record).is_some()));
    let columns = columns.map(|column| (column, best(records, column))).collect::<Vec<_>>();
    let extra = records.iter().flat_map(|record| &record.figures).map(|figure| (&figure.name, &figure.unit));
    let extra = extra.collect::<BTreeSet<_>>();
    html! {
        div.wide { table {
            thead { tr {
                th { "run" } th.text { "scenario" } th.text { "verdict" } th { "lost" }
                @for ((name, ..), _) in &columns { th { (name) } }
                @for (name, unit) in &extra { th { (name) ", " (unit) } }
            } }
            tbody { @for (place, record) in records.iter().enumerate() {
                tr {
                    th { span class={ "key " (look(place)) } {} (record.name) }
                    td.text { (record.scenario) }
                    td.text { (verdict::pill(&record.verdict)) }
                    td { (count(record.verdict.tally.lost)) }
                    @for ((_, _, figure, say), best) in &columns {
                        @match figure(record) {
                            Some(value) => td class=[(*best == Some(value)).then_some("best")] { (say(value)) },
                            None => td { "–" },
                        }
                    }
                    @for of in &extra {
                        td { @match record.figures.iter().find(|figure| (&figure.name, &figure.unit) == *of) {
                            Some(figure) => { (number(figure.value)) },
                            None => "–",
                        } }
                    }
                }
            } }
        } }
        p.hint {
            @if is_one_scenario(records) {
                "Marked is the best of each column among the runs that are ok, where they differ by more than 5 %."
            } @else {
                "These are runs of different scenarios: their figures mean different things, and none is marked as the best."
            }
            " Only runs on one machine, made in turns, can be compared."
        }
    }
}

/// What was asked for differently: a comparison of unlike runs must say so.
fn differences(records: &[Record]) -> Markup {
    let names = records.iter().flat_map(|record| record.parameters.keys()).collect::<BTreeSet<_>>();
    let value = |record: &Record, name: &str| match record.parameters.get(name) {
        None | Some(Value::Null) => "–".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let mut rows = names
        .into_iter()
        .map(|name| (name.as_str(), records.iter().map(|record| value(record, name)).collect::<Vec<_>>()))
        .collect::<Vec<_>>();
    rows.push(("target", records.iter().map(|record| record.target.urls.join(" ")).collect()));
    rows.push(("protocol", records.iter().map(|record| record.target.protocol.clone()).collect()));
    rows.push((
        "machine",
        records.iter().map(|record| format!("{}, {}", record.machine.host, record.machine.model)).collect(),
    ));
    rows.push(("seconds", records.iter().map(|record| number(record.seconds)).collect()));
    rows.retain(|(name, values)| values.iter().any(|value| *value != values[0]) && *name != "name");
    rows.dedup_by(|one, other| one.0 == other.0);
    html! {
        @if !rows.is_empty() {
            details.card {
                summary { "What was asked for differently" }
                div.wide { table {
                    thead { tr { th { "" } @for record in records { th { (record.name) } } } }
                    tbody { @for (name, values) in rows { tr { th { (name) } @for value in values { td { (value) } } } } }
                } }
            }
        }
    }
}

//! Which charts a report has, and what each shows of the runs.

use maud::{Markup, html};

use super::chart::{Axis, Chart, Drawn, Series, Thinned};
use super::scale::Scale;
use crate::load::record::{Latency, Record, Second};
use crate::load::words::{bytes, milliseconds, number};

/// What is shown of each second, beside latencies.
const OVER_TIME: [Timed; 4] = [
    Timed {
        title: "Throughput",
        reading: "Updates that came at other clients, each second.",
        say: number,
        value: |second| Some(second.deliveries as f64).filter(|_| second.deliveries > 0 || second.sent > 0),
        thinned: Thinned::Mean,
    },
    Timed {
        title: "Server CPU",
        reading: "100 % is one whole core.",
        say: percent,
        value: |second| second.server_cpu_percent,
        thinned: Thinned::Mean,
    },
    Timed {
        title: "Server memory",
        reading: "Resident, of all the server's processes together.",
        say: bytes,
        value: |second| second.server_memory_bytes.map(|size| size as f64),
        thinned: Thinned::Largest,
    },
    Timed {
        title: "Load tester CPU",
        reading: "If it has no core of its own to spare, its figures are not to be trusted.",
        say: percent,
        value: |second| second.generator_cpu_percent,
        thinned: Thinned::Mean,
    },
];

const CONNECTIONS: Timed = Timed {
    title: "Connections",
    reading: "Open at the end of each second.",
    say: number,
    value: |second| Some(second.connections as f64),
    thinned: Thinned::Mean,
};

/// All charts that these runs have something for. One run shows its percentiles beside each other, several their p99 over each other.
pub(super) fn charts(records: &[&Record]) -> Markup {
    let first = [steps(records), latency_over_time(records), percentiles(records)];
    let connections = over_time(records, &CONNECTIONS).filter(|_| has_moving_connections(records));
    let over_time = OVER_TIME.iter().map(|timed| over_time(records, timed));
    let charts = first.into_iter().chain(over_time).chain([connections]).flatten();
    html! { section.charts { @for chart in charts { (chart.draw()) } } }
}

/// A level line would say nothing.
fn has_moving_connections(records: &[&Record]) -> bool {
    records.iter().any(|record| {
        let mut connections = record.timeline.iter().map(|second| second.connections);
        let first = connections.next();
        connections.any(|number| Some(number) != first)
    })
}

fn percent(value: f64) -> String {
    format!("{} %", number(value))
}

fn clock(seconds: f64) -> String {
    let whole = seconds.round();
    if whole >= 3600.0 {
        format!("{:.0}:{:02.0}:{:02.0}", (whole / 3600.0).floor(), (whole % 3600.0 / 60.0).floor(), whole % 60.0)
    } else {
        format!("{:.0}:{:02.0}", (whole / 60.0).floor(), whole % 60.0)
    }
}

const SINCE_THE_START: &str = "since the start";

fn time_axis(records: &[&Record]) -> Axis {
    let last = records.iter().filter_map(|record| record.timeline.last()).map(|second| second.second).max();
    let to = last.unwrap_or(0).max(1) as f64;
    let steps =
        [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0, 3600.0, 7200.0, 21_600.0, 86_400.0];
    let step = steps.into_iter().find(|step| to / step <= 8.0).unwrap_or(to);
    let ticks = (0..=8).map(|number| f64::from(number) * step).take_while(|tick| *tick <= to).collect();
    Axis { scale: Scale::Linear { from: 0.0, to }, say: clock, ticks: Some(ticks) }
}

fn factors(values: impl Iterator<Item = f64> + Clone) -> Axis {
    let scale = Scale::over_factors(values.clone().fold(f64::INFINITY, f64::min), values.fold(0.0, f64::max));
    Axis { scale, say: milliseconds, ticks: None }
}

fn latency_over_time(records: &[&Record]) -> Option<Chart> {
    let line = |label: &str, colour, drawn, record: &Record, value: fn(&Second) -> Option<f64>| Series {
        label: label.to_owned(),
        colour,
        drawn,
        thinned: Thinned::Largest,
        points: record.timeline.iter().map(|second| (second.second as f64, value(second))).collect(),
    };
    let series: Vec<Series> = match records {
        [one] => vec![
            line("max", 2, Drawn::Faint, one, |second| second.max_ms),
            line("p99", 1, Drawn::Line, one, |second| second.p99_ms),
            line("p50", 0, Drawn::Line, one, |second| second.p50_ms),
        ],
        several => several
            .iter()
            .enumerate()
            .map(|(colour, record)| line(&record.name, colour, Drawn::Line, record, |second| second.p99_ms))
            .collect(),
    };
    let reading = match records {
        [_] => {
            "What came in each second: half took no longer than p50, 99 % no longer than p99. The steps up are factors."
        }
        _ => "99 % of what came in each second took no longer. The steps up are factors.",
    };
    let values =
        series.iter().flat_map(|series| series.points.iter().filter_map(|(_, value)| *value)).collect::<Vec<_>>();
    (!values.is_empty()).then(|| Chart {
        title: "Latency over time",
        reading: reading.to_owned(),
        x: time_axis(records),
        along: SINCE_THE_START,
        y: factors(values.iter().copied()),
        series,
    })
}

/// How many nines a share has: 0.9 is 1, 0.99 is 2.
fn nines(share: f64) -> f64 {
    -(1.0 - share).log10()
}

fn percentile(nines: f64) -> String {
    let percent = 100.0 - 100.0 * 10_f64.powf(-nines);
    let digits = (0..4).find(|digits: &usize| nines < *digits as f64 + 1.95).unwrap_or(4);
    format!("{percent:.digits$} %")
}

fn percentiles(records: &[&Record]) -> Option<Chart> {
    let mut series = Vec::new();
    for record in records {
        for (kind, latency) in &record.latencies {
            if latency.count() == 0 || (records.len() > 1 && record.main_latency().map(|(main, _)| main) != Some(*kind))
            {
                continue;
            }
            series.push(Series {
                label: if records.len() > 1 { record.name.clone() } else { kind.label().to_owned() },
                colour: series.len(),
                drawn: Drawn::Line,
                thinned: Thinned::Largest,
                points: curve(latency),
            });
        }
    }
    let values =
        series.iter().flat_map(|series| series.points.iter().filter_map(|(_, value)| *value)).collect::<Vec<_>>();
    let to = series.iter().filter_map(|series| series.points.last()).map(|(nines, _)| *nines).fold(1.0, f64::max);
    let ticks = [nines(0.5), 1.0, 2.0, 3.0, 4.0, 5.0, 6.0].into_iter().filter(|nines| *nines <= to).collect();
    (!series.is_empty()).then(|| Chart {
        title: "Percentiles",
        reading: "How long the slowest waited: each step to the right leaves a tenth of them.".to_owned(),
        x: Axis { scale: Scale::Linear { from: 0.0, to }, say: percentile, ticks: Some(ticks) },
        along: "share that took no longer",
        y: factors(values.iter().copied()),
        series,
    })
}

/// The latency at each share, as far as there are enough to speak of one.
fn curve(latency: &Latency) -> Vec<(f64, Option<f64>)> {
    let last = (latency.count() as f64).log10().min(6.0);
    let steps = 120;
    let at = |step| last * f64::from(step) / f64::from(steps);
    (0..=steps).map(|step| (at(step), Some(latency.quantile_ms(1.0 - 10_f64.powf(-at(step)))))).collect()
}

/// The name of a run where there are others.
fn label(records: &[&Record], record: &Record) -> String {
    if records.len() > 1 { record.name.clone() } else { String::new() }
}

/// A figure of each second.
struct Timed {
    title: &'static str,
    reading: &'static str,
    say: fn(f64) -> String,
    value: fn(&Second) -> Option<f64>,
    thinned: Thinned,
}

fn over_time(records: &[&Record], timed: &Timed) -> Option<Chart> {
    let series = records.iter().enumerate().map(|(colour, record)| Series {
        label: label(records, record),
        colour,
        drawn: if records.len() == 1 { Drawn::Area } else { Drawn::Line },
        thinned: timed.thinned,
        points: record.timeline.iter().map(|second| (second.second as f64, (timed.value)(second))).collect(),
    });
    let series = series.collect::<Vec<_>>();
    let largest = series.iter().flat_map(|series| &series.points).filter_map(|(_, value)| *value).reduce(f64::max)?;
    Some(Chart {
        title: timed.title,
        reading: timed.reading.to_owned(),
        x: time_axis(records),
        along: SINCE_THE_START,
        y: Axis { scale: Scale::from_zero(largest), say: timed.say, ticks: None },
        series,
    })
}

fn steps(records: &[&Record]) -> Option<Chart> {
    let series =
        records.iter().enumerate().filter(|(_, record)| !record.steps.is_empty()).map(|(colour, record)| Series {
            label: label(records, record),
            colour,
            drawn: Drawn::Marks,
            thinned: Thinned::Largest,
            points: record.steps.iter().map(|step| (step.offered_per_second, Some(step.p99_ms))).collect(),
        });
    let mut series = series.collect::<Vec<_>>();
    for series in &mut series {
        series.points.sort_by(|one, other| one.0.total_cmp(&other.0));
    }
    let points = series.iter().flat_map(|series| &series.points);
    let x = factors(points.clone().map(|(offered, _)| *offered));
    let y = factors(points.filter_map(|(_, value)| *value));
    (!series.is_empty()).then(|| Chart {
        title: "Latency at each rate",
        reading: "What 99 % of deliveries took at each rate that was tried.".to_owned(),
        x: Axis { say: number, ..x },
        along: "deliveries/s offered",
        y,
        series,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_times_are_said_as_people_do() {
        let said = [0.0, nines(0.5), 1.0, 2.0, 3.0, 4.0].map(percentile);
        assert_eq!(said, ["0 %", "50 %", "90 %", "99.0 %", "99.90 %", "99.990 %"]);
        assert_eq!([5.0, 65.0, 3605.0].map(clock), ["0:05", "1:05", "1:00:05"]);
    }
}

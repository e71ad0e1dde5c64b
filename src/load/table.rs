//! A run in a terminal. Losses, convergence and the load tester's own state come first: who reads only the first lines
//! must not be misled. Everything in it is of the record; names in it are made harmless.

use std::io::{self, Write};

use super::record::{Latency, Record, Step};
use super::words::{bytes, count, many, milliseconds, number, plain};

/// How wide labels are.
const LABEL: usize = 13;

/// Writes one run, as far as somebody reads.
pub fn write(record: &Record, out: &mut impl Write) -> io::Result<()> {
    as_far_as_read(one(record, out))
}

/// Who reads no further has read what they wanted; what came of the run is in the exit code all the same.
fn as_far_as_read(written: io::Result<()>) -> io::Result<()> {
    written.or_else(|error| if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) })
}

fn one(record: &Record, out: &mut impl Write) -> io::Result<()> {
    title(record, out)?;
    verdict(record, out)?;
    writeln!(out)?;
    rates(record, out)?;
    if !record.latencies.is_empty() {
        writeln!(out)?;
        latencies(record, out)?;
    }
    if !record.steps.is_empty() {
        writeln!(out)?;
        steps(&record.steps, out)?;
    }
    Ok(())
}

/// Writes several runs beside each other, a line each, as far as somebody reads; those of the same scenario and parameters can be compared.
pub fn compare(records: &[Record], out: &mut impl Write) -> io::Result<()> {
    let header =
        ["run", "scenario", "verdict", "lost", "delivered/s", "latency", "p50", "p99", "max", "CPU a delivery"];
    let mut rows = vec![header.map(str::to_owned)];
    for record in records {
        let main = record.main_latency();
        let of = |figure: fn(&Latency) -> f64| main.map_or_else(dash, |(_, latency)| milliseconds(figure(latency)));
        rows.push([
            plain(&record.name),
            plain(&record.scenario),
            record.verdict.outcome().word().to_owned(),
            count(record.verdict.tally.lost),
            number(record.deliveries_per_second()),
            main.map_or_else(dash, |(kind, _)| kind.label().to_owned()),
            of(|latency| latency.quantile_ms(0.5)),
            of(|latency| latency.quantile_ms(0.99)),
            of(Latency::max_ms),
            record.cpu_per_delivery_us().map_or_else(dash, |cpu| format!("{} µs", number(cpu))),
        ]);
    }
    as_far_as_read(columns(&rows, out))
}

fn dash() -> String {
    "–".to_owned()
}

fn title(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let urls = record.target.urls.iter().map(|url| plain(url)).collect::<Vec<_>>().join(", ");
    let (protocol, path) = (plain(&record.target.protocol), plain(&record.target.path));
    let name = if record.name == record.scenario { String::new() } else { format!("{} · ", plain(&record.name)) };
    writeln!(out, "{name}{} · {urls} ({protocol}, {path})", plain(&record.scenario))
}

fn verdict(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let verdict = &record.verdict;
    let tally = &verdict.tally;
    writeln!(out, "\n{}: {}\n", verdict.outcome().word().to_uppercase(), verdict.sentence())?;
    let mut line = |label: &str, text: String| writeln!(out, "  {label:<LABEL$} {text}");
    line("lost", tally.lost_of())?;
    line("converged", tally.converged_of())?;
    line(
        "also",
        format!(
            "{} doubled, {} out of order, {} corrupt",
            count(tally.doubled),
            count(tally.out_of_order),
            count(tally.corrupt)
        ),
    )?;
    line(
        "connections",
        format!(
            "{} made, {} refused, {} ended by the server",
            count(tally.connections),
            count(tally.refused),
            count(tally.closed_early)
        ),
    )?;
    let generator = &verdict.generator;
    line("load tester", format!("{}: {}, {}", generator.word(), generator.lateness(), generator.busy()))?;
    if let Some(bound) = verdict.bound {
        let was = bound.p99_ms.map_or_else(|| "too little came to tell".to_owned(), milliseconds);
        let kept = if bound.missed() { "missed" } else { "kept" };
        line("bound", format!("p99 below {}: {kept}, {was}", milliseconds(bound.p99_below_ms)))?;
    }
    for note in &verdict.notes {
        line("note", plain(note))?;
    }
    Ok(())
}

fn rates(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let tally = &record.verdict.tally;
    let mut lines = vec![("measured".to_owned(), format!("{} s", number(record.seconds)))];
    let mut line = |label: &str, text: String| lines.push((label.to_owned(), text));
    let a_second = |number_of: f64| number_of / record.seconds.max(f64::MIN_POSITIVE);
    if tally.sent > 0 {
        let rate = number(a_second(tally.sent as f64));
        line("sent", format!("{}, {rate}/s", many(tally.sent, "update", "updates")));
    }
    if tally.deliveries > 0 {
        let rate = number(record.deliveries_per_second());
        let bytes_in = record.timeline.iter().map(|second| second.bytes_in as f64).reduce(|sum, more| sum + more);
        let bytes_in = bytes_in.map_or_else(String::new, |sum| format!(", {}/s", bytes(a_second(sum))));
        let is_much = tally.deliveries_in_drain > tally.deliveries / 100;
        let late = if is_much {
            format!("; {} of them in the drain", count(tally.deliveries_in_drain))
        } else {
            String::new()
        };
        line("delivered", format!("{}, {rate}/s{bytes_in}{late}", count(tally.deliveries)));
    }
    for server in &record.servers {
        let memory = [server.memory_before_bytes, server.memory_after_bytes, server.memory_peak_bytes];
        let [before, after, peak] = memory.map(|size| bytes(size as f64));
        let (cpu, percent) = (number(server.cpu_seconds), 100.0 * a_second(server.cpu_seconds));
        line("server", format!("pid {}: CPU {cpu} s ({percent:.0} % of a core)", server.pid));
        line("", format!("memory {before} before, {after} after, {peak} at most"));
    }
    if let Some(cpu) = record.cpu_per_delivery_us() {
        line("CPU", format!("{} µs a delivery", number(cpu)));
    }
    for figure in &record.figures {
        line(&plain(&figure.name), format!("{} {}", number(figure.value), plain(&figure.unit)));
    }
    let width = lines.iter().map(|(label, _)| label.chars().count()).fold(LABEL, usize::max);
    lines.iter().try_for_each(|(label, text)| writeln!(out, "  {label:<width$} {text}"))
}

fn latencies(record: &Record, out: &mut impl Write) -> io::Result<()> {
    let mut rows = vec![["", "count", "p50", "p90", "p99", "p99.9", "max"].map(str::to_owned)];
    for (kind, latency) in &record.latencies {
        let [p50, p90, p99, p999] = [0.5, 0.9, 0.99, 0.999].map(|share| milliseconds(latency.quantile_ms(share)));
        let max = milliseconds(latency.max_ms());
        rows.push([kind.label().to_owned(), count(latency.count()), p50, p90, p99, p999, max]);
    }
    columns(&rows, out)
}

fn steps(steps: &[Step], out: &mut impl Write) -> io::Result<()> {
    let mut rows = vec![["offered/s", "delivered/s", "p50", "p99", "lost", "held"].map(str::to_owned)];
    for step in steps {
        rows.push([
            number(step.offered_per_second),
            number(step.deliveries_per_second),
            milliseconds(step.p50_ms),
            milliseconds(step.p99_ms),
            count(step.lost),
            (if step.held { "yes" } else { "no" }).to_owned(),
        ]);
    }
    columns(&rows, out)
}

/// The first column to the left, the others to the right, each as wide as it must be.
fn columns<const COLUMNS: usize>(rows: &[[String; COLUMNS]], out: &mut impl Write) -> io::Result<()> {
    let widths: [usize; COLUMNS] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    for row in rows {
        let cells = row.iter().zip(widths).enumerate().map(|(column, (cell, width))| {
            if column == 0 { format!("{cell:<width$}") } else { format!("{cell:>width$}") }
        });
        writeln!(out, "  {}", cells.collect::<Vec<_>>().join("   ").trim_end())?;
    }
    Ok(())
}

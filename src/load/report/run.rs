//! One run in a report: verdict, the figures that matter, charts, and how it was made.

use jiff::Timestamp;
use maud::{Markup, html};
use serde_json::Value;

use super::charts::charts;
use super::verdict;
use crate::load::record::Record;
use crate::load::words::{self, bytes, count, milliseconds, number};

/// The whole page of one run.
pub(super) fn page(record: &Record) -> Markup {
    html! {
        (heading(record))
        (verdict::banner(record))
        (tiles(record))
        (charts(&[record]))
        (tables(record))
        (made(record))
    }
}

/// What a comparison has for each run, folded away.
pub(super) fn folded(record: &Record) -> Markup {
    html! {
        details.run {
            summary { b { (record.name) } " " (verdict::pill(&record.verdict)) }
            (verdict::banner(record))
            (tiles(record))
            (charts(&[record]))
            (tables(record))
            (made(record))
        }
    }
}

/// A moment, to the minute.
pub(super) fn moment(time: Timestamp) -> String {
    time.strftime("%-d %B %Y, %H:%M UTC").to_string()
}

fn heading(record: &Record) -> Markup {
    html! {
        header {
            h1 { (record.name) }
            p.sub {
                @if record.name != record.scenario { (record.scenario) " " }
                "against " @for (place, url) in record.target.urls.iter().enumerate() { @if place > 0 { ", " } code { (url) } }
                " · " (moment(record.started_at)) " · " (number(record.seconds)) " s measured"
            }
            @if let Some(sentence) = about(&record.scenario) { p.about { (sentence) } }
        }
    }
}

/// What a scenario does, for somebody who does not know it.
fn about(scenario: &str) -> Option<&'static str> {
    Some(match scenario {
        "fanout" => {
            "Writers type into rooms at a steady rate; each piece of text is timed at every other client of its room."
        }
        "saturate" => {
            "Like fanout, faster and faster, until the server no longer delivers everything within the bound."
        }
        "idle" => {
            "People are there and do nothing but say so now and then, to see what each connection costs the server."
        }
        "join" => "Clients open a document of a given size, one by one and then all at once.",
        "storm" => "Everybody is cut off at one moment and comes back at once.",
        "replay" => "The recorded keystrokes of a real document are typed again.",
        "agents" => "Agents flood rooms with their status while people type.",
        "trip" => "People plan trips: they read, type, drag, wait and leave, with agents beside them.",
        "soak" => "A steady load for a long time, to see what grows.",
        "chaos" => "Connections are cut and read slowly while everybody types; in the end all must have the same.",
        _ => return None,
    })
}

fn tiles(record: &Record) -> Markup {
    let mut tiles = Vec::new();
    if record.verdict.tally.deliveries > 0 {
        tiles.push((format!("{}/s", number(record.deliveries_per_second())), "delivered".to_owned()));
    }
    if let Some((kind, latency)) = record.main_latency() {
        for (share, name) in [(0.5, "p50"), (0.99, "p99")] {
            tiles.push((milliseconds(latency.quantile_ms(share)), format!("{} {name}", kind.label())));
        }
        tiles.push((milliseconds(latency.max_ms()), format!("slowest {}", kind.label())));
    }
    if let Some(cpu) = record.cpu_per_delivery_us() {
        tiles.push((format!("{} µs", number(cpu)), "CPU a delivery".to_owned()));
    }
    if let Some(memory) = record.servers.iter().map(|server| server.memory_peak_bytes).max() {
        tiles.push((bytes(memory as f64), "peak memory".to_owned()));
    }
    html! {
        @if !tiles.is_empty() || !record.figures.is_empty() {
            ul.tiles {
                @for (value, name) in tiles { li { b { (value) } span { (name) } } }
                @for figure in &record.figures {
                    li { b { (number(figure.value)) " " small { (figure.unit) } } span { (figure.name) } }
                }
            }
        }
    }
}

fn tables(record: &Record) -> Markup {
    html! {
        @if !record.latencies.is_empty() {
            section.card {
                h2 { "Latencies" }
                div.wide { table {
                    thead { tr { th { "" } th { "count" } th { "mean" } th { "p50" } th { "p90" } th { "p99" } th { "p99.9" } th { "max" } } }
                    tbody { @for (kind, latency) in &record.latencies {
                        tr {
                            th { (kind.label()) }
                            td { (count(latency.count())) }
                            td { (milliseconds(latency.mean_ms())) }
                            @for share in [0.5, 0.9, 0.99, 0.999] { td { (milliseconds(latency.quantile_ms(share))) } }
                            td { (milliseconds(latency.max_ms())) }
                        }
                    } }
                } }
            }
        }
        @if !record.steps.is_empty() {
            section.card {
                h2 { "Rates that were tried" }
                div.wide { table {
                    thead { tr { th { "offered/s" } th { "delivered/s" } th { "p50" } th { "p99" } th { "lost" } th { "held" } } }
                    tbody { @for step in &record.steps {
                        tr {
                            th { (number(step.offered_per_second)) }
                            td { (number(step.deliveries_per_second)) }
                            td { (milliseconds(step.p50_ms)) }
                            td { (milliseconds(step.p99_ms)) }
                            td { (count(step.lost)) }
                            td { @if step.held { "yes" } @else { "no" } }
                        }
                    } }
                } }
            }
        }
    }
}

fn made(record: &Record) -> Markup {
    let machine = &record.machine;
    html! {
        section.card {
            h2 { "How it was made" }
            dl.made {
                dt { "Target" }
                dd { @for url in &record.target.urls { code { (url) } ", " } "protocol " (record.target.protocol) ", path " code { (record.target.path) } }
                dt { "Load tester" }
                dd { "triproom " (record.version) ", seed " (record.seed) }
                dt { "Its machine" }
                dd { (machine.host) ": " (words::many(u64::from(machine.cores), "core", "cores")) " of " (machine.model) ", " (machine.kernel) }
                @for server in &record.servers {
                    dt { "Server" }
                    dd {
                        "process " (server.pid) " on " (server.host) ": CPU " (number(server.cpu_seconds)) " s; memory "
                        (bytes(server.memory_before_bytes as f64)) " before, " (bytes(server.memory_after_bytes as f64)) " after, "
                        (bytes(server.memory_peak_bytes as f64)) " at most"
                    }
                }
                dt { "Again" }
                dd { pre { code { (command(record)) } } }
            }
        }
    }
}

/// The command line that makes such a run; what is secret is not in a record, and so not here.
fn command(record: &Record) -> String {
    let target = &record.target;
    let mut words = vec!["triproom load".to_owned(), quoted(&record.scenario)];
    words.extend(target.urls.iter().flat_map(|url| flag("target", &Value::from(url.as_str()))));
    words.extend(flag("protocol", &Value::from(target.protocol.as_str())));
    words.extend(flag("path", &Value::from(target.path.as_str())));
    words.extend(flag("seed", &Value::from(record.seed)));
    words.extend(record.parameters.iter().flat_map(|(name, value)| flag(name, value)));
    words.join(" ")
}

fn flag(name: &str, value: &Value) -> Vec<String> {
    let flag = quoted(&format!("--{name}"));
    match value {
        Value::Null | Value::Bool(false) => Vec::new(),
        Value::Bool(true) => vec![flag],
        Value::String(text) => vec![flag, quoted(text)],
        Value::Array(values) => values.iter().flat_map(|value| self::flag(name, value)).collect(),
        other => vec![flag, quoted(&other.to_string())],
    }
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let harmless = |letter: char| letter.is_ascii_alphanumeric() || "-_./:,@%+=".contains(letter);
    if !text.is_empty() && text.chars().all(harmless) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hostile_word_stays_one_word() {
        assert_eq!(quoted("it's; rm -rf ~"), r"'it'\''s; rm -rf ~'");
        assert_eq!(quoted("ws://127.0.0.1:8080"), "ws://127.0.0.1:8080");
    }
}

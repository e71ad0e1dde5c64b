//! Runs as one HTML file that somebody who was not there can read, keep and send on. It fetches nothing, needs no script to
//! be read, and runs none but its own: whatever is in a record is escaped, and the page forbids the rest.

mod chart;
mod charts;
mod compare;
mod run;
mod scale;
mod verdict;

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, absolute};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::record::{JsonPlace, Record, RecordError};

const STYLE: &str = include_str!("style.css");
/// What a page says that made it.
const GENERATOR: &str = "triproom load";
const SCRIPT: &str = include_str!("script.js");

/// Finds out before a run whether its page can be written, and that it takes nobody else's place: that of the record of the run
/// neither, which is appended to `json`.
pub fn check(path: &Path, json: Option<&JsonPlace>) -> Result<(), RecordError> {
    if path == Path::new("-") {
        return Err(RecordError::NoPlace);
    }
    if let Some(JsonPlace::File(json)) = json
        && (json == path || absolute(json).ok() == absolute(path).ok())
    {
        return Err(RecordError::SameFile(path.to_owned()));
    }
    if holds_something_else(path) {
        return Err(RecordError::NoReport(path.to_owned()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let found = if path.exists() {
        OpenOptions::new().append(true).open(path).map(drop)
    } else {
        std::fs::read_dir(folder).map(drop)
    };
    found.map_err(|error| RecordError::File { path: path.to_owned(), error })
}

/// Whether there is a file that is not empty and no page.
fn holds_something_else(path: &Path) -> bool {
    let mark = format!("<meta name=\"generator\" content=\"{GENERATOR}\"");
    let mut start = Vec::new();
    let read = |file: File| file.take(1_024).read_to_end(&mut start);
    let is_filled = path.is_file() && File::open(path).and_then(read).map_or(true, |length| length > 0);
    is_filled && !start.windows(mark.len()).any(|here| here == mark.as_bytes())
}

/// Writes the page of these runs; one that is there already is replaced.
pub fn write(records: &[Record], path: &Path) -> Result<(), RecordError> {
    std::fs::write(path, html(records)).map_err(|error| RecordError::File { path: path.to_owned(), error })
}

/// The page of these runs. Several are compared, in the order given.
pub fn html(records: &[Record]) -> String {
    let title = match records {
        [one] => format!("{} · {}", one.name, one.scenario),
        several => format!("{} runs compared", several.len()),
    };
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="generator" content=(GENERATOR);
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @match records {
                        [one] => { (run::page(one)) }
                        several => { (compare::page(several)) }
                    }
                    (how_to_read())
                    footer { "Made by " code { "triproom load" } " " (env!("CARGO_PKG_VERSION")) }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

/// Nothing is fetched, and no other script runs, even if something were not escaped.
fn policy() -> String {
    let hash = BASE64_STANDARD.encode(Sha256::digest(SCRIPT));
    format!("default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{hash}'")
}

fn how_to_read() -> Markup {
    html! {
        details.card {
            summary { "What the words mean" }
            dl {
                dt { "Delivery" }
                dd { "One update of one writer at one other client, also when the server sends several updates in one message. A writer's own update coming back is none." }
                dt { "Latency" }
                dd { "From the moment an update was meant to be sent, by a schedule that does not wait for the server, until it was there. If the load tester or the server held a send up, that is in it." }
                dt { "p50, p99, p99.9" }
                dd { "Half, 99 % and 99.9 % of all took no longer than this." }
                dt { "Lost" }
                dd { "Still missing when the time to drain after the last update was over." }
                dt { "Converged" }
                dd { "After the drain a fresh client reads each room; its text must be what was written, letter by letter, and everybody must have everything." }
                dt { "CPU a delivery" }
                dd { "User and system time of the server's processes while it was measured, divided by the deliveries that came meanwhile." }
                dt { "Load tester kept up" }
                dd { "It sent when it meant to. If not, the figures are about the load tester more than about the server, and are not to be trusted." }
                dt { "Measured" }
                dd { "All figures are of the measured part: neither warm-up nor drain is in them." }
            }
        }
    }
}

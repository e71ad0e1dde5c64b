//! The load tester: scenarios against any server of Yjs documents, over the protocols that their clients speak. It is a client and
//! nothing else: of the server's own parts it uses codecs, and what goes through the bytes of an update (`room/scan`).
//!
//! The way of one run: options → `scenario` → `plan` → `conductor` → `worker`s with their `person`s (warm-up, load, drain) → `check`
//! → `findings` → `record`. Deliveries are counted by `coverage` and timed from the moments of `schedule`.

mod agents;
mod alarm;
mod check;
mod client;
mod conductor;
mod coverage;
mod decoded;
mod ear;
mod eye;
mod faults;
mod findings;
mod growth;
mod hearing;
mod host;
pub mod interrupt;
pub mod latency;
pub mod merge;
mod meter;
mod missing;
mod mix;
pub mod options;
mod patience;
mod person;
mod plan;
mod planner;
mod presence;
mod probe;
pub mod progress;
mod pulse;
pub mod record;
pub mod report;
pub mod scenario;
pub mod scenario_file;
mod schedule;
pub mod session;
mod stage;
pub mod table;
pub mod target;
mod timeline;
mod trace;
pub mod verdict;
mod watch;
pub mod words;
mod worker;
mod writer;

use serde_json::{Map, Value};

use options::Options;
use record::Record;
use scenario::soak::Soak;
use scenario::{LoadError, Scenario};
use session::Session;

/// Runs a scenario, and says what it found.
pub fn run<S: Scenario>(scenario: &S, options: &Options, session: &mut Session<'_>) -> Result<Record, LoadError> {
    if let Some(place) = &options.json {
        place.check()?;
    }
    // Each connection is an open file; what the system does not allow shows when a connection fails.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut findings = scenario.run(options, session)?;
    if S::NAME == Soak::NAME || findings.seconds >= growth::LONG.as_secs_f64() {
        growth::tell(&mut findings);
    }
    Ok(findings.record(S::NAME, parameters(scenario, options), options))
}

/// The scenario's options and the shared ones, by the names of their flags.
fn parameters<S: Scenario>(scenario: &S, options: &Options) -> Map<String, Value> {
    let both = [serde_json::to_value(options), serde_json::to_value(scenario)];
    let fields = both.into_iter().filter_map(|fields| match fields {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    });
    fields.flatten().collect()
}

//! What every scenario has in common, as flags; scenario files in TOML have the same names. Read once by the command, then turned
//! into a plan. Every limit has a default here, and an error that says how to lift it.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::record::JsonPlace;
use super::schedule::Times;
use super::target::{Protocol, Target, TargetError, Written};
use crate::config::duration;

/// The longest that anybody waits for a server.
const PATIENCE_MAX: Duration = Duration::from_hours(24);

/// Options of all scenarios. Times are written like 500ms, 30s or 2m.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Options {
    /// Server to put under load, as ws://host:port; several, or separated by commas, are nodes that clients take turns over
    #[arg(long, value_name = "URL", value_delimiter = ',', help_heading = "Target")]
    #[serde(skip)]
    pub target: Vec<String>,
    /// How the server is spoken to
    #[arg(long, value_enum, default_value = "yjs", value_name = "NAME", help_heading = "Target")]
    #[serde(skip)]
    pub protocol: Protocol,
    /// Path of a room's socket; {room} and {client} are replaced. By protocol: /yjs/{room}, /hocuspocus, /doc/{room}/auth,
    /// /v1/rooms/{room}/socket?name=load-{client}. A bare y-websocket server has /{room}
    #[arg(long, value_name = "PATH", help_heading = "Target")]
    #[serde(skip)]
    pub path: Option<String>,
    /// Token that clients show: as ?token=, or in Hocuspocus' message for it. Never recorded
    #[arg(long, env = "TRIPROOM_LOAD_TOKEN", hide_env_values = true, value_name = "TOKEN", help_heading = "Target")]
    #[serde(skip)]
    pub token: Option<String>,
    /// Header of every connection, as 'Name: value'; may be repeated. Never recorded
    #[arg(long, value_name = "HEADER", help_heading = "Target")]
    #[serde(skip)]
    pub header: Vec<String>,
    /// Process of the server on this machine, whose CPU and memory are measured; several for several nodes
    #[arg(long, allow_negative_numbers = true, value_name = "PID", value_delimiter = ',', help_heading = "Target")]
    #[serde(skip)]
    pub pid: Vec<u32>,

    /// How long is measured
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME", help_heading = "Run")]
    #[serde(serialize_with = "in_words")]
    pub duration: Duration,
    /// How long there is load before that
    #[arg(long, default_value = "5s", value_parser = duration, value_name = "TIME", help_heading = "Run")]
    #[serde(serialize_with = "in_words")]
    pub warm_up: Duration,
    /// How long what was sent may take to arrive after that; what has not is lost
    #[arg(long, default_value = "10s", value_parser = duration, value_name = "TIME", help_heading = "Run")]
    #[serde(serialize_with = "in_words")]
    pub drain: Duration,
    /// How long a server may let somebody wait for a connection, for a document, or for anything new while rooms are checked
    #[arg(long, default_value = "30s", value_parser = duration, value_name = "TIME", help_heading = "Run")]
    #[serde(serialize_with = "in_words")]
    pub patience: Duration,
    /// Threads of the load tester
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=256), allow_negative_numbers = true, value_name = "COUNT", help_heading = "Run")]
    pub threads: u16,
    /// Where randomness comes from: the same seed acts the same way
    #[arg(long, default_value_t = 1, value_parser = seed, allow_negative_numbers = true, value_name = "NUMBER", help_heading = "Run")]
    #[serde(skip)]
    pub seed: u64,
    /// Exit with 4 when 99 % of what is measured is not faster than this
    #[arg(long, value_parser = duration, value_name = "TIME", help_heading = "Run")]
    #[serde(serialize_with = "perhaps_in_words", skip_serializing_if = "Option::is_none")]
    pub p99_below: Option<Duration>,

    /// What the run is called in tables and reports; the scenario's name if nothing is said
    #[arg(long, value_name = "TEXT", help_heading = "Results")]
    #[serde(skip)]
    pub name: Option<String>,
    /// Append the record of the run to this file, as a line of JSON; - is standard output, and the table goes to standard error
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    #[serde(skip)]
    pub json: Option<JsonPlace>,
    /// Write a report with plots, one HTML file
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    #[serde(skip)]
    pub report: Option<PathBuf>,
    /// Show no progress and no table
    #[arg(long, help_heading = "Results")]
    #[serde(skip)]
    pub quiet: bool,
    /// Take options from this TOML file: the names of the flags, and what is said on the command line wins
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    #[serde(skip)]
    pub file: Option<PathBuf>,

    /// Connections at the same time, at most
    #[arg(long, default_value_t = 2_000, value_parser = count, allow_negative_numbers = true, value_name = "COUNT", help_heading = "Limits")]
    pub max_connections: usize,
    /// Updates a second that are sent, at most
    #[arg(
        long,
        default_value_t = 20_000,
        allow_negative_numbers = true,
        value_name = "COUNT",
        help_heading = "Limits"
    )]
    pub max_rate: u32,
    /// Put other machines than this one under load
    #[arg(long, help_heading = "Limits")]
    pub allow_remote: bool,
}

/// Why options do not make a run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum OptionsError {
    /// See there.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// More than is allowed.
    #[error("{0} connections are more than --max-connections {1}: raise it if that is meant")]
    Connections(usize, usize),
    /// More than is allowed.
    #[error("{0} a second is more than --max-rate {1}: raise it if that is meant")]
    Rate(f64, u32),
    /// It makes no sense.
    #[error("{0}")]
    Senseless(String),
}

impl Options {
    /// Where the load goes.
    pub fn target(&self) -> Result<Target, OptionsError> {
        if self.patience.is_zero() || self.patience > PATIENCE_MAX {
            let why = "--patience: more than nothing, and a day at most".to_owned();
            return Err(OptionsError::Senseless(why));
        }
        Ok(Target::parse(Written {
            urls: &self.target,
            protocol: self.protocol,
            path: self.path.as_deref(),
            token: self.token.as_deref(),
            headers: &self.header,
            allows_remote: self.allow_remote,
            patience: self.patience,
        })?)
    }

    /// How long it takes.
    pub fn times(&self) -> Result<Times, OptionsError> {
        if self.duration.is_zero() {
            return Err(OptionsError::Senseless("--duration: nothing is measured in no time".to_owned()));
        }
        Ok(Times { warm_up: self.warm_up, measured: self.duration, drain: self.drain })
    }

    /// How many more connections than so many are allowed at the same time; one at least.
    pub fn left(&self, connections: usize) -> usize {
        self.max_connections.saturating_sub(connections).max(1)
    }

    /// Whether so many connections and updates a second are allowed.
    pub fn allow(&self, connections: usize, rate: f64) -> Result<(), OptionsError> {
        if connections > self.max_connections {
            return Err(OptionsError::Connections(connections, self.max_connections));
        }
        if !rate.is_finite() || rate < 0.0 {
            return Err(OptionsError::Senseless("a rate is a number of things a second, 0 or more".to_owned()));
        }
        // A part of the limit for each writer may add up to a breath more.
        if rate > f64::from(self.max_rate) * (1.0 + 1e-9) {
            return Err(OptionsError::Rate(rate, self.max_rate));
        }
        Ok(())
    }
}

/// How many of something there are, on the command line.
pub fn count(text: &str) -> Result<usize, String> {
    text.parse().map_err(|_| "write a whole number, 0 or more".to_owned())
}

/// A number that randomness comes from, on the command line.
pub fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "write a whole number, 0 or more".to_owned())
}

/// How many things a second, on the command line.
pub fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate: &f64| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| "write a number, 0 or more, like 5 or 0.2".to_owned())
}

/// The same, where none makes no sense.
pub fn some_rate(text: &str) -> Result<f64, String> {
    rate(text).ok().filter(|rate| *rate > 0.0).ok_or_else(|| "write a number of more than 0, like 5 or 0.2".to_owned())
}

/// A time as people write it.
pub fn in_words<S: serde::Serializer>(time: &Duration, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(&humantime::format_duration(*time))
}

/// A size as people write it.
pub fn in_bytes<S: serde::Serializer>(size: &bytesize::ByteSize, out: S) -> Result<S::Ok, S::Error> {
    out.collect_str(size)
}

#[expect(clippy::ref_option, reason = "serde calls it so")]
fn perhaps_in_words<S: serde::Serializer>(time: &Option<Duration>, out: S) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => in_words(time, out),
        None => out.serialize_none(),
    }
}

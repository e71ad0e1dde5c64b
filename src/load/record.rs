//! The record of one run: all that was asked, measured and found, as one JSON object on one line. `load::run` makes it,
//! `--json` keeps it, tables, reports and merges are made of nothing else. `docs/load.md` has its schema.
//! It holds no secret: tokens and headers never get into it.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

pub use super::latency::{Latency, LatencyKind};
pub use super::verdict::{Bound, Generator, Outcome, Tally, Verdict};

/// The version of the schema; a record of another one is not read.
pub const FORMAT: u32 = 1;

/// The longest line of a record: more than a day of seconds.
pub const LINE_LIMIT: u64 = 64 << 20;

/// One run of one scenario. Everything counted was sent in its measured part, and came in it or in the drain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// What the run is called in tables and reports; a person chose it.
    pub name: String,
    /// The scenario's name.
    pub scenario: String,
    /// The scenario's and the shared options, by the names of their flags.
    pub parameters: Map<String, Value>,
    /// What was measured.
    pub target: Target,
    /// When measuring began; second 0 of the timeline.
    pub started_at: Timestamp,
    /// The version of the load tester.
    pub version: String,
    /// What randomness came from.
    pub seed: u64,
    /// Where the load tester ran.
    pub machine: Machine,
    /// Whether the run is to be believed, and what went wrong.
    pub verdict: Verdict,
    /// How long was measured.
    pub seconds: f64,
    /// Which of the latencies the run is about, if that is not the first one that it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub about: Option<LatencyKind>,
    /// By what was waited for; only what the scenario has.
    pub latencies: BTreeMap<LatencyKind, Latency>,
    /// The server's processes, as far as their ids were given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<ServerUse>,
    /// What else the scenario found out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// The rates that were tried one after the other, if the scenario does so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// One entry a second, in order; seconds without any may be missing.
    pub timeline: Vec<Second>,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its nodes, without tokens.
    pub urls: Vec<String>,
    /// `yjs`, `hocuspocus`, `y-sweet` or `events`.
    pub protocol: String,
    /// The template of the path.
    pub path: String,
}

/// A machine that a load tester ran on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Machine {
    /// Its name.
    pub host: String,
    /// How many cores the load tester may use.
    pub cores: u32,
    /// Of its processor.
    pub model: String,
    /// Name and release.
    pub kernel: String,
}

/// What a process of the server used while it was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServerUse {
    /// The machine that it runs on.
    pub host: String,
    /// Its process id there.
    pub pid: u32,
    /// User and system time.
    pub cpu_seconds: f64,
    /// Resident memory before the first client connected.
    pub memory_before_bytes: u64,
    /// The most that was seen.
    pub memory_peak_bytes: u64,
    /// When measuring ended.
    pub memory_after_bytes: u64,
}

/// One figure of a scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    /// In plain words: "memory a connection".
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what: "kB".
    pub unit: String,
}

/// One rate that was tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Deliveries a second if nothing is held up.
    pub offered_per_second: f64,
    /// Deliveries a second that there were.
    pub deliveries_per_second: f64,
    /// Half of the deliveries took no longer.
    pub p50_ms: f64,
    /// 99 % took no longer.
    pub p99_ms: f64,
    /// Deliveries that did not come.
    pub lost: u64,
    /// Whether it was within the bound, with nothing lost and a generator that kept up.
    pub held: bool,
}

/// One second of the measured part.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Second {
    /// Since measuring began, from 0.
    pub second: u64,
    /// Open at its end.
    pub connections: u64,
    /// Logical updates sent.
    pub sent: u64,
    /// Logical updates that came, each at each client.
    pub deliveries: u64,
    /// Bytes that came in, of all connections.
    pub bytes_in: u64,
    /// Of what came in this second; nothing without deliveries.
    pub p50_ms: Option<f64>,
    /// The same.
    pub p99_ms: Option<f64>,
    /// The same.
    pub max_ms: Option<f64>,
    /// 100 is one whole core; of all the server's processes together.
    pub server_cpu_percent: Option<f64>,
    /// Resident; of all the server's processes together.
    pub server_memory_bytes: Option<u64>,
    /// 100 is one whole core.
    pub generator_cpu_percent: Option<f64>,
}

/// Why records cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// No file, no right, no room.
    #[error("{}: {error}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A report is to replace what is none.
    #[error("--report {}: there is something in it that is no report, and would be gone; take another file", .0.display())]
    NoReport(PathBuf),
    /// A record would be replaced by its report.
    #[error("--report {} is the file of --json, too: each needs its own", .0.display())]
    SameFile(PathBuf),
    /// A report is to go to standard output.
    #[error("--report is a file that a browser opens: name it (standard output is for --json -)")]
    NoPlace,
    /// Standard output is closed.
    #[error("cannot write the record to standard output: {0}")]
    Output(io::Error),
    /// It is no record, or one of another format.
    #[error("{}, line {line}: {why}", path.display())]
    Line {
        /// Which file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// Nothing was recorded there.
    #[error("{}: there is no record in it; `triproom load … --json FILE` writes one", path.display())]
    Empty {
        /// Which file.
        path: PathBuf,
    },
}

/// The latency that a run is about: this one, or the first one that it has.
pub(super) fn main_of(
    latencies: &BTreeMap<LatencyKind, Latency>,
    about: Option<LatencyKind>,
) -> Option<(LatencyKind, &Latency)> {
    let named = about.and_then(|kind| latencies.get_key_value(&kind));
    named.or_else(|| latencies.first_key_value()).map(|(kind, latency)| (*kind, latency))
}

impl Record {
    /// The latency that the run is about.
    pub fn main_latency(&self) -> Option<(LatencyKind, &Latency)> {
        main_of(&self.latencies, self.about)
    }

    /// CPU of all the server's processes, in microseconds for each delivery that came while it was measured; nothing without a process, or where deliveries are not
    /// what was measured.
    pub fn cpu_per_delivery_us(&self) -> Option<f64> {
        let deliveries = self.verdict.tally.deliveries_in_time();
        (deliveries > 0 && !self.servers.is_empty() && self.latencies.contains_key(&LatencyKind::Delivery))
            .then(|| self.servers.iter().map(|server| server.cpu_seconds).sum::<f64>() * 1e6 / deliveries as f64)
    }

    /// Deliveries a second over the whole measured part.
    pub fn deliveries_per_second(&self) -> f64 {
        self.verdict.tally.deliveries_in_time() as f64 / self.seconds.max(f64::MIN_POSITIVE)
    }

    /// Reads one line. The outcome is judged anew from what was counted: a line cannot call a bad run good.
    pub fn parse(line: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct OfFormat {
            format: u32,
        }
        let of: OfFormat = serde_json::from_str(line).map_err(|error| error.to_string())?;
        if of.format != FORMAT {
            return Err(format!("it is a record of format {}, and this triproom reads {FORMAT}", of.format));
        }
        let mut record: Self = serde_json::from_str(line).map_err(|error| error.to_string())?;
        record.verdict = record.verdict.judged();
        Ok(record)
    }

    /// The one line, without its end.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers are JSON")
    }
}

/// Where `--json` keeps records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JsonPlace {
    /// `-`
    Output,
    /// A line is appended for each run.
    File(PathBuf),
}

impl FromStr for JsonPlace {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(if text == "-" { Self::Output } else { Self::File(PathBuf::from(text)) })
    }
}

impl JsonPlace {
    /// Finds out before a run whether its record can be kept.
    pub fn check(&self) -> Result<(), RecordError> {
        match self {
            Self::Output => Ok(()),
            Self::File(path) => appending(path).map(drop),
        }
    }

    /// Appends the record.
    pub fn append(&self, record: &Record) -> Result<(), RecordError> {
        let line = format!("{}\n", record.line());
        match self {
            Self::Output => io::stdout().write_all(line.as_bytes()).map_err(RecordError::Output),
            Self::File(path) => appending(path)?
                .write_all(line.as_bytes())
                .map_err(|error| RecordError::File { path: path.clone(), error }),
        }
    }
}

fn appending(path: &Path) -> Result<File, RecordError> {
    let opened = OpenOptions::new().create(true).append(true).open(path);
    opened.map_err(|error| RecordError::File { path: path.to_owned(), error })
}

/// All records of a file, in order; at least one.
pub fn read(path: &Path) -> Result<Vec<Record>, RecordError> {
    let failed = |error| RecordError::File { path: path.to_owned(), error };
    let mut input = BufReader::new(File::open(path).map_err(failed)?);
    let mut records = Vec::new();
    for number in 1.. {
        let mut line = String::new();
        if input.by_ref().take(LINE_LIMIT).read_line(&mut line).map_err(failed)? == 0 {
            break;
        }
        if line.trim().is_empty() {
            continue;
        }
        let record = Record::parse(&line);
        records.push(record.map_err(|why| RecordError::Line { path: path.to_owned(), line: number, why })?);
    }
    if records.is_empty() {
        return Err(RecordError::Empty { path: path.to_owned() });
    }
    Ok(records)
}

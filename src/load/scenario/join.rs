//! `join`: people open a document of some size, one after the other, then all at once. What a join takes, and what it costs.

use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::{JoinSet, LocalSet};
use yrs::{GetString, Text, Transact};

use super::{LoadError, Scenario, Session, run_name};
use crate::load::conductor::RunError;
use crate::load::findings::Findings;
use crate::load::host::{self, Process};
use crate::load::latency::{Latency, LatencyKind};
use crate::load::options::{Options, OptionsError, in_bytes};
use crate::load::probe::{self, PATIENCE, Probe, ProbeError};
use crate::load::progress::Phase;
use crate::load::target::Target;
use crate::load::writer::ROOT;
use bytesize::ByteSize;

/// How big the document is, and how many open it.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Join {
    /// Letters in the document
    #[arg(long, default_value = "1MB", value_name = "SIZE")]
    #[serde(serialize_with = "in_bytes")]
    pub size: ByteSize,
    /// Pieces that it was written in, each at a place of its own: what was written here and there is dearer than what was typed
    /// from beginning to end
    #[arg(long, default_value_t = 1_000, value_name = "COUNT")]
    pub pieces: u32,
    /// Clients that open it one after the other
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    pub joins: usize,
    /// Clients that then open it at the same time
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    pub at_once: usize,
}

/// What was measured.
#[derive(Default)]
struct Joins {
    one_by_one: Latency,
    at_once: Latency,
    all: Duration,
    cpu_one_by_one: Option<f64>,
    memory_at_once: Option<u64>,
    complete: u64,
    incomplete: u64,
    reasons: Vec<String>,
}

impl Scenario for Join {
    const NAME: &'static str = "join";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let size = usize::try_from(self.size.as_u64()).unwrap_or(usize::MAX);
        if size == 0 || size > 256 << 20 || self.pieces == 0 || self.pieces as usize > size {
            let why = "--size: up to 256 MiB; --pieces: at least one, and at most one a letter";
            return Err(OptionsError::Senseless(why.to_owned()).into());
        }
        options.allow(self.at_once.max(2), 0.0)?;
        let target = options.target()?;
        let before = host::servers(&options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Failed)?;
        session.progress.begin(Phase::Connecting, None);
        let begun = (Timestamp::now(), Instant::now(), Process::This.used().unwrap_or_default());
        let joins = LocalSet::new().block_on(&runtime, self.act(&target, size, options, session));
        let joins = joins.map_err(|error| RunError::NobodyJoined(error.to_string()))?;
        let seconds = begun.1.elapsed().as_secs_f64();
        let cpu = Process::This.used().unwrap_or_default().cpu_seconds - begun.2.cpu_seconds;
        let mut findings = Findings::empty(begun.0, seconds);
        findings.generator.cpu_percent = 100.0 * cpu / seconds;
        findings.servers = host::uses(&options.pid, &before);
        self.conclude(&mut findings, joins);
        Ok(findings)
    }
}

impl Join {
    async fn act(
        &self,
        target: &Target,
        size: usize,
        options: &Options,
        session: &mut Session<'_>,
    ) -> Result<Joins, ProbeError> {
        let room = Rc::new(format!("load-{}-0", run_name()));
        let text: Rc<str> = self.write(target, &room, size, options.seed).await?.into();
        session.progress.begin(Phase::Measuring, None);
        let mut joins = Joins::default();
        let cpu = host::cpu(&options.pid);
        for client in 0..self.joins {
            let joined = join(target, &room, client).await;
            joins.take(joined, &text, Part::OneByOne);
        }
        joins.cpu_one_by_one = host::cpu(&options.pid).zip(cpu).map(|(after, before)| after - before);
        let memory = host::begin_peak(&options.pid);
        let mut joining = JoinSet::new();
        let start = Instant::now();
        for client in 0..self.at_once {
            let (target, room) = (target.clone(), Rc::clone(&room));
            joining.spawn_local(async move { join(&target, &room, client).await });
        }
        let all = joining.join_all().await;
        joins.all = start.elapsed();
        joins.memory_at_once = host::peak(&options.pid).zip(memory).map(|(peak, before)| peak.saturating_sub(before));
        for joined in all {
            joins.take(joined, &text, Part::AtOnce);
        }
        Ok(joins)
    }

    /// Writes the document, and is done when somebody else can read all of it.
    async fn write(&self, target: &Target, room: &str, size: usize, seed: u64) -> Result<String, ProbeError> {
        let mut random = fastrand::Rng::with_seed(seed);
        let doc = probe::document(u64::from(random.u32(1 << 30..)));
        let text = doc.get_or_insert_text(ROOT);
        let mut writer = Probe::open(target, room, 0, vec![0, 0]).await?;
        writer.state().await?;
        for piece in 0..self.pieces as usize {
            let letters = size * (piece + 1) / self.pieces as usize - size * piece / self.pieces as usize;
            let letters: String = (0..letters).map(|_| random.lowercase()).collect();
            let update = {
                let mut txn = doc.transact_mut();
                let length = text.len(&txn);
                text.insert(&mut txn, random.u32(..=length), &letters);
                txn.encode_update_v1()
            };
            writer.send(&update)?;
        }
        let written = text.get_string(&doc.transact());
        let deadline = Instant::now() + PATIENCE;
        loop {
            let read = join(target, room, 1).await?;
            if read.text()? == written {
                writer.close();
                return Ok(written);
            }
            if Instant::now() > deadline {
                return Err(ProbeError::TooSlow);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn conclude(&self, findings: &mut Findings, joins: Joins) {
        let connections = (self.joins + self.at_once) as u64;
        let tally = &mut findings.tally;
        (tally.connections, tally.expected_deliveries) = (connections, connections);
        (tally.deliveries, tally.lost) = (joins.complete, joins.incomplete);
        (tally.rooms_checked, tally.rooms_diverged) = (1, u64::from(joins.incomplete > 0));
        findings.notes.extend(joins.reasons);
        if let Some(cpu) = joins.cpu_one_by_one {
            findings.figure("CPU a join", cpu * 1e3 / self.joins.max(1) as f64, "ms");
        }
        if self.at_once > 0 {
            findings.figure("all at once", joins.all.as_secs_f64() * 1e3, "ms until the last was in");
            findings.figure("half at once", joins.at_once.quantile_ms(0.5), "ms until half were in");
        }
        if let Some(memory) = joins.memory_at_once {
            findings.figure("memory", memory as f64 / 1e6, "MB more than before while all came in at once");
        }
        findings.latencies.insert(LatencyKind::Join, joins.one_by_one);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    OneByOne,
    AtOnce,
}

impl Joins {
    fn take(&mut self, joined: Result<Joined, ProbeError>, text: &str, part: Part) {
        let checked = joined.and_then(|joined| Ok((joined.took, joined.text()? == text)));
        match checked {
            Ok((took, true)) => {
                self.complete += 1;
                let latency = if part == Part::AtOnce { &mut self.at_once } else { &mut self.one_by_one };
                latency.record(took);
            }
            Ok((_, false)) => self.fail("a client that joined has another text than was written".to_owned()),
            Err(error) => self.fail(error.to_string()),
        }
    }

    fn fail(&mut self, reason: String) {
        self.incomplete += 1;
        if !self.reasons.contains(&reason) && self.reasons.len() < 5 {
            self.reasons.push(reason);
        }
    }
}

/// What a client got, and how long it took.
struct Joined {
    took: Duration,
    updates: Vec<Vec<u8>>,
}

impl Joined {
    fn text(&self) -> Result<String, ProbeError> {
        let doc = probe::document(1);
        let text = doc.get_or_insert_text(ROOT);
        probe::apply(&doc, &self.updates)?;
        let txn = doc.transact();
        Ok(text.get_string(&txn))
    }
}

async fn join(target: &Target, room: &str, client: usize) -> Result<Joined, ProbeError> {
    let start = Instant::now();
    let mut probe = Probe::open(target, room, client, vec![0, 0]).await?;
    let updates = probe.state().await?;
    let took = start.elapsed();
    probe.close();
    Ok(Joined { took, updates })
}

//! `join`: people open a document of some size, one after the other, then all at once. What a join takes, and what it costs.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::{JoinHandle, JoinSet, LocalSet};
use yrs::{GetString, Text, Transact};

use super::{LoadError, Scenario, run_name};
use crate::load::client::Say;
use crate::load::client::known::Known;
use crate::load::conductor::RunError;
use crate::load::faults::Faults;
use crate::load::findings::Findings;
use crate::load::host;
use crate::load::interrupt::Interrupt;
use crate::load::latency::{Latency, LatencyKind};
use crate::load::options::{Options, OptionsError, count, in_bytes};
use crate::load::probe::{self, Probe, ProbeError, Voice};
use crate::load::progress::{Moment, Phase};
use crate::load::pulse::Pulse;
use crate::load::session::Session;
use crate::load::target::Target;
use crate::load::verdict::Generator;
use crate::load::writer::ROOT;
use bytesize::ByteSize;

/// How often is told how many have come.
const SHOWN_EVERY: Duration = Duration::from_secs(1);

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
    #[arg(long, default_value_t = 1_000, allow_negative_numbers = true, value_name = "COUNT")]
    pub pieces: u32,
    /// Clients that open it one after the other
    #[arg(long, default_value_t = 100, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub joins: usize,
    /// Clients that then open it at the same time
    #[arg(long, default_value_t = 50, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub at_once: usize,
}

/// What was measured.
#[derive(Default)]
struct Joins {
    /// That it was stopped early, if it was.
    stopped: Option<String>,
    one_by_one: Latency,
    /// How many came one by one, whether they got in or not.
    came: usize,
    cpu_one_by_one: Option<f64>,
    at_once: Latency,
    /// How long it took until all were in who came at once, if all did.
    all: Option<Duration>,
    memory_at_once: Option<u64>,
    complete: u64,
    wrong: u64,
    faults: Faults,
    generator: Generator,
    /// In which parts the generator was too slow, in words.
    doubts: Vec<String>,
}

impl Scenario for Join {
    const NAME: &'static str = "join";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let size = usize::try_from(self.size.as_u64()).unwrap_or(usize::MAX);
        if size == 0 || size > 256 << 20 || self.pieces == 0 || self.pieces as usize > size {
            let why = "--size: up to 256 MiB; --pieces: at least one, and at most one a letter";
            return Err(OptionsError::Senseless(why.to_owned()).into());
        }
        options.allow(self.at_once.max(1).saturating_add(1), 0.0)?;
        let target = options.target()?;
        let before = host::servers(&options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Failed)?;
        session.progress.begin(Phase::Connecting, None);
        let (started_at, start) = (Timestamp::now(), Instant::now());
        let joins = LocalSet::new().block_on(&runtime, self.act(&target, size, options, session))?;
        let mut findings = Findings::empty(started_at, start.elapsed().as_secs_f64());
        findings.servers = host::uses(&options.pid, &before);
        Self::conclude(&mut findings, joins);
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
    ) -> Result<Joins, RunError> {
        let room = Rc::new(format!("load-{}-0", run_name()));
        let known = Rc::default();
        let writing = async {
            let writer = Writer::come(target, &room).await?;
            let text = self.write(&writer.voice, target, &room, &known, (size, options.seed)).await?;
            Ok::<_, ProbeError>((writer, text))
        };
        let (writer, text) = session.interrupt.unless_stopped(writing).await.ok_or(RunError::Stopped)??;
        session.progress.begin(Phase::Measuring, None);
        let (mut joins, right) = (Joins::default(), RefCell::default());
        let place = Place { target, room, text, pids: &options.pid, known, right };
        let is_whole = self.one_by_one(&place, session, &mut joins).await?
            && (self.at_once == 0 || self.at_once(&place, session.interrupt, &mut joins).await?);
        if !is_whole {
            if joins.came == 0 {
                return Err(RunError::Stopped);
            }
            let left_out = if self.at_once > 0 { "; those who come at once are left out" } else { "" };
            let came = format!("after {} of {} clients who come one by one", joins.came, self.joins);
            joins.stopped = Some(format!("stopped early by a signal, {came}{left_out}"));
        }
        writer.go(&mut joins.faults).await;
        Ok(joins)
    }

    /// Clients come one after the other; whether all did.
    async fn one_by_one(
        &self,
        place: &Place<'_>,
        session: &mut Session<'_>,
        joins: &mut Joins,
    ) -> Result<bool, RunError> {
        let (mut pulse, cpu) = (Pulse::new()?, host::cpu(place.pids));
        let mut shown = Instant::now();
        for client in 0..self.joins {
            let joining = pulse.during(join(place.target, &place.room, client, &place.known));
            let Some(joined) = session.interrupt.unless_stopped(joining).await else { break };
            joins.came += 1;
            joins.take(joined?, place, Part::OneByOne);
            if shown.elapsed() >= SHOWN_EVERY {
                shown = Instant::now();
                session.progress.show(&joins.moment(self.joins));
            }
        }
        joins.cpu_one_by_one = host::cpu(place.pids).zip(cpu).map(|(after, before)| after - before);
        joins.judge_generator(&pulse, Part::OneByOne);
        Ok(joins.came == self.joins)
    }

    /// Clients come all at once; whether all did. Of those who were to and did not nothing is taken down.
    async fn at_once(&self, place: &Place<'_>, interrupt: &Interrupt, joins: &mut Joins) -> Result<bool, RunError> {
        let (mut pulse, memory) = (Pulse::new()?, host::begin_peak(place.pids));
        let mut joining = JoinSet::new();
        let start = Instant::now();
        for client in 0..self.at_once {
            let (target, room, known) = (place.target.clone(), Rc::clone(&place.room), Rc::clone(&place.known));
            joining.spawn_local(async move { join(&target, &room, client, &known).await });
        }
        let Some(all) = interrupt.unless_stopped(pulse.during(joining.join_all())).await else { return Ok(false) };
        let all = all?;
        let took = start.elapsed();
        joins.all = all.iter().all(Result::is_ok).then_some(took);
        joins.memory_at_once = host::peak(place.pids).zip(memory).map(|(peak, before)| peak.saturating_sub(before));
        for joined in all {
            joins.take(joined, place, Part::AtOnce);
        }
        joins.judge_generator(&pulse, Part::AtOnce);
        Ok(true)
    }

    /// Writes the document, and is done when somebody else can read all of it, or could have long since.
    async fn write(
        &self,
        writer: &Voice,
        target: &Target,
        room: &str,
        known: &Rc<Known>,
        (size, seed): (usize, u64),
    ) -> Result<String, ProbeError> {
        let mut random = fastrand::Rng::with_seed(seed);
        let doc = probe::document(u64::from(random.u32(1 << 30..)));
        let text = doc.get_or_insert_text(ROOT);
        for piece in 0..self.pieces as usize {
            let letters = size * (piece + 1) / self.pieces as usize - size * piece / self.pieces as usize;
            let letters: String = (0..letters).map(|_| random.lowercase()).collect();
            let update = {
                let mut txn = doc.transact_mut();
                let length = text.len(&txn);
                text.insert(&mut txn, random.u32(..=length), &letters);
                txn.encode_update_v1()
            };
            writer.say(Say::Update(&update))?;
        }
        let written = text.get_string(&doc.transact());
        let deadline = Instant::now() + target.patience;
        loop {
            let read = join(target, room, 1, known).await?;
            if read.text()? == written || Instant::now() > deadline {
                return Ok(written);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn conclude(findings: &mut Findings, joins: Joins) {
        let tally = &mut findings.tally;
        let joined = joins.complete + joins.wrong;
        (tally.connections, tally.expected_deliveries) = (joined, joined);
        (tally.deliveries, tally.lost) = (joins.complete, joins.wrong);
        (tally.rooms_checked, tally.rooms_diverged) = (u64::from(joined > 0), u64::from(joins.wrong > 0));
        if joins.wrong > 0 {
            findings.notes.push("clients that joined have another text than was written".to_owned());
        }
        findings.notes.extend(joins.stopped);
        joins.faults.conclude(findings);
        findings.generator = joins.generator;
        findings.notes.extend(joins.doubts);
        if let Some(cpu) = joins.cpu_one_by_one {
            findings.figure("CPU a join", cpu * 1e3 / joins.came.max(1) as f64, "ms");
        }
        if let Some(all) = joins.all {
            findings.figure("all at once", all.as_secs_f64() * 1e3, "ms until the last was in");
        }
        if joins.at_once.count() > 0 {
            findings.figure("half at once", joins.at_once.quantile_ms(0.5), "ms until half were in");
        }
        if let Some(memory) = joins.memory_at_once {
            findings.figure("memory", memory as f64 / 1e6, "MB more than before while all came in at once");
        }
        findings.latencies.insert(LatencyKind::Join, joins.one_by_one);
    }
}

/// Where clients come, and what they are to find.
struct Place<'a> {
    target: &'a Target,
    room: Rc<String>,
    text: String,
    pids: &'a [u32],
    /// What clients hear there.
    known: Rc<Known>,
    /// What one of them has got that was right.
    right: RefCell<Vec<Bytes>>,
}

impl Place<'_> {
    /// Whether somebody has got what was written. Nearly all get the same bytes, of which a document is made once.
    fn is_right(&self, joined: &Joined) -> Result<bool, ProbeError> {
        let is_known = !joined.updates.is_empty() && *self.right.borrow() == joined.updates;
        if is_known || joined.text()? != self.text {
            return Ok(is_known);
        }
        self.right.replace(joined.updates.clone());
        Ok(true)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    OneByOne,
    AtOnce,
}

impl Joins {
    fn take(&mut self, joined: Result<Joined, ProbeError>, place: &Place<'_>, part: Part) {
        let checked = joined.and_then(|joined| Ok((joined.took, place.is_right(&joined)?)));
        match checked {
            Ok((took, true)) => {
                self.complete += 1;
                let latency = if part == Part::AtOnce { &mut self.at_once } else { &mut self.one_by_one };
                latency.record(took);
            }
            Ok((_, false)) => self.wrong += 1,
            Err(error) => self.faults.add("a client that joins", &error),
        }
    }

    /// How it stands while they come one by one, of whom there are to be so many.
    fn moment(&self, wanted: usize) -> Moment {
        let some = |figure: f64| (self.one_by_one.count() > 0).then_some(figure);
        Moment {
            connections: self.came as u64,
            wanted_connections: wanted as u64,
            p50_ms: some(self.one_by_one.quantile_ms(0.5)),
            p99_ms: some(self.one_by_one.quantile_ms(0.99)),
            errors: self.came as u64 - self.complete,
            ..Moment::default()
        }
    }

    /// How the generator did: as in the part where it did worse.
    fn judge_generator(&mut self, pulse: &Pulse, part: Part) {
        let measured = if part == Part::AtOnce { &self.at_once } else { &self.one_by_one };
        let now =
            Generator { tick_lag_p99_ms: pulse.late_p99_ms(), cpu_percent: pulse.cpu_percent(), ..self.generator }
                .judged(1, measured.quantile_ms(0.99));
        let before = self.generator;
        if now.saturated {
            self.doubts.push(match part {
                Part::OneByOne => "the load tester was too slow for those who came one by one".to_owned(),
                Part::AtOnce => "the load tester was too slow for those who came at once, and not the server alone: fewer of them (--at-once) or a smaller document (--size) it may read in time".to_owned(),
            });
        }
        self.generator = Generator {
            saturated: before.saturated || now.saturated,
            send_lag_p99_ms: 0.0,
            tick_lag_p99_ms: before.tick_lag_p99_ms.max(now.tick_lag_p99_ms),
            // Known in both parts or in none.
            cpu_percent: before.cpu_percent.into_iter().chain(now.cpu_percent).reduce(f64::max),
        };
    }
}

/// Who writes the document, and stays: a server that keeps documents in memory alone forgets those that nobody has open.
struct Writer {
    voice: Rc<Voice>,
    listening: JoinHandle<ProbeError>,
}

impl Writer {
    async fn come(target: &Target, room: &str) -> Result<Self, ProbeError> {
        let mut probe = Probe::open(target, room, 0, vec![0, 0]).await?;
        probe.state().await?;
        let voice = probe.voice();
        let listening = tokio::task::spawn_local(async move {
            loop {
                if let Err(error) = probe.next().await {
                    break error;
                }
            }
        });
        Ok(Self { voice, listening })
    }

    /// Goes, if it is still there.
    async fn go(self, faults: &mut Faults) {
        if self.listening.is_finished() {
            self.listening.await.iter().for_each(|error| faults.add("who wrote the document", error));
        } else {
            self.listening.abort();
            self.voice.close();
        }
    }
}

/// What a client got, and how long it took.
struct Joined {
    took: Duration,
    updates: Vec<Bytes>,
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

async fn join(target: &Target, room: &str, client: usize, known: &Rc<Known>) -> Result<Joined, ProbeError> {
    let start = Instant::now();
    let mut probe = Probe::open(target, room, client, vec![0, 0]).await?.share(known);
    let updates = probe.state().await?.updates;
    let took = start.elapsed();
    probe.close();
    Ok(Joined { took, updates })
}

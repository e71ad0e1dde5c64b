//! One run of a crowd: starts the threads of the generator, leads them from phase to phase, watches the server's processes, and adds
//! up what was measured. Called by the scenarios; knows nothing of any one of them.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use humantime::format_duration;
use jiff::Timestamp;
use tokio::sync::watch;

use super::agents;
use super::check::{self, Checked};
use super::host;
use super::meter::{Counts, Measure, Meter};
use super::missing::Missing;
use super::plan::{Made, Plan, Stopped};
use super::probe::ProbeError;
use super::progress::{self, Moment, Progress};
use super::record::{Second, ServerUse};
use super::schedule::nanoseconds;
use super::session::Session;
use super::watch::{Sample, Watch, percent};
use super::worker::{self, Notes, Orders, Phase, Report};

/// Between the last preparation and the first edit.
const BREATH: Duration = Duration::from_millis(100);
const SECOND: u64 = 1_000_000_000;
/// How many times as long as one of them all people together may take to come in.
const GATHERING: u32 = 20;
/// How long threads may take to end.
const ENDING: Duration = Duration::from_mins(10);

/// Why a run could not be.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Nobody could connect.
    #[error("nobody could join: {0} (do --protocol and --path fit the server?)")]
    NobodyJoined(String),
    /// People do not come in.
    #[error("after {} there are still people who have not joined", format_duration(*.0))]
    TooSlow(Duration),
    /// It was stopped too early.
    #[error("stopped by a signal before anything was measured: there is no result")]
    Stopped,
    /// The generator fails.
    #[error("the load tester cannot go on: {0}")]
    Failed(#[from] io::Error),
    /// There is no such process, or it is not to be looked at.
    #[error("--pid {0}: {1}")]
    NoProcess(u32, io::Error),
}

/// Of a scenario without a crowd.
impl From<ProbeError> for RunError {
    fn from(error: ProbeError) -> Self {
        Self::NobodyJoined(error.to_string())
    }
}

/// What a run has found.
#[derive(Debug)]
pub struct Found {
    /// When measuring began.
    pub started_at: Timestamp,
    /// How long was measured.
    pub seconds: f64,
    /// After how long of that the run was stopped, if it was before its time.
    pub stopped: Option<Duration>,
    /// Everything that was measured, and counted from the first connection on.
    pub meter: Meter,
    /// See there.
    pub missing: Missing,
    /// See there.
    pub notes: Notes,
    /// What fresh clients have read.
    pub checked: Checked,
    /// See there.
    pub servers: Vec<ServerUse>,
    /// Of the generator: 100 is a whole core; nothing where that is not known.
    pub generator_cpu_percent: Option<f64>,
    /// See there.
    pub timeline: Vec<Second>,
}

/// Runs a plan, and looks at these processes of the server meanwhile. Where it is stopped early, the rest of what is measured is left
/// out, and all else is as ever.
pub fn conduct(plan: &Arc<Plan>, pids: &[u32], session: &mut Session<'_>) -> Result<Found, RunError> {
    let watch = Watch::new(pids).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
    let (phase, heard) = watch::channel(Phase::Gathering);
    let (reports, inbox) = channel();
    let made = Arc::new(Made::new(plan));
    let mut threads = Vec::new();
    for number in 0..plan.threads {
        let orders = Orders {
            plan: Arc::clone(plan),
            made: Arc::clone(&made),
            number,
            phase: heard.clone(),
            interrupt: session.interrupt.clone(),
            reports: reports.clone(),
        };
        let thread = std::thread::Builder::new().name(format!("load {number}"));
        threads.push(thread.spawn(move || worker::run(orders))?);
    }
    if plan.agents.is_some() {
        let orders = agents::Orders { plan: Arc::clone(plan), made: Arc::clone(&made), phase: heard, reports };
        let thread = std::thread::Builder::new().name("load agents".to_owned());
        threads.push(thread.spawn(move || agents::run(orders))?);
    }
    let mut conductor = Conductor {
        plan: Arc::clone(plan),
        made,
        phase,
        inbox,
        watch,
        total: Meter::default(),
        telling: BTreeMap::new(),
        seconds: Vec::new(),
        samples: Vec::new(),
        told: Told::default(),
        stopped: None,
    };
    let found = conductor.run(session.progress);
    // Threads end when they hear nothing more.
    drop(conductor);
    let _ = threads.into_iter().map(JoinHandle::join).collect::<Vec<_>>();
    found
}

/// What is kept of a second.
struct Summary {
    end: u64,
    counts: Counts,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    max_ms: Option<f64>,
}

impl Summary {
    fn of(end: u64, meter: &Meter) -> Self {
        let delivery = meter.latency(Measure::Delivery);
        let some = |figure: f64| (delivery.count() > 0).then_some(figure);
        let quantile = |share| some(delivery.quantile_ms(share));
        let (p50_ms, p99_ms, max_ms) = (quantile(0.5), quantile(0.99), some(delivery.max_ms()));
        Self { end, counts: meter.counts, p50_ms, p99_ms, max_ms }
    }
}

/// How many threads have said what.
#[derive(Default)]
struct Told {
    gathered: usize,
    /// People who came.
    came: usize,
    sent: usize,
    arrived: usize,
    done: usize,
    missing: Missing,
    notes: Notes,
    /// When the run was to end early.
    stopped: Option<Instant>,
}

impl Told {
    fn is_stopped(&self) -> bool {
        self.stopped.is_some()
    }
}

struct Conductor {
    plan: Arc<Plan>,
    made: Arc<Made>,
    phase: watch::Sender<Phase>,
    inbox: Receiver<Report>,
    watch: Watch,
    total: Meter,
    /// What the threads say of seconds that not all have told of, by when they ended, and how many have.
    telling: BTreeMap<u64, (usize, Meter)>,
    /// Seconds that all have told of, without what hours of them would fill.
    seconds: Vec<Summary>,
    /// At the beginning of what is measured, and after each second of it.
    samples: Vec<Sample>,
    told: Told,
    /// How long was measured, if that is less than was planned.
    stopped: Option<Duration>,
}

impl Conductor {
    fn run(&mut self, progress: &mut Progress) -> Result<Found, RunError> {
        let (threads, all) = (self.plan.threads, self.all_threads());
        progress.begin(progress::Phase::Connecting, None);
        let patience = self.plan.target.patience * GATHERING;
        let until = Instant::now() + patience;
        self.listen(until, progress, |told| told.gathered == all || told.is_stopped())?;
        if self.told.is_stopped() {
            return Err(RunError::Stopped);
        }
        if self.told.gathered < all {
            return Err(RunError::TooSlow(patience));
        }
        if self.told.came == 0 {
            // Nobody waits for a load that cannot be.
            self.tell(Phase::Ending);
            self.listen(Instant::now() + ENDING, progress, |told| told.done == threads)?;
            return Err(RunError::NobodyJoined(self.told.notes.reasons.join("; ")));
        }
        let began = Instant::now() + BREATH;
        self.tell(Phase::Load(began));
        let started_at = Timestamp::now() + BREATH + self.plan.times.warm_up;
        self.lead(began, progress)?;
        progress.begin(progress::Phase::Draining, Some(self.plan.times.drain));
        self.tell(Phase::Draining);
        let until = Instant::now() + self.plan.times.drain;
        self.listen(until, progress, |told| told.arrived == threads)?;
        progress.begin(progress::Phase::Checking, None);
        self.tell(Phase::Checking);
        let checked = check::rooms(&self.plan, &self.made)?;
        self.tell(Phase::Ending);
        self.listen(Instant::now() + ENDING, progress, |told| told.done == all)?;
        if self.told.done < all {
            return Err(io::Error::other("a thread of it does not answer, and what it saw is not known").into());
        }
        // Seconds that not all threads have told of.
        for (_, second) in std::mem::take(&mut self.telling).into_values() {
            self.total.add(&second);
        }
        Ok(self.found(started_at, checked))
    }

    /// The threads of people, and that of the agents if there are any.
    fn all_threads(&self) -> usize {
        self.plan.threads + usize::from(self.plan.agents.is_some())
    }

    fn tell(&self, phase: Phase) {
        let _ = self.phase.send(phase);
    }

    /// From the first edit to the last, which may be later than planned, and earlier where it is stopped.
    fn lead(&mut self, began: Instant, progress: &mut Progress) -> Result<(), RunError> {
        let (all, times) = (self.all_threads(), self.plan.times);
        let measuring = began + times.warm_up;
        if !times.warm_up.is_zero() {
            progress.begin(progress::Phase::WarmUp, Some(times.warm_up));
        }
        self.listen(measuring, progress, Told::is_stopped)?;
        if self.told.is_stopped() {
            return Err(RunError::Stopped);
        }
        progress.begin(progress::Phase::Measuring, Some(times.measured));
        let end = measuring + times.measured;
        self.samples.push(self.watch.look());
        let mut next = measuring + Duration::from_secs(1);
        while next < end {
            self.listen(next, progress, Told::is_stopped)?;
            if self.told.is_stopped() {
                break;
            }
            self.samples.push(self.watch.look());
            next += Duration::from_secs(1);
        }
        self.listen(end, progress, Told::is_stopped)?;
        self.samples.push(self.watch.look());
        let late = Instant::now() + times.load() + times.drain;
        self.listen(late, progress, |told| told.sent == all || told.is_stopped())?;
        let Some(stopped) = self.told.stopped.filter(|stopped| *stopped < end || self.told.sent < all) else {
            return Ok(());
        };
        if self.plan.stopped == Stopped::Dropped {
            return Err(RunError::Stopped);
        }
        self.stopped = Some((stopped - measuring).min(times.measured));
        self.tell(Phase::Ceasing(began));
        self.listen(Instant::now() + ENDING, progress, |told| told.sent == all)
    }

    /// Hears reports until a moment, or until enough was said.
    fn listen(
        &mut self,
        until: Instant,
        progress: &mut Progress,
        enough: impl Fn(&Told) -> bool,
    ) -> Result<(), RunError> {
        while !enough(&self.told) {
            match self.inbox.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(report) => self.hear(report, progress)?,
                Err(RecvTimeoutError::Timeout) => break,
                Err(RecvTimeoutError::Disconnected) => return Err(io::Error::other("its threads are gone").into()),
            }
        }
        Ok(())
    }

    fn hear(&mut self, report: Report, progress: &mut Progress) -> Result<(), RunError> {
        match report {
            Report::Gathered(people) => {
                self.told.gathered += 1;
                self.told.came += people;
            }
            Report::Sent => self.told.sent += 1,
            Report::Stopped => self.told.stopped = self.told.stopped.or(Some(Instant::now())),
            Report::Arrived => self.told.arrived += 1,
            Report::Failed(error) => return Err(error.into()),
            Report::Done(meter, missing, notes) => {
                self.told.done += 1;
                self.total.add(&meter);
                self.told.missing.add(&missing);
                self.told.notes.add(notes);
            }
            Report::Second(end, meter) => {
                let (threads, second) = self.telling.entry(end).or_default();
                *threads += 1;
                second.add(&meter);
                if *threads == self.plan.threads
                    && let Some((_, second)) = self.telling.remove(&end)
                {
                    self.total.add(&second);
                    let summary = Summary::of(end, &second);
                    progress.show(&self.moment(&summary));
                    self.seconds.push(summary);
                }
            }
        }
        Ok(())
    }

    /// What a person is told of a second.
    fn moment(&self, second: &Summary) -> Moment {
        let (counts, so_far) = (second.counts, self.total.counts);
        let cpu = self.samples.last_chunk::<2>().and_then(|[before, after]| percent(before, after, Sample::server_cpu));
        Moment {
            connections: so_far.joined - so_far.left,
            wanted_connections: self.plan.people() as u64,
            sent_per_second: counts.sent_at_all as f64,
            deliveries_per_second: counts.deliveries_at_all as f64,
            bytes_in_per_second: counts.bytes_in as f64,
            p50_ms: second.p50_ms,
            p99_ms: second.p99_ms,
            errors: so_far.refused + so_far.closed + so_far.corrupted + so_far.doubled + so_far.denied,
            server_cpu_percent: cpu,
        }
    }

    fn found(&mut self, started_at: Timestamp, checked: Checked) -> Found {
        let mut told = std::mem::take(&mut self.told);
        let (first, last) = (self.samples.first().expect("the first"), self.samples.last().expect("the last"));
        let seconds = (last.at - first.at).as_secs_f64();
        let generator = percent(first, last, |sample| sample.generator);
        let gone = self.watch.pids().iter().zip(&last.servers).filter(|(_, used)| used.is_none());
        told.notes
            .reasons
            .extend(gone.map(|(pid, _)| format!("process {pid} ended before the load did: its figures end there")));
        Found {
            started_at,
            seconds,
            stopped: self.stopped,
            missing: told.missing,
            notes: told.notes,
            checked,
            servers: self.servers(),
            generator_cpu_percent: generator,
            timeline: self.timeline(),
            meter: self.total.take(),
        }
    }

    fn servers(&self) -> Vec<ServerUse> {
        let host = host::machine().host;
        let of = |(index, pid): (usize, &u32)| {
            let before = self.watch.before()[index];
            // One that is gone is known until then.
            let known = self.samples.iter().filter_map(|sample| sample.servers[index]);
            let (first, last) = (known.clone().next().unwrap_or(before), known.clone().next_back().unwrap_or(before));
            ServerUse {
                host: host.clone(),
                pid: *pid,
                cpu_seconds: (last.cpu_seconds - first.cpu_seconds).max(0.0),
                memory_before_bytes: before.memory_bytes,
                memory_peak_bytes: known.map(|used| used.memory_bytes).fold(before.memory_bytes, u64::max),
                memory_after_bytes: last.memory_bytes,
            }
        };
        self.watch.pids().iter().enumerate().map(of).collect()
    }

    fn timeline(&self) -> Vec<Second> {
        let warm_up = nanoseconds(self.plan.times.warm_up);
        // Of a second in which the run was stopped, part is not of it: that one is left out.
        let last = match self.stopped {
            Some(after) => warm_up + nanoseconds(after),
            None => nanoseconds(self.plan.times.load()) + SECOND - 1,
        };
        let mut connections = 0;
        let mut timeline = Vec::new();
        for Summary { end, counts, p50_ms, p99_ms, max_ms } in &self.seconds {
            connections += counts.joined;
            connections = connections.saturating_sub(counts.left);
            if *end <= warm_up || *end > last {
                continue;
            }
            let second = (end - warm_up) / SECOND - 1;
            let index = usize::try_from(second).unwrap_or(usize::MAX);
            let samples = self.samples.get(index).zip(self.samples.get(index.saturating_add(1)));
            timeline.push(Second {
                second,
                connections,
                sent: counts.sent_at_all,
                deliveries: counts.deliveries_at_all,
                bytes_in: counts.bytes_in,
                p50_ms: *p50_ms,
                p99_ms: *p99_ms,
                max_ms: *max_ms,
                server_cpu_percent: samples.and_then(|(before, after)| percent(before, after, Sample::server_cpu)),
                server_memory_bytes: samples.and_then(|(_, after)| after.server_memory()),
                generator_cpu_percent: samples
                    .and_then(|(before, after)| percent(before, after, |sample| sample.generator)),
            });
        }
        timeline
    }
}

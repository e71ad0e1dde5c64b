//! `replay`: a real editing history, each of its edits an update, at a steady rate. What a keystroke costs, how soon a reader sees
//! it, and how soon its author hears that it is kept, where the server says so by sending it back.

use std::cell::RefCell;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::LocalSet;
use yrs::{Doc, GetString, TextRef, Transact};

use super::{LoadError, Scenario, run_name};
use crate::load::alarm::Alarm;
use crate::load::client::Say;
use crate::load::conductor::RunError;
use crate::load::ear::{Ear, Meant};
use crate::load::faults::Faults;
use crate::load::findings::Findings;
use crate::load::host::{self, Begun, Used};
use crate::load::interrupt;
use crate::load::latency::{Latency, LatencyKind};
use crate::load::options::{Options, OptionsError, count, some_rate};
use crate::load::probe::{self, Probe, ProbeError, Voice};
use crate::load::progress::Phase;
use crate::load::record::Second;
use crate::load::session::Session;
use crate::load::target::{Protocol, Target};
use crate::load::timeline::{There, Timeline};
use crate::load::trace::{Trace, TraceError, text_of};
use crate::load::writer::ROOT;

/// How often is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(20);
/// Between the last who comes in and the first edit.
const BREATH: Duration = Duration::from_millis(100);

/// What is replayed, and how fast.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Replay {
    /// Editing trace, in a form of github.com/josephg/editing-traces, perhaps with .gz
    #[arg(long, value_name = "FILE")]
    pub trace: PathBuf,
    /// Edits of it that are replayed; all, if nothing is said
    #[arg(long, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edits: Option<usize>,
    /// Edits a second, of all authors together
    #[arg(long, default_value_t = 1_000.0, value_parser = some_rate, allow_negative_numbers = true, value_name = "NUMBER")]
    pub rate: f64,
    /// People who read
    #[arg(long, default_value_t = 1, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub readers: usize,
}

impl Scenario for Replay {
    const NAME: &'static str = "replay";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        options.allow(self.readers + 2, self.rate)?;
        let target = options.target()?;
        let is_senseless = self.rate <= 0.0 || self.edits == Some(0) || target.protocol == Protocol::Events;
        if is_senseless {
            let why = "--rate and --edits: more than nothing; --protocol: one with a document";
            return Err(OptionsError::Senseless(why.to_owned()).into());
        }
        session.progress.begin(Phase::Connecting, None);
        session.progress.note("making the updates of the trace");
        let mut trace = self.open(session)?.map_err(|error| OptionsError::Senseless(error.to_string()))?;
        // And a fresh client.
        options.allow(trace.clients.len() + self.readers + 1, self.rate)?;
        host::servers(&options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Failed)?;
        let replayed = LocalSet::new().block_on(&runtime, self.act(&mut trace, &target, options, session))?;
        let mut findings = Findings::empty(replayed.started_at, replayed.used.seconds);
        replayed.conclude(&mut findings, &trace);
        Ok(findings)
    }
}

/// What was measured.
#[derive(Default)]
struct Replayed {
    started_at: Timestamp,
    /// That it was stopped early, if it was.
    stopped: Option<String>,
    late: Latency,
    saved: Latency,
    delivery: Latency,
    deliveries: u64,
    expected: u64,
    doubled: u64,
    out_of_order: u64,
    used: Used,
    diverged: Vec<String>,
    faults: Faults,
    rooms_checked: u64,
    connections: u64,
    timeline: Vec<Second>,
}

/// How far the sending is.
struct Sender {
    start: Instant,
    /// How late each edit was sent, but for what the server took of that.
    late: Latency,
    sent: usize,
}

/// Somebody who hears what authors write; readers keep it.
struct Listener {
    is_author: bool,
    voice: Rc<Voice>,
    ear: Ear,
    /// Rings when the ear has heard something.
    heard: Rc<Notify>,
    /// What a reader has heard and not put into its document yet: nobody is held up by that while keystrokes are timed.
    updates: Vec<Bytes>,
    doc: Doc,
    text: TextRef,
    /// What ended it.
    fault: Option<ProbeError>,
}

impl Listener {
    fn new(is_author: bool, voice: Rc<Voice>, ear: Ear) -> Self {
        let doc = probe::document(1);
        let text = doc.get_or_insert_text(ROOT);
        let heard = Rc::default();
        Self { is_author, voice, ear, heard, updates: Vec::new(), doc, text, fault: None }
    }

    /// An author says what it writes.
    fn send(&mut self, update: &[u8]) {
        if let Err(error) = self.voice.say(Say::Update(update)) {
            self.fault.get_or_insert(error);
        }
    }

    /// Whether it waits for nothing: it has seen all edits of others, or does not have to.
    fn has_heard(&self, meant: &Meant) -> bool {
        self.fault.is_some() || self.ear.seen(meant) == self.ear.expected(meant)
    }

    /// Whether all of its own edits have come back, if they do come back.
    fn has_back(&self, meant: &Meant) -> bool {
        !self.is_author || self.fault.is_some() || self.ear.back.count() == 0 || self.ear.has_own(meant)
    }

    /// Whether it has this text, or does not have to.
    fn is_right(&mut self, wanted: &str) -> bool {
        let heard = std::mem::take(&mut self.updates);
        if let Err(error) = probe::apply(&self.doc, &heard) {
            self.fault.get_or_insert(error);
        }
        self.is_author || self.fault.is_some() || self.text.get_string(&self.doc.transact()) == wanted
    }
}

impl Replay {
    /// Makes the updates, which takes some seconds for a long trace: nobody has to wait for them who has had enough.
    fn open(&self, session: &Session<'_>) -> Result<Result<Trace, TraceError>, RunError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        let (path, most) = (self.trace.clone(), self.edits.unwrap_or(usize::MAX));
        let opening = runtime.spawn_blocking(move || Trace::open(&path, most));
        let opened = runtime.block_on(session.interrupt.unless_stopped(opening));
        runtime.shutdown_background();
        opened.ok_or(RunError::Stopped)?.map_err(|error| RunError::Failed(error.into()))
    }

    /// Replays a trace, of which only what was sent is left.
    async fn act(
        &self,
        trace: &mut Trace,
        target: &Target,
        options: &Options,
        session: &mut Session<'_>,
    ) -> Result<Replayed, RunError> {
        let room = format!("load-{}-0", run_name());
        let meant = Rc::new(Meant::new(trace.clients.clone()));
        let mut faults = Faults::default();
        let gathering = self.gather(trace, target, &room, &meant, &mut faults);
        let listeners = session.interrupt.unless_stopped(gathering).await.ok_or(RunError::Stopped)??;
        let (start, started_at) = (Instant::now() + BREATH, Timestamp::now() + BREATH);
        let planned = self.moment(start, trace.steps.len()) - start;
        session.progress.begin(Phase::Measuring, Some(planned));
        let begun = Begun::at(start, &options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let mut timeline = Timeline::begin(start, &options.pid, &meant.lately)
            .map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let there = || there(&listeners);
        let (mut sender, drain) = (Sender { start, late: Latency::default(), sent: 0 }, options.drain);
        let sending = self.send(trace, &meant, drain, &listeners, &mut sender);
        let sending = session.interrupt.unless_stopped(sending);
        let sent = timeline.during(session.progress, &meant.lately, there, sending).await;
        let is_stopped = sent.transpose()?.is_none();
        let stopped = is_stopped.then(|| interrupt::note(start.elapsed(), planned));
        let sending = (begun.used(), timeline.count());
        if sender.sent == 0 {
            return Err(RunError::Stopped);
        }
        trace.truncate(sender.sent)?;
        session.progress.begin(Phase::Draining, Some(options.drain));
        let until = Instant::now() + options.drain;
        let arriving = wait(until, || listeners.iter().all(|listener| listener.borrow().has_heard(&meant)));
        let has_arrived = timeline.during(session.progress, &meant.lately, there, arriving).await;
        // Of a drain that was waited for in vain nothing is measured.
        let (used, seconds) = if has_arrived { (begun.used(), usize::MAX) } else { sending };
        // What only deletes leaves no clocks: only the text shows whether it has come.
        wait(until, || listeners.iter().all(|listener| listener.borrow_mut().is_right(&trace.text))).await;
        // Last, for a server may send back some edits and not others.
        wait(until, || listeners.iter().all(|listener| listener.borrow().has_back(&meant))).await;
        session.progress.begin(Phase::Checking, None);
        let (mut diverged, mut rooms_checked) = (Vec::new(), 1);
        match compare(target, &room, trace, options.drain).await {
            Ok(true) => {}
            Ok(false) => diverged.push("a fresh client has another text than was written".to_owned()),
            Err(error) => {
                rooms_checked = 0;
                faults.add("a fresh client", &error);
            }
        }
        let mut replayed = Replayed {
            started_at,
            stopped,
            late: sender.late,
            used,
            diverged,
            faults,
            rooms_checked,
            connections: listeners.len() as u64,
            timeline: timeline.seconds(seconds),
            ..Replayed::default()
        };
        for listener in &listeners {
            replayed.take(&mut listener.borrow_mut(), trace, &meant);
        }
        Ok(replayed)
    }

    /// When an edit is meant.
    fn moment(&self, start: Instant, number: usize) -> Instant {
        start + Duration::from_secs_f64(number as f64 / self.rate)
    }

    /// Everybody comes in: the authors, in their order, and then those readers who can.
    async fn gather(
        &self,
        trace: &Trace,
        target: &Target,
        room: &str,
        meant: &Rc<Meant>,
        faults: &mut Faults,
    ) -> Result<Vec<Rc<RefCell<Listener>>>, ProbeError> {
        let mut listeners = Vec::new();
        for client in 0..trace.clients.len() + self.readers {
            let author = (client < trace.clients.len()).then_some(client);
            let probe = match come(target, room, client).await {
                Ok(probe) => probe,
                // Without its authors there is nothing to replay.
                Err(error) if author.is_some() => return Err(error),
                Err(error) => {
                    faults.add("a reader", &error);
                    continue;
                }
            };
            let ear = Ear::new(author, trace.clients.len());
            let listener = Rc::new(RefCell::new(Listener::new(author.is_some(), probe.voice(), ear)));
            tokio::task::spawn_local(listen(probe, Rc::clone(&listener), Rc::clone(meant)));
            listeners.push(listener);
        }
        Ok(listeners)
    }

    /// Sends each edit when it is meant, and not before its author has heard what it builds on, as in life.
    async fn send(
        &self,
        trace: &Trace,
        meant: &Meant,
        patience: Duration,
        listeners: &[Rc<RefCell<Listener>>],
        sender: &mut Sender,
    ) -> Result<(), RunError> {
        let alarm = Alarm::new()?;
        let (mut free, mut waits) = (sender.start, true);
        for (number, step) in trace.steps.iter().enumerate() {
            let moment = self.moment(sender.start, number);
            alarm.until(moment).await?;
            sender.late.record(moment.max(free).elapsed());
            if waits && !listeners[step.author].borrow().ear.has(&step.upon) {
                // What has not come by then is lost, and nobody waits for it again.
                waits = hear(&listeners[step.author], &step.upon, patience).await;
                free = Instant::now();
            }
            meant.add(step.author, step.end, moment);
            listeners[step.author].borrow_mut().send(&step.update);
            sender.sent += 1;
            if number % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }
}

impl Replayed {
    fn conclude(self, findings: &mut Findings, trace: &Trace) {
        let tally = &mut findings.tally;
        tally.sent = trace.steps.len() as u64;
        (tally.expected_deliveries, tally.deliveries) = (self.expected, self.deliveries);
        tally.lost = self.expected - self.deliveries;
        (tally.doubled, tally.out_of_order) = (self.doubled, self.out_of_order);
        (tally.rooms_checked, tally.rooms_diverged) = (self.rooms_checked, u64::from(!self.diverged.is_empty()));
        tally.rooms_unchecked = 1 - self.rooms_checked;
        tally.connections = self.connections;
        findings.notes.extend(self.stopped);
        findings.notes.extend(self.diverged);
        self.faults.conclude(findings);
        findings.generator.cpu_percent = self.used.generator_cpu_percent;
        findings.generator.send_lag_p99_ms = self.late.quantile_ms(0.99);
        findings.judge_generator(1, self.delivery.quantile_ms(0.99));
        findings.servers = self.used.servers;
        findings.timeline = self.timeline;
        if !findings.servers.is_empty() {
            let cpu: f64 = findings.servers.iter().map(|server| server.cpu_seconds).sum();
            findings.figure("CPU an edit", cpu * 1e6 / trace.steps.len().max(1) as f64, "µs");
        }
        findings.figure("letters", trace.text.len() as f64, "in the text at the end");
        for (kind, latency) in [(LatencyKind::Delivery, self.delivery), (LatencyKind::Saved, self.saved)] {
            if latency.count() > 0 {
                findings.latencies.insert(kind, latency);
            }
        }
    }

    fn take(&mut self, listener: &mut Listener, trace: &Trace, meant: &Meant) {
        let is_right = listener.is_right(&trace.text);
        listener.voice.close();
        if let Some(fault) = &listener.fault {
            self.faults.add(if listener.is_author { "an author" } else { "a reader" }, fault);
        }
        self.saved.add(&listener.ear.back);
        self.doubled += listener.ear.doubled;
        self.out_of_order += listener.ear.out_of_order;
        self.delivery.add(&listener.ear.times);
        let seen = listener.ear.seen(meant) as u64;
        self.deliveries += seen;
        if listener.fault.is_some() {
            // Nothing more was to come to it than what has.
            self.expected += seen;
            return;
        }
        self.expected += listener.ear.expected(meant) as u64;
        if !is_right {
            self.diverged.push("a reader has another text than was written".to_owned());
        }
    }
}

fn there(listeners: &[Rc<RefCell<Listener>>]) -> There {
    let all = listeners.len() as u64;
    let errors = listeners.iter().filter(|listener| listener.borrow().fault.is_some()).count() as u64;
    There { connections: all - errors, wanted: all, errors }
}

/// Waits until something holds, or until this moment; whether it does.
async fn wait(until: Instant, mut holds: impl FnMut() -> bool) -> bool {
    while !holds() {
        if Instant::now() >= until {
            return false;
        }
        tokio::time::sleep(LOOK).await;
    }
    true
}

/// Waits until somebody has heard others up to these clocks, or is gone; whether that came to be.
async fn hear(listener: &RefCell<Listener>, upon: &[(usize, u32)], patience: Duration) -> bool {
    let heard = Rc::clone(&listener.borrow().heard);
    let hearing = async {
        while listener.borrow().fault.is_none() && !listener.borrow().ear.has(upon) {
            heard.notified().await;
        }
    };
    tokio::time::timeout(patience, hearing).await.is_ok()
}

/// Connects, and has the document.
async fn come(target: &Target, room: &str, client: usize) -> Result<Probe, ProbeError> {
    let mut probe = Probe::open(target, room, client, vec![0, 0]).await?;
    probe.state().await?;
    Ok(probe)
}

async fn listen(mut probe: Probe, listener: Rc<RefCell<Listener>>, meant: Rc<Meant>) {
    loop {
        let brought = probe.next().await;
        let mut listener = listener.borrow_mut();
        match brought {
            Ok(brought) => {
                let kind = brought.kind();
                meant.lately.reads(brought.bytes);
                for update in brought.updates {
                    if let Err(error) = listener.ear.hear(kind, &update, &meant) {
                        listener.fault.get_or_insert(ProbeError::Unreadable(error.to_string()));
                    }
                    if !listener.is_author {
                        listener.updates.push(update);
                    }
                }
                listener.heard.notify_one();
            }
            Err(error) => {
                listener.fault.get_or_insert(error);
                listener.heard.notify_one();
                return;
            }
        }
    }
}

/// Reads the room as somebody new would, until it is right; whether it is in the end.
async fn compare(target: &Target, room: &str, trace: &Trace, patience: Duration) -> Result<bool, ProbeError> {
    let until = Instant::now() + patience;
    loop {
        let mut probe = Probe::open(target, room, 0, vec![0, 0]).await?;
        let updates = probe.state().await?.updates;
        probe.close();
        let is_right = text_of(&updates)? == trace.text;
        if is_right || Instant::now() > until {
            return Ok(is_right);
        }
        tokio::time::sleep(LOOK).await;
    }
}

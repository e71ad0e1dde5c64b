//! `trip`: a planning session as people have them. They read, type into the notes, drag items from day to day, do something else,
//! leave and come back; agents say how they are and write a line now and then. Everybody has a real document, and in the end all
//! documents are to be the same.

use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::{JoinSet, LocalSet};

use super::{LoadError, Scenario, run_name};
use crate::load::alarm::Alarm;
use crate::load::conductor::RunError;
use crate::load::faults::Faults;
use crate::load::findings::{Findings, unseen};
use crate::load::host::{self, Begun, Used};
use crate::load::interrupt;
use crate::load::latency::{Latency, LatencyKind};
use crate::load::mix::{Act, DEFAULT, Mix, Who};
use crate::load::options::{Options, OptionsError, count};
use crate::load::planner::{Planner, Room};
use crate::load::probe::ProbeError;
use crate::load::progress::Phase;
use crate::load::record::Second;
use crate::load::session::Session;
use crate::load::target::{Protocol, Target};
use crate::load::timeline::{There, Timeline};

/// How often is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(20);

/// Who plans.
#[derive(Debug, Clone, Args, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Trip {
    /// People in the room
    #[arg(long, default_value_t = 12, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub people: usize,
    /// Agents in the room
    #[arg(long, default_value_t = 2, value_parser = count, allow_negative_numbers = true, value_name = "COUNT")]
    pub agents: usize,
    /// What people do how often, in TOML; src/load/scenario/trip-mix.toml is what is used otherwise
    #[arg(long, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mix: Option<PathBuf>,
}

impl Scenario for Trip {
    const NAME: &'static str = "trip";

    fn run(&self, options: &Options, session: &mut Session<'_>) -> Result<Findings, LoadError> {
        let senseless = |why: &dyn std::fmt::Display| OptionsError::Senseless(why.to_string());
        let read = |path: &PathBuf| {
            fs::read_to_string(path).map_err(|error| senseless(&format!("--mix {}: {error}", path.display())))
        };
        let text = self.mix.as_ref().map(read).transpose()?;
        let mix = Mix::parse(text.as_deref().unwrap_or(DEFAULT)).map_err(|error| senseless(&error))?;
        let target = options.target()?;
        if self.people == 0 || target.protocol == Protocol::Events {
            return Err(senseless(&"--people: at least one; --protocol: one with a document").into());
        }
        options.allow(self.people + self.agents + 1, mix.busiest(self.people, self.agents))?;
        host::servers(&options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(RunError::Failed)?;
        session.progress.begin(Phase::Connecting, None);
        let planned = LocalSet::new().block_on(&runtime, self.act(&mix, &target, options, session))?;
        let mut findings = Findings::empty(planned.started_at, planned.used.seconds);
        planned.conclude(&mut findings);
        Ok(findings)
    }
}

/// What was measured.
#[derive(Default)]
struct Planned {
    started_at: Timestamp,
    used: Used,
    /// That it was stopped early, if it was.
    stopped: Option<String>,
    late: Latency,
    delivery: Latency,
    saved: Latency,
    reconnect: Latency,
    status: Latency,
    statuses: u64,
    statuses_lost: u64,
    corrupt: u64,
    edits: u64,
    expected: u64,
    deliveries: u64,
    doubled: u64,
    out_of_order: u64,
    diverged: Vec<String>,
    faults: Faults,
    rooms_checked: u64,
    connections: u64,
    timeline: Vec<Second>,
}

/// Those who are on the way back, and how long it took them.
type Returning = JoinSet<Result<Duration, ProbeError>>;

impl Trip {
    async fn act(
        &self,
        mix: &Mix,
        target: &Target,
        options: &Options,
        session: &mut Session<'_>,
    ) -> Result<Planned, RunError> {
        let all = self.people + self.agents;
        let name = format!("load-{}-0", run_name());
        let room = Rc::new(Room::new(target.clone(), name, self.people, self.agents));
        let mut planned = Planned::default();
        let gathering = self.gather(&room, &mut planned.faults);
        let people = session.interrupt.unless_stopped(gathering).await.ok_or(RunError::Stopped)??;
        people[0].furnish(&room.meant);
        let mut random = fastrand::Rng::with_seed(options.seed);
        let mut acts = Vec::new();
        for person in &people {
            let who = if person.number < self.people { Who::Person } else { Who::Agent };
            let day = mix.day(who, options.duration, &mut random);
            acts.extend(day.into_iter().map(|(moment, act)| (moment, act, Rc::clone(person))));
        }
        acts.sort_by_key(|(moment, ..)| *moment);
        session.progress.begin(Phase::Measuring, Some(options.duration));
        planned.connections = people.len() as u64;
        let (mut returning, start) = (JoinSet::new(), Instant::now());
        planned.started_at = Timestamp::now();
        let begun = Begun::at(start, &options.pid).map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let times = (start, start + options.duration);
        let mut timeline = Timeline::begin(start, &options.pid, &room.meant.lately)
            .map_err(|(pid, error)| RunError::NoProcess(pid, error))?;
        let playing = play(times, &acts, &room, &mut planned, &mut random, &mut returning);
        let playing = session.interrupt.unless_stopped(playing);
        let played = timeline.during(session.progress, &room.meant.lately, || there(&people), playing).await;
        let is_stopped = played.transpose()?.is_none();
        planned.timeline = timeline.seconds(usize::MAX);
        planned.used = begun.used();
        planned.stopped = is_stopped.then(|| interrupt::note(start.elapsed(), options.duration));
        // Who is on the way comes in.
        planned.wait_for(returning).await;
        session.progress.begin(Phase::Draining, Some(options.drain));
        // Not every server tells who comes back of those who are there: that is for each to say again.
        for person in &people {
            person.announce(&room);
        }
        let until = Instant::now() + options.drain;
        while !people.iter().all(|person| person.has_all(&people, &room)) && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
        session.progress.begin(Phase::Checking, None);
        for person in &people {
            planned.take(person, &people, &room);
        }
        planned.check(&people, all, &room).await;
        for person in &people {
            person.go();
        }
        Ok(planned)
    }

    /// Everybody who can comes in. At least somebody.
    async fn gather(&self, room: &Rc<Room>, faults: &mut Faults) -> Result<Vec<Rc<Planner>>, ProbeError> {
        let (mut people, mut refused) = (Vec::new(), None);
        let all = self.people + self.agents;
        for number in 0..all {
            let person = Rc::new(Planner::new(number, all + 1));
            match person.come(room).await {
                Ok(()) => people.push(person),
                Err(error) => {
                    faults.add("somebody who comes in", &error);
                    refused = Some(error);
                }
            }
        }
        refused.filter(|_| people.is_empty()).map_or(Ok(people), Err)
    }
}

fn there(people: &[Rc<Planner>]) -> There {
    let count = |which: fn(&Rc<Planner>) -> bool| people.iter().filter(|person| which(person)).count() as u64;
    let errors = count(|person| person.fault.borrow().is_some());
    There { connections: count(|person| person.is_here()), wanted: people.len() as u64, errors }
}

/// Does everything when it is meant, until the end. Some may still be on the way back then.
async fn play(
    (start, end): (Instant, Instant),
    acts: &[(Duration, Act, Rc<Planner>)],
    room: &Rc<Room>,
    planned: &mut Planned,
    random: &mut fastrand::Rng,
    returning: &mut Returning,
) -> Result<(), RunError> {
    let alarm = Alarm::new()?;
    for (moment, act, person) in acts {
        let moment = start + *moment;
        alarm.until(moment).await?;
        planned.late.record(moment.elapsed());
        match act {
            Act::Type => person.letter(&room.meant, moment, random),
            Act::Line => person.line(&room.meant, moment),
            Act::Drag => person.drag(&room.meant, moment, random),
            Act::Point => person.point(room, moment),
            Act::Leave => person.go(),
            Act::Return => {
                let (comer, room) = (Rc::clone(person), Rc::clone(room));
                let coming = returning.spawn_local(async move {
                    comer.ear.borrow_mut().begin_anew();
                    comer.eye.borrow_mut().begin_anew();
                    comer.come(&room).await.map(|()| moment.elapsed())
                });
                // Who goes before it has come does not come.
                person.listening.replace(Some(coming));
            }
        }
    }
    alarm.until(end).await?;
    Ok(())
}

impl Planned {
    /// Waits until all are back, or cannot come.
    async fn wait_for(&mut self, mut returning: Returning) {
        while let Some(returned) = returning.join_next().await {
            match returned {
                Ok(Ok(took)) => {
                    self.connections += 1;
                    self.reconnect.record(took);
                }
                Ok(Err(error)) => self.faults.add("somebody who comes back", &error),
                // It went again before it was there.
                Err(error) if error.is_cancelled() => {}
                Err(error) => self.diverged.push(error.to_string()),
            }
        }
    }

    fn take(&mut self, person: &Planner, people: &[Rc<Planner>], room: &Room) {
        let (ear, eye, meant) = (person.ear.borrow(), person.eye.borrow(), &room.meant);
        self.status.add(&eye.times);
        self.corrupt += eye.wrong;
        if person.is_here() {
            let (all, lost) = person.statuses(people, room);
            self.statuses += all;
            self.statuses_lost += lost;
        }
        self.delivery.add(&ear.times);
        self.saved.add(&ear.back);
        self.doubled += ear.doubled;
        self.out_of_order += ear.out_of_order;
        let seen = ear.seen(meant) as u64;
        self.deliveries += seen;
        // To who is not here nothing more was to come than what has.
        self.expected += if person.is_here() { meant.of_others(Some(person.number)) as u64 } else { seen };
        self.edits = meant.of_others(None) as u64;
        if let Some(fault) = &*person.fault.borrow() {
            self.faults.add(&format!("person {}", person.number), fault);
        }
    }

    /// Everybody's document, and that of somebody new, are to be the same.
    async fn check(&mut self, people: &[Rc<Planner>], number: usize, room: &Rc<Room>) {
        let fresh = Rc::new(Planner::new(number, number + 1));
        if let Err(error) = fresh.come(room).await {
            self.faults.add("a fresh client", &error);
            return;
        }
        self.rooms_checked = 1;
        self.corrupt += fresh.eye.borrow().wrong;
        let wanted = fresh.content();
        let differ = people.iter().filter(|person| person.is_here() && person.content() != wanted).count();
        if differ > 0 {
            self.diverged.push(format!("{differ} people have another document than a fresh client"));
        }
        fresh.go();
    }

    fn conclude(self, findings: &mut Findings) {
        let tally = &mut findings.tally;
        (tally.sent, tally.expected_deliveries, tally.deliveries) = (self.edits, self.expected, self.deliveries);
        tally.lost = self.expected - self.deliveries;
        (tally.doubled, tally.out_of_order, tally.corrupt) = (self.doubled, self.out_of_order, self.corrupt);
        (tally.statuses_expected, tally.statuses_lost) = (self.statuses, self.statuses_lost);
        (tally.rooms_checked, tally.rooms_diverged) = (self.rooms_checked, u64::from(!self.diverged.is_empty()));
        tally.rooms_unchecked = 1 - self.rooms_checked;
        tally.connections = self.connections;
        findings.generator.cpu_percent = self.used.generator_cpu_percent;
        findings.servers = self.used.servers;
        findings.timeline = self.timeline;
        findings.notes.extend(self.stopped);
        findings.notes.extend(self.diverged);
        findings.notes.extend(unseen(self.statuses_lost));
        self.faults.conclude(findings);
        findings.generator.send_lag_p99_ms = self.late.quantile_ms(0.99);
        findings.judge_generator(1, self.delivery.quantile_ms(0.99));
        let kinds = [
            (LatencyKind::Delivery, self.delivery),
            (LatencyKind::Reconnect, self.reconnect),
            (LatencyKind::Saved, self.saved),
            (LatencyKind::Status, self.status),
        ];
        findings.latencies.extend(kinds.into_iter().filter(|(_, latency)| latency.count() > 0));
    }
}

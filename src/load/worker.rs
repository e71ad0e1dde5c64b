//! One thread of the generator: its part of the crowd on a runtime of its own, and a pacer that does what is due. Started by
//! `conductor`, which tells it when a phase begins; it answers by reports. Threads share nothing but how many edits were made.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{AbortHandle, LocalSet};

use super::alarm::Alarm;
use super::interrupt::Interrupt;
use super::meter::{Measure, Meter};
use super::missing::Missing;
use super::person::{Person, live};
use super::plan::{Made, Plan};
use super::schedule::{Schedule, nanoseconds};
use super::stage::{RoomHere, Stage};
use super::writer::EDIT;

/// How often a thread looks how late it comes to look.
const TICK: u64 = 5_000_000;
/// How often it looks whether everything has arrived.
const LOOK: u64 = 10_000_000;
const SECOND: u64 = 1_000_000_000;
/// Things that are done in a row before sockets are read again.
const IN_A_ROW: usize = 256;
/// A thread that has so many to do at once is so busy that it does what comes within a moment together.
const BUSY: usize = 16;
const MOMENT: Duration = Duration::from_millis(1);

/// Where a run stands; what the conductor tells all threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// People come in.
    Gathering,
    /// The load begins at this moment.
    Load(Instant),
    /// The run was stopped: of the load that began at this moment nothing more is sent, and nothing more goes wrong on purpose.
    Ceasing(Instant),
    /// Everything was sent; it may arrive.
    Draining,
    /// What has not arrived by now is lost, whatever comes later.
    Checking,
    /// People go.
    Ending,
}

/// What a thread tells the conductor.
#[derive(Debug)]
pub enum Report {
    /// Everybody is there, or could not come: so many people of this thread came.
    Gathered(usize),
    /// A second is over, which ended so many nanoseconds after the load began.
    Second(u64, Box<Meter>),
    /// The run is to end early.
    Stopped,
    /// Everything was sent, or nothing more is.
    Sent,
    /// Everything has arrived.
    Arrived,
    /// The end: what was measured since the last second, and what is missing.
    Done(Box<Meter>, Missing, Notes),
    /// The thread cannot go on.
    Failed(io::Error),
}

/// What else a thread has to say at the end.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// Some of what went wrong, in words.
    pub reasons: Vec<String>,
    /// How long each storm lasted until all were back, in nanoseconds.
    pub storms: Vec<u64>,
}

impl Notes {
    /// Adds what another thread has to say: a storm is over when the last one is back, wherever that is.
    pub fn add(&mut self, other: Self) {
        self.reasons.extend(other.reasons);
        let known = self.storms.len();
        self.storms.resize(known.max(other.storms.len()), 0);
        for (mine, others) in self.storms.iter_mut().zip(other.storms) {
            *mine = others.max(*mine);
        }
    }
}

/// What a thread needs.
#[derive(Debug, Clone)]
pub struct Orders {
    /// The run.
    pub plan: Arc<Plan>,
    /// See there.
    pub made: Arc<Made>,
    /// The number of this thread.
    pub number: usize,
    /// Where the run stands.
    pub phase: watch::Receiver<Phase>,
    /// What may end it early.
    pub interrupt: Interrupt,
    /// Where reports go.
    pub reports: Sender<Report>,
}

/// Runs one thread of the generator to its end.
pub fn run(orders: Orders) {
    let reports = orders.reports.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| {
        let local = LocalSet::new();
        local.block_on(&runtime, Worker::new(orders).run())
    });
    if let Err(error) = done {
        // A conductor that is gone does not want to know.
        let _ = reports.send(Report::Failed(error));
    }
}

/// Something that is due at a moment, in nanoseconds since the load began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Duty {
    Edit(usize),
    Move(usize),
    Tick,
    Second,
    Look,
    Cut,
    Pause,
    Storm(usize),
}

struct Worker {
    orders: Orders,
    stage: Rc<Stage>,
    people: Vec<Rc<Person>>,
    lives: Vec<AbortHandle>,
    agenda: BinaryHeap<Reverse<(u64, Duty)>>,
    /// Edits and moves that are still to be made.
    to_do: usize,
    random: fastrand::Rng,
    has_arrived: bool,
    rests_until: Option<Instant>,
    /// What there was when the drain was over.
    taken_down: Option<(Box<Meter>, Missing, Notes)>,
}

impl Worker {
    fn new(orders: Orders) -> Self {
        let plan = &orders.plan;
        let stage = Rc::new(Stage::new(Arc::clone(plan), Arc::clone(&orders.made)));
        let mut rooms: HashMap<usize, Rc<RoomHere>> = HashMap::new();
        let mine = (0..plan.people()).filter(|person| person % plan.threads == orders.number);
        let people: Vec<Rc<Person>> = mine
            .map(|index| {
                let number = index / plan.crowd.clients;
                let room = rooms.entry(number).or_insert_with(|| Rc::new(RoomHere::new(plan, number)));
                Rc::new(Person::new(plan, index, Rc::clone(room)))
            })
            .collect();
        let random = fastrand::Rng::with_seed(plan.seed ^ orders.number as u64);
        let lives = Vec::new();
        Self {
            orders,
            stage,
            people,
            lives,
            agenda: BinaryHeap::new(),
            to_do: 0,
            random,
            has_arrived: false,
            rests_until: None,
            taken_down: None,
        }
    }

    async fn run(mut self) -> io::Result<()> {
        let (interrupt, reports) = (self.orders.interrupt.clone(), self.orders.reports.clone());
        tokio::task::spawn_local(async move {
            interrupt.stopped().await;
            reports.send(Report::Stopped)
        });
        self.lives = (0..self.people.len()).map(|index| self.revive(index)).collect();
        if !self.gather().await {
            return Ok(());
        }
        self.tell(Report::Gathered(self.people.iter().filter(|person| person.has_joined()).count()));
        let alarm = Alarm::new()?;
        let mut entered = Phase::Gathering;
        while entered != Phase::Ending {
            let phase = *self.orders.phase.borrow_and_update();
            if phase != entered {
                self.enter(phase);
                entered = phase;
                continue;
            }
            let next = self
                .stage
                .began
                .get()
                .zip(self.agenda.peek())
                .map(|(began, Reverse((moment, _)))| began + Duration::from_nanos(*moment))
                .map(|due| self.rests_until.map_or(due, |until| until.max(due)));
            let due = async {
                match next {
                    Some(moment) => alarm.until(moment).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                changed = self.orders.phase.changed() => if changed.is_err() { return Ok(()) },
                rung = due => {
                    rung?;
                    self.work();
                    tokio::task::yield_now().await;
                }
            }
        }
        self.end();
        Ok(())
    }

    /// Waits until everybody is there or could not come; whether anybody still leads the run then.
    async fn gather(&mut self) -> bool {
        while self.stage.settled.get() < self.people.len() {
            tokio::select! {
                () = self.stage.settling.notified() => {}
                changed = self.orders.phase.changed() => if changed.is_err() { return false },
            }
        }
        true
    }

    fn tell(&self, report: Report) {
        let _ = self.orders.reports.send(report);
    }

    /// Does what a phase begins with. A thread that was held up may miss one.
    fn enter(&mut self, phase: Phase) {
        if let Phase::Load(began) | Phase::Ceasing(began) = phase
            && self.stage.began.get().is_none()
        {
            self.begin(began);
        }
        match phase {
            Phase::Ceasing(_) => self.cease(),
            // Who had nothing to send is not waited for, and may not have heard that the run was stopped.
            Phase::Draining if self.to_do == 0 => self.cease(),
            Phase::Checking => self.take_down(),
            _ => {}
        }
    }

    /// Settles everything that is to happen.
    fn begin(&mut self, began: Instant) {
        self.stage.began.set(Some(began));
        for (index, person) in self.people.iter().enumerate() {
            let edits = person.room.edits.get(person.place).filter(|_| person.has_joined());
            let moves = person.room.moves.get(person.place).filter(|_| person.has_joined());
            for (schedule, duty) in
                edits.map(|it| (it, Duty::Edit(index))).into_iter().chain(moves.map(|it| (it, Duty::Move(index))))
            {
                if schedule.count() > 0 {
                    self.agenda.push(Reverse((schedule.moment(0), duty)));
                    self.to_do += schedule.count() as usize;
                }
            }
        }
        let mischief = self.orders.plan.mischief;
        // Seconds are those of what is measured: one begins when the warm-up ends.
        let odd = nanoseconds(self.orders.plan.times.warm_up) % SECOND;
        self.agenda.push(Reverse((if odd > 0 { odd } else { SECOND }, Duty::Second)));
        self.agenda.push(Reverse((TICK, Duty::Tick)));
        self.agenda.push(Reverse((LOOK, Duty::Look)));
        for (rate, duty) in [(mischief.cuts, Duty::Cut), (mischief.pauses, Duty::Pause)] {
            if rate > 0.0 {
                let first = self.gap(rate);
                self.agenda.push(Reverse((first, duty)));
            }
        }
        if mischief.storms.is_some() {
            self.agenda.push(Reverse((nanoseconds(self.orders.plan.times.warm_up), Duty::Storm(0))));
        }
        if self.to_do == 0 {
            self.tell(Report::Sent);
        }
    }

    /// Forgets what was still to come, and ends what goes wrong on purpose.
    fn cease(&mut self) {
        self.agenda.retain(|Reverse((_, duty))| matches!(duty, Duty::Tick | Duty::Second | Duty::Look));
        for person in &self.people {
            person.reads_again.take();
        }
        self.stage.calm.notify_waiters();
        if self.to_do > 0 {
            self.to_do = 0;
            self.tell(Report::Sent);
        }
    }

    /// Does what is due, some of it at most: sockets wait, too.
    fn work(&mut self) {
        let begun = Instant::now();
        let mut done = 0;
        while done < IN_A_ROW {
            let due = self.agenda.peek().filter(|Reverse((moment, _))| *moment <= self.stage.now());
            let Some(Reverse((moment, duty))) = due.copied() else { break };
            self.agenda.pop();
            self.act(moment, duty);
            done += 1;
        }
        self.stage.send_kept();
        self.rests_until = (BUSY..IN_A_ROW).contains(&done).then(|| begun + MOMENT);
    }

    fn act(&mut self, moment: u64, duty: Duty) {
        match duty {
            Duty::Edit(index) => {
                let person = Rc::clone(&self.people[index]);
                person.edit(&self.stage, moment);
                self.again(&person.room.edits[person.place], moment, duty);
            }
            Duty::Move(index) => {
                let person = Rc::clone(&self.people[index]);
                person.step(&self.stage, moment);
                self.again(&person.room.moves[person.place], moment, duty);
            }
            Duty::Tick => {
                let now = self.stage.now();
                let (late, every) = (Duration::from_nanos(now - moment), Duration::from_nanos(TICK));
                self.stage.meter.borrow_mut().record_missed(Measure::TickLag, late, every);
                self.agenda.push(Reverse((now - now % TICK + TICK, duty)));
            }
            Duty::Second => {
                let meter = self.stage.meter.borrow_mut().take();
                self.tell(Report::Second(moment, Box::new(meter)));
                self.agenda.push(Reverse((moment + SECOND, duty)));
            }
            Duty::Look => {
                let is_draining = *self.orders.phase.borrow() == Phase::Draining;
                if is_draining && !self.has_arrived && self.has_all() {
                    self.has_arrived = true;
                    self.tell(Report::Arrived);
                }
                self.agenda.push(Reverse((self.stage.now() + LOOK, duty)));
            }
            Duty::Cut | Duty::Pause => self.mischief(moment, duty),
            Duty::Storm(number) => self.storm(moment, number),
        }
    }

    /// The next time of something that happens again.
    fn again(&mut self, schedule: &Schedule, moment: u64, duty: Duty) {
        self.to_do -= 1;
        let next = moment + schedule.moment(1) - schedule.moment(0);
        if next < nanoseconds(self.orders.plan.times.load()) {
            self.agenda.push(Reverse((next, duty)));
        }
        if self.to_do == 0 {
            self.tell(Report::Sent);
        }
    }

    /// Cuts somebody off, or lets somebody read nothing for a while. Over before the drain, so that it can all heal.
    fn mischief(&mut self, moment: u64, duty: Duty) {
        let plan = Arc::clone(&self.orders.plan);
        let index = self.random.usize(..self.people.len());
        let person = &self.people[index];
        let (is_cut, load) = (duty == Duty::Cut, plan.times.load());
        if is_cut && person.is_connected() {
            self.lives[index].abort();
            person.fall(&self.stage);
            self.lives[index] = self.revive(index);
        } else if !is_cut {
            let until = Duration::from_nanos(moment).saturating_add(plan.mischief.pause).min(load);
            person.reads_again.set(self.stage.began.get().map(|began| began + until));
        }
        let next = moment + self.gap(if is_cut { plan.mischief.cuts } else { plan.mischief.pauses });
        if next < nanoseconds(load) {
            self.agenda.push(Reverse((next, duty)));
        }
    }

    /// Everybody is cut off at once, and comes back at once.
    fn storm(&mut self, moment: u64, number: usize) {
        let now = Instant::now();
        for (person, life) in self.people.iter().zip(&self.lives) {
            life.abort();
            person.be_hit(&self.stage, number, now);
        }
        self.lives = (0..self.people.len()).map(|index| self.revive(index)).collect();
        let next = moment + self.orders.plan.mischief.storms.map_or(u64::MAX / 2, nanoseconds);
        if next < nanoseconds(self.orders.plan.times.load()) {
            self.agenda.push(Reverse((next, Duty::Storm(number + 1))));
        }
    }

    fn revive(&self, index: usize) -> AbortHandle {
        tokio::task::spawn_local(live(Rc::clone(&self.stage), Rc::clone(&self.people[index]))).abort_handle()
    }

    /// Some time between two things that happen at random, so often a second on all threads together.
    fn gap(&mut self, rate: f64) -> u64 {
        let here = rate / self.orders.plan.threads as f64;
        nanoseconds(Duration::from_secs_f64(-(1.0 - self.random.f64()).ln() / here))
    }

    /// Whether nobody here waits for anything.
    fn has_all(&self) -> bool {
        let missing = self.missing(|_| 0);
        missing.lost == 0 && missing.statuses_lost == 0 && missing.away == 0
    }

    /// What people here miss of what was made from `first` on.
    fn missing(&self, first: impl Fn(&Schedule) -> u32) -> Missing {
        let mut missing = Missing::default();
        for person in self.people.iter().filter(|person| person.has_joined()) {
            let coverage = person.coverage.borrow();
            let before = missing.lost;
            missing.joined += 1;
            missing.away += u64::from(person.is_away() && self.orders.plan.comes_back());
            for (writer, schedule) in person.room.edits.iter().enumerate().filter(|(writer, _)| *writer != person.place)
            {
                let made = self.orders.made.of(person.room.index, writer);
                let first = first(schedule).min(made);
                let seen = (coverage.seen(writer) / EDIT).clamp(first, made);
                missing.expected += u64::from(made - first);
                missing.lost += u64::from(made - seen);
                missing.hidden += u64::from(coverage.hidden(writer) / EDIT);
            }
            missing.people += u64::from(missing.lost > before);
            // Who comes back tells as old what others may take for older, so it is not looked at there.
            if !self.orders.plan.comes_back() {
                let (statuses, lost) = person.statuses(self.orders.made.newest(person.room.index));
                missing.statuses += statuses;
                missing.statuses_lost += lost;
            }
        }
        missing
    }

    /// Takes down what was measured and what is missing, once and for all.
    fn take_down(&mut self) {
        while let Some(moment) = self.second_that_is_over() {
            self.agenda.retain(|Reverse((_, duty))| *duty != Duty::Second);
            self.act(moment, Duty::Second);
        }
        self.agenda.clear();
        let missing = self.missing(|schedule| schedule.measured().start);
        for person in self.people.iter().filter(|person| person.is_away()) {
            person.outlast(&self.stage);
        }
        let meter = Box::new(self.stage.meter.borrow_mut().take());
        let notes = Notes { reasons: self.stage.reasons.take(), storms: self.stage.storms.take() };
        self.taken_down = Some((meter, missing, notes));
    }

    fn second_that_is_over(&self) -> Option<u64> {
        let mut seconds = self.agenda.iter().filter(|Reverse((_, duty))| *duty == Duty::Second);
        seconds.next().map(|Reverse((moment, _))| *moment).filter(|moment| *moment <= self.stage.now())
    }

    fn end(mut self) {
        if self.taken_down.is_none() {
            self.take_down();
        }
        for life in &self.lives {
            life.abort();
        }
        for person in &self.people {
            person.leave();
        }
        let (mut meter, missing, mut notes) = self.taken_down.take().expect("it was taken down");
        // What came too late has not come; what a server does that it must never do counts until the end.
        let late = self.stage.meter.borrow_mut().take().counts;
        meter.counts.closed += late.closed;
        meter.counts.denied += late.denied;
        meter.counts.corrupted += late.corrupted;
        meter.counts.doubled += late.doubled;
        notes.reasons.extend(self.stage.reasons.take());
        self.tell(Report::Done(meter, missing, notes));
    }
}

//! `trip`: a planning session as people have them. They read, type into the notes, drag items from day to day, do something else,
//! leave and come back; agents say how they are and write a line now and then. Everybody has a real document, and in the end all
//! documents are to be the same.

use std::cell::{Cell, RefCell};
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::{AbortHandle, JoinSet, LocalSet};
use yrs::{Any, Doc, GetString, Map, MapPrelim, MapRef, ReadTxn, StateVector, Text, TextRef, Transact, TransactionMut};

use super::{LoadError, Scenario, run_name};
use crate::load::alarm::Alarm;
use crate::load::client::Say;
use crate::load::conductor::RunError;
use crate::load::decoded::Kind;
use crate::load::ear::{Ear, Meant};
use crate::load::faults::Faults;
use crate::load::findings::Findings;
use crate::load::host::{self, Begun, Used};
use crate::load::interrupt;
use crate::load::latency::{Latency, LatencyKind};
use crate::load::mix::{Act, DEFAULT, Mix, Who};
use crate::load::options::{Options, OptionsError, count};
use crate::load::probe::{self, Probe, ProbeError, Voice};
use crate::load::progress::Phase;
use crate::load::session::Session;
use crate::load::target::{Protocol, Target};
use crate::load::writer::ROOT;
use crate::wire::lib0::{put_byte_string, put_number};

/// Items that there are from the beginning.
const ITEMS: u32 = 12;
/// The first client id; the others follow.
const FIRST_CLIENT: u64 = 1 << 31;
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

/// Somebody in the room.
struct Person {
    number: usize,
    doc: Doc,
    notes: TextRef,
    items: MapRef,
    ear: RefCell<Ear>,
    voice: RefCell<Option<Rc<Voice>>>,
    listening: RefCell<Option<AbortHandle>>,
    clock: Cell<u32>,
    moved: Cell<u64>,
    /// What ended its connection.
    fault: RefCell<Option<ProbeError>>,
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
    edits: u64,
    expected: u64,
    deliveries: u64,
    doubled: u64,
    out_of_order: u64,
    diverged: Vec<String>,
    faults: Faults,
    rooms_checked: u64,
    connections: u64,
}

/// Those who are on the way back, and how long it took them.
type Returning = JoinSet<Result<Duration, ProbeError>>;

/// What everybody shares.
struct Room {
    target: Target,
    name: String,
    meant: Meant,
}

impl Trip {
    async fn act(
        &self,
        mix: &Mix,
        target: &Target,
        options: &Options,
        session: &mut Session<'_>,
    ) -> Result<Planned, RunError> {
        let all = self.people + self.agents;
        let clients = (0..=all as u64).map(|number| FIRST_CLIENT + number).collect();
        let name = format!("load-{}-0", run_name());
        let room = Rc::new(Room { target: target.clone(), name, meant: Meant::new(clients) });
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
        let playing = play(times, &acts, &room, &mut planned, &mut random, &mut returning);
        let is_stopped = session.interrupt.unless_stopped(playing).await.transpose()?.is_none();
        planned.used = begun.used();
        planned.stopped = is_stopped.then(|| interrupt::note(start.elapsed(), options.duration));
        // Who is on the way comes in.
        planned.wait_for(returning).await;
        session.progress.begin(Phase::Draining, Some(options.drain));
        let until = Instant::now() + options.drain;
        let has_all = |person: &Rc<Person>| {
            !person.is_here() || person.ear.borrow().seen(&room.meant) == room.meant.of_others(Some(person.number))
        };
        while !people.iter().all(has_all) && Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
        session.progress.begin(Phase::Checking, None);
        for person in &people {
            planned.take(person, &room.meant);
        }
        planned.check(&people, all, &room).await;
        for person in &people {
            person.go();
        }
        Ok(planned)
    }

    /// Everybody who can comes in. At least somebody.
    async fn gather(&self, room: &Rc<Room>, faults: &mut Faults) -> Result<Vec<Rc<Person>>, ProbeError> {
        let (mut people, mut refused) = (Vec::new(), None);
        let all = self.people + self.agents;
        for number in 0..all {
            let person = Rc::new(Person::new(number, all + 1));
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

/// Does everything when it is meant, until the end. Some may still be on the way back then.
async fn play(
    (start, end): (Instant, Instant),
    acts: &[(Duration, Act, Rc<Person>)],
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
            Act::Type => {
                person.write(&room.meant, moment, |txn, person| {
                    let end = person.notes.len(txn);
                    let near = end - random.u32(..=end.min(40));
                    person.notes.insert(txn, near, "e");
                });
            }
            Act::Line => person.write(&room.meant, moment, |txn, person| {
                let end = person.notes.len(txn);
                person.notes.insert(txn, end, "\nThree more places are near the river.");
            }),
            Act::Drag => person.write(&room.meant, moment, |txn, person| person.drag(txn, random)),
            Act::Point => person.point(),
            Act::Leave => person.go(),
            Act::Return => {
                let (comer, room) = (Rc::clone(person), Rc::clone(room));
                let coming = returning.spawn_local(async move {
                    comer.ear.borrow_mut().begin_anew();
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

impl Person {
    fn new(number: usize, authors: usize) -> Self {
        let doc = probe::document(FIRST_CLIENT + number as u64);
        let (notes, items) = (doc.get_or_insert_text(ROOT), doc.get_or_insert_map("items"));
        Self {
            number,
            doc,
            notes,
            items,
            ear: RefCell::new(Ear::new(Some(number), authors)),
            voice: RefCell::default(),
            listening: RefCell::default(),
            clock: Cell::new(0),
            moved: Cell::new(0),
            fault: RefCell::default(),
        }
    }

    /// Connects, takes what is there, and listens from then on.
    async fn come(self: &Rc<Self>, room: &Rc<Room>) -> Result<(), ProbeError> {
        let own = self.doc.transact().encode_state_as_update_v1(&StateVector::default());
        let mut probe = Probe::open(&room.target, &room.name, self.number, own).await?;
        let updates = probe.state().await?;
        self.hear(Kind::State, &updates, &room.meant);
        self.voice.replace(Some(probe.voice()));
        let (person, room) = (Rc::clone(self), Rc::clone(room));
        let listening = tokio::task::spawn_local(async move {
            loop {
                match probe.next().await {
                    Ok(brought) => person.hear(brought.kind(), &brought.updates, &room.meant),
                    Err(error) => return person.fail(error),
                }
            }
        });
        self.listening.replace(Some(listening.abort_handle()));
        Ok(())
    }

    fn go(&self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
        }
        if let Some(voice) = self.voice.take() {
            voice.close();
        }
    }

    /// Whether it has a connection.
    fn is_here(&self) -> bool {
        self.voice.borrow().is_some()
    }

    /// Cannot go on: nobody writes without a connection.
    fn fail(&self, error: ProbeError) {
        self.voice.take();
        self.fault.borrow_mut().get_or_insert(error);
    }

    fn hear(&self, kind: Kind, updates: &[Bytes], meant: &Meant) {
        for update in updates {
            if let Err(error) = self.ear.borrow_mut().hear(kind, update, meant) {
                self.fail(ProbeError::Unreadable(error.to_string()));
            }
        }
        if let Err(error) = probe::apply(&self.doc, updates) {
            self.fail(error);
        }
    }

    /// Changes the document and says so. Nobody writes while they are away.
    fn write(&self, meant: &Meant, moment: Instant, change: impl FnOnce(&mut TransactionMut<'_>, &Self)) {
        let Some(voice) = self.voice.borrow().clone() else { return };
        let mut txn = self.doc.transact_mut();
        change(&mut txn, self);
        let end = txn.state_vector().get(&self.doc.client_id());
        if self.clock.replace(end) == end {
            return;
        }
        meant.add(self.number, end, moment);
        // A socket that fails is noticed by its reader.
        let _ = voice.say(Say::Update(&txn.encode_update_v1()));
    }

    /// Puts in what a trip begins with.
    fn furnish(&self, meant: &Meant) {
        self.write(meant, Instant::now(), |txn, person| {
            for number in 0..ITEMS {
                let fields = [("kind", "activity"), ("title", "Somewhere nice"), ("day", "2026-05-01"), ("rank", "a0")];
                person.items.insert(txn, format!("item-{number}"), MapPrelim::from(fields));
            }
            person.notes.insert(txn, 0, "# Lisbon\n");
        });
    }

    /// An item to another day, and a place between others there.
    fn drag(&self, txn: &mut TransactionMut<'_>, random: &mut fastrand::Rng) {
        let item = format!("item-{}", random.u32(..ITEMS));
        if let Some(yrs::Out::YMap(item)) = self.items.get(txn, &item) {
            item.insert(txn, "day", Any::from(format!("2026-05-{:02}", random.u32(1..=14))));
            item.insert(txn, "rank", Any::from(format!("a{:04}", random.u32(..10_000))));
        }
    }

    /// Says where the cursor is, or how an agent is.
    fn point(&self) {
        let Some(voice) = self.voice.borrow().clone() else { return };
        let moved = self.moved.get() + 1;
        self.moved.set(moved);
        let mut presence = vec![1];
        put_number(&mut presence, FIRST_CLIENT + self.number as u64);
        put_number(&mut presence, moved);
        let state = format!(r#"{{"user":{{"name":"person {}"}},"cursor":{moved}}}"#, self.number);
        put_byte_string(&mut presence, state.as_bytes());
        let _ = voice.say(Say::Presence(&presence));
    }

    /// What it has, in a form that can be compared.
    fn content(&self) -> String {
        content(&self.doc, &self.notes, &self.items)
    }
}

fn content(doc: &Doc, notes: &TextRef, items: &MapRef) -> String {
    let txn = doc.transact();
    let mut text = notes.get_string(&txn);
    let mut fields: Vec<String> = Vec::new();
    for (id, item) in items.iter(&txn) {
        if let yrs::Out::YMap(item) = item {
            fields.extend(item.iter(&txn).map(|(key, value)| format!("{id}.{key}={}", value.to_string(&txn))));
        }
    }
    fields.sort();
    text.push_str(&fields.join("\n"));
    text
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

    fn take(&mut self, person: &Person, meant: &Meant) {
        let ear = person.ear.borrow();
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
    async fn check(&mut self, people: &[Rc<Person>], number: usize, room: &Rc<Room>) {
        let fresh = Rc::new(Person::new(number, number + 1));
        if let Err(error) = fresh.come(room).await {
            self.faults.add("a fresh client", &error);
            return;
        }
        self.rooms_checked = 1;
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
        (tally.doubled, tally.out_of_order) = (self.doubled, self.out_of_order);
        (tally.rooms_checked, tally.rooms_diverged) = (self.rooms_checked, u64::from(!self.diverged.is_empty()));
        tally.rooms_unchecked = 1 - self.rooms_checked;
        tally.connections = self.connections;
        findings.generator.cpu_percent = self.used.generator_cpu_percent;
        findings.servers = self.used.servers;
        findings.notes.extend(self.stopped);
        findings.notes.extend(self.diverged);
        self.faults.conclude(findings);
        findings.generator.send_lag_p99_ms = self.late.quantile_ms(0.99);
        findings.judge_generator(1, self.delivery.quantile_ms(0.99));
        let kinds = [
            (LatencyKind::Delivery, self.delivery),
            (LatencyKind::Reconnect, self.reconnect),
            (LatencyKind::Saved, self.saved),
        ];
        findings.latencies.extend(kinds.into_iter().filter(|(_, latency)| latency.count() > 0));
    }
}

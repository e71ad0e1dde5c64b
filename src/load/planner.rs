//! One who plans in a `trip`, a person or an agent: has a real document, hears and sees the others, writes, points, goes and comes
//! back. What it does when is for the scenario to say.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use yrs::{Any, Doc, GetString, Map, MapPrelim, MapRef, ReadTxn, StateVector, Text, TextRef, Transact, TransactionMut};

use super::client::Say;
use super::ear::{Ear, Meant};
use super::eye::{Eye, Shown};
use super::probe::{self, Brought, Probe, ProbeError, Voice};
use super::target::Target;
use super::writer::ROOT;

/// Items that there are from the beginning.
const ITEMS: u32 = 12;
/// The first client id; the others follow.
const FIRST_CLIENT: u64 = 1 << 31;
/// How often somebody says again what it says of itself, as browsers do: servers forget who does not.
const RENEW: Duration = Duration::from_secs(15);

/// What everybody in the room shares.
#[derive(Debug)]
pub struct Room {
    target: Target,
    name: String,
    /// What was written.
    pub meant: Meant,
    /// What was said of oneself.
    pub shown: Shown,
    /// Those behind so many people are agents.
    people: usize,
}

impl Room {
    /// An empty one of so many people and agents, and somebody who looks at it in the end.
    pub fn new(target: Target, name: String, people: usize, agents: usize) -> Self {
        let all = people + agents + 1;
        let clients = (0..all as u64).map(|number| FIRST_CLIENT + number).collect();
        Self { target, name, meant: Meant::new(clients), shown: Shown::new(0, FIRST_CLIENT, all), people }
    }
}

/// One who plans.
#[derive(Debug)]
pub struct Planner {
    /// Its place in the room: agents come behind people.
    pub number: usize,
    doc: Doc,
    notes: TextRef,
    items: MapRef,
    /// What it has heard.
    pub ear: RefCell<Ear>,
    voice: RefCell<Option<Rc<Voice>>>,
    /// What ends its listening, or its coming.
    pub listening: RefCell<Option<AbortHandle>>,
    /// Up to where it has written.
    clock: Cell<u32>,
    /// What it has seen.
    pub eye: RefCell<Eye>,
    /// How often it has said something of itself, be it the same again.
    announced: Cell<u32>,
    /// What ended its connection.
    pub fault: RefCell<Option<ProbeError>>,
}

impl Planner {
    /// Somebody who has not come yet, of so many.
    pub fn new(number: usize, authors: usize) -> Self {
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
            eye: RefCell::new(Eye::new(number, authors)),
            announced: Cell::new(0),
            fault: RefCell::default(),
        }
    }

    /// Connects, takes what is there, and listens from then on.
    pub async fn come(self: &Rc<Self>, room: &Rc<Room>) -> Result<(), ProbeError> {
        let own = self.doc.transact().encode_state_as_update_v1(&StateVector::default());
        let mut probe = Probe::open(&room.target, &room.name, self.number, own).await?;
        let state = probe.state().await?;
        self.hear(&state, room);
        self.voice.replace(Some(probe.voice()));
        room.shown.comes(self.number);
        // A server may have raised the clock by one when it found that somebody was gone.
        self.announced.set(self.announced.get() + 1);
        self.announce(room);
        let (planner, room) = (Rc::clone(self), Rc::clone(room));
        let listening = tokio::task::spawn_local(async move {
            let mut renewing = tokio::time::interval_at((Instant::now() + RENEW).into(), RENEW);
            loop {
                tokio::select! {
                    brought = probe.next() => match brought {
                        Ok(brought) => planner.hear(&brought, &room),
                        Err(error) => return planner.fail(error),
                    },
                    _ = renewing.tick() => planner.announce(&room),
                }
            }
        });
        self.listening.replace(Some(listening.abort_handle()));
        Ok(())
    }

    /// Says goodbye.
    pub fn go(&self) {
        if let Some(listening) = self.listening.take() {
            listening.abort();
        }
        if let Some(voice) = self.voice.take() {
            voice.close();
        }
    }

    /// Whether it has a connection.
    pub fn is_here(&self) -> bool {
        self.voice.borrow().is_some()
    }

    /// Cannot go on: nobody writes without a connection.
    fn fail(&self, error: ProbeError) {
        self.voice.take();
        self.fault.borrow_mut().get_or_insert(error);
    }

    fn hear(&self, brought: &Brought, room: &Room) {
        room.meant.lately.reads(brought.bytes);
        for presence in &brought.presences {
            self.eye.borrow_mut().see(presence, &room.shown);
        }
        for update in &brought.updates {
            if let Err(error) = self.ear.borrow_mut().hear(brought.kind(), update, &room.meant) {
                self.fail(ProbeError::Unreadable(error.to_string()));
            }
        }
        if let Err(error) = probe::apply(&self.doc, &brought.updates) {
            self.fail(error);
        }
    }

    /// Whether nothing more is to come to it.
    pub fn has_all(&self, people: &[Rc<Self>], room: &Room) -> bool {
        let has_heard = self.ear.borrow().seen(&room.meant) == room.meant.of_others(Some(self.number));
        !self.is_here() || has_heard && self.statuses(people, room).1 == 0
    }

    /// How many others are here who have said something of themselves, and of how many this one has not seen the last.
    pub fn statuses(&self, people: &[Rc<Self>], room: &Room) -> (u64, u64) {
        let eye = self.eye.borrow();
        let others = people.iter().filter(|other| other.is_here() && other.number != self.number);
        let speakers = others.map(|other| other.number).filter(|other| room.shown.said(*other).number > 0);
        speakers.fold((0, 0), |(all, lost), other| (all + 1, lost + u64::from(!eye.has_last_of(other, &room.shown))))
    }

    /// Types a letter near the end.
    pub fn letter(&self, meant: &Meant, moment: Instant, random: &mut fastrand::Rng) {
        self.write(meant, moment, |txn, planner| {
            let end = planner.notes.len(txn);
            let near = end - random.u32(..=end.min(40));
            planner.notes.insert(txn, near, "e");
        });
    }

    /// Writes a line at the end.
    pub fn line(&self, meant: &Meant, moment: Instant) {
        self.write(meant, moment, |txn, planner| {
            let end = planner.notes.len(txn);
            planner.notes.insert(txn, end, "\nThree more places are near the river.");
        });
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
    pub fn furnish(&self, meant: &Meant) {
        self.write(meant, Instant::now(), |txn, planner| {
            for number in 0..ITEMS {
                let fields = [("kind", "activity"), ("title", "Somewhere nice"), ("day", "2026-05-01"), ("rank", "a0")];
                planner.items.insert(txn, format!("item-{number}"), MapPrelim::from(fields));
            }
            planner.notes.insert(txn, 0, "# Lisbon\n");
        });
    }

    /// Drags an item to another day, and a place between others there.
    pub fn drag(&self, meant: &Meant, moment: Instant, random: &mut fastrand::Rng) {
        self.write(meant, moment, |txn, planner| {
            let item = format!("item-{}", random.u32(..ITEMS));
            if let Some(yrs::Out::YMap(item)) = planner.items.get(txn, &item) {
                item.insert(txn, "day", Any::from(format!("2026-05-{:02}", random.u32(1..=14))));
                item.insert(txn, "rank", Any::from(format!("a{:04}", random.u32(..10_000))));
            }
        });
    }

    /// Its cursor goes elsewhere, or it is otherwise than before if it is an agent.
    pub fn point(&self, room: &Room, moment: Instant) {
        if self.is_here() {
            room.shown.add(self.number, moment);
            self.announce(room);
        }
    }

    /// Says where its cursor is, or how it is.
    pub fn announce(&self, room: &Room) {
        let Some(voice) = self.voice.borrow().clone() else { return };
        let (said, client) = (room.shown.said(self.number), room.shown.client(self.number));
        let clock = self.announced.get() + 1;
        self.announced.set(clock);
        let is_agent = self.number >= room.people;
        let presence = if is_agent { said.by_agent(client, clock) } else { said.by_person(client, clock) };
        // A socket that fails is noticed by its reader.
        let _ = voice.say(Say::Presence(&presence));
    }

    /// What it has, in a form that can be compared.
    pub fn content(&self) -> String {
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

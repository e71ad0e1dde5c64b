//! What the people on one thread share: their rooms, when the load began, what is measured and what went wrong. Made by `worker`,
//! used by each `person`. It belongs to its thread, so nothing here is locked; it must never be shared with another one.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{Notify, Semaphore};

use super::client::Dialect;
use super::client::outgoing::Outgoing;
use super::client::socket::Closed;
use super::decoded::{Authors, Latest};
use super::meter::Meter;
use super::plan::{Made, Plan};
use super::schedule::{Schedule, nanoseconds};

/// Reasons that are kept to be told.
const REASONS_MAX: usize = 5;

/// A room as one thread sees it.
#[derive(Debug)]
pub struct RoomHere {
    /// Its number.
    pub index: usize,
    pub(super) name: String,
    pub(super) dialect: Dialect,
    pub(super) authors: Authors,
    pub(super) latest: RefCell<Latest>,
    /// When its writers write.
    pub edits: Vec<Schedule>,
    /// When its people move their cursors.
    pub moves: Vec<Schedule>,
}

impl RoomHere {
    /// As it is planned.
    pub fn new(plan: &Plan, index: usize) -> Self {
        let name = plan.room(index);
        Self {
            index,
            dialect: Dialect::of(&plan.target, &name),
            name,
            authors: plan.authors(index),
            latest: RefCell::default(),
            edits: plan.edits(index),
            moves: plan.moves(index),
        }
    }
}

/// What everybody on one thread shares.
#[derive(Debug)]
pub struct Stage {
    /// The run.
    pub plan: Arc<Plan>,
    /// What was made on all threads.
    pub made: Arc<Made>,
    /// What is measured here.
    pub meter: RefCell<Meter>,
    /// When the load begins, once that is known.
    pub began: Cell<Option<Instant>>,
    /// Some of what went wrong, in words.
    pub reasons: RefCell<Vec<String>>,
    /// How many people have joined for the first time, or could not.
    pub settled: Cell<usize>,
    /// Rings when that changes.
    pub settling: Notify,
    /// Rings when nobody is to stop reading any longer.
    pub calm: Notify,
    /// How long each storm lasted until the last one here was back, in nanoseconds.
    pub storms: RefCell<Vec<u64>>,
    pub(super) opening: Arc<Semaphore>,
    /// Sockets for which something is kept that is to be sent.
    kept: RefCell<Vec<Rc<Outgoing>>>,
}

impl Stage {
    /// Nothing has happened yet.
    pub fn new(plan: Arc<Plan>, made: Arc<Made>) -> Self {
        let opening = Arc::new(Semaphore::new(plan.opening));
        Self {
            plan,
            made,
            meter: RefCell::default(),
            began: Cell::new(None),
            reasons: RefCell::default(),
            settled: Cell::new(0),
            settling: Notify::new(),
            calm: Notify::new(),
            storms: RefCell::default(),
            opening,
            kept: RefCell::default(),
        }
    }

    /// Keeps a message for the next `send_kept`: where a writer is so busy that several are due, they go out together.
    pub(super) fn keep(&self, outgoing: &Rc<Outgoing>, message: &[u8]) -> Result<(), Closed> {
        if outgoing.keep_binary(message)? {
            self.kept.borrow_mut().push(Rc::clone(outgoing));
        }
        Ok(())
    }

    /// Sends what was kept.
    pub(super) fn send_kept(&self) {
        self.kept.borrow_mut().drain(..).for_each(|outgoing| outgoing.send_kept());
    }

    /// Nanoseconds since the load began.
    pub fn now(&self) -> u64 {
        self.began.get().map_or(0, |began| nanoseconds(began.elapsed()))
    }

    /// Somebody was away for so many nanoseconds because of a storm.
    pub(super) fn storm_lasts(&self, number: usize, nanoseconds: u64) {
        let mut storms = self.storms.borrow_mut();
        let known = storms.len();
        storms.resize(known.max(number + 1), 0);
        storms[number] = storms[number].max(nanoseconds);
    }

    /// One more person has joined for the first time, or could not.
    pub(super) fn settle(&self) {
        self.settled.set(self.settled.get() + 1);
        self.settling.notify_one();
    }

    /// Keeps why something went wrong, if that is new.
    pub(super) fn reason(&self, text: &dyn std::fmt::Display) {
        let mut reasons = self.reasons.borrow_mut();
        let text = text.to_string();
        if reasons.len() < REASONS_MAX && !reasons.contains(&text) {
            reasons.push(text);
        }
    }
}

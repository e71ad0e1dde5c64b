//! Who is where and does what when, settled before a run: the same seed gives the same plan. Made by the scenarios, shared by all
//! threads, changed by nobody.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::decoded::Authors;
use super::schedule::{Schedule, Times};
use super::target::Target;
use super::writer::{Writer, mix};

/// Yjs client ids begin here, or somewhat above: like those that clients draw they have five bytes.
const FIRST_CLIENT: u64 = 1 << 31;

/// How many people are where, and how busy they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Crowd {
    /// Rooms.
    pub rooms: usize,
    /// People in each room.
    pub clients: usize,
    /// How many of them write.
    pub writers: usize,
    /// Edits a second of each writer.
    pub rate: f64,
    /// Moves of each person's cursor a second.
    pub cursors: f64,
}

impl Crowd {
    /// Edits and moves of all people together, a second.
    pub fn busyness(&self) -> f64 {
        let each = self.writers as f64 * self.rate + self.clients as f64 * self.cursors;
        self.rooms as f64 * each
    }
}

/// Agents beside the people of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Agents {
    /// How many say in each room how they are.
    pub in_room: usize,
    /// How often a second each does.
    pub statuses: f64,
    /// Whether they do on Triproom's JSON sockets, and not as presence like any client.
    pub over_events: bool,
    /// How many write a lot at one moment, when measuring begins, each in a room of its own.
    pub bursting: usize,
    /// What each of those writes: an update.
    pub burst: Vec<u8>,
}

/// What goes wrong on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Mischief {
    /// Connections a second that are cut and come back.
    pub cuts: f64,
    /// Clients a second that stop reading for a while.
    pub pauses: f64,
    /// How long they do.
    pub pause: Duration,
    /// How often all connections are cut at once; all come back at once.
    pub storms: Option<Duration>,
}

/// What becomes of what is being measured when the run is stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// It ends there, and is drained and checked.
    Kept,
    /// It is of no use when it is not whole.
    Dropped,
}

/// A whole run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Where it goes.
    pub target: Target,
    /// Names the run: its rooms are nobody else's.
    pub run: String,
    /// Everything that is drawn follows from it.
    pub seed: u64,
    /// See there.
    pub crowd: Crowd,
    /// See there.
    pub times: Times,
    /// See there.
    pub mischief: Mischief,
    /// See there.
    pub agents: Option<Agents>,
    /// Whether people say that they are here.
    pub presence: bool,
    /// Threads of the generator.
    pub threads: usize,
    /// Connections of a thread that are opened at the same time.
    pub opening: usize,
    /// Fresh clients that read rooms at the same time in the end, at most.
    pub fresh: usize,
    /// See there.
    pub stopped: Stopped,
}

impl Plan {
    /// Whether people come back when their connection is gone.
    pub fn comes_back(&self) -> bool {
        self.mischief.cuts > 0.0 || self.mischief.storms.is_some()
    }

    /// The name of a room.
    pub fn room(&self, room: usize) -> String {
        format!("load-{}-{room}", self.run)
    }

    /// The name of the room that an agent writes a lot into.
    pub fn agents_room(&self, agent: usize) -> String {
        format!("{}-agent", self.room(agent))
    }

    /// How many people there are.
    pub fn people(&self) -> usize {
        self.crowd.rooms * self.crowd.clients
    }

    /// Who writes in a room.
    pub fn authors(&self, room: usize) -> Authors {
        let first_client = self.first_client();
        let writers = (0..self.crowd.writers)
            .map(|place| Writer::new(self.seed, room, place, first_client + place as u64))
            .collect();
        let agents = self.agents.as_ref().map_or(0, |agents| agents.in_room);
        let people = u32::try_from(self.crowd.clients + agents).expect("fewer fit on a machine");
        Authors { room, first_client, writers, people }
    }

    /// The Yjs client id of the first person of every room.
    pub fn first_client(&self) -> u64 {
        FIRST_CLIENT + mix(self.seed) % (1 << 30)
    }

    /// When the writers of a room write.
    pub fn edits(&self, room: usize) -> Vec<Schedule> {
        self.schedules(room, self.crowd.writers, self.crowd.rate, 1)
    }

    /// When the people of a room move their cursors, and then when its agents say how they are.
    pub fn moves(&self, room: usize) -> Vec<Schedule> {
        let mut moves = self.schedules(room, self.crowd.clients, self.crowd.cursors, 2);
        if let Some(agents) = &self.agents {
            moves.extend(self.schedules(room, agents.in_room, agents.statuses, 3));
        }
        moves
    }

    /// How many people and agents may say in one room how they are.
    pub fn movers(&self) -> usize {
        let agents = self.agents.as_ref().map_or(0, |agents| agents.in_room);
        if self.crowd.cursors > 0.0 || agents > 0 { self.crowd.clients + agents } else { 0 }
    }

    fn schedules(&self, room: usize, count: usize, rate: f64, kind: u64) -> Vec<Schedule> {
        let part = |place: usize| {
            let drawn = mix(mix(mix(self.seed ^ kind) ^ room as u64) ^ place as u64);
            (drawn >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..count).map(|place| Schedule::new(rate, part(place), self.times)).collect()
    }
}

/// How many edits each writer has made so far, under which number somebody heard the newest of them, and which move or status of
/// each is the newest that was told, for all threads to see: what was made is to arrive.
#[derive(Debug)]
pub struct Made {
    edits: Vec<AtomicU32>,
    heard: Vec<AtomicU64>,
    writers: usize,
    newest: Vec<AtomicU32>,
    movers: usize,
}

impl Made {
    /// Nothing yet.
    pub fn new(plan: &Plan) -> Self {
        let (rooms, writers, movers) = (plan.crowd.rooms, plan.crowd.writers, plan.movers());
        let nothing = |count: usize| (0..count).map(|_| AtomicU32::new(0)).collect();
        let heard = (0..rooms * writers).map(|_| AtomicU64::new(0)).collect();
        Self { edits: nothing(rooms * writers), heard, writers, newest: nothing(rooms * movers), movers }
    }

    /// Somebody has told a move of theirs, or how they are. Counted from one.
    pub fn tell(&self, room: usize, place: usize, number: u32) {
        self.newest[room * self.movers + place].store(number, Ordering::Relaxed);
    }

    /// What is the newest that everybody in a room has told, by their places; 0 is nothing.
    pub fn newest(&self, room: usize) -> impl Iterator<Item = u32> {
        self.newest[room * self.movers..(room + 1) * self.movers].iter().map(|told| told.load(Ordering::Relaxed))
    }

    /// One more.
    pub fn add(&self, room: usize, writer: usize) {
        self.edits[room * self.writers + writer].fetch_add(1, Ordering::Relaxed);
    }

    /// Somebody has heard an edit of a writer that the server keeps under this number.
    pub fn hear(&self, room: usize, writer: usize, number: u64) {
        if let Some(heard) = self.heard.get(room * self.writers + writer).filter(|_| writer < self.writers) {
            heard.fetch_max(number, Ordering::Relaxed);
        }
    }

    /// The greatest number under which an edit of a writer was heard; 0 if none was.
    pub fn heard(&self, room: usize, writer: usize) -> u64 {
        self.heard[room * self.writers + writer].load(Ordering::Relaxed)
    }

    /// How many edits a writer has made.
    pub fn of(&self, room: usize, writer: usize) -> u32 {
        self.edits[room * self.writers + writer].load(Ordering::Relaxed)
    }

    /// How many edits the writers of a room have made.
    pub fn in_room(&self, room: usize) -> impl Iterator<Item = u32> {
        (0..self.writers).map(move |writer| self.of(room, writer))
    }
}

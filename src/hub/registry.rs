//! Which rooms are live, and how to reach them. Owned by `Hub`.
//! Opening is single-flight: whoever comes first puts the room's mailbox in place and starts its task, which loads
//! the room while everybody's mail waits. Closing is guarded twice: a room leaves only its own place (by generation)
//! and only while nobody holds a lease; both are decided under the same lock as taking a lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::lane::RoomTurn;
use super::mail::{Inbox, Letter, Mail, Mailbox};
use crate::room::id::RoomId;

/// All live rooms of this process.
#[derive(Debug)]
pub struct Registry {
    rooms: DashMap<RoomId, Place>,
    generations: AtomicU64,
    /// Rooms in `rooms`; kept beside it because counting a sharded map locks every shard.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Place {
    generation: Generation,
    mailbox: Mailbox,
    turn: RoomTurn,
    leases: Arc<AtomicUsize>,
}

/// Tells one life of a room from the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generation(u64);

/// The right to write to a room; while it is held, the room stays.
#[derive(Debug)]
pub struct Lease {
    mailbox: Mailbox,
    turn: RoomTurn,
    leases: Arc<AtomicUsize>,
}

/// There are as many rooms as there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many rooms are open")]
pub struct TooManyRooms;

/// A room that was just put in place and whose task is to be started.
pub struct Opening {
    /// The life that begins.
    pub generation: Generation,
    /// What everybody's mail comes out of.
    pub mail: Inbox,
}

impl Registry {
    /// No rooms yet.
    pub fn new() -> Self {
        Self { rooms: DashMap::new(), generations: AtomicU64::new(0), count: AtomicUsize::new(0) }
    }

    /// Takes a lease of a room. When it was not live, `open` is called to start its task; it must not wait.
    pub fn lease(&self, room: &RoomId, limits: Limits, open: impl FnOnce(Opening)) -> Result<Lease, TooManyRooms> {
        match self.rooms.entry(room.clone()) {
            Entry::Occupied(place) => Ok(place.get().lease()),
            Entry::Vacant(vacant) => {
                if self.count.fetch_add(1, Ordering::Relaxed) >= limits.rooms {
                    self.count.fetch_sub(1, Ordering::Relaxed);
                    return Err(TooManyRooms);
                }
                let generation = Generation(self.generations.fetch_add(1, Ordering::Relaxed));
                let (mailbox, mail) = mpsc::channel(limits.mailbox);
                let turn = RoomTurn::default();
                let place = Place { generation, mailbox, turn, leases: Arc::new(AtomicUsize::new(0)) };
                let lease = place.lease();
                vacant.insert(place);
                open(Opening { generation, mail });
                Ok(lease)
            }
        }
    }

    /// Takes the room out, if this is its life and nobody holds a lease.
    pub fn remove_unleased(&self, room: &RoomId, generation: Generation) -> bool {
        let mine = |place: &Place| place.generation == generation && place.leases.load(Ordering::Acquire) == 0;
        self.remove(room, mine)
    }

    /// Takes the room out, if this is its life: its task ends, whoever holds a lease finds the mailbox closed.
    pub fn remove_failed(&self, room: &RoomId, generation: Generation) -> bool {
        self.remove(room, |place| place.generation == generation)
    }

    /// The mailbox of a room that is live.
    pub fn mailbox(&self, room: &RoomId) -> Option<Mailbox> {
        self.rooms.get(room).map(|place| place.mailbox.clone())
    }

    /// The room's name, the live room's own if it is live: so that it is kept once, however many have the room open.
    pub fn name(&self, room: &RoomId) -> RoomId {
        self.rooms.get(room).map_or_else(|| room.clone(), |place| place.key().clone())
    }

    /// The rooms that are live at some moment meanwhile.
    pub fn rooms(&self) -> Vec<RoomId> {
        self.rooms.iter().map(|place| place.key().clone()).collect()
    }

    /// Takes the room out, whoever holds a lease; its task lives on until it is told otherwise through this mailbox.
    pub fn take(&self, room: &RoomId) -> Option<Mailbox> {
        let (_, place) = self.rooms.remove(room)?;
        self.count.fetch_sub(1, Ordering::Relaxed);
        Some(place.mailbox)
    }

    fn remove(&self, room: &RoomId, condition: impl Fn(&Place) -> bool) -> bool {
        let removed = self.rooms.remove_if(room, |_, place| condition(place)).is_some();
        self.count.fetch_sub(usize::from(removed), Ordering::Relaxed);
        removed
    }

    /// How many rooms are live.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether no room is live.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

/// How many rooms there may be, and how much mail each may have waiting.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Live rooms.
    pub rooms: usize,
    /// Messages in one room's mailbox.
    pub mailbox: usize,
}

impl Place {
    fn lease(&self) -> Lease {
        self.leases.fetch_add(1, Ordering::Relaxed);
        Lease { mailbox: self.mailbox.clone(), turn: self.turn.clone(), leases: Arc::clone(&self.leases) }
    }
}

impl Lease {
    /// The room's turn at the lane for heavy messages.
    pub fn turn(&self) -> &RoomTurn {
        &self.turn
    }

    /// Sends mail to the room, or gives it back while its mailbox is full. An error means that the room failed.
    pub fn try_send(&self, mail: Mail) -> Result<Option<Letter>, RoomFailed> {
        match self.mailbox.try_send(Box::new(mail)) {
            Ok(()) => Ok(None),
            Err(TrySendError::Full(mail)) => Ok(Some(mail)),
            Err(TrySendError::Closed(_)) => Err(RoomFailed),
        }
    }

    /// Sends mail to the room, waiting while its mailbox is full. An error means that the room failed.
    pub async fn send(&self, mail: Letter) -> Result<(), RoomFailed> {
        self.mailbox.send(mail).await.map_err(|_| RoomFailed)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.leases.fetch_sub(1, Ordering::Release);
    }
}

/// The room's task ended though there is a lease: it could not be loaded, or it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the room failed")]
pub struct RoomFailed;

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { rooms: 2, mailbox: 4 };

    fn id(name: &str) -> RoomId {
        RoomId::parse(name, 100).expect("a name")
    }

    #[test]
    fn the_second_to_come_finds_the_first_ones_room() {
        let registry = Registry::new();
        let mut openings = Vec::new();
        let first = registry.lease(&id("a"), LIMITS, |opening| openings.push(opening)).expect("there is room");
        let second = registry.lease(&id("a"), LIMITS, |_| panic!("it is open")).expect("there is room");
        let generation = openings[0].generation;
        assert!(!registry.remove_unleased(&id("a"), generation));
        drop((first, second));
        assert!(registry.remove_unleased(&id("a"), generation));
        assert!(registry.is_empty());
    }

    #[test]
    fn a_former_life_does_not_end_the_present_one() {
        let registry = Registry::new();
        let mut generations = Vec::new();
        for _ in 0..2 {
            let lease = registry.lease(&id("a"), LIMITS, |opening| generations.push(opening.generation)).expect("room");
            drop(lease);
            if generations.len() == 1 {
                assert!(registry.remove_unleased(&id("a"), generations[0]));
            }
        }
        assert!(!registry.remove_failed(&id("a"), generations[0]));
        assert_eq!(registry.len(), 1);
    }

    #[test]
    fn the_limit_counts_live_rooms() {
        let registry = Registry::new();
        let _a = registry.lease(&id("a"), LIMITS, |_| ()).expect("room");
        let _b = registry.lease(&id("b"), LIMITS, |_| ()).expect("room");
        assert_eq!(registry.lease(&id("c"), LIMITS, |_| ()).expect_err("full"), TooManyRooms);
        let _again = registry.lease(&id("a"), LIMITS, |_| ()).expect("live rooms may be joined");
    }
}

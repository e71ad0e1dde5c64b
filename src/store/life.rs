//! The lives of rooms: each deletion ends one, and a room of the same name afterwards is another.
//! Room logs, compactions and what waits to be written hold the life in which they began, so that nothing of it gets into the
//! next one; the ledger ends lives. It must never remember a room that nobody holds.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, Weak};

use hashbrown::HashMap;

use crate::room::id::RoomId;

/// See the module.
#[derive(Debug)]
pub(super) struct Life {
    room: RoomId,
    ended: AtomicBool,
    /// The room's number in the database, once it is known: another one is another room.
    id: OnceLock<i64>,
    lives: Arc<Lives>,
}

/// The lives that somebody holds and that have not ended.
#[derive(Debug, Default)]
pub(super) struct Lives {
    rooms: Mutex<HashMap<RoomId, Weak<Life>>>,
}

impl Life {
    pub(super) fn room(&self) -> &RoomId {
        &self.room
    }

    /// Whether the room was deleted since this life was taken.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The room's number in the database, as far as it is known.
    pub(super) fn id(&self) -> Option<i64> {
        self.id.get().copied()
    }

    /// It is this number; says whether that fits with what was known.
    pub(super) fn is_of(&self, id: i64) -> bool {
        *self.id.get_or_init(|| id) == id
    }
}

impl Lives {
    /// The present life of `room`, to hold.
    pub(super) fn current(self: &Arc<Self>, room: &RoomId) -> Arc<Life> {
        let mut rooms = self.lock();
        if let Some(life) = rooms.get(room).and_then(Weak::upgrade) {
            return life;
        }
        let life = Arc::new(Life {
            room: room.clone(),
            ended: AtomicBool::new(false),
            id: OnceLock::new(),
            lives: Arc::clone(self),
        });
        rooms.insert(room.clone(), Arc::downgrade(&life));
        life
    }

    /// Ends this life, and no later one.
    pub(super) fn end(&self, life: &Life) {
        let mut rooms = self.lock();
        life.ended.store(true, Ordering::Release);
        if rooms.get(&life.room).is_some_and(|present| std::ptr::eq(present.as_ptr(), life)) {
            rooms.remove(&life.room);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RoomId, Weak<Life>>> {
        self.rooms.lock().expect("nothing panics while it holds the lives")
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        let mut rooms = self.lives.lock();
        // The next holder may have come already, with a life of their own.
        if rooms.get(&self.room).is_some_and(|life| std::ptr::eq(life.as_ptr(), self)) {
            rooms.remove(&self.room);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str) -> RoomId {
        RoomId::parse(name, 100).unwrap()
    }

    #[test]
    fn a_deletion_ends_one_life_and_no_other() {
        let lives = Arc::new(Lives::default());
        let (first, same, other) = (lives.current(&room("r")), lives.current(&room("r")), lives.current(&room("s")));
        assert!(Arc::ptr_eq(&first, &same));
        lives.end(&first);
        assert!(first.has_ended() && same.has_ended() && !other.has_ended());
        let second = lives.current(&room("r"));
        lives.end(&same);
        drop((first, same));
        assert!(!second.has_ended());
        assert!(Arc::ptr_eq(&second, &lives.current(&room("r"))), "the first one's end left the second alone");
    }

    #[test]
    fn what_nobody_holds_is_forgotten() {
        let lives = Arc::new(Lives::default());
        let held = lives.current(&room("r"));
        drop(lives.current(&room("r")));
        drop(lives.current(&room("s")));
        lives.end(&lives.current(&room("ended")));
        assert_eq!(lives.lock().len(), 1);
        drop(held);
        assert_eq!(lives.lock().len(), 0);
    }
}

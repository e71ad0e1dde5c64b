//! Rosters in memory: read once, shared by all who are in the room, and the channel by which they hear of changes.
//! Passes look here, `change` publishes here. A roster that somebody holds is never read behind their back: all who are in
//! one room hold the same one.

use std::sync::{Arc, Weak};

use dashmap::DashMap;
use quick_cache::sync::Cache;
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

use crate::room::id::RoomId;
use crate::store::StoreError;
use crate::store::directory::{Directory, Roster};

/// All of them.
pub(super) struct Rosters {
    directory: Directory,
    held: Arc<DashMap<RoomId, Weak<Held>>>,
    /// Those that were needed lately, so that the next request finds them.
    recent: Cache<RoomId, Arc<Held>>,
}

/// The roster of one room, for as long as somebody holds it.
pub(super) struct Held {
    room: RoomId,
    now: watch::Sender<Now>,
    /// Whoever changes the room's roster holds this.
    pub(super) changing: Mutex<()>,
    /// Held by the one who reads it until that works.
    reading: Arc<Mutex<()>>,
    all: Arc<DashMap<RoomId, Weak<Held>>>,
}

/// What is known of a room's roster.
#[derive(Clone, Default)]
pub(super) struct Now {
    /// It; nothing when nobody made the room.
    pub(super) roster: Option<Arc<Roster>>,
    /// How often a room of this name was deleted since somebody holds this: the next one is another room.
    pub(super) deletions: u64,
    /// Whether it was ever read.
    is_read: bool,
    /// How often it was changed here. What was read before a change is older than that.
    changes: u64,
}

impl Rosters {
    pub(super) fn new(directory: Directory, recent: usize) -> Self {
        Self { directory, held: Arc::default(), recent: Cache::new(recent) }
    }

    /// The roster as it is in memory, if it is there.
    pub(super) fn in_memory(&self, room: &RoomId) -> Option<Arc<Held>> {
        let held = self.held.get(room)?.upgrade()?;
        let is_read = held.now.borrow().is_read;
        is_read.then_some(held)
    }

    /// The place in memory of this room's roster, whether it was read or not.
    pub(super) fn hold(&self, room: &RoomId) -> Arc<Held> {
        let mut place = self.held.entry(room.clone()).or_default();
        if let Some(held) = place.upgrade() {
            return held;
        }
        let held = Arc::new(Held {
            room: room.clone(),
            now: watch::Sender::default(),
            changing: Mutex::default(),
            reading: Arc::default(),
            all: Arc::clone(&self.held),
        });
        *place = Arc::downgrade(&held);
        held
    }

    /// The roster as the store has it.
    pub(super) async fn read(&self, room: &RoomId) -> Result<Arc<Held>, StoreError> {
        // Held before it is read: a change in between finds it, and what was read before that change does not replace it.
        let held = self.hold(room);
        let changes = held.now.borrow().changes;
        let roster = self.directory.roster(room).await?;
        held.now.send_if_modified(|now| {
            let is_news = now.changes == changes && now.roster.as_deref() != roster.as_ref();
            if is_news {
                now.roster = roster.map(Arc::new);
            }
            now.is_read = true;
            is_news
        });
        Ok(held)
    }

    /// Remembers a roster for a while after the last who holds it.
    pub(super) fn remember(&self, held: &Arc<Held>) {
        if self.recent.get(&held.room).is_none_or(|known| !Arc::ptr_eq(&known, held)) {
            self.recent.insert(held.room.clone(), Arc::clone(held));
        }
    }
}

impl Held {
    /// Whose roster it is.
    pub(super) fn room(&self) -> &RoomId {
        &self.room
    }

    /// For the one who reads it until that works; nothing when somebody does already.
    pub(super) fn start_reading(&self) -> Option<OwnedMutexGuard<()>> {
        Arc::clone(&self.reading).try_lock_owned().ok()
    }

    /// What is known now.
    pub(super) fn now(&self) -> watch::Ref<'_, Now> {
        self.now.borrow()
    }

    /// To wait for changes.
    pub(super) fn watch(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// Tells all who hold it what it is from now on. Only for who holds `changing`.
    pub(super) fn publish(&self, roster: Option<Arc<Roster>>) {
        self.now.send_modify(|now| {
            now.deletions += u64::from(now.roster.is_some() && roster.is_none());
            now.roster = roster;
            now.is_read = true;
            now.changes += 1;
        });
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Somebody may have come meanwhile and put a new one in its place.
        self.all.remove_if(&self.room, |_, held| held.strong_count() == 0);
    }
}

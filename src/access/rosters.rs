//! Rosters in memory: read once, shared by all who are in the room, and the channel by which they hear of changes.
//! Passes look here, `change` publishes here. A roster that somebody holds is never read behind their back: all who are in
//! one room hold the same one.

use std::sync::{Arc, Weak};
use std::time::Instant;

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
    /// When the last reading that succeeded began; held by the one who reads.
    read: Mutex<Option<Instant>>,
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

    /// The place in memory of a roster, if somebody holds it, read or not.
    pub(super) fn held(&self, room: &RoomId) -> Option<Arc<Held>> {
        self.held.get(room)?.upgrade()
    }

    /// The rooms whose rosters somebody uses. All others are forgotten.
    pub(super) fn in_use(&self) -> Vec<RoomId> {
        self.recent.clear();
        self.held.iter().filter(|held| held.strong_count() > 0).map(|held| held.key().clone()).collect()
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
            read: Mutex::default(),
            reading: Arc::default(),
            all: Arc::clone(&self.held),
        });
        *place = Arc::downgrade(&held);
        held
    }

    /// The roster as the store has it. Of many who ask at once most are served by one reading that began after they asked.
    pub(super) async fn read(&self, room: &RoomId) -> Result<Arc<Held>, StoreError> {
        // Held before it is read: a change in between finds it, and what was read before that change does not replace it.
        let held = self.hold(room);
        let asked = Instant::now();
        let mut read = held.read.lock().await;
        if read.is_some_and(|began| began >= asked) {
            drop(read);
            return Ok(held);
        }
        let began = Instant::now();
        let changes = held.now.borrow().changes;
        let roster = self.directory.roster(room).await?;
        held.take(roster, changes);
        *read = Some(began);
        drop(read);
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

    /// Takes what was read after so many changes here, unless there was another one meanwhile: then it is out of date.
    fn take(&self, roster: Option<Roster>, changes: u64) {
        self.now.send_if_modified(|now| {
            let is_news = now.changes == changes && now.roster.as_deref() != roster.as_ref();
            if is_news {
                // On another node a room may have been deleted, and made anew.
                let made = |roster: Option<&Roster>| roster.map(|roster| roster.created_at);
                let before = made(now.roster.as_deref());
                now.deletions += u64::from(before.is_some() && before != made(roster.as_ref()));
                now.roster = roster.map(Arc::new);
            }
            now.is_read = true;
            is_news
        });
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::time::SystemTime;

    use super::*;
    use crate::store::directory::{RoomSettings, Visibility};

    fn roster(visibility: Visibility) -> Roster {
        let settings = RoomSettings { visibility, ..RoomSettings::default() };
        Roster { settings, members: BTreeMap::new(), created_at: SystemTime::UNIX_EPOCH }
    }

    fn held() -> Held {
        let room = RoomId::parse("trip", 100).expect("a name");
        Held {
            room,
            now: watch::Sender::default(),
            changing: Mutex::default(),
            read: Mutex::default(),
            reading: Arc::default(),
            all: Arc::default(),
        }
    }

    fn visibility(held: &Held) -> Option<Visibility> {
        held.now().roster.as_ref().map(|roster| roster.settings.visibility)
    }

    #[test]
    fn what_was_read_before_a_change_does_not_undo_it() {
        let held = held();
        let before = held.now().changes;
        held.publish(Some(Arc::new(roster(Visibility::Private))));
        held.take(Some(roster(Visibility::Public)), before);
        assert_eq!(visibility(&held), Some(Visibility::Private));
        let after = held.now().changes;
        held.take(Some(roster(Visibility::Shared)), after);
        assert_eq!(visibility(&held), Some(Visibility::Shared));
    }

    #[test]
    fn who_waits_hears_of_what_is_new_and_of_nothing_else() {
        let held = held();
        held.take(Some(roster(Visibility::Private)), 0);
        let news = held.watch();
        held.take(Some(roster(Visibility::Private)), 0);
        assert!(!news.has_changed().expect("it is held"));
        held.take(None, 0);
        assert!(news.has_changed().expect("it is held"));
    }
}

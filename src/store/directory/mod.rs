//! Who may be where: rosters of rooms, records of API keys, the server's own secrets, and the answers that repeated
//! requests get again. `access`, `api` and the command line use it; a running server and command lines at the same time.
//! What must hold whoever writes (a room keeps an owner, a limit on members) is checked inside the transaction.
//! It must never hold a document's bytes: those are the [`Store`](super::Store)'s.
//!
//! A call that writes goes on when its future is dropped. After an error from one it is open whether it was written: read
//! again. Times are kept to the millisecond.

mod answer;
mod key;
mod postgres;
mod roster;
mod sqlite;

use std::time::Duration;

pub use answer::{AnswerLimits, OnceKey, Recalled, Remembered};
pub use key::{KEY_ID_MAX, KeyId, KeyRecord, KeyScope, NoKeyId, NoKeyScope, RoomScope};
pub use postgres::EngineDirectory as PostgresDirectory;
pub use roster::{
    Created, HomeChange, Member, MemberWrite, NoVisibility, RoomEntry, RoomSettings, RoomSize, Roster, SettingsChange,
    Visibility,
};
pub use sqlite::EngineDirectory as SqliteDirectory;

use super::error::StoreError;
use super::place::Place;
use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::role::Role;

/// Asks whichever it is.
macro_rules! each {
    ($directory:expr, $name:ident => $call:expr) => {
        match $directory {
            Self::Sqlite($name) => $call,
            Self::Postgres($name) => $call,
        }
    };
}

/// See the module. A cheap handle: clones share one.
#[derive(Debug, Clone)]
pub enum Directory {
    /// Tables in the store's SQLite file, over connections of its own.
    Sqlite(SqliteDirectory),
    /// Tables in the store's Postgres database.
    Postgres(PostgresDirectory),
}

impl Directory {
    /// Opens the directory in this place, which a server may be using; made when it is not there, and brought up to date.
    /// A server has its own already: [`Store::directory`](super::Store::directory).
    pub async fn open(place: impl Into<Place>) -> Result<Self, StoreError> {
        match place.into() {
            Place::Folder(folder) => SqliteDirectory::open(&folder).await.map(Self::Sqlite),
            Place::Postgres(options) => PostgresDirectory::open(&options).await.map(Self::Postgres),
        }
    }

    /// Opens what is in this place to look at it: makes nothing, migrates nothing, and every write is refused.
    pub async fn open_read_only(place: impl Into<Place>) -> Result<Self, StoreError> {
        match place.into() {
            Place::Folder(folder) => SqliteDirectory::open_read_only(&folder).await.map(Self::Sqlite),
            Place::Postgres(options) => PostgresDirectory::open_read_only(&options).await.map(Self::Postgres),
        }
    }

    /// Waits for what runs and closes, for all clones. A server's own is closed by closing its store.
    pub async fn close(self) {
        each!(self, directory => directory.close().await);
    }

    /// Settings and members of `room`, in one round trip; nothing when nobody made a room of this name.
    pub async fn roster(&self, room: &RoomId) -> Result<Option<Roster>, StoreError> {
        each!(self, directory => directory.roster(room).await)
    }

    /// Makes a room. `owner` becomes its first member, as an owner whatever role is in it; without one the room has no
    /// owner until somebody adds one. With the key of the request that it is made for, it is recalled as [`Recalled::Made`]
    /// until its answer is remembered.
    pub async fn create_room(
        &self,
        room: &RoomId,
        settings: RoomSettings,
        owner: Option<(PrincipalId, Member)>,
        once: Option<OnceKey>,
    ) -> Result<Created, StoreError> {
        each!(self, directory => directory.create_room(room, settings, owner, once).await)
    }

    /// Gives `who` a place in `room`, which has at most `most` members afterwards.
    pub async fn add_member(
        &self,
        room: &RoomId,
        who: &PrincipalId,
        member: &Member,
        most: usize,
    ) -> Result<MemberWrite, StoreError> {
        each!(self, directory => directory.add_member(room, who, member, most).await)
    }

    /// Gives a member another role. The last owner stays one.
    pub async fn change_role(&self, room: &RoomId, who: &PrincipalId, role: Role) -> Result<MemberWrite, StoreError> {
        each!(self, directory => directory.change_role(room, who, role).await)
    }

    /// Takes a member's place away. The last owner stays.
    pub async fn remove_member(&self, room: &RoomId, who: &PrincipalId) -> Result<MemberWrite, StoreError> {
        each!(self, directory => directory.remove_member(room, who).await)
    }

    /// Changes what `room` allows; `false` when there is no room of this name.
    pub async fn configure(&self, room: &RoomId, change: SettingsChange) -> Result<bool, StoreError> {
        each!(self, directory => directory.configure(room, change).await)
    }

    /// Deletes the roster of `room`; `false` when there is none. The document is deleted afterwards, by
    /// [`Store::delete_room`](super::Store::delete_room). Until that is done, and at the latest when the store is opened
    /// again, no room of this name can be made: its maker would find the old document in it.
    pub async fn delete_room(&self, room: &RoomId) -> Result<bool, StoreError> {
        each!(self, directory => directory.delete_room(room).await)
    }

    /// Whether the document of `room` is still to be deleted, after its roster was.
    pub async fn is_deleted(&self, room: &RoomId) -> Result<bool, StoreError> {
        each!(self, directory => directory.is_deleted(room).await)
    }

    /// At most `limit` rooms that `who` is a member of, in the order of their names, from the one behind `after` on.
    pub async fn rooms_of(
        &self,
        who: &PrincipalId,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomEntry>, StoreError> {
        each!(self, directory => directory.rooms_of(who, after, limit).await)
    }

    /// The same over all rooms that have a roster or something written in them.
    pub async fn all_rooms(&self, after: Option<&RoomId>, limit: usize) -> Result<Vec<RoomEntry>, StoreError> {
        each!(self, directory => directory.all_rooms(after, limit).await)
    }

    /// How much is stored of the rooms from the name `first` to the name `last`, of which something is, in the order of their
    /// names. Dear where the log has no index on room: it is read once.
    pub async fn sizes(&self, first: &RoomId, last: &RoomId) -> Result<Vec<RoomSize>, StoreError> {
        each!(self, directory => directory.sizes(first, last).await)
    }

    /// Keeps a new key. `hash` is the SHA-256 of the key, by which it is found.
    pub async fn add_key(&self, key: &KeyRecord, hash: [u8; 32]) -> Result<(), StoreError> {
        each!(self, directory => directory.add_key(key, hash).await)
    }

    /// The key with this hash, revoked ones too.
    pub async fn key_by_hash(&self, hash: [u8; 32]) -> Result<Option<KeyRecord>, StoreError> {
        each!(self, directory => directory.key_by_hash(hash).await)
    }

    /// All keys, revoked ones too, the oldest first.
    pub async fn keys(&self) -> Result<Vec<KeyRecord>, StoreError> {
        each!(self, directory => directory.keys().await)
    }

    /// Revokes a key for good and gives its record; nothing when there is no such key. The first revocation's time stays.
    pub async fn revoke_key(&self, id: &KeyId) -> Result<Option<KeyRecord>, StoreError> {
        each!(self, directory => directory.revoke_key(id).await)
    }

    /// The ids of all revoked keys. Cheap: it is asked several times a second.
    pub async fn revoked_keys(&self) -> Result<Vec<KeyId>, StoreError> {
        each!(self, directory => directory.revoked_keys().await)
    }

    /// 32 random bytes under this name: made at the first use, the same for everybody afterwards.
    pub async fn secret(&self, name: &'static str) -> Result<[u8; 32], StoreError> {
        each!(self, directory => directory.secret(name).await)
    }

    /// What came of a request with this idempotency key of this principal.
    pub async fn recall(&self, once: &OnceKey) -> Result<Option<Recalled>, StoreError> {
        each!(self, directory => directory.recall(once).await)
    }

    /// Keeps an answer for [`recall`](Self::recall); the oldest make room for it. The first one under a key stays.
    pub async fn remember(&self, once: &OnceKey, answer: &Remembered, limits: AnswerLimits) -> Result<(), StoreError> {
        each!(self, directory => directory.remember(once, answer, limits).await)
    }

    /// Forgets what was kept of requests longer than `age` ago, and says of how many.
    pub async fn forget_older_than(&self, age: Duration) -> Result<u64, StoreError> {
        each!(self, directory => directory.forget_older_than(age).await)
    }
}

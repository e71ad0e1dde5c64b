//! The record of an agent's API key: all that is kept of it beside its hash.
//! `access` makes and checks keys, the command line lists them, the directory keeps the records. It must never hold the
//! key itself.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::role::Role;

/// The most bytes of a key's id.
pub const KEY_ID_MAX: usize = 64;

/// The public name of a key: ASCII letters, digits, `_` and `-`. Names the key in lists, logs and revocations; no secret.
/// Cheap to clone.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Arc<str>);

/// Not the id of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a key's id is 1 to {KEY_ID_MAX} letters, digits, _ and -")]
pub struct NoKeyId;

impl KeyId {
    /// Checks an id.
    pub fn parse(id: &str) -> Result<Self, NoKeyId> {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if (1..=KEY_ID_MAX).contains(&id.len()) && id.bytes().all(fits) { Ok(Self(id.into())) } else { Err(NoKeyId) }
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// All that is kept of a key beside its hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRecord {
    /// Its public name.
    pub id: KeyId,
    /// The agent that it proves.
    pub agent: PrincipalId,
    /// The rooms that it opens.
    pub rooms: RoomScope,
    /// The role in them.
    pub role: Role,
    /// What the role is capped to.
    pub scopes: BTreeSet<KeyScope>,
    /// The person that the agent acts for.
    pub on_behalf_of: Option<PrincipalId>,
    /// When it was made, to the millisecond.
    pub created_at: SystemTime,
    /// Since when it opens nothing any more, to the millisecond.
    pub revoked_at: Option<SystemTime>,
}

/// The rooms that a key opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoomScope {
    /// All, those to come included.
    All,
    /// These.
    Only(BTreeSet<RoomId>),
}

impl RoomScope {
    /// Whether `room` is among them.
    pub fn includes(&self, room: &RoomId) -> bool {
        match self {
            Self::All => true,
            Self::Only(rooms) => rooms.contains(room),
        }
    }
}

/// One thing that a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyScope {
    /// Reading rooms.
    Read,
    /// Writing to documents.
    Write,
    /// Announcing the agent's status.
    Status,
    /// Looking after members and settings.
    Admin,
}

/// Not the name of a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a scope is one of room:read, room:write, room:status, room:admin")]
pub struct NoKeyScope;

impl KeyScope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Read, Self::Write, Self::Status, Self::Admin];

    /// Its name on the command line, in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "room:read",
            Self::Write => "room:write",
            Self::Status => "room:status",
            Self::Admin => "room:admin",
        }
    }
}

impl FromStr for KeyScope {
    type Err = NoKeyScope;

    fn from_str(name: &str) -> Result<Self, NoKeyScope> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name).ok_or(NoKeyScope)
    }
}

impl fmt::Display for KeyScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

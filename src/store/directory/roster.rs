//! What is known of a room beside its document: its settings and its members.
//! The directory keeps it, `access` decides by it, `api` shows it. It must never hold a rule of who may do what.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::region::Region;
use crate::room::role::Role;

/// The settings and the members of one room, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// What the room allows.
    pub settings: RoomSettings,
    /// Everybody who was given a role.
    pub members: BTreeMap<PrincipalId, Member>,
    /// When the room was made, to the millisecond.
    pub created_at: SystemTime,
}

/// What a room allows, and where it is at home.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RoomSettings {
    /// Who sees the room beside its members.
    pub visibility: Visibility,
    /// Whether editors may invite viewers and commenters.
    pub editors_may_invite: bool,
    /// Where its people are, if somebody said so.
    pub home_region: Option<Region>,
}

/// A change of a room's settings. What is nothing stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SettingsChange {
    /// Who sees the room beside its members from now on.
    pub visibility: Option<Visibility>,
    /// Whether editors may invite viewers and commenters from now on.
    pub editors_may_invite: Option<bool>,
    /// Where it is at home from now on.
    pub home_region: HomeChange,
}

/// A change of the region that a room is at home in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum HomeChange {
    /// It stays.
    #[default]
    Keep,
    /// It is this one.
    Set(Region),
    /// There is none any more.
    Clear,
}

impl From<RoomSettings> for SettingsChange {
    /// To exactly these.
    fn from(settings: RoomSettings) -> Self {
        let RoomSettings { visibility, editors_may_invite, home_region } = settings;
        Self {
            visibility: Some(visibility),
            editors_may_invite: Some(editors_may_invite),
            home_region: home_region.into(),
        }
    }
}

impl From<Option<Region>> for HomeChange {
    /// To exactly this.
    fn from(home: Option<Region>) -> Self {
        home.map_or(Self::Clear, Self::Set)
    }
}

/// Who sees a room beside its members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Visibility {
    /// Nobody.
    #[default]
    Private,
    /// Who has a link.
    Shared,
    /// Every principal that is identified, as a viewer.
    Public,
}

/// Not the name of a visibility.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a visibility is one of private, shared, public")]
pub struct NoVisibility;

impl Visibility {
    /// All of them, the narrowest first.
    pub const ALL: [Self; 3] = [Self::Private, Self::Shared, Self::Public];

    /// Its name in JSON and in the store.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Shared => "shared",
            Self::Public => "public",
        }
    }
}

impl FromStr for Visibility {
    type Err = NoVisibility;

    fn from_str(name: &str) -> Result<Self, NoVisibility> {
        Self::ALL.into_iter().find(|visibility| visibility.as_str() == name).ok_or(NoVisibility)
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One principal's place in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// What they may do.
    pub role: Role,
    /// What others read, as it was when they were added.
    pub name: Option<String>,
    /// Who added them; nobody for whoever made the room.
    pub added_by: Option<PrincipalId>,
    /// When, to the millisecond.
    pub added_at: SystemTime,
}

/// A room in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomEntry {
    /// The room.
    pub room: RoomId,
    /// The role of the member whose rooms are listed; nothing in a list of all rooms.
    pub role: Option<Role>,
    /// Its settings; nothing for a room that was only ever written to, with authentication off.
    pub settings: Option<RoomSettings>,
    /// When it was made, or first written to, to the millisecond.
    pub created_at: SystemTime,
}

/// How much is stored of a room's document and events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSize {
    /// The room.
    pub room: RoomId,
    /// When it was first written to, to the millisecond.
    pub written_at: SystemTime,
    /// Rows that no snapshot holds.
    pub rows: u64,
    /// Their bytes.
    pub row_bytes: u64,
    /// Bytes of the snapshot, as it is compressed.
    pub snapshot_bytes: u64,
    /// Events that are kept.
    pub events: u64,
}

/// What came of making a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// It is there now.
    Made,
    /// There was one of this name, or its document is still being deleted; nothing was changed.
    Exists,
}

/// What came of changing a room's members. All but [`Done`](Self::Done) changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberWrite {
    /// It is so now.
    Done,
    /// There is no roster of this name.
    NoSuchRoom,
    /// That principal is no member.
    NoSuchMember,
    /// That principal is a member already, in whatever role.
    AlreadyMember,
    /// The room would be left without an owner.
    LastOwner,
    /// The room has as many members as it may have.
    TooMany,
}

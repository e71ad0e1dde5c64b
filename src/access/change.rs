//! Changes of rosters: rooms made, configured and deleted, members added, changed and removed.
//! `Access` comes here for REST. One change of a room at a time: read, ask `may`, write, tell everybody who is in the room.
//! It runs to its end even if whoever asked goes away, so that nothing is written of which live passes do not hear.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::StreamExt;
use tracing::Instrument;

use super::may::{Action, Denial, Standing, may, owner_of_new};
use super::rosters::Held;
use super::{Access, Identity, Pass, Refused, Shared};
use crate::bus::Announcement;
use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::role::Role;
use crate::store::directory::{Created, Directory, Member, MemberWrite, OnceKey, RoomSettings, Roster, SettingsChange};

/// Between two tries to read what may have been written.
const PAUSE: Duration = Duration::from_millis(500);

/// Rosters that are read anew at a time.
const LOOKS: usize = 8;

/// One change.
pub(super) enum Change {
    Create { settings: RoomSettings, once: Option<OnceKey> },
    Add { who: PrincipalId, name: Option<String>, role: Role },
    Role { who: PrincipalId, role: Role },
    Remove { who: PrincipalId },
    Configure(SettingsChange),
    Delete,
}

impl Change {
    /// Makes a room because somebody needs it.
    pub(super) fn new_room() -> Self {
        Self::Create { settings: RoomSettings::default(), once: None }
    }
}

impl Access {
    /// Makes a room. The caller becomes its owner, or the person whom the agent acts for, unless the caller's role comes
    /// from outside. `once` is the key of the request that it is made for, if that has one.
    pub async fn create_room(
        &self,
        who: &Arc<Identity>,
        room: RoomId,
        settings: RoomSettings,
        once: Option<OnceKey>,
    ) -> Result<Pass, Refused> {
        self.change(who, &room, Change::Create { settings, once }).await?;
        self.enter(who, &room).await
    }

    /// Adds a member, and gives their place.
    pub async fn add_member(
        &self,
        pass: &Pass,
        who: PrincipalId,
        name: Option<String>,
        role: Role,
    ) -> Result<Member, Refused> {
        let change = Change::Add { who: who.clone(), name, role };
        self.member_after(pass, &who, change).await
    }

    /// Gives a member another role, and gives their place.
    pub async fn change_member(&self, pass: &Pass, who: &PrincipalId, role: Role) -> Result<Member, Refused> {
        self.member_after(pass, who, Change::Role { who: who.clone(), role }).await
    }

    async fn member_after(&self, pass: &Pass, who: &PrincipalId, change: Change) -> Result<Member, Refused> {
        let roster = self.change_by(pass, change).await?;
        roster.and_then(|roster| roster.members.get(who).cloned()).ok_or(Refused::NoSuchMember)
    }

    /// Takes a member's place away.
    pub async fn remove_member(&self, pass: &Pass, who: &PrincipalId) -> Result<(), Refused> {
        self.change_by(pass, Change::Remove { who: who.clone() }).await.map(drop)
    }

    /// Changes a room's settings, and gives them as they are then.
    pub async fn configure(&self, pass: &Pass, change: SettingsChange) -> Result<RoomSettings, Refused> {
        let roster = self.change_by(pass, Change::Configure(change)).await?;
        roster.map(|roster| roster.settings.clone()).ok_or(Refused::NoSuchRoom)
    }

    /// Deletes a room's roster; everybody's pass ends. The document is the hub's to delete.
    pub async fn delete_room(&self, pass: &Pass) -> Result<(), Refused> {
        self.change_by(pass, Change::Delete).await.map(drop)
    }

    async fn change_by(&self, pass: &Pass, change: Change) -> Result<Option<Arc<Roster>>, Refused> {
        // Its credential may have ended.
        pass.may(Action::Read).allowed()?;
        self.change(pass.identity(), pass.room(), change).await
    }

    /// Does it, and gives the roster as it is then; nothing when the room is gone.
    pub(super) async fn change(
        &self,
        who: &Arc<Identity>,
        room: &RoomId,
        change: Change,
    ) -> Result<Option<Arc<Roster>>, Refused> {
        let (access, who, room) = (self.clone(), Arc::clone(who), room.clone());
        let done = async move { access.change_here(&who, &room, change).await };
        let done = tokio::spawn(done.in_current_span()).await;
        done.unwrap_or_else(|error| {
            tracing::error!(%error, "a change of a room failed");
            Err(Refused::StoreDown)
        })
    }

    async fn change_here(&self, who: &Identity, room: &RoomId, change: Change) -> Result<Option<Arc<Roster>>, Refused> {
        let Shared { directory, rosters, options, .. } = &*self.shared;
        let held = rosters.hold(room);
        let _changing = held.changing.lock().await;
        let before = directory.roster(room).await?;
        allow(who, &change, room, before.as_ref())?;
        if before.is_none() && !matches!(change, Change::Create { .. } | Change::Delete) {
            // Only those who need no roster to have a role come so far; from now on the room has one.
            write(directory, who, room, Change::new_room(), options.members).await?;
        }
        let done = match write(directory, who, room, change, options.members).await {
            Ok(()) => directory.roster(room).await.map_err(Refused::from),
            Err(refused) => Err(refused),
        };
        if let Some(bus) = &self.shared.bus {
            // Also when it is not known whether it was done.
            bus.announce(Announcement::Roster(room.clone()));
        }
        match done {
            Ok(after) => {
                let after = after.map(Arc::new);
                held.publish(after.clone());
                rosters.remember(&held);
                Ok(after)
            }
            Err(refused) => {
                if refused == Refused::StoreDown {
                    // It may be written or not; who is in the room hears of it as soon as it can be read.
                    self.read_again(Arc::clone(&held));
                }
                Err(refused)
            }
        }
    }

    /// Another node has changed a room's roster: whoever is in the room here hears of it.
    pub async fn changed_elsewhere(&self, room: &RoomId) {
        // Also one that is being read at this moment: what comes of that may be older.
        if let Some(held) = self.shared.rosters.held(room)
            && self.shared.rosters.read(room).await.is_err()
        {
            self.read_again(held);
        }
    }

    /// Other nodes may have changed any roster.
    pub async fn look_anew(&self) {
        let rooms = self.shared.rosters.in_use();
        let look = |room: RoomId| async move { self.changed_elsewhere(&room).await };
        futures_util::stream::iter(rooms).map(look).buffer_unordered(LOOKS).collect::<()>().await;
    }

    /// Reads a roster until that works, or nobody needs it any more.
    fn read_again(&self, held: Arc<Held>) {
        let Some(reading) = held.start_reading() else { return };
        let access = self.clone();
        tokio::spawn(async move {
            while Arc::strong_count(&held) > 1 && access.shared.rosters.read(held.room()).await.is_err() {
                tokio::time::sleep(PAUSE).await;
            }
            drop(reading);
        });
    }
}

/// Asks whether the change may be made.
fn allow(who: &Identity, change: &Change, room: &RoomId, roster: Option<&Roster>) -> Result<(), Refused> {
    // Of somebody who is no member the least is asked: who may do it at all then learns that there is no such member.
    let role_of = |id| roster.and_then(|roster| roster.members.get(id)).map_or(Role::Viewer, |member| member.role);
    let action = match change {
        Change::Create { .. } => Action::CreateRoom,
        Change::Add { role, .. } => Action::Invite(*role),
        Change::Role { who, role } => Action::ChangeMember { who, from: role_of(who), to: *role },
        Change::Remove { who } => Action::RemoveMember { who, role: role_of(who) },
        Change::Configure(_) => Action::Configure,
        Change::Delete => Action::DeleteRoom,
    };
    Ok(may(who, action, &Standing { room, roster }).allowed()?)
}

async fn write(
    directory: &Directory,
    by: &Identity,
    room: &RoomId,
    change: Change,
    most: usize,
) -> Result<(), Refused> {
    let written = match change {
        Change::Create { settings, once } => {
            let owner = owner_of_new(by).map(|id| (id.clone(), first_owner(by, id)));
            let created = directory.create_room(room, settings, owner, once).await?;
            return if created == Created::Made { Ok(()) } else { Err(Refused::RoomExists) };
        }
        Change::Configure(change) => {
            let found = directory.configure(room, change).await?;
            return if found { Ok(()) } else { Err(Refused::NoSuchRoom) };
        }
        Change::Delete => return directory.delete_room(room).await.map(drop).map_err(Refused::from),
        Change::Add { who, name, role } => {
            let added_by = Some(by.principal.id.clone());
            let member = Member { role, name, added_by, added_at: SystemTime::now() };
            directory.add_member(room, &who, &member, most).await
        }
        Change::Role { who, role } => directory.change_role(room, &who, role).await,
        Change::Remove { who } => directory.remove_member(room, &who).await,
    };
    match written? {
        MemberWrite::Done => Ok(()),
        MemberWrite::NoSuchRoom => Err(Refused::NoSuchRoom),
        MemberWrite::NoSuchMember => Err(Refused::NoSuchMember),
        MemberWrite::AlreadyMember => Err(Refused::AlreadyMember),
        MemberWrite::LastOwner => Err(Denial::LastOwner.into()),
        MemberWrite::TooMany => Err(Refused::TooManyMembers { most }),
    }
}

fn first_owner(by: &Identity, owner: &PrincipalId) -> Member {
    let name = if *owner == by.principal.id { by.principal.name.as_deref().map(str::to_owned) } else { None };
    Member { role: Role::Owner, name, added_by: None, added_at: SystemTime::now() }
}

//! The rules: who may do what in which room. **This is the one place to change one.**
//! Every path asks here: sockets of each protocol, REST, tickets. Pure: no clock, no I/O, nothing kept. Whether a
//! credential still holds is not decided here (see `pass`).

use std::time::{Duration, SystemTime};

use crate::room::event::post::Post;
use crate::room::id::RoomId;
use crate::room::principal::{PrincipalId, PrincipalKind};
use crate::room::role::{Role, Writes};
use crate::store::directory::{KeyRecord, KeyScope, Roster, Visibility};

use super::identity::{Credential, Grant, Identity};

/// What somebody wants to do in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action<'a> {
    /// Make it.
    CreateRoom,
    /// Read the document and who is present.
    Read,
    /// Send presence and, as an agent, status.
    Announce,
    /// Change anything in the document.
    Write,
    /// Change what is below the root `comments`.
    Comment,
    /// Send messages to everybody in the room.
    Chat,
    /// Say, as an agent, how its work goes.
    Report,
    /// Tell one agent what to do.
    Command,
    /// Tell all agents what to do.
    CommandAll,
    /// Read the list of members.
    SeeMembers,
    /// Add a member with this role.
    Invite(Role),
    /// Give a member another role.
    ChangeMember {
        /// Whose.
        who: &'a PrincipalId,
        /// Their role now.
        from: Role,
        /// Their role then.
        to: Role,
    },
    /// Take a member's place away.
    RemoveMember {
        /// Whose.
        who: &'a PrincipalId,
        /// Their role.
        role: Role,
    },
    /// Get a ticket with this role for oneself.
    IssueTicket(Role),
    /// Get a ticket with this role for whoever has the link.
    Share(Role),
    /// Change the room's settings.
    Configure,
    /// Delete the room.
    DeleteRoom,
}

impl From<&Post> for Action<'static> {
    fn from(post: &Post) -> Self {
        match post {
            Post::Chat(_) => Self::Chat,
            Post::Task(_) | Post::Handoff(_) => Self::Report,
            Post::Command(command) if command.agent.is_none() => Self::CommandAll,
            Post::Command(_) => Self::Command,
        }
    }
}

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allowed,
    /// No.
    Denied(Denial),
}

impl Decision {
    /// To ask with `?`.
    pub fn allowed(self) -> Result<(), Denial> {
        match self {
            Self::Allowed => Ok(()),
            Self::Denied(denial) => Err(denial),
        }
    }
}

/// Why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denial {
    /// The caller has no role there: for them there is no such room, whether there is one or not.
    #[error("there is no such room")]
    NoSuchRoom,
    /// The caller's role is too low.
    #[error("this takes the role {needs}")]
    Forbidden {
        /// The least role that may.
        needs: Role,
    },
    /// Nobody changes their own role.
    #[error("nobody changes their own role")]
    OwnRole,
    /// A room always keeps an owner.
    #[error("the last owner first makes somebody else an owner")]
    LastOwner,
    /// Whoever came by a link lets nobody else in, and a link is for no more than editing.
    #[error("a shared link is made by a member, for an editor at most")]
    LinksOnly,
    /// People do not do this.
    #[error(
        "only agents say how their work goes: connect with an agent's API key (triproom key create), or with ?name=agent:… while authentication is off"
    )]
    AgentsOnly,
    /// The credential is for other rooms.
    #[error("this credential is for other rooms")]
    OtherRooms,
    /// Nobody could look after the room.
    #[error("a key below owner that acts on behalf of nobody makes no rooms: they would have no owner")]
    NoOwner,
}

/// A room as the caller finds it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// Its name.
    pub room: &'a RoomId,
    /// Its settings and members; nothing when it was never made.
    pub roster: Option<&'a Roster>,
}

/// Whether `who` may do `action` in `room`.
pub fn may(who: &Identity, action: Action<'_>, room: &Standing<'_>) -> Decision {
    match decide(who, action, room) {
        Ok(()) => Decision::Allowed,
        Err(denial) => Decision::Denied(denial),
    }
}

/// The role of `who` in `room`; nothing for strangers, and in a room that was never made, unless the product says that it
/// is there.
pub fn role_in(who: &Identity, room: &Standing<'_>) -> Option<Role> {
    if let (Credential::Open, Grant::Everywhere(role)) = (&who.credential, &who.grant) {
        return Some(*role);
    }
    if let (Credential::Token | Credential::Webhook(_), Grant::Room { room: only, role, .. }, None) =
        (&who.credential, &who.grant, room.roster)
    {
        // The product says that there is such a room, whether or not it was made here.
        return (only == room.room).then_some(*role);
    }
    let roster = room.roster?;
    if is_of_a_former_room(who, roster) {
        return None;
    }
    let own = place(roster, &who.principal.id);
    match &who.grant {
        Grant::Rooms { rooms, .. } if !rooms.includes(room.room) => None,
        Grant::Room { room: only, .. } if only != room.room => None,
        Grant::Room { role, issuer: None, .. } if matches!(who.credential, Credential::KeysTicket(_)) => {
            Some(no_more_than_its_place(roster, who, *role))
        }
        Grant::Everywhere(role) | Grant::Room { role, issuer: None, .. } => Some(*role),
        Grant::Member { cap: most } => own.map(|own| own.min(*most)),
        Grant::Rooms { role, .. } => Some(no_more_than_its_place(roster, who, *role)),
        // A link lets its guest do what its maker still may, and never look after the room.
        Grant::Room { role, issuer: Some(issuer), .. } if who.principal.id.is_guest() => {
            place(roster, issuer).map(|issuers| issuers.min(*role).min(Role::Editor))
        }
        // A member's own ticket.
        Grant::Room { role, issuer: Some(_), .. } => own.map(|own| own.min(*role)),
    }
}

/// What `who` may write in `room`.
pub fn writes_in(who: &Identity, room: &Standing<'_>) -> Writes {
    match (may(who, Action::Write, room), may(who, Action::Comment, room)) {
        (Decision::Allowed, _) => Writes::Everything,
        (_, Decision::Allowed) => Writes::Comments,
        _ => Writes::Nothing,
    }
}

/// Whether entering a room that is not there makes it: for those of whom the product says that they write in it.
pub fn makes_on_entry(who: &Identity, room: &Standing<'_>) -> bool {
    room.roster.is_none()
        && matches!(who.grant, Grant::Room { .. })
        && may(who, Action::CreateRoom, room) == Decision::Allowed
}

/// Who owns a room that `who` makes: they, or the person whom the agent acts for. Nobody when their right to it comes from
/// outside the room's members anyhow.
pub fn owner_of_new(who: &Identity) -> Option<&PrincipalId> {
    match &who.grant {
        Grant::Everywhere(_) => None,
        Grant::Room { role, .. } if *role < Role::Owner => None,
        _ => Some(who.principal.on_behalf_of.as_ref().unwrap_or(&who.principal.id)),
    }
}

/// The role that an API key gives: the key's own, no higher than its scopes reach.
pub fn role_of_key(key: &KeyRecord) -> Role {
    let reaches = if key.scopes.contains(&KeyScope::Admin) {
        Role::Owner
    } else if key.scopes.contains(&KeyScope::Write) {
        Role::Editor
    } else {
        Role::Viewer
    };
    key.role.min(reaches)
}

/// Whether a ticket was signed for another room than this, or before this was made: it is for another one, which had the same name and was deleted.
fn is_of_a_former_room(who: &Identity, roster: &Roster) -> bool {
    if let Some(made) = who.room_made_at {
        // The store keeps milliseconds.
        let millis = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
        return millis(made) != millis(roster.created_at);
    }
    // It says the second only, and the room may have been made in the very same one.
    let later = who.signed_at.and_then(|signed| roster.created_at.duration_since(signed).ok());
    later.is_some_and(|later| later >= Duration::from_secs(1))
}

/// The role that a key gives an agent, lowered by the agent's place in the room, if it has one.
fn no_more_than_its_place(roster: &Roster, agent: &Identity, role: Role) -> Role {
    roster.members.get(&agent.principal.id).map_or(role, |member| member.role.min(role))
}

/// A principal's role by the room's own word.
fn place(roster: &Roster, who: &PrincipalId) -> Option<Role> {
    let anybody = (roster.settings.visibility == Visibility::Public).then_some(Role::Viewer);
    roster.members.get(who).map(|member| member.role).or(anybody)
}

fn decide(who: &Identity, action: Action<'_>, room: &Standing<'_>) -> Result<(), Denial> {
    let role = match action {
        Action::CreateRoom => role_for_new(who, room.room).ok_or(Denial::OtherRooms)?,
        _ => role_in(who, room).ok_or(Denial::NoSuchRoom)?,
    };
    let own = &who.principal.id;
    let needs = match action {
        Action::Report if own.kind() != PrincipalKind::Agent => return Err(Denial::AgentsOnly),
        Action::Read | Action::Announce | Action::Report | Action::SeeMembers => Role::Viewer,
        Action::Comment | Action::Chat => Role::Commenter,
        Action::Write | Action::Command | Action::CreateRoom => Role::Editor,
        Action::Configure | Action::CommandAll => Role::Admin,
        Action::DeleteRoom => Role::Owner,
        Action::IssueTicket(wanted) => wanted,
        Action::Invite(_) | Action::Share(_) if came_by_link(who) => return Err(Denial::LinksOnly),
        Action::Share(wanted) if wanted > Role::Editor => return Err(Denial::LinksOnly),
        Action::Invite(wanted) | Action::Share(wanted) => inviter(wanted, room),
        Action::ChangeMember { who, .. } if who == own => return Err(Denial::OwnRole),
        Action::ChangeMember { from, to, .. } => manager(from.max(to)),
        // An agent's key gives it a role without a place: the place only limits it.
        Action::RemoveMember { who, .. } if who == own && own.kind() == PrincipalKind::Agent => {
            return Err(Denial::OwnRole);
        }
        // Everybody else may leave.
        Action::RemoveMember { who, .. } if who == own => Role::Viewer,
        Action::RemoveMember { role, .. } => manager(role),
    };
    if role < needs {
        return Err(Denial::Forbidden { needs });
    }
    if action == Action::CreateRoom && owns_in_vain(who) {
        return Err(Denial::NoOwner);
    }
    let loses_owner = match action {
        Action::ChangeMember { from, to, .. } => from == Role::Owner && to != Role::Owner,
        Action::RemoveMember { role, .. } => role == Role::Owner,
        _ => false,
    };
    let is_last = room.roster.is_some_and(|roster| owners(roster) <= 1);
    if loses_owner && is_last { Err(Denial::LastOwner) } else { Ok(()) }
}

/// The role in rooms that are still to be made.
fn role_for_new(who: &Identity, room: &RoomId) -> Option<Role> {
    match &who.grant {
        Grant::Everywhere(role) | Grant::Member { cap: role } => Some(*role),
        Grant::Rooms { rooms, role } => rooms.includes(room).then_some(*role),
        Grant::Room { .. } if who.credential.is_ticket() => None,
        Grant::Room { room: only, role, .. } => (only == room).then_some(*role),
    }
}

/// Whether somebody would be the owner of their rooms, and not be able to do there what only an owner may.
fn owns_in_vain(who: &Identity) -> bool {
    matches!(who.grant, Grant::Rooms { role, .. } if role < Role::Owner) && who.principal.on_behalf_of.is_none()
}

/// Whether it is a link that lets them in, and not their own name.
fn came_by_link(who: &Identity) -> bool {
    who.credential.is_ticket() && who.principal.id.is_guest()
}

/// The least role that looks after members of this role.
fn manager(of: Role) -> Role {
    if of >= Role::Admin { Role::Owner } else { Role::Admin }
}

/// The least role that lets somebody in with this one.
fn inviter(wanted: Role, room: &Standing<'_>) -> Role {
    let editors_may = room.roster.is_some_and(|roster| roster.settings.editors_may_invite);
    if editors_may && wanted <= Role::Commenter { Role::Editor } else { manager(wanted) }
}

fn owners(roster: &Roster) -> usize {
    roster.members.values().filter(|member| member.role == Role::Owner).count()
}

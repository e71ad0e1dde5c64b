//! A right to be in a room that follows every change: role, removal, revocation, expiry, deletion of the room.
//! `session` and `api` hold one for each connection or request. It must never grant by itself: `may` does.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Instant, SystemTime};

use tokio::sync::watch;

use super::identity::{Credential, Identity};
use super::may::{Action, Decision, Denial, Standing, may, role_in};
use super::rosters::{Held, Now};
use super::{Access, BadToken, Refused};
use crate::room::id::RoomId;
use crate::room::principal::Principal;
use crate::room::role::{Role, Writes};
use crate::store::directory::Roster;

/// See the module. What it answers is always of now; [`changed`](Self::changed) says when to ask again.
pub struct Pass(Box<Inner>);

struct Inner {
    access: Access,
    identity: Arc<Identity>,
    room: RoomId,
    /// The room's roster; nothing while authentication is off.
    roster: Option<Followed>,
    /// Resolves when the credential does not stand as it did; nothing when it always will. Behind a lock that is never
    /// taken: it makes a pass one that threads may share.
    credential: Option<Mutex<News>>,
    /// The role that the holder was told of last.
    role: Role,
    /// The member's own role then, which may be more than a ticket gives.
    own: Option<Role>,
    ended: Option<PassEnd>,
}

struct Followed {
    held: Arc<Held>,
    news: watch::Receiver<Now>,
    /// As of when the pass was made: with one more the room is another one.
    deletions: u64,
}

type News = Pin<Box<dyn Future<Output = Result<Arc<Identity>, PassEnd>> + Send>>;

/// What happened to a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PassChange {
    /// The role is another one, or what the holder is as a member: then another credential may give more.
    Role(Role),
    /// It is over.
    Ended(PassEnd),
}

/// Why a pass is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PassEnd {
    /// The credential's time is up.
    #[error("the token has expired")]
    Expired,
    /// The credential was taken back.
    #[error("the credential was revoked")]
    Revoked,
    /// The principal, or who let them in, has no role in the room any more.
    #[error("the role in this room was taken away")]
    Removed,
    /// The room is gone.
    #[error("the room was deleted")]
    RoomDeleted,
}

impl Pass {
    /// A pass for whoever has a role in the room.
    pub(super) fn new(
        access: &Access,
        who: &Arc<Identity>,
        room: &RoomId,
        held: Option<Arc<Held>>,
    ) -> Result<Self, Denial> {
        let roster = held.map(|held| {
            let deletions = held.now().deletions;
            Followed { news: held.watch(), held, deletions }
        });
        let (access, identity, room) = (access.clone(), Arc::clone(who), room.clone());
        let (role, own, credential, ended) = (Role::Viewer, None, None, None);
        let mut inner = Inner { access, identity, room, roster, credential, role, own, ended };
        inner.role = inner.standing().map_err(|_| Denial::NoSuchRoom)?;
        inner.own = inner.own_role();
        inner.follow_credential();
        Ok(Self(Box::new(inner)))
    }

    /// Who holds it.
    pub fn identity(&self) -> &Arc<Identity> {
        &self.0.identity
    }

    /// Who holds it.
    pub fn principal(&self) -> &Arc<Principal> {
        &self.0.identity.principal
    }

    /// The room that it is for.
    pub fn room(&self) -> &RoomId {
        &self.0.room
    }

    /// The role now; the last one when there is none any more.
    pub fn role(&self) -> Role {
        self.0.standing().unwrap_or(self.0.role)
    }

    /// Whether its holder may do this now.
    pub fn may(&self, action: Action<'_>) -> Decision {
        match self.0.standing() {
            Ok(_) => self.0.with_standing(|standing| may(&self.0.identity, action, standing)),
            Err(_) => Decision::Denied(Denial::NoSuchRoom),
        }
    }

    /// What its holder may write now.
    pub fn writes(&self) -> Writes {
        match self.0.standing() {
            Ok(_) => self.0.with_standing(|standing| super::writes_in(&self.0.identity, standing)),
            Err(_) => Writes::Nothing,
        }
    }

    /// Settings and members now; nothing while authentication is off, see [`Access::members`].
    pub fn roster(&self) -> Option<Arc<Roster>> {
        self.0.roster.as_ref()?.held.now().roster.clone()
    }

    /// When the credential ends.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.identity.expires_at
    }

    /// Waits for the next change. Cancel-safe; never resolves when nothing can change. Once it said that the pass is over
    /// it says so again at once.
    pub async fn changed(&mut self) -> PassChange {
        let inner = &mut *self.0;
        loop {
            if let Some(followed) = &mut inner.roster {
                followed.news.mark_unchanged();
            }
            match inner.standing() {
                Err(end) => {
                    inner.ended = Some(end);
                    return PassChange::Ended(end);
                }
                Ok(role) => {
                    let own = inner.own_role();
                    if (role, own) != (inner.role, inner.own) {
                        (inner.role, inner.own) = (role, own);
                        return PassChange::Role(role);
                    }
                }
            }
            tokio::select! {
                biased;
                news = credential_news(inner.credential.as_mut()) => inner.take(news),
                () = roster_news(inner.roster.as_mut()) => {}
            }
        }
    }

    /// Resolves when the pass is over, for those who wait for something else meanwhile.
    pub fn over(&self) -> impl Future<Output = PassEnd> + Send + use<> {
        let Inner { access, identity, room, roster, role, own, ended, .. } = &*self.0;
        let roster = roster.as_ref().map(|Followed { held, deletions, .. }| {
            let held = Arc::clone(held);
            Followed { news: held.watch(), held, deletions: *deletions }
        });
        let (access, identity, room) = (access.clone(), Arc::clone(identity), room.clone());
        let (role, own, ended) = (*role, *own, *ended);
        let mut twin = Inner { access, identity, room, roster, credential: None, role, own, ended };
        twin.follow_credential();
        let mut twin = Self(Box::new(twin));
        async move {
            loop {
                if let PassChange::Ended(end) = twin.changed().await {
                    return end;
                }
            }
        }
    }

    /// Takes a newer credential of the same principal, with which it has a role in the room, too. Too late once
    /// [`changed`](Self::changed) said that the pass is over.
    pub fn renew(&mut self, identity: Arc<Identity>) -> Result<(), Refused> {
        let inner = &mut *self.0;
        if inner.ended.is_some() {
            return Err(Refused::Expired);
        }
        if identity.principal.id != inner.identity.principal.id {
            return Err(BadToken::SomebodyElse.into());
        }
        if inner.with_standing(|standing| role_in(&identity, standing)).is_none() {
            return Err(Refused::NoSuchRoom);
        }
        inner.identity = identity;
        inner.follow_credential();
        Ok(())
    }
}

impl Inner {
    /// The role now, or why there is none.
    fn standing(&self) -> Result<Role, PassEnd> {
        if let Some(end) = self.ended {
            return Err(end);
        }
        if self.identity.expires_at.is_some_and(|end| end <= SystemTime::now()) {
            return Err(PassEnd::Expired);
        }
        let now = self.roster.as_ref().map(|followed| (followed.held.now(), followed.deletions));
        if now.as_ref().is_some_and(|(now, deletions)| now.deletions != *deletions) {
            return Err(PassEnd::RoomDeleted);
        }
        let is_made = now.is_none_or(|(now, _)| now.roster.is_some());
        let end = if is_made { PassEnd::Removed } else { PassEnd::RoomDeleted };
        self.with_standing(|standing| role_in(&self.identity, standing)).ok_or(end)
    }

    /// What the room's members say of the holder, whatever the credential gives.
    fn own_role(&self) -> Option<Role> {
        self.with_standing(|standing| {
            standing.roster?.members.get(&self.identity.principal.id).map(|member| member.role)
        })
    }

    fn with_standing<T>(&self, ask: impl FnOnce(&Standing<'_>) -> T) -> T {
        let now = self.roster.as_ref().map(|followed| followed.held.now());
        let roster = now.as_ref().and_then(|now| now.roster.as_deref());
        ask(&Standing { room: &self.room, roster })
    }

    /// Takes what became of the credential.
    fn take(&mut self, news: Result<Arc<Identity>, PassEnd>) {
        match news {
            Ok(again) if again.principal.id == self.identity.principal.id => {
                self.identity = again;
                self.follow_credential();
            }
            Ok(_) => self.ended = Some(PassEnd::Revoked),
            Err(end) => self.ended = Some(end),
        }
    }

    fn follow_credential(&mut self) {
        let news: Option<News> = match (&self.identity.credential, self.identity.expires_at) {
            (Credential::Key(_) | Credential::KeysTicket(_) | Credential::Webhook(_), _) => {
                Some(Box::pin(follow(self.access.clone(), Arc::clone(&self.identity))))
            }
            // Most connections: nothing but a timer.
            (_, Some(end)) => Some(Box::pin(expiry(end))),
            (_, None) => None,
        };
        self.credential = news.map(Mutex::new);
    }
}

/// Resolves when the credential is over, or stands for something else.
async fn follow(access: Access, identity: Arc<Identity>) -> Result<Arc<Identity>, PassEnd> {
    let news = access.credential_news(&identity);
    match identity.expires_at {
        None => news.await,
        Some(end) => tokio::select! {
            biased;
            ended = expiry(end) => ended,
            news = news => news,
        },
    }
}

async fn expiry(end: SystemTime) -> Result<Arc<Identity>, PassEnd> {
    let left = end.duration_since(SystemTime::now()).unwrap_or_default();
    match Instant::now().checked_add(left) {
        Some(end) => tokio::time::sleep_until(end.into()).await,
        None => pending().await,
    }
    Err(PassEnd::Expired)
}

async fn credential_news(news: Option<&mut Mutex<News>>) -> Result<Arc<Identity>, PassEnd> {
    match news {
        Some(news) => news.get_mut().expect("nobody locks it").await,
        None => pending().await,
    }
}

async fn roster_news(followed: Option<&mut Followed>) {
    match followed {
        // The sender is held beside the receiver.
        Some(followed) => {
            let _ = followed.news.changed().await;
        }
        None => pending().await,
    }
}

impl fmt::Debug for Pass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { identity, room, role, ended, .. } = &*self.0;
        f.debug_struct("Pass")
            .field("principal", &identity.principal.id)
            .field("room", room)
            .field("role", role)
            .field("ended", ended)
            .finish_non_exhaustive()
    }
}

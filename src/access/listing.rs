//! Which rooms somebody has a role in. `Access` comes here for REST's list of rooms.
//! It must never name a room in which `may` sees no role.

use std::ops::Bound;

use super::may::{Standing, role_in};
use super::{Access, Credential, Grant, Identity, Refused};
use crate::room::id::RoomId;
use crate::store::directory::{RoomEntry, RoomScope};

impl Access {
    /// At most `limit` rooms that the caller has a role in, by name, from the one behind `after` on. Public rooms of others
    /// are not listed. Fewer than `limit` means that there are no more.
    pub async fn rooms(&self, who: &Identity, after: Option<&RoomId>, limit: usize) -> Result<Vec<RoomEntry>, Refused> {
        match &who.grant {
            Grant::Member { cap } => {
                let rooms = self.shared.directory.rooms_of(&who.principal.id, after, limit).await;
                let capped = |entry: RoomEntry| RoomEntry { role: entry.role.map(|role| role.min(*cap)), ..entry };
                Ok(rooms?.into_iter().map(capped).collect())
            }
            Grant::Everywhere(_) | Grant::Rooms { rooms: RoomScope::All, .. } => {
                self.all_rooms(who, after, limit).await
            }
            Grant::Rooms { rooms: RoomScope::Only(rooms), .. } => {
                let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
                self.those(who, rooms.range::<RoomId, _>((behind, Bound::Unbounded)), limit).await
            }
            Grant::Room { room, .. } => {
                let behind = after.is_none_or(|after| room > after);
                self.those(who, behind.then_some(room).into_iter(), limit).await
            }
        }
    }

    async fn all_rooms(
        &self,
        who: &Identity,
        mut after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomEntry>, Refused> {
        let mut found = Vec::new();
        let mut page: Vec<RoomEntry>;
        loop {
            page = self.shared.directory.all_rooms(after, limit).await?;
            let is_last = page.len() < limit;
            for entry in &page {
                found.extend(self.entry(who, entry).await?);
            }
            if is_last || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
            after = page.last().map(|entry| &entry.room);
        }
    }

    /// The entry with the caller's role; nothing when they have none.
    async fn entry(&self, who: &Identity, entry: &RoomEntry) -> Result<Option<RoomEntry>, Refused> {
        if who.credential == Credential::Open {
            let role = role_in(who, &Standing { room: &entry.room, roster: None });
            return Ok(Some(RoomEntry { role, ..entry.clone() }));
        }
        Ok(self.those(who, [&entry.room].into_iter(), 1).await?.pop())
    }

    async fn those(
        &self,
        who: &Identity,
        rooms: impl Iterator<Item = &RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomEntry>, Refused> {
        let mut found = Vec::new();
        for room in rooms {
            if found.len() == limit {
                break;
            }
            let Some(roster) = self.shared.directory.roster(room).await? else { continue };
            if let Some(role) = role_in(who, &Standing { room, roster: Some(&roster) }) {
                let (settings, created_at) = (Some(roster.settings), roster.created_at);
                found.push(RoomEntry { room: room.clone(), role: Some(role), settings, created_at });
            }
        }
        Ok(found)
    }
}

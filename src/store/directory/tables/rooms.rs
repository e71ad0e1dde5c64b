//! Rosters as wholes: making, reading, configuring, deleting, listing.
//! Part of [`EngineDirectory`]. It must never touch a document's tables, but may look whether there is one.

use std::collections::BTreeMap;

use sqlx::Row;

use super::answers::insert_creation;
use super::members::{insert_member, read_member};
use super::{EngineDirectory, EngineRow, query, room_name, word, word_if_any};
use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::region::Region;
use crate::room::role::Role;
use crate::store::directory::answer::OnceKey;
use crate::store::directory::roster::{
    Created, HomeChange, Member, RoomEntry, RoomSettings, Roster, SettingsChange, Visibility,
};
use crate::store::error::StoreError;
use crate::store::moment::{from_millis, now};

impl EngineDirectory {
    pub(in crate::store::directory) async fn roster(&self, room: &RoomId) -> Result<Option<Roster>, StoreError> {
        let room = room.clone();
        self.read(move |connection| {
            Box::pin(async move {
                let rows = query(
                    "SELECT visibility, editors_may_invite, home_region, created_at, principal, role, name, added_by,
                         added_at
                     FROM rosters LEFT JOIN members ON members.room = rosters.room WHERE rosters.room = $1",
                )
                .bind(room.as_str())
                .fetch_all(connection)
                .await?;
                read_roster(&rows)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn create_room(
        &self,
        room: &RoomId,
        settings: RoomSettings,
        owner: Option<(PrincipalId, Member)>,
        once: Option<OnceKey>,
    ) -> Result<Created, StoreError> {
        let room = room.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let made = query(
                    "INSERT INTO rosters (room, visibility, editors_may_invite, created_at, home_region)
                     SELECT $1, $2, $3, $4, $5 WHERE NOT EXISTS (SELECT 1 FROM deleted_rooms WHERE room = $1)
                     ON CONFLICT (room) DO NOTHING",
                )
                .bind(room.as_str())
                .bind(settings.visibility.as_str())
                .bind(settings.editors_may_invite)
                .bind(now())
                .bind(settings.home_region.as_ref().map(Region::as_str))
                .execute(&mut *connection)
                .await?;
                if made.rows_affected() == 0 {
                    return Ok(Created::Exists);
                }
                if let Some((who, member)) = owner {
                    insert_member(&mut *connection, &room, &who, &Member { role: Role::Owner, ..member }).await?;
                }
                if let Some(once) = once {
                    insert_creation(connection, &once, &room).await?;
                }
                Ok(Created::Made)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn configure(
        &self,
        room: &RoomId,
        change: SettingsChange,
    ) -> Result<bool, StoreError> {
        let room = room.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let (moves, home) = match &change.home_region {
                    HomeChange::Keep => (false, None),
                    HomeChange::Set(region) => (true, Some(region.as_str())),
                    HomeChange::Clear => (true, None),
                };
                // In one statement: of two who change different things at once, neither undoes what the other did.
                let changed = query(
                    "UPDATE rosters SET visibility = coalesce($1, visibility),
                         editors_may_invite = coalesce($2, editors_may_invite),
                         home_region = CASE WHEN $3 THEN $4 ELSE home_region END WHERE room = $5",
                )
                .bind(change.visibility.map(Visibility::as_str))
                .bind(change.editors_may_invite)
                .bind(moves)
                .bind(home)
                .bind(room.as_str())
                .execute(connection)
                .await?;
                Ok(changed.rows_affected() > 0)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn delete_room(&self, room: &RoomId) -> Result<bool, StoreError> {
        let room = room.clone();
        self.write(move |connection| {
            Box::pin(async move {
                let roster =
                    query("DELETE FROM rosters WHERE room = $1").bind(room.as_str()).execute(&mut *connection).await?;
                for statement in [
                    "DELETE FROM members WHERE room = $1",
                    "DELETE FROM creations WHERE room = $1",
                    // Even if nothing is written yet: what was sent may be on its way into the log.
                    "INSERT INTO deleted_rooms (room) VALUES ($1) ON CONFLICT (room) DO NOTHING",
                ] {
                    query(statement).bind(room.as_str()).execute(&mut *connection).await?;
                }
                Ok(roster.rows_affected() > 0)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn is_deleted(&self, room: &RoomId) -> Result<bool, StoreError> {
        let room = room.clone();
        self.read(move |connection| {
            Box::pin(async move {
                let row = query("SELECT EXISTS (SELECT 1 FROM deleted_rooms WHERE room = $1)")
                    .bind(room.as_str())
                    .fetch_one(connection)
                    .await?;
                row.try_get(0)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn rooms_of(
        &self,
        who: &PrincipalId,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomEntry>, StoreError> {
        let (who, after) = (who.clone(), after.cloned());
        self.read(move |connection| {
            Box::pin(async move {
                let rows = query(
                    "SELECT members.room, created_at, visibility, editors_may_invite, home_region, role
                     FROM members JOIN rosters ON rosters.room = members.room
                     WHERE principal = $1 AND members.room > $2 ORDER BY members.room LIMIT $3",
                )
                .bind(who.as_str())
                .bind(behind(after.as_ref()))
                .bind(most(limit))
                .fetch_all(connection)
                .await?;
                rows.iter().map(read_entry).collect()
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn all_rooms(
        &self,
        after: Option<&RoomId>,
        limit: usize,
    ) -> Result<Vec<RoomEntry>, StoreError> {
        let after = after.cloned();
        self.read(move |connection| {
            Box::pin(async move {
                let rows = query(
                    "SELECT room, created_at, visibility, editors_may_invite, home_region, NULL FROM rosters
                     WHERE room > $1
                     UNION ALL
                     SELECT name, created_at, NULL, NULL, NULL, NULL FROM rooms WHERE name > $1
                         AND NOT EXISTS (SELECT 1 FROM rosters WHERE rosters.room = name)
                         AND NOT EXISTS (SELECT 1 FROM deleted_rooms WHERE deleted_rooms.room = name)
                     ORDER BY 1 LIMIT $2",
                )
                .bind(behind(after.as_ref()))
                .bind(most(limit))
                .fetch_all(connection)
                .await?;
                rows.iter().map(read_entry).collect()
            })
        })
        .await
    }
}

/// Names begin behind this one; no name is empty.
fn behind(after: Option<&RoomId>) -> &str {
    after.map_or("", RoomId::as_str)
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// One row a member, or one without a member.
fn read_roster(rows: &[EngineRow]) -> Result<Option<Roster>, sqlx::Error> {
    let Some(first) = rows.first() else { return Ok(None) };
    let settings = read_settings(first, 0)?;
    let mut members = BTreeMap::new();
    for row in rows {
        members.extend(read_member(row)?);
    }
    Ok(Some(Roster { settings, members, created_at: from_millis(first.try_get(3)?) }))
}

/// From the columns that begin at `first`.
fn read_settings(row: &EngineRow, first: usize) -> Result<RoomSettings, sqlx::Error> {
    Ok(RoomSettings {
        visibility: word(row, first)?,
        editors_may_invite: row.try_get(first + 1)?,
        home_region: word_if_any(row, first + 2)?,
    })
}

fn read_entry(row: &EngineRow) -> Result<RoomEntry, sqlx::Error> {
    let settings = match row.try_get::<Option<&str>, _>(2)? {
        Some(_) => Some(read_settings(row, 2)?),
        None => None,
    };
    let role = word_if_any(row, 5)?;
    Ok(RoomEntry { room: room_name(row.try_get(0)?)?, role, settings, created_at: from_millis(row.try_get(1)?) })
}

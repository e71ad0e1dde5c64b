//! Members of rooms, and the guards that hold whoever writes: a room keeps its owner, and does not overflow.
//! Part of [`EngineDirectory`]. Each guard looks inside the transaction that writes.

use sqlx::Row;

use super::{EngineConnection, EngineDirectory, EngineRow, LOCK_ROSTER, principal, query, unreadable, word};
use crate::room::id::RoomId;
use crate::room::principal::PrincipalId;
use crate::room::role::Role;
use crate::store::directory::roster::{Member, MemberWrite};
use crate::store::error::StoreError;
use crate::store::moment::{from_millis, millis};

/// What a change of members has to know of its room.
struct Census {
    members: usize,
    owners: usize,
    /// The role of the member in question.
    role: Option<Role>,
}

impl Census {
    /// Counts, and nobody else changes the room's members before the transaction ends; nothing when there is no room of this
    /// name.
    async fn take(
        connection: &mut EngineConnection,
        room: &RoomId,
        who: &PrincipalId,
    ) -> Result<Option<Self>, sqlx::Error> {
        query(LOCK_ROSTER).bind(room.as_str()).fetch_optional(&mut *connection).await?;
        let row = query(
            "SELECT count(principal), count(*) FILTER (WHERE role = 'owner'), max(role) FILTER (WHERE principal = $2)
             FROM rosters LEFT JOIN members ON members.room = rosters.room WHERE rosters.room = $1 GROUP BY rosters.room",
        )
        .bind(room.as_str())
        .bind(who.as_str())
        .fetch_optional(connection)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let role = row.try_get::<Option<&str>, _>(2)?.map(|_| word(&row, 2)).transpose()?;
        let count = |column| usize::try_from(row.try_get::<i64, _>(column)?).map_err(unreadable);
        Ok(Some(Self { members: count(0)?, owners: count(1)?, role }))
    }

    /// Whether the room would be without an owner if the member in question were none.
    fn hangs_on_them(&self) -> bool {
        self.role == Some(Role::Owner) && self.owners == 1
    }
}

impl EngineDirectory {
    pub(in crate::store::directory) async fn add_member(
        &self,
        room: &RoomId,
        who: &PrincipalId,
        member: &Member,
        most: usize,
    ) -> Result<MemberWrite, StoreError> {
        let (room, who, member) = (room.clone(), who.clone(), member.clone());
        self.write(move |connection| {
            Box::pin(async move {
                match Census::take(connection, &room, &who).await? {
                    None => return Ok(MemberWrite::NoSuchRoom),
                    Some(census) if census.role.is_some() => return Ok(MemberWrite::AlreadyMember),
                    Some(census) if census.members >= most => return Ok(MemberWrite::TooMany),
                    Some(_) => {}
                }
                insert_member(connection, &room, &who, &member).await?;
                Ok(MemberWrite::Done)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn change_role(
        &self,
        room: &RoomId,
        who: &PrincipalId,
        role: Role,
    ) -> Result<MemberWrite, StoreError> {
        let (room, who) = (room.clone(), who.clone());
        self.write(move |connection| {
            Box::pin(async move {
                match Census::take(connection, &room, &who).await? {
                    None => return Ok(MemberWrite::NoSuchRoom),
                    Some(census) if census.role.is_none() => return Ok(MemberWrite::NoSuchMember),
                    Some(census) if role != Role::Owner && census.hangs_on_them() => return Ok(MemberWrite::LastOwner),
                    Some(_) => {}
                }
                query("UPDATE members SET role = $1 WHERE room = $2 AND principal = $3")
                    .bind(role.as_str())
                    .bind(room.as_str())
                    .bind(who.as_str())
                    .execute(connection)
                    .await?;
                Ok(MemberWrite::Done)
            })
        })
        .await
    }

    pub(in crate::store::directory) async fn remove_member(
        &self,
        room: &RoomId,
        who: &PrincipalId,
    ) -> Result<MemberWrite, StoreError> {
        let (room, who) = (room.clone(), who.clone());
        self.write(move |connection| {
            Box::pin(async move {
                match Census::take(connection, &room, &who).await? {
                    None => return Ok(MemberWrite::NoSuchRoom),
                    Some(census) if census.role.is_none() => return Ok(MemberWrite::NoSuchMember),
                    Some(census) if census.hangs_on_them() => return Ok(MemberWrite::LastOwner),
                    Some(_) => {}
                }
                query("DELETE FROM members WHERE room = $1 AND principal = $2")
                    .bind(room.as_str())
                    .bind(who.as_str())
                    .execute(connection)
                    .await?;
                Ok(MemberWrite::Done)
            })
        })
        .await
    }
}

pub(super) async fn insert_member(
    connection: &mut EngineConnection,
    room: &RoomId,
    who: &PrincipalId,
    member: &Member,
) -> Result<(), sqlx::Error> {
    query("INSERT INTO members (room, principal, role, name, added_by, added_at) VALUES ($1, $2, $3, $4, $5, $6)")
        .bind(room.as_str())
        .bind(who.as_str())
        .bind(member.role.as_str())
        .bind(member.name.as_deref())
        .bind(member.added_by.as_ref().map(PrincipalId::as_str))
        .bind(millis(member.added_at))
        .execute(connection)
        .await?;
    Ok(())
}

/// The member in the columns 4 to 8 of a roster's row, if there is one.
pub(super) fn read_member(row: &EngineRow) -> Result<Option<(PrincipalId, Member)>, sqlx::Error> {
    let Some(who) = row.try_get::<Option<&str>, _>(4)? else { return Ok(None) };
    let member = Member {
        role: word(row, 5)?,
        name: row.try_get(6)?,
        added_by: row.try_get::<Option<&str>, _>(7)?.map(principal).transpose()?,
        added_at: from_millis(row.try_get(8)?),
    };
    Ok(Some((principal(who)?, member)))
}

//! Members of a room: who has which role in it.

use std::ops::Bound;
use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::caller::{InRoom, Subject};
use super::code::Code;
use super::cursor::{Cursor, List};
use super::describe::{ANY, BODY, CHANGE, FIELDS, IN_ROOM, ONCE, problems};
use super::etag::ETag;
use super::idempotency::Once;
use super::parameters::{MembersPageParams, OnceParam, PrincipalParam, ReadParams, RoomParam};
use super::problem::Problem;
use super::query::{Page, Query};
use super::schema::{MemberView, PageOf, RoleName};
use super::{address, body};
use crate::access::Action;
use crate::room::event::RoleChanged;
use crate::room::principal::{PRINCIPAL_NAME_MAX, PrincipalId};
use crate::room::role::Role;
use crate::store::directory::Roster;

/// A new member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "principal": "bob", "role": "editor", "name": "Bob" }))]
pub struct NewMember {
    /// Who: the `sub` of their token, or `agent:` and the agent's name. At most 255 bytes without control characters.
    #[schema(min_length = 1, max_length = 255, pattern = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$")]
    principal: String,
    /// What they may do.
    role: RoleName,
    /// What others read; at most 200 bytes of it are kept.
    name: Option<String>,
}

/// Another role for a member.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "role": "viewer" }))]
pub struct MemberChange {
    /// What they may do from now on.
    role: RoleName,
}

problems!(ListProblems: ANY, IN_ROOM, &[Code::BadCursor]);
problems!(AddProblems: ANY, CHANGE, IN_ROOM, BODY, FIELDS, ONCE, &[Code::AlreadyMember, Code::TooManyMembers]);
problems!(
    ChangeProblems: ANY, CHANGE, IN_ROOM, BODY, FIELDS,
    &[Code::BadPrincipal, Code::MemberNotFound, Code::OwnRole, Code::LastOwner],
);
problems!(RemoveProblems: ANY, CHANGE, IN_ROOM, &[Code::BadPrincipal, Code::MemberNotFound, Code::LastOwner]);

/// List members
///
/// By id.
#[utoipa::path(
    get, path = "/v1/rooms/{room}/members", operation_id = "listMembers", tag = "members",
    params(RoomParam, MembersPageParams, ReadParams),
    responses(
        (status = 200, description = "A part of the list.", body = PageOf<MemberView<'static>>,
         headers(("etag" = String, description = "Of exactly this part."))),
        (status = 304, description = "The client has it already."),
        ListProblems,
    ),
)]
pub async fn list(room: InRoom, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    let Page { after, limit } = query.page(List::Members)?;
    let after = after.map(|cursor| PrincipalId::parse(cursor.key())).transpose()?;
    room.allow(Action::SeeMembers)?;
    room.find().await?;
    let roster = room.members().await?;
    let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
    let members = roster.iter().flat_map(|roster| roster.members.range((behind.clone(), Bound::Unbounded)));
    let members = members.take(limit + 1).map(|(id, member)| MemberView::new(id, member)).collect();
    let page =
        PageOf::cut(members, limit, |last: &MemberView<'_>| Cursor::new(List::Members, last.principal.to_owned()));
    let json = serde_json::to_vec(&page).expect("a list is JSON");
    Ok(ETag::of(&json).answer_json(&headers, || json))
}

/// Add a member
///
/// Owners add anybody, admins up to editors, editors viewers and commenters where the room allows it.
#[utoipa::path(
    post, path = "/v1/rooms/{room}/members", operation_id = "addMember", tag = "members",
    params(RoomParam, OnceParam),
    request_body(content = NewMember, content_type = "application/json"),
    responses(
        (status = 201, description = "They are a member.", body = MemberView<'static>,
         headers(("location" = String, description = "The member."))),
        AddProblems,
    ),
)]
pub async fn add(room: InRoom, once: Once, query: Query, request: Request) -> Result<Response, Problem> {
    query.finish()?;
    let new: NewMember = body::json(request, room.api().options().request_bytes).await?;
    let who = PrincipalId::parse(&new.principal)
        .map_err(|error| Problem::new(Code::InvalidField, format!("This is nobody: {error}.")).at("/principal"))?;
    let RoleName(role) = new.role;
    room.allow(Action::Invite(role))?;
    room.find().await?;
    let name = new.name.map(|name| name[..name.floor_char_boundary(PRINCIPAL_NAME_MAX)].to_owned());
    once.run(async {
        let member = room.api().access().add_member(&room.pass, who.clone(), name, role).await?;
        note_role(&room, &who, None, Some(role)).await;
        let location = [(header::LOCATION, address::of_member(room.pass.room(), who.as_str()))];
        Ok((StatusCode::CREATED, location, axum::Json(MemberView::new(&who, &member))).into_response())
    })
    .await
}

/// Change a member's role
///
/// Owners change anybody's but their own; admins that of members below admin, up to editor.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}/members/{principal}", operation_id = "changeMember", tag = "members",
    params(RoomParam, PrincipalParam),
    request_body(content = MemberChange, content_type = "application/json"),
    responses(
        (status = 200, description = "The member now.", body = MemberView<'static>),
        ChangeProblems,
    ),
)]
pub async fn change(room: InRoom, Subject(who): Subject, query: Query, request: Request) -> Result<Response, Problem> {
    query.finish()?;
    let change: MemberChange = body::json(request, room.api().options().request_bytes).await?;
    let before = role_in(&*find(&room, &who).await?, &who);
    let RoleName(role) = change.role;
    let member = room.api().access().change_member(&room.pass, &who, role).await?;
    if before != Some(role) {
        note_role(&room, &who, before, Some(role)).await;
    }
    Ok(axum::Json(MemberView::new(&who, &member)).into_response())
}

/// Remove a member
///
/// Everybody may leave; the last owner first makes somebody else an owner. What they have open is closed within a second.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}/members/{principal}", operation_id = "removeMember", tag = "members",
    params(RoomParam, PrincipalParam),
    responses((status = 204, description = "They are no member."), RemoveProblems),
)]
pub async fn remove(room: InRoom, Subject(who): Subject, query: Query) -> Result<StatusCode, Problem> {
    query.finish()?;
    let before = role_in(&*find(&room, &who).await?, &who);
    room.api().access().remove_member(&room.pass, &who).await?;
    note_role(&room, &who, before, None).await;
    Ok(StatusCode::NO_CONTENT)
}

fn role_in(roster: &Roster, who: &PrincipalId) -> Option<Role> {
    roster.members.get(who).map(|member| member.role)
}

/// Tells the room. The roster is what counts, so that it was not told is no reason to say that nothing was done.
async fn note_role(room: &InRoom, who: &PrincipalId, before: Option<Role>, role: Option<Role>) {
    let changed =
        RoleChanged { member: who.as_str().to_owned(), role: role.map(Role::as_str), before: before.map(Role::as_str) };
    let by = Arc::clone(room.pass.principal());
    let noted = match room.api().hub().visit(room.pass.room()) {
        Ok(visit) => visit.note_role(by, changed).await.map_err(|error| error.to_string()),
        Err(error) => Err(error.to_string()),
    };
    if let Err(error) = noted {
        tracing::warn!(room = %room.pass.room().for_log(), error, "a change of a role was not noted in the room");
    }
}

/// The roster with this member in it.
async fn find(room: &InRoom, who: &PrincipalId) -> Result<Arc<Roster>, Problem> {
    room.find().await?;
    let roster = room.members().await?;
    roster.filter(|roster| roster.members.contains_key(who)).ok_or_else(Problem::no_such_member)
}

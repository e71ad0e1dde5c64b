//! Rooms: the caller's list, a new one, its settings, its end. What one room looks like is `bootstrap`.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::caller::{Caller, InRoom, is_untouched};
use super::code::Code;
use super::cursor::{Cursor, List};
use super::describe::{ANY, BODY, CHANGE, FIELDS, IN_ROOM, ONCE, problems};
use super::etag::ETag;
use super::idempotency::{Once, Turn};
use super::new_room::NewRoom;
use super::parameters::{OnceParam, ReadParams, RoomParam, RoomsPageParams};
use super::problem::Problem;
use super::query::{Page, Query};
use super::schema::{Moment, PageOf, RegionName, RoleName, SettingsView, VisibilityName};
use super::state::Api;
use super::{address, body};
use crate::access::{Action, Credential, Grant, Identity, Pass, Refused, Standing, may};
use crate::hub::visit::Visit;
use crate::room::id::RoomId;
use crate::room::patch::Patch;
use crate::room::request::RoomView as View;
use crate::room::role::Writes;
use crate::room::version::Version;
use crate::store::StoreError;
use crate::store::directory::{self, HomeChange, OnceKey, RoomEntry, RoomSettings, Visibility};

/// Between two tries to read what the store has done.
const PAUSE: Duration = Duration::from_millis(500);
/// What to do about a room without its trip.
const MADE: &str = "The room is made all the same. Send this again with the same idempotency key, if it had one, or write \
    the trip's fields with a patch.";

/// A room in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoomEntry)]
pub struct RoomEntryView<'a> {
    /// Its name.
    #[schema(example = "lisbon-2026")]
    id: &'a str,
    /// The caller's role in it.
    role: Option<RoleName>,
    /// What it allows; null for a room that was only ever written to, without authentication.
    settings: Option<SettingsView>,
    /// When it was made, or first written to.
    created_at: Moment,
}

/// A room that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Room)]
pub struct RoomView<'a> {
    /// Its name.
    #[schema(example = "lisbon-2026")]
    id: &'a str,
    /// The caller's role in it.
    role: RoleName,
    /// What it allows.
    settings: SettingsView,
    /// The version of its document.
    #[schema(example = "7d9f4e0cbb1f3a52c7e1a0b9d4f6e801")]
    version: String,
}

/// A change of a room's settings. What is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettingsChange, example = json!({
    "visibility": "shared", "editors_may_invite": true, "home_region": "eu-central"
}))]
pub struct SettingsChange {
    /// Who sees the room beside its members.
    visibility: Option<VisibilityName>,
    /// Whether editors may invite viewers and commenters.
    editors_may_invite: Option<bool>,
    /// The region where its people are; null when it is to be at home nowhere.
    #[serde(default, deserialize_with = "home_change")]
    #[schema(value_type = Option<RegionName>)]
    home_region: HomeChange,
}

problems!(ListProblems: ANY, &[Code::BadCursor]);
problems!(
    CreateProblems: ANY, CHANGE, BODY, FIELDS, ONCE,
    &[
        Code::PermissionDenied, Code::RoomNotFound, Code::NoJson, Code::RoomExists, Code::DocumentTooLarge, Code::RoomLimit,
        Code::Draining, Code::ReadOnly,
    ],
);
problems!(ConfigureProblems: ANY, CHANGE, IN_ROOM, BODY, FIELDS, &[Code::ReadOnly]);
problems!(DeleteProblems: ANY, CHANGE, IN_ROOM);

/// List rooms
///
/// The rooms in which the caller has a role, by name. Public rooms of others are not listed.
#[utoipa::path(
    get, path = "/v1/rooms", operation_id = "listRooms", tag = "rooms",
    params(RoomsPageParams, ReadParams),
    responses(
        (status = 200, description = "A part of the list.", body = PageOf<RoomEntryView<'static>>,
         headers(("etag" = String, description = "Of exactly this part."))),
        (status = 304, description = "The client has it already."),
        ListProblems,
    ),
)]
pub async fn list(
    State(api): State<Api>,
    Caller(who): Caller,
    query: Query,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let json = listed(&api, &who, query.page(List::Rooms)?).await?;
    Ok(ETag::of(&json).answer_json(&headers, || json))
}

/// A part of the list of somebody's rooms, as JSON.
pub async fn listed(api: &Api, who: &Identity, Page { after, limit }: Page) -> Result<Vec<u8>, Problem> {
    let after = after.map(|cursor| RoomId::parse(cursor.key(), usize::MAX)).transpose();
    let after = after.map_err(|_| Problem::new(Code::BadCursor, "The cursor is not one that this list gave."))?;
    let rooms = api.access().rooms(who, after.as_ref(), limit + 1).await?;
    let page = PageOf::cut(rooms.iter().map(RoomEntryView::from).collect(), limit, |last| {
        Cursor::new(List::Rooms, last.id.to_owned())
    });
    Ok(serde_json::to_vec(&page).expect("a list is JSON"))
}

/// Make a room
///
/// Everything may be left out: a room without `id` gets a name that nobody guesses. The fields of the trip are written
/// into its document. The caller becomes the owner, unless their role comes from outside (an API key, the product's own
/// backend); an agent that acts for somebody makes that person the owner.
#[utoipa::path(
    post, path = "/v1/rooms", operation_id = "createRoom", tag = "rooms",
    params(OnceParam),
    request_body(content = NewRoom, content_type = "application/json"),
    responses(
        (status = 201, description = "It is made, and durable.", body = RoomView<'static>,
         headers(("location" = String, description = "The room."))),
        CreateProblems,
    ),
)]
pub async fn create(
    State(api): State<Api>,
    Caller(who): Caller,
    once: Once,
    query: Query,
    request: Request,
) -> Result<Response, Problem> {
    query.finish()?;
    let new: NewRoom = body::json_or_nothing(request, api.options().request_bytes).await?;
    let (room, settings) = (new.room(api.options().room_name_bytes)?, new.settings());
    // What is wrong is refused before anything is made.
    let mut patch = new.patch(&Map::new())?;
    may(&who, Action::CreateRoom, &Standing { room: &room, roster: None }).allowed()?;
    let due = match once.turn().await? {
        Turn::Done(answer) => return Ok(answer),
        Turn::Due(due) => due,
    };
    let Made { pass, visit, mut version } = match due.made() {
        None => make(&api, &who, &room, settings.clone(), due.key()).await?,
        Some(room) => {
            let (made, view) = again(&api, &who, room).await?;
            patch = new.patch(&trip_in(view.json()?))?;
            made
        }
    };
    if let Some(patch) = patch {
        let written = visit.patch(Arc::clone(pass.principal()), Writes::Everything, patch, None).await;
        // Others may be in the room by now, so it stays.
        version = written.map_err(|error| Problem::from(error).below("/trip").hint(MADE))?;
    }
    let view = RoomView {
        id: pass.room().as_str(),
        role: RoleName(pass.role()),
        settings: settings.into(),
        version: version.to_string(),
    };
    let json = serde_json::to_vec(&view).expect("a room is JSON");
    let location = address::of_room(pass.room());
    let headers = [(header::LOCATION, location), (header::CONTENT_TYPE, "application/json".to_owned())];
    due.answered((StatusCode::CREATED, headers, json).into_response()).await
}

/// Change a room's settings
///
/// Takes an admin.
#[utoipa::path(
    patch, path = "/v1/rooms/{room}", operation_id = "configureRoom", tag = "rooms",
    params(RoomParam),
    request_body(content = SettingsChange, content_type = "application/json"),
    responses(
        (status = 200, description = "The settings now.", body = SettingsView),
        ConfigureProblems,
    ),
)]
pub async fn configure(room: InRoom, query: Query, request: Request<Body>) -> Result<Response, Problem> {
    query.finish()?;
    room.allow(Action::Configure)?;
    let api = room.api();
    let wish: SettingsChange = body::json(request, api.options().request_bytes).await?;
    let visit = room.find().await?;
    let visibility = wish.visibility.map(|VisibilityName(visibility)| visibility);
    let SettingsChange { editors_may_invite, home_region, .. } = wish;
    let change = directory::SettingsChange { visibility, editors_may_invite, home_region };
    let settings = api.access().configure(&room.pass, change).await?;
    if visibility.is_some() {
        show(&room, &visit, settings.visibility).await?;
    }
    Ok(axum::Json(SettingsView::from(settings)).into_response())
}

/// Other than a member that is left out, null changes something.
fn home_change<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HomeChange, D::Error> {
    Ok(Option::deserialize(deserializer)?.map(|RegionName(region)| region).into())
}

/// Writes the visibility into the trip, where whoever has it open sees it. Of many changes at once the last one stands
/// there in the end.
async fn show(room: &InRoom, visit: &Visit, mut visibility: Visibility) -> Result<(), Problem> {
    loop {
        visit.patch(Arc::clone(room.pass.principal()), room.pass.writes(), shows(visibility), None).await?;
        let now = room.members().await?.map_or(visibility, |roster| roster.settings.visibility);
        if now == visibility {
            return Ok(());
        }
        visibility = now;
    }
}

/// Delete a room
///
/// Its members, its document and its history, for good. Everybody who is in it is sent away. Takes an owner.
#[utoipa::path(
    delete, path = "/v1/rooms/{room}", operation_id = "deleteRoom", tag = "rooms",
    params(RoomParam),
    responses((status = 204, description = "It is gone."), DeleteProblems),
)]
pub async fn delete(room: InRoom, query: Query) -> Result<StatusCode, Problem> {
    query.finish()?;
    room.allow(Action::DeleteRoom)?;
    room.find().await?;
    let (api, name) = (room.api(), room.pass.room());
    // First nobody gets in any more, then there is nothing to get in to; in between no room of this name can be made.
    match api.access().delete_room(&room.pass).await {
        Ok(()) => api.hub().delete(name).await,
        Err(refused) => {
            if refused == Refused::StoreDown {
                tokio::spawn(look_after(api.clone(), name.clone()));
            }
            return Err(refused.into());
        }
    }
    Ok(StatusCode::NO_CONTENT)
}

/// Finishes a deletion of which it is open whether it has begun, as soon as the store says.
async fn look_after(api: Api, room: RoomId) {
    loop {
        match api.directory().is_deleted(&room).await {
            Ok(true) => return api.hub().delete(&room).await,
            Ok(false) | Err(StoreError::Closed) => return,
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

impl<'a> From<&'a RoomEntry> for RoomEntryView<'a> {
    fn from(entry: &'a RoomEntry) -> Self {
        Self {
            id: entry.room.as_str(),
            role: entry.role.map(RoleName),
            settings: entry.settings.clone().map(SettingsView::from),
            created_at: Moment(entry.created_at),
        }
    }
}

/// A room that was just made.
pub struct Made {
    pass: Pass,
    visit: Visit,
    /// The version of what was there before: of nothing, or of what is adopted.
    version: Version,
}

/// Makes a room, for the request with this key.
pub async fn make(
    api: &Api,
    who: &Arc<Identity>,
    room: &RoomId,
    settings: RoomSettings,
    once: Option<OnceKey>,
) -> Result<Made, Problem> {
    may(who, Action::CreateRoom, &Standing { room, roster: None }).allowed()?;
    let visit = api.hub().visit(room)?;
    let before = visit.view().await?;
    if !is_untouched(&before) && !adopts(who) {
        return Err(Problem::room_exists());
    }
    let pass = api.access().create_room(who, room.clone(), settings, once).await?;
    Ok(Made { pass, visit, version: before.version })
}

/// A room that was made already, for the same request, and what is in it.
async fn again(api: &Api, who: &Arc<Identity>, room: &RoomId) -> Result<(Made, View), Problem> {
    let pass = api.access().enter(who, room).await?;
    let visit = api.hub().visit(room)?;
    let view = visit.view().await?;
    Ok((Made { pass, visit, version: view.version }, view))
}

/// The trip that stands in a document.
fn trip_in(document: &[u8]) -> Map<String, Value> {
    #[derive(Default, Deserialize)]
    struct Roots {
        #[serde(default)]
        trip: Map<String, Value>,
    }
    serde_json::from_slice::<Roots>(document).unwrap_or_default().trip
}

/// Whether somebody may make a room of a document that is there already: what was written while authentication was off
/// belongs to whoever runs the server.
fn adopts(who: &Identity) -> bool {
    who.credential != Credential::Open && matches!(who.grant, Grant::Everywhere(_))
}

/// The patch that writes the visibility.
fn shows(visibility: Visibility) -> Patch {
    let operation = serde_json::json!([{ "op": "add", "path": "/trip/visibility", "value": visibility.as_str() }]);
    Patch::parse(operation.to_string().as_bytes(), 1).expect("an operation on a trip's field")
}

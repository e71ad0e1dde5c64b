//! Who sends a request, and the room that it is about. `Caller` is the only way from a request to an identity and `InRoom`
//! the only way into a room: a handler that has one cannot have forgotten to ask. Nothing here decides; `access` does.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;

use super::code::Code;
use super::problem::Problem;
use super::state::Api;
use crate::access::{Action, Identity, Pass};
use crate::hub::visit::Visit;
use crate::room::id::RoomId;
use crate::room::kept::EventSeq;
use crate::room::principal::PrincipalId;
use crate::room::request::RoomView;
use crate::session::credentials::presented;
use crate::store::directory::Roster;
use crate::wire::room_path::decode_room_name;

/// Below these paths is everything about one room: here, and for y-sweet's clients.
const ROOMS: [&str; 3] = ["/v1/rooms/", "/doc/", "/d/"];

/// Somebody who proved who they are.
#[derive(Clone)]
pub struct Caller(pub Arc<Identity>);

/// Somebody in a room in which they have a role.
pub struct InRoom {
    /// Their right to be there.
    pub pass: Pass,
    api: Api,
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        if let Some(known) = parts.extensions.get::<Self>() {
            return Ok(known.clone());
        }
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(peer)| peer.ip());
        let from = api.access().address(peer, &parts.headers);
        let presented = presented(&parts.uri, &parts.headers);
        // A name that is none is refused when the room is entered, not here.
        let room = room(parts.uri.path(), api.options().room_name_bytes).ok();
        let caller = Self(api.access().identify(&presented, room.as_ref(), from).await?);
        parts.extensions.insert(caller.clone());
        Ok(caller)
    }
}

impl FromRequestParts<Api> for InRoom {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let Caller(who) = Caller::from_request_parts(parts, api).await?;
        Self::enter(api, &who, &room(parts.uri.path(), api.options().room_name_bytes)?).await
    }
}

impl InRoom {
    /// Lets somebody in.
    pub async fn enter(api: &Api, who: &Arc<Identity>, room: &RoomId) -> Result<Self, Problem> {
        Ok(Self { pass: api.access().enter(who, room).await?, api: api.clone() })
    }

    /// Refuses what the caller may not do.
    pub fn allow(&self, action: Action<'_>) -> Result<(), Problem> {
        Ok(self.pass.may(action).allowed()?)
    }

    /// Finds the room. One that nobody made and nobody wrote to does not exist.
    pub async fn find(&self) -> Result<Visit, Problem> {
        let visit = self.api.hub().visit(self.pass.room())?;
        if self.pass.roster().is_none() {
            self.must_exist(&visit.view().await?).await?;
        }
        Ok(visit)
    }

    /// Finds the room and looks into it.
    pub async fn look(&self) -> Result<(Visit, RoomView), Problem> {
        let visit = self.api.hub().visit(self.pass.room())?;
        let view = visit.view().await?;
        if self.pass.roster().is_none() {
            self.must_exist(&view).await?;
        }
        Ok((visit, view))
    }

    async fn must_exist(&self, view: &RoomView) -> Result<(), Problem> {
        let exists = !is_untouched(view) || self.members().await?.is_some();
        if exists { Ok(()) } else { Err(Problem::no_such_room()) }
    }

    /// Settings and members of the room, if somebody made it.
    pub async fn members(&self) -> Result<Option<Arc<Roster>>, Problem> {
        Ok(self.api.access().members(&self.pass).await?)
    }

    /// What all routes work with.
    pub fn api(&self) -> &Api {
        &self.api
    }
}

/// Whether nobody is in a room and nobody ever wrote in it.
pub fn is_untouched(view: &RoomView) -> bool {
    view.present.is_empty() && view.version.is_of_nothing() && view.last_event == EventSeq(0)
}

/// The room that a path is about.
fn room(path: &str, most: usize) -> Result<RoomId, Problem> {
    let rest = ROOMS.iter().find_map(|below| path.strip_prefix(below));
    let name = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    room_named(&decode_room_name(name), most)
}

/// The room of this name, which has at most `most` bytes.
pub fn room_named(name: &str, most: usize) -> Result<RoomId, Problem> {
    RoomId::parse(name, most).map_err(|error| Problem::new(Code::BadRoomName, format!("This is no room: {error}.")))
}

/// The principal that a path below a room's members is about.
pub struct Subject(pub PrincipalId);

impl<S: Sync> FromRequestParts<S> for Subject {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let name = parts.uri.path().rsplit('/').next().unwrap_or_default();
        PrincipalId::parse(&decode_room_name(name)).map(Self).map_err(Problem::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_room_is_one_piece_of_the_path_decoded_once() {
        for (path, name) in [
            ("/v1/rooms/lisbon", "lisbon"),
            ("/v1/rooms/trips%2F42/members/ada%40example.org", "trips/42"),
            ("/v1/rooms/100%25/document", "100%"),
            ("/v1/rooms/%252F", "%2F"),
            ("/v1/rooms/a%zz", "a%zz"),
            ("/doc/lisbon/auth", "lisbon"),
            ("/d/lisbon/as-update", "lisbon"),
        ] {
            assert_eq!(room(path, 100).expect(path).as_str(), name);
        }
        for path in ["/v1/rooms", "/v1/rooms/", "/v1/rooms/%00", &format!("/v1/rooms/{}", "x".repeat(101))] {
            assert_eq!(room(path, 100).expect_err(path).code(), Code::BadRoomName);
        }
    }
}

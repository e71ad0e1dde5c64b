//! The bootstrap: all that a client needs to show a room and to connect to it, in one answer. For a room that is live it
//! is put together from memory: the document's JSON is the room's own copy, spliced in as it is.

use std::time::SystemTime;

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use super::address::Sockets;
use super::caller::InRoom;
use super::cursor::{Cursor, List};
use super::describe::{ANY, IN_ROOM, problems};
use super::etag::ETag;
use super::parameters::{ReadParams, RoomParam};
use super::problem::Problem;
use super::query::{PAGE_MAX, Query};
use super::schema::{MemberView, Moment, PageOf, PrincipalView, RegionName, RoleName, SettingsView};
use super::state::ApiOptions;
use super::tickets::TicketView;
use crate::access::{Action, Decision, Purpose, TicketRequest};
use crate::room::event::AgentNow;
use crate::room::event::status::AgentStatus;
use crate::room::principal::{PrincipalId, PrincipalKind};
use crate::room::request::{Present, RoomView};
use crate::room::role::Writes;
use crate::store::directory::Roster;

/// A room at one moment.
#[derive(Serialize, ToSchema)]
pub struct Bootstrap<'a> {
    #[serde(flatten)]
    state: State<'a>,
    /// A fresh ticket for the caller, to connect with; null when the caller's credential gives none.
    ticket: Option<TicketView>,
    /// The whole document: an object of its roots, a trip's and any others. Null when it cannot be given as JSON; `no_json`
    /// says why.
    #[schema(value_type = Option<Object>, example = json!({
        "budget": {}, "comments": {}, "destinations": {}, "items": {}, "notes": "", "trip": { "title": "Lisbon" }
    }))]
    document: Option<&'a serde_json::value::RawValue>,
}

/// What of it stays the same while nobody does anything.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoomState)]
struct State<'a> {
    /// The room's name.
    #[schema(example = "lisbon-2026")]
    id: &'a str,
    /// Who asks.
    me: PrincipalView<'a>,
    /// Their role.
    role: RoleName,
    /// What of the document they may write.
    #[schema(example = "everything", pattern = "^(nothing|comments|everything)$")]
    writes: &'static str,
    /// The document's version: two documents of one version hold the same.
    #[schema(example = "7d9f4e0cbb1f3a52c7e1a0b9d4f6e801")]
    version: String,
    /// Why the document cannot be given as JSON; it can be had as a Yjs update all the same. Null when it is here.
    #[schema(example = json!(null), pattern = "^(too_many_values|too_many_bytes|too_deep)$")]
    no_json: Option<&'static str>,
    /// When the room was made; null while authentication is off.
    created_at: Option<Moment>,
    /// What the room allows; null while authentication is off, when nothing depends on it.
    settings: Option<SettingsView>,
    /// The first members; null for those who may not see them, and while authentication is off, when nothing depends on
    /// them. `next` is a cursor of the list of members.
    members: Option<PageOf<MemberView<'a>>>,
    /// Who is here now, over any protocol.
    present: Vec<PresentView<'a>>,
    /// The agents among members and those present.
    agents: Vec<AgentView<'a>>,
    /// Where to connect.
    sockets: Sockets,
    /// The node that answers.
    node: NodeView,
    /// What the server takes at most.
    limits: LimitsView,
}

/// Somebody who is here.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Present)]
struct PresentView<'a> {
    #[serde(flatten)]
    principal: PrincipalView<'a>,
    /// Their role, if they are members.
    role: Option<RoleName>,
    /// With how many connections.
    #[schema(minimum = 1)]
    connections: usize,
}

/// An agent of the room.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agent)]
struct AgentView<'a> {
    /// Its id.
    #[schema(example = "agent:planner")]
    id: &'a str,
    /// What others read.
    #[schema(example = "planner")]
    name: Option<&'a str>,
    /// Its role, if it is a member.
    role: Option<RoleName>,
    /// Whether it is here.
    present: bool,
    /// The latest that it said of itself; null when it said nothing.
    #[schema(value_type = Option<Object>)]
    status: Option<&'a AgentStatus>,
}

/// One of the servers that serve all rooms together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
struct NodeView {
    /// Where it is; null when it does not say. A room whose home region is another one is better reached there.
    region: Option<RegionName>,
}

/// What the server takes at most, in bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Limits)]
struct LimitsView {
    /// A JSON body or a patch.
    request: usize,
    /// A message of a socket, or a Yjs update.
    message: usize,
    /// A document in its encoded form.
    document: usize,
    /// One presence state.
    presence: usize,
}

problems!(BootstrapProblems: ANY, IN_ROOM);

/// Read a room
///
/// The bootstrap: role, document, members, who is here, where to connect, and a ticket to connect with.
///
/// The entity tag changes with everything but the ticket's letters: with whom the ticket is of and on whose word it stands,
/// too, and often enough that the ticket of an answer that is still current holds for at least half of its time.
#[utoipa::path(
    get, path = "/v1/rooms/{room}", operation_id = "getRoom", tag = "rooms",
    params(RoomParam, ReadParams),
    responses(
        (status = 200, description = "The room.", body = Bootstrap<'static>,
         headers(("etag" = String, description = "Of everything but the ticket."))),
        (status = 304, description = "The client has it already."),
        BootstrapProblems,
    ),
)]
pub async fn get(room: InRoom, query: Query, headers: HeaderMap) -> Result<Response, Problem> {
    query.finish()?;
    let (_visit, view) = room.look().await?;
    let roster = room.pass.roster();
    let state = State::new(&room, &view, roster.as_deref(), &headers);
    let wish = TicketRequest { role: None, ttl: None, purpose: Purpose::Own };
    let ticket = room.api().access().issue_ticket(&room.pass, wish).ok();
    // Two tickets that stand on another word are not as good as each other: one may end when the other does not.
    let behind = ticket.as_ref().map(|ticket| ticket.behind.to_string()).unwrap_or_default();
    let ticket = ticket.map(TicketView::from);
    let state = serde_json::to_vec(&state).expect("a room's state is JSON");
    let age = ticket.as_ref().map_or(0, half_lives);
    let tag = ETag::weak(&[&state, behind.as_bytes(), &age.to_le_bytes()]);
    Ok(tag.answer_secret(&headers, || spliced(state, ticket.as_ref(), view.json().map_or(b"null", |json| json))))
}

/// The bytes of a `Bootstrap`.
fn spliced(state: Vec<u8>, ticket: Option<&TicketView>, document: &[u8]) -> Vec<u8> {
    let mut json = state;
    let end = json.pop();
    debug_assert_eq!(end, Some(b'}'), "the state is an object");
    json.reserve_exact(document.len() + 1024);
    json.extend_from_slice(b",\"ticket\":");
    serde_json::to_writer(&mut json, &ticket).expect("a ticket is JSON");
    json.extend_from_slice(b",\"document\":");
    json.extend_from_slice(document);
    json.push(b'}');
    json
}

/// How many halves of the ticket's time there were until now since 1970.
fn half_lives(ticket: &TicketView) -> u64 {
    let now = SystemTime::now();
    let life = ticket.expires_at.0.duration_since(now).unwrap_or_default();
    // A ticket ends on a whole second, so what is left of it is up to one short.
    let half = (life.as_secs() + 1).max(2) / 2;
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs() / half
}

impl<'a> State<'a> {
    fn new(room: &'a InRoom, view: &'a RoomView, roster: Option<&'a Roster>, headers: &HeaderMap) -> Self {
        let present = &view.present;
        let pass = &room.pass;
        let shown = roster.filter(|_| pass.may(Action::SeeMembers) == Decision::Allowed);
        Self {
            id: pass.room().as_str(),
            me: pass.principal().as_ref().into(),
            role: RoleName(pass.role()),
            writes: match pass.writes() {
                Writes::Nothing => "nothing",
                Writes::Comments => "comments",
                Writes::Everything => "everything",
            },
            version: view.version.to_string(),
            no_json: view.document.as_ref().err().map(|error| error.as_str()),
            created_at: roster.map(|roster| Moment(roster.created_at)),
            settings: roster.map(|roster| roster.settings.clone().into()),
            members: shown.map(first_members),
            present: present.iter().map(|present| PresentView::new(present, shown)).collect(),
            agents: agents(present, shown, &view.agents),
            sockets: Sockets::of(pass.room(), headers),
            node: NodeView { region: room.api().options().region.clone().map(RegionName) },
            limits: room.api().options().into(),
        }
    }
}

fn first_members(roster: &Roster) -> PageOf<MemberView<'_>> {
    let first = roster.members.iter().take(PAGE_MAX + 1).map(|(id, member)| MemberView::new(id, member)).collect();
    PageOf::cut(first, PAGE_MAX, |last: &MemberView<'_>| Cursor::new(List::Members, last.principal.to_owned()))
}

impl<'a> PresentView<'a> {
    fn new(present: &'a Present, roster: Option<&Roster>) -> Self {
        let member = roster.and_then(|roster| roster.members.get(&present.principal.id));
        Self {
            principal: (&*present.principal).into(),
            role: member.map(|member| RoleName(member.role)),
            connections: present.connections,
        }
    }
}

fn agents<'a>(present: &'a [Present], roster: Option<&'a Roster>, now: &'a [AgentNow]) -> Vec<AgentView<'a>> {
    let status = |id: &PrincipalId| now.iter().find(|now| now.agent.id == id.as_str()).map(|now| &now.status);
    let is_agent = |id: &PrincipalId| id.kind() == PrincipalKind::Agent;
    let is_here = |id: &PrincipalId| present.iter().any(|present| present.principal.id == *id);
    let members = roster.into_iter().flat_map(|roster| &roster.members).filter(|(id, _)| is_agent(id));
    let members = members.map(|(id, member)| AgentView {
        id: id.as_str(),
        name: member.name.as_deref(),
        role: Some(RoleName(member.role)),
        present: is_here(id),
        status: status(id),
    });
    let is_member = |id: &PrincipalId| roster.is_some_and(|roster| roster.members.contains_key(id));
    let guests =
        present.iter().map(|present| &present.principal).filter(|who| is_agent(&who.id) && !is_member(&who.id));
    let guests = guests.map(|who| AgentView {
        id: who.id.as_str(),
        name: who.name.as_deref(),
        role: None,
        present: true,
        status: status(&who.id),
    });
    members.chain(guests).collect()
}

impl From<&ApiOptions> for LimitsView {
    fn from(options: &ApiOptions) -> Self {
        Self {
            request: options.request_bytes,
            message: options.message_bytes,
            document: options.document_bytes,
            presence: options.presence_bytes,
        }
    }
}

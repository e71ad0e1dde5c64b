//! The Model Context Protocol at `/mcp`: trip rooms as tools and resources, so that a model's client is in a room without any
//! code. Streamable HTTP without sessions: each request brings its credential, is looked at by what is around all of REST
//! (`layers`), and names its room. `tools` says what there is, `calls` does it, `resources` is what can be read.
//! What goes wrong is a tool's answer in words that a model can act on, and never an error of the protocol.

mod arguments;
mod calls;
mod outline;
mod resources;
mod schema;
mod tools;

use std::sync::Arc;

use axum::Router;
use axum::http::request::Parts;
use axum::routing::post_service;
use rmcp::ServerHandler;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, Implementation,
    ListResourceTemplatesResult, ListToolsResult, PaginatedRequestParams, ReadResourceRequestParams,
    ReadResourceResponse, ReadResourceResult, ResourceContents, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, RoleServer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::Value;

use super::caller::Caller;
use super::code::Code;
use super::media::JSON;
use super::state::Api;
use crate::room::event::Fault;
use arguments::Arguments;
use calls::{Done, Rooms};

/// What a model is told before it sees any tool.
const INSTRUCTIONS: &str = "Trip rooms, in which people and agents plan a trip together; everybody sees at once what you \
    change, under your name. Every tool takes the room's name as `room`. Read the trip before you change it: ids of items \
    and comments come from there. Prefer the small tools (`add_item`, `move_item` …) to `patch_trip`. Days are \
    YYYY-MM-DD, times RFC 3339 with their zone, amounts of money decimal text such as \"35.00\" and never numbers. A \
    change is durable when its tool answers. An error says what is wrong (`field`, `expected`, `received`) and what to do \
    (`hint`): follow the hint, and try again by itself only what is `retryable`. While you work, say so with `set_status`, \
    and hear with `recent_activity` what people ask of you. What you are not sure of, or not allowed to do, you can put forward \
    with `suggest`. Look at `trip_warnings` when you are done.";

/// The one route.
pub fn routes(api: &Api) -> Router<Api> {
    // Names and origins are checked around all routes.
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .disable_allowed_hosts()
        .with_max_request_body_bytes(api.options().request_bytes);
    let rooms = Rooms { api: api.clone() };
    let sessions = Arc::new(NeverSessionManager::default());
    Router::new().route("/mcp", post_service(StreamableHttpService::new(move || Ok(rooms.clone()), sessions, config)))
}

impl ServerHandler for Rooms {
    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder().enable_tools().enable_resources().build();
        ServerConfig::new(capabilities)
            .with_server_info(Implementation::new("triproom", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(tools::all().collect()))
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        tools::find(name).map(|(_, tool)| tool.clone())
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some((work, _)) = tools::find(&request.name) else {
            let names: Vec<_> = tools::all().map(|tool| tool.name).collect();
            let message = format!("There is no tool {:?}. The tools are {}.", request.name, names.join(", "));
            return Err(ErrorData::invalid_params(message, None));
        };
        let arguments = Arguments::new(request.arguments.unwrap_or_default());
        let result = match self.call(&caller(&context), work, arguments).await {
            Ok(Done::Structured(value)) => CallToolResult::structured(value),
            Ok(Done::Text(json)) => CallToolResult::success(vec![ContentBlock::text(json)]),
            Err(fault) => CallToolResult::structured_error(told(&fault)),
        };
        Ok(result.into())
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let Some((work, arguments)) = resources::parse(&request.uri) else {
            let message = format!("There is no resource of this form; there are {}.", resources::forms());
            return Err(ErrorData::resource_not_found(message, None));
        };
        let json = match self.call(&caller(&context), work, arguments).await {
            Ok(Done::Structured(value)) => value.to_string(),
            Ok(Done::Text(json)) => json,
            Err(fault) => return Err(unreadable(&fault)),
        };
        let contents = ResourceContents::text(json, request.uri).with_mime_type(JSON);
        Ok(ReadResourceResult::new(vec![contents]).into())
    }
}

/// Why a resource is not read: resources have no other way to say so.
fn unreadable(fault: &Fault) -> ErrorData {
    let message = fault.content().message.clone();
    let is_missing = fault.content().code == Code::RoomNotFound.as_str();
    let error = if is_missing { ErrorData::resource_not_found } else { ErrorData::invalid_params };
    error(message, Some(told(fault)))
}

fn told(fault: &Fault) -> Value {
    serde_json::to_value(fault).expect("a fault has text keys alone")
}

/// Who sent a request.
fn caller(context: &RequestContext<RoleServer>) -> Caller {
    let parts = context.extensions.get::<Parts>().expect("requests come over HTTP");
    parts.extensions.get::<Caller>().expect("`layers::finish` found out who it is").clone()
}

//! The HTTP side, one file a resource: health, metrics, the planner page, REST below `/v1`, and `mcp`; which `routes` puts
//! together with its description. Every error is a `Problem`. Called by `server.rs`.

mod address;
mod async_api;
mod bodies;
mod body;
mod bootstrap;
mod caller;
pub mod code;
mod cursor;
mod describe;
mod docs;
mod document;
mod etag;
mod event_query;
mod event_rates;
pub mod event_schema;
mod event_stream;
mod events;
pub mod health;
mod idempotency;
mod in_flight;
mod layers;
mod mcp;
mod media;
mod members;
mod new_room;
mod openapi;
pub mod page;
mod parameters;
mod patch_schema;
pub mod problem;
mod query;
mod rooms;
mod routes;
mod schema;
mod state;
mod suggestions;
mod tickets;
mod trip_schema;
mod undo;
mod ysweet;

pub use layers::method_not_allowed;
pub use routes::router;
pub use state::{Api, ApiOptions};

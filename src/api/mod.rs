//! The HTTP side, one file a resource: health, metrics, the planner page, and REST below `/v1`, which `router` puts
//! together with its description. Every error is a `Problem`. Called by `server.rs`.

mod body;
pub mod code;
mod cursor;
mod etag;
pub mod health;
mod media;
pub mod page;
pub mod problem;
mod query;

//! triproom: a real-time collaboration server for trip rooms.
//!
//! The way of one edit: `socket → session → room → log → fan-out → outbox → socket`. See `docs/architecture.md`.

pub mod access;
pub mod api;
pub mod bus;
pub mod command;
pub mod config;
pub mod http;
pub mod hub;
pub mod load;
pub mod neighbors;
pub mod room;
pub mod server;
pub mod session;
pub mod store;
pub mod telemetry;
pub mod webhooks;
pub mod wire;

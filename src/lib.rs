//! triproom: a real-time collaboration server for trip rooms.
//!
//! The way of one edit: `socket → session → room → log → fan-out → outbox → socket`. See `docs/architecture.md`.

pub mod room;
pub mod wire;

//! REST over real HTTP against the whole server: every route, every error, every role on every path that writes.
//! Tests wait for what they expect, with one deadline for all; nothing sleeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../server/client.rs"]
#[expect(dead_code, reason = "tests of sockets use more of it")]
mod client;
#[path = "../server/house.rs"]
#[expect(dead_code, reason = "tests of sockets use more of it")]
mod house;

mod bootstrap;
mod conditions;
mod description;
mod document;
mod door;
mod events;
mod examples;
mod http;
mod idempotency;
mod members;
mod patches;
mod people;
mod roles;
mod rooms;
mod slow;
mod suggestions;
mod tickets;
mod undo;

//! The whole server in this process, with real sockets and a real store that fails when a test says so.
//! Tests wait for what they expect, with one deadline for all; nothing is timed and nothing sleeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod attention;
mod client;
mod conflicts;
mod counted;
mod drain;
mod events;
mod example;
mod hocuspocus;
mod house;
mod kept;
mod listener;
mod races;
mod receiver;
mod rooms;
mod saving;
mod slow;
mod suggestions;
mod undo;
mod unopened;
mod webhooks;

//! What the store promises of Postgres alone: faults of a server far away, and several stores on one database.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/database.rs"]
mod database;
mod faults;
mod house;
mod row_security;
mod two_stores;

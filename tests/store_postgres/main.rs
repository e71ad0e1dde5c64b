//! What the store promises of Postgres alone: faults of a server far away, several stores on one database, and
//! tables of an earlier version.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../support/database.rs"]
mod database;
mod faults;
mod house;
mod migration;
mod row_security;
mod two_stores;

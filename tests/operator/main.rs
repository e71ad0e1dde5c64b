//! What an operator does with a store on the command line, as a shell sees it, on a folder and on a real Postgres database.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod copy;
#[path = "../support/database.rs"]
mod database;
mod edits;
mod house;
mod migrate;
mod rooms;

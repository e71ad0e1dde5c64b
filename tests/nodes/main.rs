//! Several servers, the real binary each, on one real Postgres and one real Redis: edits, presence, rights and deletions
//! cross nodes; nodes and Redis and links between them fail, and nothing that was acknowledged is lost.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod agents;
mod chaos;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../server/client.rs"]
mod client;
#[path = "../support/database.rs"]
mod database;
mod failing;
mod house;
mod kept;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../server/listener.rs"]
mod listener;
mod options;
#[path = "../support/postgres.rs"]
mod postgres;
mod proxy;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../server/receiver.rs"]
mod receiver;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../support/redis.rs"]
mod redis;
mod rights;
#[allow(dead_code, reason = "other tests use the rest of it")]
#[path = "../access/signer.rs"]
mod signer;
mod together;

//! Who may do what, through the public seams of `access`: a real directory, real keys of every algorithm, real HTTP servers
//! as issuers and webhooks. Tests wait for what they expect, with one deadline for all; nothing sleeps.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod change;
mod command;
mod house;
mod jwt;
mod key;
mod key_set;
mod limits;
mod listing;
mod may;
mod open;
mod pass;
mod peer;
mod signer;
mod stranger;
mod tampered;
mod ticket;
mod webhook;

//! Who may do what, through the public seams of `access`: a real directory, real keys, real HTTP servers as issuers.
//! Nothing sleeps where it can wait for an event.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod may;

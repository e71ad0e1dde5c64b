//! The load tester as a person calls it: against a server that lies, which it must catch, and against the real one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catching;
mod forgetter;
mod liar;
mod real;
mod run;
mod statuses;
mod stopping;
mod storms;

//! The pure core of a room: its document, who is present, what each turn says to whom. No runtime, no clock, no
//! I/O: time comes in with each call, and what should happen comes out as effects, so a room can be driven from a
//! seed. Used by `hub`, which does what the effects say, and by `store` consumers that fold a log.

mod agents;
mod answering;
mod attention;
pub mod change;
pub mod client;
mod conflicts;
pub mod content;
pub mod document;
pub mod durability;
pub mod effects;
pub mod event;
pub mod fold;
mod guests;
pub mod id;
pub mod import;
pub mod input;
pub mod journal;
mod json;
mod judge;
pub mod kept;
pub mod listeners;
pub mod nesting;
mod news;
pub mod node;
pub mod once;
pub mod orphans;
mod outputs;
pub mod patch;
mod placing;
pub mod portrait;
mod posting;
pub mod presence;
pub mod principal;
pub mod questions;
pub mod region;
pub mod request;
pub mod role;
#[expect(clippy::module_inception, reason = "a room's file is called room")]
pub mod room;
mod roots;
pub mod run;
pub(crate) mod scan;
mod serve;
mod sharing;
pub mod state;
pub mod suggesting;
mod taking;
pub mod trip;
pub mod undoing;
pub mod update;
pub mod verdict;
pub mod version;
pub mod view;
mod writers;
